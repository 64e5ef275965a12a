"""All the ways in which Headcount finds meetings, behind one call, to be held against each other.

Each takes the events of any rooms and gives their meetings, by room and start, to the last field:
the ids are those that the engine gave. Files of events begin after 2000, or they are refused; so
stories, which begin at 0, are moved into the calendar before any engine hears of them.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps

import pyarrow as pa

import headcount
from headcount import Meeting, Room, Rules
from headcount.kernel.journal import Journal
from headcount.kernel.materialize import Projection
from headcount.kernel.meetings import Entry
from headcount.kernel.replay import meetings_of
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from support.oracle import oracle as oracle_of_a_room
from support.oracle import striding_oracle

DAILYS = Rules()


def by_rooms(events):
    rooms = defaultdict(list)
    for event in events:
        rooms[event.room].append(event)
    return sorted(rooms.items())


def oracle(events, *, as_of, rules=DAILYS, domain="default", of_a_room=oracle_of_a_room):
    """A clock that is walked a millisecond at a time."""
    return [
        meeting
        for _, said in by_rooms(events)
        for meeting in of_a_room(said, as_of=as_of, domain=domain, rules=rules)
    ]


def strides(events, **asked):
    """The same clock, walked by the longest tick that misses nothing."""
    return oracle(events, **asked, of_a_room=striding_oracle)


def kernel(events, *, as_of, rules=DAILYS, domain="default"):
    """All events at once, in order."""
    return [
        meeting
        for _, said in by_rooms(events)
        for meeting in meetings_of(said, as_of=as_of, domain=domain, rules=rules)
    ]


def live(events, *, as_of, rules=DAILYS, domain="default", ticks=(), resumes=()):
    """Events in the order given, the clock moved on to ticks[i] and the room resumed before event i."""
    found = []
    for room_name, events_of_room in by_rooms(events):
        found += LiveRoom(domain, room_name, rules, ticks, resumes).replay(events_of_room, as_of)
    return found


class LiveRoom:
    """A room and the projection of all changes that it publishes."""

    def __init__(self, domain, name, rules, ticks, resumes):
        self.journal = Journal()
        self.room = Room(domain, name, rules, self.journal)
        self.projection = Projection(domain, name)
        self.ticks = dict(enumerate(ticks))
        self.resumes = set(resumes)

    def replay(self, events, as_of):
        for number, event in enumerate(events):
            clock = min(self.ticks.get(number, -NEVER), as_of)
            self.projection.apply(self.room.advance(clock))
            if number in self.resumes:
                self.room = Room.resume(self.room.snapshot(), self.journal)
            self.projection.apply(self.room.handle(event, clock))
        return self.meetings(as_of)

    def meetings(self, as_of):
        view = self.room.view(as_of)
        return self.projection.copy().apply(view.changes).meetings(view.most)


def table_of(events):
    """Events as a table for the batch side."""
    events = list(events)
    names = ("room", "participant_id", "user_id", "user_name", "source_session", "joined_at")
    columns = {name: [getattr(event, name) for event in events] for name in names}
    columns["kind"] = [event.kind.value for event in events]
    columns["at"] = pa.array([event.at for event in events], pa.int64())
    columns["joined_at"] = pa.array(columns["joined_at"], pa.int64())
    columns["inferred"] = [event.inferred and event.inferred.value for event in events]
    texts = {name: pa.array(columns[name], pa.string()) for name in names[:5]}
    return pa.table({**columns, **texts, "inferred": pa.array(columns["inferred"], pa.string())})


def batch(events, *, as_of, rules=DAILYS, domain="default"):
    """A table in, tables out, and back to the kernel's words."""
    # Only who asks the batch side waits for its compiler.
    return meetings_in(headcount.sessionize(table_of(events), rules=rules, as_of=as_of, domain=domain))


def meetings_in(sessions):
    """The meetings of `Sessions`, by room and start."""
    entries = defaultdict(list)
    for row in plain(sessions.participants):
        left_by = row["left_by"] and LeftBy(row["left_by"])
        entries[row["meeting_id"]].append(
            Entry(row["participant_id"], row["user_id"], row["user_name"], row["join"], row["leave"], left_by)
        )
    found = [
        Meeting(
            row["id"],
            row["domain"],
            row["room"],
            row["start"],
            row["end"],
            row["max_participants"],
            tuple(entries[row["id"]]),
        )
        for row in plain(sessions.meetings)
    ]
    return sorted(found, key=lambda meeting: (meeting.room, meeting.start))


def plain(table):
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(position, field.name, table[field.name].cast(pa.int64()))
    return table.to_pylist()


NEW_YEAR = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""The 0 of a story."""


def in_the_calendar(event):
    joined_at = None if event.joined_at is None else event.joined_at + NEW_YEAR
    return replace(event, at=event.at + NEW_YEAR, joined_at=joined_at)


def in_the_story(meeting):
    """With the moments of the story; its id stays as it is."""
    return meeting._replace(
        start=meeting.start - NEW_YEAR,
        end=None if meeting.end is None else meeting.end - NEW_YEAR,
        participants=tuple(
            entry._replace(
                join=entry.join - NEW_YEAR, leave=None if entry.leave is None else entry.leave - NEW_YEAR
            )
            for entry in meeting.participants
        ),
    )


def of_stories(engine):
    """An engine that is asked about a story, and answers in its moments."""

    @wraps(engine)
    def ask(events, *, as_of, ticks=(), **asked):
        if ticks:
            asked["ticks"] = [tick + NEW_YEAR for tick in ticks]
        found = engine([in_the_calendar(event) for event in events], as_of=as_of + NEW_YEAR, **asked)
        return [in_the_story(meeting) for meeting in found]

    return ask

"""All the ways in which Headcount finds meetings, behind one call, to be held against each other.

Each takes the events of any rooms and gives their meetings, by room and start.
"""

from collections import defaultdict
from datetime import UTC, datetime

import pyarrow as pa

from headcount import Meeting, Room, Rules, sessionize
from headcount.kernel.history import meetings_of
from headcount.kernel.journal import Journal
from headcount.kernel.meetings import Entry
from headcount.kernel.record import Record
from headcount.kernel.rules import NEVER
from headcount.kernel.stays import LeftBy

DAILYS = Rules()


def by_rooms(events):
    rooms = defaultdict(list)
    for event in events:
        rooms[event.room].append(event)
    return sorted(rooms.items())


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
    for room_name, said in by_rooms(events):
        found += LiveRoom(domain, room_name, rules, ticks, resumes).tell(said, as_of)
    return found


class LiveRoom:
    """A room and the record of somebody who believes every change that it tells."""

    def __init__(self, domain, name, rules, ticks, resumes):
        self.journal = Journal()
        self.room = Room(domain, name, rules, self.journal)
        self.record = Record(domain, name)
        self.ticks = dict(enumerate(ticks))
        self.resumes = set(resumes)

    def tell(self, said, as_of):
        for number, event in enumerate(said):
            clock = min(self.ticks.get(number, -NEVER), as_of)
            self.record.apply(self.room.advance(clock))
            if number in self.resumes:
                self.room = Room.resume(self.room.snapshot(), self.journal)
            self.record.apply(self.room.handle(event, clock))
        return self.seen(as_of)

    def seen(self, as_of):
        view = self.room.view(as_of)
        return self.record.copy().apply(view.changes).meetings(view.most)


def table_of(events):
    """Events as a table for the batch side."""
    names = ("room", "participant_id", "user_id", "user_name", "source_session", "joined_at")
    columns = {name: [getattr(event, name) for event in events] for name in names}
    columns["kind"] = [event.kind.value for event in events]
    columns["at"] = pa.array([event.at + SHIFT for event in events], pa.int64())
    columns["joined_at"] = pa.array(
        [None if event.joined_at is None else event.joined_at + SHIFT for event in events], pa.int64()
    )
    columns["inferred"] = [event.inferred and event.inferred.value for event in events]
    texts = {name: pa.array(columns[name], pa.string()) for name in names[:5]}
    return pa.table({**columns, **texts, "inferred": pa.array(columns["inferred"], pa.string())})


SHIFT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""Stories begin at 0; files of events begin after 2000, or they are refused."""


def batch(events, *, as_of, rules=DAILYS, domain="default"):
    """A table in, tables out, and back to the kernel's words."""
    sessions = sessionize(table_of(events), rules=rules, as_of=as_of + SHIFT, domain=domain)
    return meetings_in(sessions)


def meetings_in(sessions):
    """The meetings of `Sessions`, by room and start, with the moments of the story."""
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
    for row in table.to_pylist():
        yield {
            name: value - SHIFT if name in MOMENTS and value is not None else value
            for name, value in row.items()
        }


MOMENTS = ("start", "end", "join", "leave")

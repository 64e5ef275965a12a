"""All implementations of the rules behind one interface, to be compared with each other.

Each function takes the events of any rooms and returns their meetings with all fields, by room and start.
Times before 2000 are refused, so scenarios, which begin at 0, are moved into the calendar first.
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
from support.lanes import lane
from support.oracle import oracle as oracle_of_a_room
from support.oracle import striding_oracle

DAILY_RULES = Rules()


def by_rooms(events):
    rooms = defaultdict(list)
    for event in events:
        rooms[event.room].append(event)
    return sorted(rooms.items())


def oracle(events, *, as_of, rules=DAILY_RULES, domain="default", of_a_room=oracle_of_a_room):
    """Walk a clock a millisecond at a time."""
    return [
        meeting
        for _, own_events in by_rooms(events)
        for meeting in of_a_room(own_events, as_of=as_of, domain=domain, rules=rules)
    ]


def oracle_in_ticks(events, **asked):
    """Walk the same clock by the longest tick that misses no time."""
    return oracle(events, **asked, of_a_room=striding_oracle)


def kernel(events, *, as_of, rules=DAILY_RULES, domain="default"):
    """Fold all events at once, in order."""
    return [
        meeting
        for _, own_events in by_rooms(events)
        for meeting in meetings_of(own_events, as_of=as_of, domain=domain, rules=rules)
    ]


def live(events, *, as_of, rules=DAILY_RULES, domain="default", ticks=(), resumes=()):
    """Feed a live room in the given order; before event i, advance to ticks[i], and resume it if i is in `resumes`."""
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
        return self.projection.copy().apply(view.changes).meetings(view.max_participants)


def table_of(events):
    """Return events as a table for the batch side."""
    events = list(events)
    names = ("room", "participant_id", "user_id", "user_name", "source_session", "attributes", "joined_at")
    columns = {name: [getattr(event, name) for event in events] for name in names}
    columns["kind"] = [event.kind.value for event in events]
    columns["at"] = pa.array([event.at for event in events], pa.int64())
    columns["joined_at"] = pa.array(columns["joined_at"], pa.int64())
    columns["inferred"] = [event.inferred and event.inferred.value for event in events]
    texts = {name: pa.array(columns[name], pa.string()) for name in names[:6]}
    return pa.table({**columns, **texts, "inferred": pa.array(columns["inferred"], pa.string())})


def batch(events, **asked):
    """Sessionize a table by the compiled passes."""
    return sessionized(events, "compiled", **asked)


def interpreted(events, **asked):
    """Sessionize a table by the kernel."""
    return sessionized(events, "interpreted", **asked)


def sessionized(events, name_of_lane, *, as_of, rules=DAILY_RULES, domain="default"):
    """Sessionize a table, and return the meetings as the kernel's types."""
    # Only callers of the batch side wait for its compiler.
    with lane(name_of_lane):
        return meetings_in(headcount.sessionize(table_of(events), rules=rules, as_of=as_of, domain=domain))


def meetings_in(sessions):
    """Return the meetings of `Sessions`, by room and start."""
    entries = defaultdict(list)
    for row in plain(sessions.participants):
        left_by = row["left_by"] and LeftBy(row["left_by"])
        entries[row["meeting_id"]].append(
            Entry(
                row["participant_id"],
                row["user_id"],
                row["user_name"],
                row["join"],
                row["leave"],
                left_by,
                row["attributes"],
            )
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
"""The time 0 of a scenario."""


def to_calendar_time(event):
    joined_at = None if event.joined_at is None else event.joined_at + NEW_YEAR
    return replace(event, at=event.at + NEW_YEAR, joined_at=joined_at)


def to_scenario_time(meeting):
    """Return the meeting with the times of the scenario; its id is unchanged."""
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


def in_scenario_time(engine):
    """Return an engine that takes and returns the times of a scenario."""

    @wraps(engine)
    def ask(events, *, as_of, ticks=(), **asked):
        if ticks:
            asked["ticks"] = [tick + NEW_YEAR for tick in ticks]
        found = engine([to_calendar_time(event) for event in events], as_of=as_of + NEW_YEAR, **asked)
        return [to_scenario_time(meeting) for meeting in found]

    return ask

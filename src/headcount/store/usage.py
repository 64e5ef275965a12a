"""Usage: how much was met, quarter by quarter. Reads only; every answer is of one domain.

What counts is people's time in meetings, as `/meetings` lists it: a stay that came to no meeting does not. What goes on
has lasted until now.
"""

from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, one_moment
from headcount.store.quarters import QUARTER_MS, Quarter, merged_by_number, quarters_of

ByNumber = dict[int, Quarter]


class Used(NamedTuple):
    """How many meetings began in a quarter, the ms of all people in it, the most at once, and when first so many were."""

    meetings: int
    time: Ms
    most: int
    most_at: Ms


class RoomUsed(NamedTuple):
    room: str
    meetings: int
    time: Ms
    most: int


class Usage:
    """What may be asked about how much was met. Quarters are told by number: ms since 1970 by `QUARTER_MS`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_quarter(self, domain: str, room: str | None, first: int, until: int, now: Ms) -> dict[int, Used]:
        """The quarters from `first` up to `until` in which something was; of one room, or of all together."""
        with one_moment(self._database) as connection:
            parts = _of_rooms(connection, domain, room, first, until, now)
        return {number: _used(number, one) for number, one in merged_by_number(parts.values()).items()}

    def by_room(
        self, domain: str, room: str | None, first: int, until: int, now: Ms
    ) -> tuple[list[RoomUsed], dict[int, Used]]:
        """What was met in each room in which something was, most time first, and the quarters of all together."""
        with one_moment(self._database) as connection:
            parts = _of_rooms(connection, domain, room, first, until, now)
        quarters = {number: _used(number, one) for number, one in merged_by_number(parts.values()).items()}
        used = [
            RoomUsed(
                room,
                sum(one.meetings for one in quarters.values()),
                sum(one.time for one in quarters.values()),
                max(one.most[0] for one in quarters.values()),
            )
            for room, quarters in parts.items()
            if quarters
        ]
        return sorted(used, key=lambda one: (-one.time, one.room)), quarters


def _of_rooms(
    connection: Connection, domain: str, room: str | None, first: int, until: int, now: Ms
) -> dict[str, ByNumber]:
    rooms = (
        [room]
        if room is not None
        else [name for (name,) in connection.rows("rooms_of_domain", domain=domain)]
    )
    parts = {name: ended_in(connection, domain, name, first, until) for name in rooms}
    for name, quarters in _ongoing(connection, domain, room, first, until, now).items():
        parts[name] = merged_by_number([parts.get(name, {}), quarters])
    return parts


def ended_in(connection: Connection, domain: str, room: str, first: int, until: int) -> ByNumber:
    """The quarters of the meetings of a room that are over, from `first` up to `until`."""
    values = {"domain": domain, "room": room, "first": first * QUARTER_MS, "until": until * QUARTER_MS}
    starts = [start for (start,) in connection.rows("ended_meetings_between", **values)]
    spans = [
        (max(start, join), min(end, NEVER if leave is None else leave))
        for start, end, join, leave in connection.rows("ended_spans_between", **values)
    ]
    return quarters_of(starts, spans, first, until)


def _ongoing(
    connection: Connection, domain: str, room: str | None, first: int, until: int, now: Ms
) -> dict[str, ByNumber]:
    """The quarters of the meetings that go on, up to now."""
    starts = dict(connection.rows("ongoing_starts", domain=domain, room=room))
    spans: dict[str, list[tuple[Ms, Ms]]] = {name: [] for name in starts}
    for name, start, join, leave in connection.rows("ongoing_spans", domain=domain, room=room):
        spans[name].append((max(start, join), min(now, NEVER if leave is None else leave)))
    return {name: quarters_of([start], spans[name], first, until) for name, start in starts.items()}


def _used(number: int, quarter: Quarter) -> Used:
    most, at = quarter.most
    return Used(quarter.meetings, quarter.time, most, number * QUARTER_MS + at)

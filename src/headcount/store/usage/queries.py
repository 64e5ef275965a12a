"""Usage: how much was met, quarter by quarter. Reads only; every answer is of one domain.

What counts is people's time in meetings, as `/meetings` lists it: a stay that came to no meeting does not. What goes on
has lasted until now. Most of it is in the tables that `tallying.py` writes; what waits to be written there, and what
goes on, is worked out when it is asked for, so that an answer is true at once.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from headcount.intervals import Interval, union
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, StoreBusy, consistent_read
from headcount.store.usage.quarters import (
    QUARTER_MS,
    SCALES,
    ByNumber,
    Quarter,
    merged,
    quarters_in,
    quarters_of,
    steps_said,
)

_MOST_WAITING: Final = 5_000
"""So many times of rooms are worked out for an answer; with more of them it would take minutes."""
_FEW: Final = 50


class QuarterUsage(NamedTuple):
    """How many meetings began in a quarter, the ms of all people in it, the most at once, and when first so many were."""

    meetings: int
    time: Ms
    most: int
    most_at: Ms


class RoomUsage(NamedTuple):
    room: str
    meetings: int
    time: Ms
    most: int


class Usage:
    """What may be asked about how much was met. Quarters are told by number: ms since 1970 by `QUARTER_MS`.

    Raises `StoreBusy` while much history waits to be gone through.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_quarter(
        self, domain: str, room: str | None, first: int, until: int, now: Ms
    ) -> dict[int, QuarterUsage]:
        """The quarters from `first` up to `until` in which something was; of one room, or of all together."""
        with consistent_read(self._database) as connection:
            asked = _Asked(connection, domain, first, until, now)
            return asked.together() if room is None else asked.of_room(room)

    def by_room(
        self, domain: str, room: str | None, first: int, until: int, now: Ms
    ) -> tuple[list[RoomUsage], dict[int, QuarterUsage]]:
        """What was met in each room in which something was, most time first, and the quarters of all together."""
        with consistent_read(self._database) as connection:
            asked = _Asked(connection, domain, first, until, now)
            if room is None:
                quarters, rooms = asked.together(), asked.by_room()
            else:
                quarters = asked.of_room(room)
                rooms = [_room_used(room, quarters.values())] if quarters else []
        return sorted(rooms, key=lambda one: (-one.time, one.room)), quarters


class _Asked:
    """What is asked of a domain at one moment."""

    def __init__(self, connection: Connection, domain: str, first: int, until: int, now: Ms) -> None:
        self._connection = connection
        self._domain = domain
        self._first = first
        self._until = until
        self._now = now

    def together(self) -> dict[int, QuarterUsage]:
        """The quarters of all rooms."""
        rows = self._rows("select_domain_quarters")
        found = {number: _used(number, *rest[:4]) for number, *rest in rows}
        plus, minus = self._changes(None)
        if not plus and not minus:
            return found
        stepping = minus.keys() | {
            number for number, parts in plus.items() if any(one.steps for one in parts)
        }
        steps = dict(steps_of(self._connection, self._domain, stepping))
        known = {
            number: Quarter(meetings, time, before, steps_said(steps.get(number, "[]")))
            for number, meetings, time, _, _, before in rows
            if number in stepping
        }
        return _changed(found, plus, minus, stepping, known)

    def of_room(self, room: str) -> dict[int, QuarterUsage]:
        """The quarters of one room."""
        rows = self._rows("select_room_quarters", room=room)
        found = {number: _used(number, *rest[:4]) for number, *rest in rows}
        plus, minus = self._changes(room)
        touched = plus.keys() | minus.keys()
        known = {row[0]: _stored(row) for row in rows if row[0] in touched}
        return _changed(found, plus, minus, touched, known)

    def by_room(self) -> list[RoomUsage]:
        """All rooms. Those that wait to be tallied are asked for one by one; what goes on comes after what is over."""
        waiting = self._waiting(None)
        ongoing = _ongoing(self._connection, self._domain, None, self._first, self._until, self._now)
        found = {room: used for room, used in self._summed().items() if room not in waiting}
        for room, quarters in ongoing.items():
            if quarters and room not in waiting:
                now = _room_used(room, (_whole_used(number, one) for number, one in quarters.items()))
                found[room] = _both(found[room], now) if room in found else now
        for room in waiting:
            theirs = self.of_room(room)
            if theirs:
                found[room] = _room_used(room, theirs.values())
        return list(found.values())

    def _summed(self) -> dict[str, RoomUsage]:
        """What is stored of each room, in the longest periods that fit."""
        found: dict[str, RoomUsage] = {}
        for scale, first, until in _pieces(self._first, self._until, SCALES):
            name = "select_quarters_by_room" if scale == 1 else "select_room_totals"
            asked = {"domain": self._domain, "first": first, "until": until}
            rows = self._connection.rows(name, **asked, **({} if scale == 1 else {"scale": scale}))
            for room, *rest in rows:
                used = RoomUsage(room, *rest)
                found[room] = _both(found[room], used) if room in found else used
        return found

    def _changes(self, room: str | None) -> tuple[dict[int, list[Quarter]], dict[int, list[Quarter]]]:
        """What is to be added to what is stored, and what to be taken away."""
        plus: dict[int, list[Quarter]] = {}
        minus: dict[int, list[Quarter]] = {}
        for name, ranges in self._waiting(room).items():
            for first, until in ranges:
                _collect(plus, ended_in(self._connection, self._domain, name, first, until))
                _collect(minus, stored_in(self._connection, self._domain, name, first, until))
        ongoing = _ongoing(self._connection, self._domain, room, self._first, self._until, self._now)
        for quarters in ongoing.values():
            _collect(plus, quarters)
        return plus, minus

    def _waiting(self, room: str | None) -> dict[str, list[Interval]]:
        """The quarters of rooms that are not tallied yet, as far as they are asked for."""
        rows = self._connection.rows(
            "select_domain_pending_rollups", domain=self._domain, room=room, limit=_MOST_WAITING + 1
        )
        if len(rows) > _MOST_WAITING:
            raise StoreBusy(
                "how much was met is still being worked out from what was stored: try again later"
            )
        found: dict[str, list[Interval]] = {}
        for name, start, end in rows:
            first, until = quarters_in(start, end)
            first, until = max(first, self._first), min(until, self._until)
            if first < until:
                found.setdefault(name, []).append((first, until))
        return {name: list(union(ranges)) for name, ranges in found.items()}

    def _rows(self, name: str, **more: str) -> list[tuple[int, ...]]:
        return self._connection.rows(name, domain=self._domain, first=self._first, until=self._until, **more)


def steps_of(connection: Connection, domain: str, numbers: set[int]) -> Iterator[tuple[int, str]]:
    """The steps of all rooms of a domain in these quarters, as they are written."""
    ranges = union((number, number + 1) for number in numbers)
    if len(ranges) > _FEW:
        ranges = ((ranges[0][0], ranges[-1][1]),)
    for first, until in ranges:
        for number, steps in connection.rows("select_domain_steps", domain=domain, first=first, until=until):
            if number in numbers:
                yield number, steps


def ended_in(connection: Connection, domain: str, room: str, first: int, until: int) -> ByNumber:
    """The quarters of the meetings of a room that are over, from `first` up to `until`, as the meetings say."""
    values = {"domain": domain, "room": room, "first": first * QUARTER_MS, "until": until * QUARTER_MS}
    meetings = connection.rows("select_ended_meetings", **values)
    stays = connection.rows("select_ended_meeting_stays", **values)
    for start, end, *carried in meetings:
        stays.extend((start, end, *stay) for stay in _carried(connection, domain, room, *carried))
    spans = [
        (max(start, join), min(end, NEVER if leave is None else leave)) for start, end, join, leave in stays
    ]
    return quarters_of([start for start, *_ in meetings], spans, first, until)


def _carried(
    connection: Connection, domain: str, room: str, join: Ms | None, participant_id: str | None
) -> Iterator[tuple[Ms, Ms | None]]:
    """Join and leave of the stay that a reset carried into a meeting, if one did."""
    if join is not None:
        key = {"domain": domain, "room": room, "join": join, "participant_id": participant_id}
        stay = connection.row("select_stay", **key)
        if stay is not None:
            yield join, stay[4]


def stored_in(connection: Connection, domain: str, room: str, first: int, until: int) -> ByNumber:
    """The same as it is stored."""
    rows = connection.rows("select_room_quarters", domain=domain, room=room, first=first, until=until)
    return {row[0]: _stored(row) for row in rows}


def _ongoing(
    connection: Connection, domain: str, room: str | None, first: int, until: int, now: Ms
) -> dict[str, ByNumber]:
    """The quarters of the meetings that go on, up to now."""
    meetings = connection.rows("select_ongoing_meetings", domain=domain, room=room)
    stays = connection.rows("select_ongoing_meeting_stays", domain=domain, room=room)
    for name, start, *carried in meetings:
        stays.extend((name, start, *stay) for stay in _carried(connection, domain, name, *carried))
    starts = {name: start for name, start, *_ in meetings}
    spans: dict[str, list[tuple[Ms, Ms]]] = {name: [] for name in starts}
    for name, start, join, leave in stays:
        spans[name].append((max(start, join), min(now, NEVER if leave is None else leave)))
    return {name: quarters_of([start], spans[name], first, until) for name, start in starts.items()}


def _changed(
    found: dict[int, QuarterUsage],
    plus: dict[int, list[Quarter]],
    minus: dict[int, list[Quarter]],
    stepping: set[int],
    known: dict[int, Quarter],
) -> dict[int, QuarterUsage]:
    """What was found with what is to be added and taken away. `known` are whole those in which somebody comes or goes."""
    for number in plus.keys() | minus.keys():
        if number in stepping:
            whole = merged([known.get(number, Quarter()), *plus.get(number, ())], minus.get(number, ()))
            if whole == Quarter():
                found.pop(number, None)
            else:
                found[number] = _whole_used(number, whole)
        else:
            # Those who are in all the time are in when the others are most.
            used = found.get(number, QuarterUsage(0, 0, 0, number * QUARTER_MS))
            there = merged(plus[number])
            found[number] = QuarterUsage(
                used.meetings + there.meetings, used.time + there.time, used.most + there.before, used.most_at
            )
    return found


def _collect(parts: dict[int, list[Quarter]], quarters: ByNumber) -> None:
    for number, quarter in quarters.items():
        parts.setdefault(number, []).append(quarter)


def _stored(row: tuple[object, ...]) -> Quarter:
    _, meetings, time, _, _, before, steps = row
    return Quarter(meetings, time, before, steps_said(steps))  # type: ignore[arg-type]


def _used(number: int, meetings: int, time: Ms, most: int, most_ms: Ms) -> QuarterUsage:
    return QuarterUsage(meetings, time, most, number * QUARTER_MS + most_ms)


def _whole_used(number: int, quarter: Quarter) -> QuarterUsage:
    return _used(number, quarter.meetings, quarter.time, *quarter.most)


def _room_used(room: str, quarters: Iterable[QuarterUsage]) -> RoomUsage:
    meetings, time, most, _ = zip(*quarters, strict=True)
    return RoomUsage(room, sum(meetings), sum(time), max(most))


def _both(one: RoomUsage, other: RoomUsage) -> RoomUsage:
    """A room in two times that do not overlap."""
    return RoomUsage(
        one.room, one.meetings + other.meetings, one.time + other.time, max(one.most, other.most)
    )


def _pieces(first: int, until: int, scales: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """[first, until) in periods of the longest scale that fits, and of shorter ones at both ends."""
    if first >= until:
        return
    scale, *shorter = scales
    begin, end = -(-first // scale), until // scale
    if begin >= end:
        if shorter:
            yield from _pieces(first, until, tuple(shorter))
        return
    yield scale, begin, end
    yield from _pieces(first, begin * scale, tuple(shorter) or (1,))
    yield from _pieces(end * scale, until, tuple(shorter) or (1,))

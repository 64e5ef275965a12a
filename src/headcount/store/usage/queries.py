"""Usage: meetings and participant time by quarter. Each read is about one domain.

Usage is the time of participants in meetings, as `/meetings` lists it; a stay outside meetings does not count. Ongoing
meetings count up to now. Most usage is in the tables that `rollup.py` writes. Pending rollups and ongoing meetings are
computed on request, so an answer is always current.

Responsible for reading usage. Must not know time zones, hours or days.
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
    decode_steps,
    merged,
    quarters_in,
    quarters_of,
)

_PENDING_LIMIT: Final = 5_000
"""Pending time ranges that one answer computes; more of them would take minutes."""
_MAX_RANGES: Final = 50


class QuarterUsage(NamedTuple):
    """Meetings that started in a quarter, ms of all participants, peak participants and when they were first reached."""

    meetings: int
    participant_ms: Ms
    peak: int
    peak_at: Ms


class RoomUsage(NamedTuple):
    """The usage of a room: meetings that started, ms of all participants, and peak participants."""

    room: str
    meetings: int
    participant_ms: Ms
    peak: int


class Usage:
    """The usage of all domains. The number of a quarter is ms since 1970 divided by `QUARTER_MS`.

    Methods raise `StoreBusy` while too many rollups are pending.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_quarter(
        self, domain: str, room: str | None, first: int, until: int, now: Ms
    ) -> dict[int, QuarterUsage]:
        """Return the usage of quarters from `first` to `until` (exclusive) with any usage, of one room or of all."""
        with consistent_read(self._database) as connection:
            request = _Request(connection, domain, first, until, now)
            return request.all_rooms() if room is None else request.one_room(room)

    def by_room(
        self, domain: str, room: str | None, first: int, until: int, now: Ms
    ) -> tuple[list[RoomUsage], dict[int, QuarterUsage]]:
        """Return the usage of each room with any, most time first, and the usage of quarters of all rooms."""
        with consistent_read(self._database) as connection:
            request = _Request(connection, domain, first, until, now)
            if room is None:
                quarters, rooms = request.all_rooms(), request.by_room()
            else:
                quarters = request.one_room(room)
                rooms = [_room_usage(room, quarters.values())] if quarters else []
        return sorted(rooms, key=lambda one: (-one.participant_ms, one.room)), quarters


class _Request:
    """A request about the quarters of a domain, in one transaction."""

    def __init__(self, connection: Connection, domain: str, first: int, until: int, now: Ms) -> None:
        self._connection = connection
        self._domain = domain
        self._first = first
        self._until = until
        self._now = now

    def all_rooms(self) -> dict[int, QuarterUsage]:
        """Return the usage of all rooms by quarter."""
        rows = self._rows("select_domain_quarters")
        found = {number: _usage(number, *rest[:4]) for number, *rest in rows}
        plus, minus = self._changes(None)
        if not plus and not minus:
            return found
        changed_steps = minus.keys() | {
            number for number, parts in plus.items() if any(one.steps for one in parts)
        }
        steps = dict(steps_of(self._connection, self._domain, changed_steps))
        known = {
            number: Quarter(meetings, time, before, decode_steps(steps.get(number, "[]")))
            for number, meetings, time, _, _, before in rows
            if number in changed_steps
        }
        return _changed(found, plus, minus, changed_steps, known)

    def one_room(self, room: str) -> dict[int, QuarterUsage]:
        """Return the usage of one room by quarter."""
        rows = self._rows("select_room_quarters", room=room)
        found = {number: _usage(number, *rest[:4]) for number, *rest in rows}
        plus, minus = self._changes(room)
        touched = plus.keys() | minus.keys()
        known = {row[0]: _stored(row) for row in rows if row[0] in touched}
        return _changed(found, plus, minus, touched, known)

    def by_room(self) -> list[RoomUsage]:
        """Return the usage of each room. Rooms with pending rollups are computed one by one."""
        pending = self._pending(None)
        ongoing = _ongoing(self._connection, self._domain, None, self._first, self._until, self._now)
        found = {room: used for room, used in self._totals().items() if room not in pending}
        for room, quarters in ongoing.items():
            if quarters and room not in pending:
                now = _room_usage(room, (_quarter_usage(number, one) for number, one in quarters.items()))
                found[room] = _sum(found[room], now) if room in found else now
        for room in pending:
            theirs = self.one_room(room)
            if theirs:
                found[room] = _room_usage(room, theirs.values())
        return list(found.values())

    def _totals(self) -> dict[str, RoomUsage]:
        """Return the stored usage of each room, from the longest periods that fit."""
        found: dict[str, RoomUsage] = {}
        for scale, first, until in _periods(self._first, self._until, SCALES):
            name = "select_quarters_by_room" if scale == 1 else "select_room_totals"
            values = {"domain": self._domain, "first": first, "until": until}
            rows = self._connection.rows(name, **values, **({} if scale == 1 else {"scale": scale}))
            for room, *rest in rows:
                used = RoomUsage(room, *rest)
                found[room] = _sum(found[room], used) if room in found else used
        return found

    def _changes(self, room: str | None) -> tuple[dict[int, list[Quarter]], dict[int, list[Quarter]]]:
        """Return what to add to the stored quarters, and what to subtract."""
        plus: dict[int, list[Quarter]] = {}
        minus: dict[int, list[Quarter]] = {}
        for name, ranges in self._pending(room).items():
            for first, until in ranges:
                _collect(plus, compute_quarters(self._connection, self._domain, name, first, until))
                _collect(minus, stored_quarters(self._connection, self._domain, name, first, until))
        ongoing = _ongoing(self._connection, self._domain, room, self._first, self._until, self._now)
        for quarters in ongoing.values():
            _collect(plus, quarters)
        return plus, minus

    def _pending(self, room: str | None) -> dict[str, list[Interval]]:
        """Return the requested quarters of rooms with pending rollups."""
        rows = self._connection.rows(
            "select_domain_pending_rollups", domain=self._domain, room=room, limit=_PENDING_LIMIT + 1
        )
        if len(rows) > _PENDING_LIMIT:
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
    """Yield the stored steps of all rooms of a domain in these quarters."""
    ranges = union((number, number + 1) for number in numbers)
    if len(ranges) > _MAX_RANGES:
        ranges = ((ranges[0][0], ranges[-1][1]),)
    for first, until in ranges:
        for number, steps in connection.rows("select_domain_steps", domain=domain, first=first, until=until):
            if number in numbers:
                yield number, steps


def compute_quarters(connection: Connection, domain: str, room: str, first: int, until: int) -> ByNumber:
    """Return the quarters of the ended meetings of a room, computed from meetings and stays."""
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
    """Yield join and leave of the stay that a reset carried into a meeting, if there is one."""
    if join is not None:
        key = {"domain": domain, "room": room, "join": join, "participant_id": participant_id}
        stay = connection.row("select_stay", **key)
        if stay is not None:
            yield join, stay[4]


def stored_quarters(connection: Connection, domain: str, room: str, first: int, until: int) -> ByNumber:
    """Return the stored quarters of a room."""
    rows = connection.rows("select_room_quarters", domain=domain, room=room, first=first, until=until)
    return {row[0]: _stored(row) for row in rows}


def _ongoing(
    connection: Connection, domain: str, room: str | None, first: int, until: int, now: Ms
) -> dict[str, ByNumber]:
    """Return the quarters of ongoing meetings by room, up to now."""
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
    changed_steps: set[int],
    known: dict[int, Quarter],
) -> dict[int, QuarterUsage]:
    """Return the stored usage with additions and subtractions. `known` has the quarters with steps."""
    for number in plus.keys() | minus.keys():
        if number in changed_steps:
            whole = merged([known.get(number, Quarter()), *plus.get(number, ())], minus.get(number, ()))
            if whole == Quarter():
                found.pop(number, None)
            else:
                found[number] = _quarter_usage(number, whole)
        else:
            # Those who stay for the whole quarter are present at its peak.
            used = found.get(number, QuarterUsage(0, 0, 0, number * QUARTER_MS))
            added = merged(plus[number])
            found[number] = QuarterUsage(
                used.meetings + added.meetings,
                used.participant_ms + added.participant_ms,
                used.peak + added.initial,
                used.peak_at,
            )
    return found


def _collect(parts: dict[int, list[Quarter]], quarters: ByNumber) -> None:
    for number, quarter in quarters.items():
        parts.setdefault(number, []).append(quarter)


def _stored(row: tuple[object, ...]) -> Quarter:
    _, meetings, time, _, _, before, steps = row
    return Quarter(meetings, time, before, decode_steps(steps))  # type: ignore[arg-type]


def _usage(number: int, meetings: int, participant_ms: Ms, peak: int, peak_offset: Ms) -> QuarterUsage:
    return QuarterUsage(meetings, participant_ms, peak, number * QUARTER_MS + peak_offset)


def _quarter_usage(number: int, quarter: Quarter) -> QuarterUsage:
    return _usage(number, quarter.meetings, quarter.participant_ms, *quarter.peak)


def _room_usage(room: str, quarters: Iterable[QuarterUsage]) -> RoomUsage:
    meetings, times, peaks, _ = zip(*quarters, strict=True)
    return RoomUsage(room, sum(meetings), sum(times), max(peaks))


def _sum(one: RoomUsage, other: RoomUsage) -> RoomUsage:
    """Return the usage of a room in two times that do not overlap."""
    return RoomUsage(
        one.room,
        one.meetings + other.meetings,
        one.participant_ms + other.participant_ms,
        max(one.peak, other.peak),
    )


def _periods(first: int, until: int, scales: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Yield [first, until) as (scale, first period, end), with the longest scale that fits and shorter ones at both ends."""
    if first >= until:
        return
    scale, *shorter = scales
    begin, end = -(-first // scale), until // scale
    if begin >= end:
        if shorter:
            yield from _periods(first, until, tuple(shorter))
        return
    yield scale, begin, end
    yield from _periods(first, begin * scale, tuple(shorter) or (1,))
    yield from _periods(end * scale, until, tuple(shorter) or (1,))

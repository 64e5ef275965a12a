"""Usage: meetings and participant time by quarter. Each read is about one domain.

Usage is the time of participants in meetings, as `/meetings` lists it; a stay outside meetings does not count. Ongoing
meetings count up to now. Most usage is in the tables that `rollup.py` writes. Pending rollups and ongoing meetings are
computed on request, so an answer is always current. Conditions on attributes that the tables do not have are computed
from the stays (`scan.py`).

Responsible for reading usage. Must not know time zones, hours or days.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from headcount.intervals import Interval, union
from headcount.kernel.events import Ms
from headcount.limits import index_text, is_digest
from headcount.store.database import Connection, Database, StoreBusy, consistent_read
from headcount.store.usage.entries import ongoing_meetings
from headcount.store.usage.quarters import (
    DAY,
    QUARTER_MS,
    SCALES,
    ByNumber,
    Quarter,
    decode_steps,
    merged,
    periods_of,
    periods_without,
    quarters_in,
    sums_between,
)
from headcount.store.usage.room_quarters import decode_quarter, ended_quarters, stored_quarters
from headcount.store.usage.scan import Conditions, Scan
from headcount.store.usage.series import (
    EVERYBODY,
    RoomQuarters,
    Series,
    decode_parts,
    long_texts,
    quarters_of_entries,
)
from headcount.store.usage.totals import (
    QuarterUsage,
    QuarterUsages,
    RoomUsage,
    ValueUsage,
    total_of_room,
    total_of_value,
    usage_of,
    usages_of,
)

_PENDING_LIMIT: Final = 5_000
"""Pending time ranges that one answer computes; more of them would take minutes."""
_MAX_RANGES: Final = 50

Edges = Sequence[int]
"""Quarters between which sums suffice."""

_RoomChanges = tuple[RoomQuarters, RoomQuarters]
"""Quarters of a room to add to the stored ones, and those to subtract."""
_Changes = tuple[dict[int, list[Quarter]], dict[int, list[Quarter]]]
"""Quarters of a series to add to the stored ones, and those to subtract, by number."""


class Usage:
    """The usage of all domains. The number of a quarter is ms since 1970 divided by `QUARTER_MS`.

    `conditions` are the texts of attributes: only stays that fulfill all of them count, and only meetings with such a stay.
    `edges` are quarters, in order: quarters between two of them may be one item of an answer, by the number of the first.
    Methods raise `StoreBusy` while too many rollups are pending, and `BadInput` if conditions require too many stays.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_quarter(
        self,
        domain: str,
        room: str | None,
        first: int,
        until: int,
        now: Ms,
        conditions: Conditions = (),
        edges: Edges = (),
    ) -> QuarterUsages:
        """Return the usage of quarters from `first` to `until` (exclusive) with any usage, of one room or of all."""
        with self._request(domain, first, until, now, [key for key, _ in conditions[:1]], edges) as request:
            series = request.series_of(conditions)
            if series is None:
                return request.scan(room, conditions).by_quarter()
            return request.all_rooms(series) if room is None else request.one_room(room, series)

    def by_room(
        self,
        domain: str,
        room: str | None,
        first: int,
        until: int,
        now: Ms,
        conditions: Conditions = (),
        edges: Edges = (),
    ) -> tuple[list[RoomUsage], QuarterUsages]:
        """Return the usage of each room with any, most time first, and the usage of quarters of all rooms."""
        with self._request(domain, first, until, now, [key for key, _ in conditions[:1]], edges) as request:
            series = request.series_of(conditions)
            if series is None:
                scan = request.scan(room, conditions)
                quarters, rooms = scan.by_quarter(), scan.by_room()
            elif room is None:
                quarters, rooms = request.all_rooms(series), request.by_room(series)
            else:
                quarters = request.one_room(room, series)
                rooms = [total_of_room(room, quarters.values())] if quarters else []
        return sorted(rooms, key=lambda one: (-one.participant_ms, one.room)), quarters

    def by_value(
        self,
        domain: str,
        attribute: str,
        room: str | None,
        first: int,
        until: int,
        now: Ms,
        conditions: Conditions = (),
        edges: Edges = (),
    ) -> tuple[list[ValueUsage], QuarterUsages]:
        """Return the usage of each value of an attribute, most time first, and the usage of quarters of all values.

        The value None stands for those without the attribute. A meeting counts for each value that one of its stays has.
        """
        with self._request(domain, first, until, now, [attribute], edges) as request:
            if conditions or attribute not in request.attributes:
                scan = request.scan(room, conditions)
                quarters, values = scan.by_quarter(), scan.by_value(attribute)
            elif room is None:
                quarters, values = request.all_rooms(), request.by_value(attribute)
            else:
                quarters, values = request.one_room(room), request.values_in_room(room, attribute)
        return sorted(values, key=lambda one: (-one.participant_ms, one.value or "")), quarters

    @contextmanager
    def _request(
        self, domain: str, first: int, until: int, now: Ms, attributes: Sequence[str], edges: Edges
    ) -> Iterator["_Request"]:
        with consistent_read(self._database) as connection:
            yield _Request(connection, domain, first, until, now, attributes, edges)

    def attributes(self, domain: str) -> list[str]:
        """Return the attributes of which the usage of each value is stored and that a participant of the domain has had."""
        with self._database.reading() as connection:
            return [
                one
                for one in usage_attributes(connection)
                if connection.row("select_attribute_in_use", domain=domain, attribute=one)
            ]


class _Request:
    """A request about the quarters of a domain, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        domain: str,
        first: int,
        until: int,
        now: Ms,
        computed: Sequence[str],
        edges: Edges,
    ) -> None:
        self._connection = connection
        self._domain = domain
        self._first = first
        self._until = until
        self._now = now
        self._edges = edges
        self._computed = computed
        """The attributes with values that the answer is about: parts of others are not computed."""
        self._long_texts: dict[str, str] = {}
        self._found_ongoing: dict[str | None, dict[str, RoomQuarters]] = {}
        self._found_changes: dict[str | None, list[_RoomChanges]] = {}

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of which the usage of each value is stored."""
        return usage_attributes(self._connection)

    def series_of(self, conditions: Conditions) -> Series | None:
        """Return the stored series of those who fulfill the conditions, or None if there is none."""
        if not conditions:
            return EVERYBODY
        (attribute, text), *more = conditions
        return Series(attribute, index_text(text)) if not more and attribute in self.attributes else None

    def scan(self, room: str | None, conditions: Conditions) -> Scan:
        """Return the usage computed from stays."""
        return Scan(self._connection, self._domain, room, self._first, self._until, self._now, conditions)

    def all_rooms(self, series: Series = EVERYBODY) -> QuarterUsages:
        """Return the usage of all rooms by quarter."""
        plus, minus = self._changes(None, series)
        found = self._stored(series, plus.keys() | minus.keys())
        if not plus and not minus:
            return found
        changed_steps = minus.keys() | {
            number for number, parts in plus.items() if any(one.steps for one in parts)
        }
        known = domain_quarters(self._connection, self._domain, series, changed_steps)
        if series != EVERYBODY and not series.value:
            known = domain_quarters(self._connection, self._domain, EVERYBODY, changed_steps) | known
        return _changed(found, plus, minus, changed_steps, known)

    def one_room(self, room: str, series: Series = EVERYBODY) -> QuarterUsages:
        """Return the usage of one room by quarter."""
        rows = self._rows("select_room_quarters", room=room)
        plus, minus = self._changes(room, series)
        if series != EVERYBODY:
            quarters = {row[0]: decode_quarter(row).of(series) for row in rows}
            return _changed(usages_of(quarters), plus, minus, plus.keys() | minus.keys(), quarters)
        found = {number: usage_of(number, *rest[:4]) for number, *rest in rows}
        touched = plus.keys() | minus.keys()
        known = {row[0]: decode_quarter(row).total for row in rows if row[0] in touched}
        return _changed(found, plus, minus, touched, known)

    def by_room(self, series: Series) -> list[RoomUsage]:
        """Return the usage of each room. Rooms with pending rollups are computed one by one."""
        pending = self._pending(None)
        found = {room: used for room, used in self._room_totals(series).items() if room not in pending}
        for room, quarters in self._ongoing(None).items():
            used = usages_of({number: one.of(series) for number, one in quarters.items()})
            if used and room not in pending:
                now = total_of_room(room, used.values())
                found[room] = found[room].plus(now) if room in found else now
        for room in pending:
            theirs = self.one_room(room, series)
            if theirs:
                found[room] = total_of_room(room, theirs.values())
        return list(found.values())

    def by_value(self, attribute: str) -> list[ValueUsage]:
        """Return the usage of each value in all rooms.

        Days with pending rollups or ongoing meetings are added up from their quarters, all others from totals.
        """
        changes = self._changes_by_value(attribute)
        touched = {number // DAY for sides in changes.values() for side in sides for number in side}
        values = {"domain": self._domain, "attribute": attribute}
        found: dict[str, ValueUsage] = {}
        quarters: dict[str, QuarterUsages] = {}
        for scale, first, until in periods_without(self._first, self._until, touched):
            within = values | {"first": first, "until": until}
            if scale == 1:
                for name, number, *rest in self._connection.rows("select_quarters_by_value", **within):
                    quarters.setdefault(name, {})[number] = usage_of(number, *rest)
            else:
                for name, *rest in self._connection.rows("select_value_totals", **within, scale=scale):
                    _add(found, name, ValueUsage(name, *rest))
        for name, (plus, minus) in changes.items():
            theirs = quarters.setdefault(name, {})
            numbers = plus.keys() | minus.keys()
            known = domain_quarters(
                self._connection, self._domain, Series(attribute, name), numbers & theirs.keys()
            )
            _changed(theirs, plus, minus, numbers, known)
        for name, theirs in quarters.items():
            if theirs:
                _add(found, name, total_of_value(name, theirs.values()))
        return self._with_texts(found, self.all_rooms(Series(attribute)))

    def _changes_by_value(self, attribute: str) -> dict[str, _Changes]:
        """Return what to add to the stored quarters of each value of an attribute, and what to subtract."""
        found: dict[str, _Changes] = {}
        for changes in self._room_changes(None):
            for side, quarters in enumerate(changes):
                for number, quarter in quarters.items():
                    for series, part in quarter.parts.items():
                        if series.attribute == attribute and series.value:
                            sides = found.setdefault(series.value, ({}, {}))
                            sides[side].setdefault(number, []).append(part)
        return found

    def values_in_room(self, room: str, attribute: str) -> list[ValueUsage]:
        """Return the usage of each value in one room."""
        stored = {row[0]: decode_quarter(row) for row in self._rows("select_room_quarters", room=room)}
        computed = [plus for plus, _ in self._room_changes(room)]
        names = {
            series.value
            for quarters in (stored, *computed)
            for one in quarters.values()
            for series in one.parts
            if series.attribute == attribute and series.value
        }
        found = {}
        for name in names:
            quarters = self.one_room(room, Series(attribute, name))
            if quarters:
                found[name] = total_of_value(name, quarters.values())
        return self._with_texts(found, self.one_room(room, Series(attribute)))

    def _with_texts(self, found: dict[str, ValueUsage], without: QuarterUsages) -> list[ValueUsage]:
        """Return usage by the texts of values, with that of those without the attribute."""
        rows = [one._replace(value=self._text_of(name)) for name, one in found.items()]
        return [*rows, total_of_value(None, without.values())] if without else rows

    def _text_of(self, name: str) -> str:
        if not is_digest(name):
            return name
        row = self._connection.row("select_long_value", domain=self._domain, digest=name)
        return self._long_texts[name] if row is None else row[0]

    def _room_totals(self, series: Series) -> dict[str, RoomUsage]:
        """Return the stored usage of each room, from the longest periods that fit."""
        found: dict[str, RoomUsage] = {}
        for scale, first, until in periods_of(self._first, self._until, SCALES):
            for used in self._rooms_in(series, scale, first, until):
                found[used.room] = found[used.room].plus(used) if used.room in found else used
        return found

    def _rooms_in(self, series: Series, scale: int, first: int, until: int) -> Iterator[RoomUsage]:
        values = {"domain": self._domain, "first": first, "until": until}
        if scale > 1:
            rows = self._connection.rows("select_room_totals", **values, scale=scale, **series._asdict())
            yield from (RoomUsage(*row) for row in rows)
        elif series == EVERYBODY:
            yield from (RoomUsage(*row) for row in self._connection.rows("select_quarters_by_room", **values))
        else:
            for room, number, parts in self._connection.rows("select_parts_by_room", **values):
                quarter = decode_parts(parts).get(series)
                if quarter is not None:
                    yield total_of_room(room, usages_of({number: quarter}).values())

    def _stored(self, series: Series, single: AbstractSet[int]) -> QuarterUsages:
        """Return the stored usage of a series, with an item for each of the `single` quarters."""
        if self._edges and (series == EVERYBODY or series.value):
            ranges = union((number, number + 1) for number in single)
            if len(ranges) <= _MAX_RANGES:
                return self._summed(series, ranges)
        rows = self._series_rows(series)
        return {number: usage_of(number, *rest[:4]) for number, rest in rows.items() if any(rest)}

    def _summed(self, series: Series, single: Sequence[Interval]) -> QuarterUsages:
        """Return the stored usage of a series: sums between the edges, and each quarter of the ranges of `single`."""
        found: QuarterUsages = {}
        for first, until, length in sums_between((self._first, *self._edges, self._until), single):
            within = {"domain": self._domain, "first": first, "until": until, **series._asdict()}
            rows = self._connection.rows("select_domain_sums", **within, length=length)
            for number, meetings, participant_ms, highest in rows:
                peak, until_end = divmod(highest, length * QUARTER_MS)
                peak_at = (number + length) * QUARTER_MS - 1 - until_end
                found[number] = QuarterUsage(meetings, participant_ms, peak, peak_at)
        return found

    def _series_rows(self, series: Series) -> dict[int, tuple[int, ...]]:
        """Return the stored quarters of a series, by number.

        Those without an attribute are everybody in the quarters that are not stored for them.
        """
        rows = self._rows("select_domain_quarters", **series._asdict())
        found = {row[0]: row[1:] for row in rows}
        return self._series_rows(EVERYBODY) | found if series != EVERYBODY and not series.value else found

    def _changes(self, room: str | None, series: Series) -> _Changes:
        """Return what to add to the stored quarters of a series, and what to subtract."""
        sides: _Changes = ({}, {})
        for changes in self._room_changes(room):
            for side, quarters in zip(sides, changes, strict=True):
                for number, one in quarters.items():
                    part = one.of(series)
                    if part != Quarter():
                        side.setdefault(number, []).append(part)
        return sides

    def _room_changes(self, room: str | None) -> list[_RoomChanges]:
        """Return the quarters of rooms to add to the stored ones, and those to subtract."""
        found = self._found_changes.get(room)
        if found is None:
            found = [
                (
                    self._ended_quarters(name, first, until),
                    stored_quarters(self._connection, self._domain, name, first, until),
                )
                for name, ranges in self._pending(room).items()
                for first, until in ranges
            ]
            found += [(quarters, {}) for quarters in self._ongoing(room).values()]
            self._found_changes[room] = found
        return found

    def _ongoing(self, room: str | None) -> dict[str, RoomQuarters]:
        """Return the quarters of ongoing meetings by room, up to now."""
        found = self._found_ongoing.get(room)
        if found is None:
            meetings = ongoing_meetings(self._connection, self._domain, room, self._now)
            found = {}
            for name, (starts, entries) in meetings.items():
                self._long_texts |= long_texts(entries, self._computed)
                found[name] = quarters_of_entries(starts, entries, self._first, self._until, self._computed)
            self._found_ongoing[room] = found
        return found

    def _ended_quarters(self, room: str, first: int, until: int) -> RoomQuarters:
        quarters, entries = ended_quarters(self._connection, self._domain, room, first, until, self._computed)
        self._long_texts |= long_texts(entries, self._computed)
        return quarters

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

    def _rows(self, name: str, **more: str) -> list[tuple[Any, ...]]:
        return self._connection.rows(name, domain=self._domain, first=self._first, until=self._until, **more)


def usage_attributes(connection: Connection) -> tuple[str, ...]:
    """Return the attributes of which the usage of each value is stored."""
    (text,) = connection.row("select_usage_attributes") or ("",)
    return tuple(text.split(",")) if text else ()


def domain_quarters(connection: Connection, domain: str, series: Series, numbers: set[int]) -> ByNumber:
    """Return the stored quarters of a series in all rooms of a domain."""
    if not numbers:
        return {}
    within = {"domain": domain, "first": min(numbers), "until": max(numbers) + 1, **series._asdict()}
    rows = [row for row in connection.rows("select_domain_quarters", **within) if row[0] in numbers]
    steps = dict(_steps_of(connection, domain, series, {row[0] for row in rows}))
    return {
        number: Quarter(meetings, time, before, decode_steps(steps.get(number, "[]")))
        for number, meetings, time, _, _, before in rows
    }


def _steps_of(
    connection: Connection, domain: str, series: Series, numbers: set[int]
) -> Iterator[tuple[int, str]]:
    """Yield the stored steps of a series in these quarters."""
    ranges = union((number, number + 1) for number in numbers)
    if len(ranges) > _MAX_RANGES:
        ranges = ((ranges[0][0], ranges[-1][1]),)
    for first, until in ranges:
        within = {"domain": domain, "first": first, "until": until, **series._asdict()}
        for number, steps in connection.rows("select_domain_steps", **within):
            if number in numbers:
                yield number, steps


def _changed(
    found: QuarterUsages,
    plus: dict[int, list[Quarter]],
    minus: dict[int, list[Quarter]],
    changed_steps: AbstractSet[int],
    known: ByNumber,
) -> QuarterUsages:
    """Return the stored usage with additions and subtractions. `known` has the quarters with steps."""
    for number in plus.keys() | minus.keys():
        if number in changed_steps:
            whole = merged([known.get(number, Quarter()), *plus.get(number, ())], minus.get(number, ()))
            if whole == Quarter():
                found.pop(number, None)
            else:
                found |= usages_of({number: whole})
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


def _add(found: dict[str, ValueUsage], name: str, used: ValueUsage) -> None:
    found[name] = found[name].plus(used) if name in found else used

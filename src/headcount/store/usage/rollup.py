"""Rollup: writes the usage of ended meetings by quarter, after the commits of the engine.

The engine records the time ranges of rooms with changes (`pending_rollups`). A step computes the quarters of some of them
from meetings and stays, writes the differences and deletes the ranges, in one commit. A crash before the commit loses
nothing. Changes in the meantime add new ranges. A step reads before its commit, so that no writer waits for it.

Responsible for the usage tables. Must not know the engine.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from headcount.intervals import Interval, union
from headcount.kernel.events import Ms
from headcount.store.database import Connection, Database, consistent_read
from headcount.store.usage.quarters import (
    QUARTER_MS,
    SCALES,
    ByNumber,
    Quarter,
    encode_steps,
    merged,
    quarters_in,
)
from headcount.store.usage.queries import domain_quarters, usage_attributes
from headcount.store.usage.room_quarters import ended_quarters, stored_quarters
from headcount.store.usage.series import (
    EVERYBODY,
    RoomQuarter,
    Series,
    encode_parts,
    long_texts,
)

_STEP_LIMIT: Final = 500
_LONGEST: Final = 32 * 96
"""Quarters of a room in one step: years of one meeting are processed a month at a time."""
_MONTH, _DAY, _ = SCALES
_TABLES: Final = (
    "pending_rollups", "room_quarters", "domain_quarters", "domain_steps", "room_totals", "value_totals", "long_values",
)  # fmt: skip

PlacedQuarter = tuple[str, str, int]
"""Domain, room, quarter."""
DomainQuarter = tuple[str, Series, int]
"""Domain, series, quarter."""
RoomDay = tuple[str, Series, int, str]
"""Domain, series, day, room."""


class ConflictError(Exception):
    """Another process has done the same step; nothing was written."""


@dataclass(slots=True)
class _Work:
    """The result of a step: ranges that are done or shortened, and what differs before and after.

    `days` are new totals of values in rooms, None where there is no usage any more. `domains` are new quarters of series.
    """

    attributes: tuple[str, ...]
    done: list[tuple[int, int]] = field(default_factory=list)
    shortened: list[tuple[int, int, int]] = field(default_factory=list)
    before: dict[PlacedQuarter, RoomQuarter] = field(default_factory=dict)
    after: dict[PlacedQuarter, RoomQuarter] = field(default_factory=dict)
    days: dict[RoomDay, tuple[int, Ms, int] | None] = field(default_factory=dict)
    domains: dict[DomainQuarter, Quarter | None] = field(default_factory=dict)
    long_values: dict[tuple[str, str], str] = field(default_factory=dict)


class UsageRollup:
    """Processes pending rollups. Several processes may try the same step, and one of them succeeds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self, limit: int = _STEP_LIMIT) -> bool:
        """Process some pending ranges. Return whether there may be more."""
        with consistent_read(self._database) as connection:
            rows = connection.rows("select_pending_rollups", limit=limit)
            if not rows:
                return False
            work = _compute(connection, rows)
        try:
            with self._database.writing() as writer:
                _write(writer, work)
        except ConflictError:
            return True
        return bool(work.shortened) or len(rows) == limit

    def finish(self) -> None:
        """Process all pending ranges."""
        while self.step():
            pass

    def reset(self) -> None:
        """Delete all usage and request a rollup of everything."""
        with self._database.writing() as connection:
            _reset(connection)

    def attributes(self) -> tuple[str, ...]:
        """Return the attributes of which the usage of each value is stored."""
        with self._database.reading() as connection:
            return usage_attributes(connection)

    def set_attributes(self, attributes: Sequence[str]) -> bool:
        """Store the usage of each value of these attributes. Return whether that requires a rollup of everything."""
        if self.attributes() == tuple(attributes):
            return False
        with self._database.writing() as connection:
            connection.run("update_usage_attributes", attributes=",".join(attributes))
            _reset(connection)
        return True


def _reset(connection: Connection) -> None:
    has_given = connection.row("select_any_given_quarter") is not None
    for table in _TABLES:
        if table == "long_values" and has_given:
            continue  # given usage needs them
        # Built here, because a table cannot be a value.
        connection.run_text(f"delete from {table}")  # noqa: S608 - our own
    connection.run("insert_all_pending_rollups")
    connection.run("insert_given_pending_rollups")


def _compute(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> _Work:
    work = _Work(usage_attributes(connection))
    ranges: dict[tuple[str, str], list[Interval]] = {}
    for number, domain, room, start, end in rows:
        first, until = quarters_in(start, end)
        if until - first > _LONGEST:
            until = first + _LONGEST
            work.shortened.append((until * QUARTER_MS, number, start))
        else:
            work.done.append((number, start))
        ranges.setdefault((domain, room), []).append((first, until))
    for (domain, room), of_room in ranges.items():
        _compute_room(connection, work, domain, room, union(of_room))
    for domain in {domain for domain, _ in ranges}:
        _update_domain(connection, work, domain)
    return work


def _compute_room(
    connection: Connection, work: _Work, domain: str, room: str, ranges: Sequence[Interval]
) -> None:
    """Compute the quarters of a room in these ranges, and the totals of the days that change."""
    changed: dict[int, set[Series]] = {}
    for first, until in ranges:
        before = stored_quarters(connection, domain, room, first, until)
        after, entries = ended_quarters(connection, domain, room, first, until, work.attributes)
        for number in before.keys() | after.keys():
            old, new = before.get(number), after.get(number)
            if old == new:
                continue
            for quarter, found in ((old, work.before), (new, work.after)):
                if quarter is not None:
                    found[domain, room, number] = quarter
                    if quarter.parts:
                        values = (series for series in quarter.parts if series.value)
                        changed.setdefault(number // _DAY, set()).update(values)
        for name, text in long_texts(entries, work.attributes).items():
            work.long_values[domain, name] = text
    for day, some in changed.items():
        quarters = stored_quarters(connection, domain, room, day * _DAY, (day + 1) * _DAY)
        for number in range(day * _DAY, (day + 1) * _DAY):
            if (domain, room, number) in work.after:
                quarters[number] = work.after[domain, room, number]
            elif (domain, room, number) in work.before:
                quarters.pop(number, None)
        for series in some:
            work.days[domain, series, day, room] = _total([one.of(series) for one in quarters.values()])


def _total(quarters: Iterable[Quarter]) -> tuple[int, Ms, int] | None:
    """Return meetings, time and peak participants of quarters, or None without usage."""
    used = [one for one in quarters if one != Quarter()]
    if not used:
        return None
    return (
        sum(one.meetings for one in used),
        sum(one.participant_ms for one in used),
        max(one.peak[0] for one in used),
    )


def _update_domain(connection: Connection, work: _Work, domain: str) -> None:
    """Compute the quarters of each series of a domain from the differences of its rooms."""
    numbers: dict[int, tuple[list[RoomQuarter], list[RoomQuarter]]] = {}
    for place, parts in enumerate((work.after, work.before)):
        for (owner, _, number), quarter in parts.items():
            if owner == domain:
                numbers.setdefault(number, ([], []))[place].append(quarter)
    if not numbers:
        return
    known = domain_quarters(connection, domain, EVERYBODY, set(numbers))
    everybody = {number: _apply(known.get(number), EVERYBODY, changes) for number, changes in numbers.items()}
    _put_series(work, domain, EVERYBODY, everybody)
    for attribute in work.attributes:
        without = Series(attribute)
        stored = domain_quarters(connection, domain, without, set(numbers))
        for number, changes in numbers.items():
            if number in stored or any(without in one.parts for some in changes for one in some if one.parts):
                lacking = _apply(stored.get(number, known.get(number)), without, changes)
                work.domains[domain, without, number] = None if lacking == everybody[number] else lacking
    touched: dict[Series, dict[int, tuple[list[RoomQuarter], list[RoomQuarter]]]] = {}
    for number, changes in numbers.items():
        for series in {series for some in changes for one in some for series in one.parts if series.value}:
            touched.setdefault(series, {})[number] = changes
    for series, of_series in touched.items():
        stored = domain_quarters(connection, domain, series, set(of_series))
        after = {n: _apply(stored.get(n), series, changes) for n, changes in of_series.items()}
        _put_series(work, domain, series, after)


def _apply(
    known: Quarter | None, series: Series, changes: tuple[Iterable[RoomQuarter], Iterable[RoomQuarter]]
) -> Quarter:
    """Return a quarter of a series after the changes of rooms."""
    after, before = changes
    return merged(
        [known or Quarter(), *(one.of(series) for one in after)], [one.of(series) for one in before]
    )


def _put_series(work: _Work, domain: str, series: Series, quarters: ByNumber) -> None:
    for number, quarter in quarters.items():
        work.domains[domain, series, number] = None if quarter == Quarter() else quarter


def _write(connection: Connection, work: _Work) -> None:
    """Write the result. Raise `ConflictError` if another process has done the same step."""
    _finish(connection, "delete_pending_rollup", work.done)
    _finish(connection, "shorten_pending_rollup", work.shortened)
    _put(connection, "delete_room_quarter", [(domain, number, room) for domain, room, number in work.before])
    _put(
        connection,
        "insert_room_quarter",
        [
            (
                domain,
                number,
                room,
                *_numbers(one.total),
                encode_steps(one.total.steps),
                encode_parts(one.parts),
            )
            for (domain, room, number), one in work.after.items()
        ],
    )
    _put(connection, "upsert_long_value", [(*key, text) for key, text in work.long_values.items()])
    _write_room_totals(connection, work)
    _write_domains(connection, work)
    _write_value_totals(connection, work.domains)


def _numbers(quarter: Quarter) -> tuple[int, ...]:
    return quarter.meetings, quarter.participant_ms, *quarter.peak, quarter.initial


def _write_domains(connection: Connection, work: _Work) -> None:
    keys = [(domain, *series, number) for domain, series, number in work.domains]
    filled = [
        ((domain, *series, number), one)
        for (domain, series, number), one in work.domains.items()
        if one is not None
    ]
    _put(connection, "delete_domain_quarter", keys)
    _put(connection, "delete_domain_steps", keys)
    _put(connection, "insert_domain_quarter", [(*key, *_numbers(one)) for key, one in filled])
    _put(connection, "insert_domain_steps", [(*key, encode_steps(one.steps)) for key, one in filled])


def _write_room_totals(connection: Connection, work: _Work) -> None:
    """Write the totals of rooms for the periods that changed.

    Those of everybody are sums of quarters. Those of values are given for each day, and long periods are sums of days.
    """
    periods = {
        (domain, *EVERYBODY, scale, number // scale, room)
        for domain, room, number in (*work.before, *work.after)
        for scale in (_MONTH, _DAY)
    }
    days = [(domain, *series, _DAY, day, room) for domain, series, day, room in work.days]
    length = _MONTH // _DAY
    months = sorted({(domain, series, day // length, room) for domain, series, day, room in work.days})
    _put(connection, "delete_room_total", sorted(periods))
    _put(
        connection,
        "add_up_room_quarters",
        [
            (*key, domain, room, period * scale, (period + 1) * scale)
            for key in sorted(periods)
            for domain, _, _, scale, period, room in [key]
        ],
    )
    _put(connection, "delete_room_total", days)
    totals = zip(days, work.days.values(), strict=True)
    _put(connection, "insert_room_total", [(*key, *total) for key, total in totals if total is not None])
    _put(
        connection,
        "delete_room_total",
        [(domain, *series, _MONTH, month, room) for domain, series, month, room in months],
    )
    _put(
        connection,
        "add_up_room_totals",
        [
            (month * length, (month + 1) * length, _MONTH, month, domain, *series, room)
            for domain, series, month, room in months
        ],
    )


def _write_value_totals(connection: Connection, changed: Iterable[DomainQuarter]) -> None:
    """Write the totals of values for the periods that changed, from the quarters in them."""
    periods = sorted(
        {
            (domain, series, scale, number // scale)
            for domain, series, number in changed
            if series.value
            for scale in (_MONTH, _DAY)
        }
    )
    keys = [
        (domain, series.attribute, scale, period, series.value) for domain, series, scale, period in periods
    ]
    _put(connection, "delete_value_total", keys)
    _put(connection, "insert_value_total", list(_value_totals(periods)))


def _value_totals(periods: Iterable[tuple[str, Series, int, int]]) -> Iterator[tuple[Any, ...]]:
    for domain, series, scale, period in periods:
        within = period * scale, (period + 1) * scale
        yield scale, period, *within, domain, *series, *within


def _finish(connection: Connection, name: str, rows: Sequence[tuple[int, ...]]) -> None:
    if rows and connection.write(name, rows) != len(rows):
        raise ConflictError


def _put(connection: Connection, name: str, rows: list[Any]) -> None:
    if rows:
        connection.write(name, rows)

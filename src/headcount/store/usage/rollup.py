"""Rollup: writes the usage of ended meetings by quarter, after the commits of the engine.

The engine records the time ranges of rooms with changes (`pending_rollups`). A step computes the quarters of some of them
from meetings and stays, writes the differences and deletes the ranges, in one commit. A crash before the commit loses
nothing. Changes in the meantime add new ranges. A step reads before its commit, so that no writer waits for it.

Responsible for the usage tables. Must not know the engine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from headcount.intervals import Interval, union
from headcount.store.database import Connection, Database, consistent_read
from headcount.store.usage.quarters import (
    QUARTER_MS,
    SCALES,
    ByNumber,
    Quarter,
    decode_steps,
    encode_steps,
    merged,
    quarters_in,
)
from headcount.store.usage.queries import compute_quarters, steps_of, stored_quarters

_STEP_LIMIT: Final = 500
_LONGEST: Final = 32 * 96
"""Quarters of a room in one step: years of one meeting are processed a month at a time."""

RoomQuarter = tuple[str, str, int]
"""Domain, room, quarter."""


class ConflictError(Exception):
    """Another process has done the same step; nothing was written."""


@dataclass(slots=True)
class _Work:
    """The result of a step: ranges that are done or shortened, and quarters before and after."""

    done: list[tuple[int, int]] = field(default_factory=list)
    shortened: list[tuple[int, int, int]] = field(default_factory=list)
    before: dict[RoomQuarter, Quarter] = field(default_factory=dict)
    after: dict[RoomQuarter, Quarter] = field(default_factory=dict)
    domains: dict[tuple[str, int], Quarter] = field(default_factory=dict)


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
            # Built here, because a table cannot be a value.
            for table in (
                "pending_rollups",
                "room_quarters",
                "domain_quarters",
                "domain_steps",
                "room_totals",
            ):
                connection.run_text(f"delete from {table}")  # noqa: S608 - our own
            connection.run("insert_all_pending_rollups")


def _compute(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> _Work:
    work = _Work()
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
        for first, until in union(of_room):
            before = stored_quarters(connection, domain, room, first, until)
            after = compute_quarters(connection, domain, room, first, until)
            _add_differences(work, domain, room, before, after)
    _update_domains(connection, work)
    return work


def _add_differences(work: _Work, domain: str, room: str, before: ByNumber, after: ByNumber) -> None:
    for number in before.keys() | after.keys():
        old, new = before.get(number), after.get(number)
        if old != new:
            key = (domain, room, number)
            if old is not None:
                work.before[key] = old
            if new is not None:
                work.after[key] = new


def _update_domains(connection: Connection, work: _Work) -> None:
    """Compute the quarters of domains from the differences of their rooms."""
    touched: dict[str, dict[int, tuple[list[Quarter], list[Quarter]]]] = {}
    for place, parts in enumerate((work.after, work.before)):
        for (domain, _, number), quarter in parts.items():
            touched.setdefault(domain, {}).setdefault(number, ([], []))[place].append(quarter)
    for domain, numbers in touched.items():
        known = _domain_quarters(connection, domain, set(numbers))
        for number, (plus, minus) in numbers.items():
            work.domains[domain, number] = merged([known.get(number, Quarter()), *plus], minus)


def _domain_quarters(connection: Connection, domain: str, numbers: set[int]) -> ByNumber:
    """Return the stored quarters of a domain."""
    steps = dict(steps_of(connection, domain, numbers))
    within = {"domain": domain, "first": min(numbers), "until": max(numbers) + 1}
    return {
        number: Quarter(meetings, time, before, decode_steps(steps.get(number, "[]")))
        for number, meetings, time, _, _, before in connection.rows("select_domain_quarters", **within)
        if number in numbers
    }


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
                one.meetings,
                one.participant_ms,
                *one.peak,
                one.initial,
                encode_steps(one.steps),
            )
            for (domain, room, number), one in work.after.items()
        ],
    )
    _write_domains(connection, work.domains)
    _write_totals(connection, [*work.before, *work.after])


def _write_domains(connection: Connection, domains: dict[tuple[str, int], Quarter]) -> None:
    filled = {key: one for key, one in domains.items() if one != Quarter()}
    _put(connection, "delete_domain_quarter", list(domains))
    _put(connection, "delete_domain_steps", list(domains))
    _put(
        connection,
        "insert_domain_quarter",
        [(*key, one.meetings, one.participant_ms, *one.peak, one.initial) for key, one in filled.items()],
    )
    _put(connection, "insert_domain_steps", [(*key, encode_steps(one.steps)) for key, one in filled.items()])


def _write_totals(connection: Connection, changed: Iterable[RoomQuarter]) -> None:
    """Write the totals of the periods that changed, from the quarters in them."""
    changed = list(changed)
    periods = {
        (domain, scale, number // scale, room)
        for scale in SCALES
        if scale > 1
        for domain, room, number in changed
    }
    _put(connection, "delete_room_total", sorted(periods))
    _put(
        connection,
        "insert_room_total",
        [
            (domain, scale, period, room, domain, room, period * scale, (period + 1) * scale)
            for domain, scale, period, room in sorted(periods)
        ],
    )


def _finish(connection: Connection, name: str, rows: Sequence[tuple[int, ...]]) -> None:
    if rows and connection.write(name, rows) != len(rows):
        raise ConflictError


def _put(connection: Connection, name: str, rows: list[Any]) -> None:
    if rows:
        connection.write(name, rows)

"""Tallying: puts into numbers what was met in meetings that are over, after the engine's commit and beside it.

The engine writes down in which time of which room something changed (`to_tally`). A step takes some of these, works out
their quarters anew from meetings and stays, writes what is different, and crosses them out, in one commit; dead before
it, nothing was done. What changes meanwhile is written down once more, and comes later. It is read outside
of that commit, so that nobody waits for it.
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
    merged,
    quarters_in,
    steps_said,
    steps_written,
)
from headcount.store.usage.queries import ended_in, steps_of, stored_in

_AT_ONCE: Final = 500
_LONGEST: Final = 32 * 96
"""So many quarters of a room at once: who has met for years is gone through a month at a time."""

RoomQuarter = tuple[str, str, int]
"""Domain, room, quarter."""


class Overtaken(Exception):
    """Somebody else has done it meanwhile; nothing was written."""


@dataclass(slots=True)
class _Work:
    """What a step found out: which times are done, whole or up to somewhere, and what is to be written."""

    done: list[tuple[int, int]] = field(default_factory=list)
    cut: list[tuple[int, int, int]] = field(default_factory=list)
    before: dict[RoomQuarter, Quarter] = field(default_factory=dict)
    after: dict[RoomQuarter, Quarter] = field(default_factory=dict)
    domains: dict[tuple[str, int], Quarter] = field(default_factory=dict)


class UsageRollup:
    """What makes `Usage` fast. One step at a time; several processes may try, and one of them succeeds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self, most: int = _AT_ONCE) -> bool:
        """Tally some of what waits; whether there may be more."""
        with consistent_read(self._database) as connection:
            rows = connection.rows("select_pending_rollups", limit=most)
            if not rows:
                return False
            work = _worked_out(connection, rows)
        try:
            with self._database.writing() as writer:
                _write(writer, work)
        except Overtaken:
            return True
        return bool(work.cut) or len(rows) == most

    def finish(self) -> None:
        """Tally all that waits."""
        while self.step():
            pass

    def reset(self) -> None:
        """Forget all that is tallied: it is to be done again."""
        with self._database.writing() as connection:
            for table in (
                "pending_rollups",
                "room_quarters",
                "domain_quarters",
                "domain_steps",
                "room_totals",
            ):
                connection.run_text(f"delete from {table}")  # noqa: S608 - our own
            connection.run("insert_all_pending_rollups")


def _worked_out(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> _Work:
    work = _Work()
    ranges: dict[tuple[str, str], list[Interval]] = {}
    for number, domain, room, start, end in rows:
        first, until = quarters_in(start, end)
        if until - first > _LONGEST:
            until = first + _LONGEST
            work.cut.append((until * QUARTER_MS, number, start))
        else:
            work.done.append((number, start))
        ranges.setdefault((domain, room), []).append((first, until))
    for (domain, room), theirs in ranges.items():
        for first, until in union(theirs):
            before = stored_in(connection, domain, room, first, until)
            after = ended_in(connection, domain, room, first, until)
            _keep_differences(work, domain, room, before, after)
    _add_up(connection, work)
    return work


def _keep_differences(work: _Work, domain: str, room: str, before: ByNumber, after: ByNumber) -> None:
    for number in before.keys() | after.keys():
        old, new = before.get(number), after.get(number)
        if old != new:
            key = (domain, room, number)
            if old is not None:
                work.before[key] = old
            if new is not None:
                work.after[key] = new


def _add_up(connection: Connection, work: _Work) -> None:
    """The quarters of domains, with what is different in their rooms."""
    touched: dict[str, dict[int, tuple[list[Quarter], list[Quarter]]]] = {}
    for place, parts in enumerate((work.after, work.before)):
        for (domain, _, number), quarter in parts.items():
            touched.setdefault(domain, {}).setdefault(number, ([], []))[place].append(quarter)
    for domain, numbers in touched.items():
        known = _of_domain(connection, domain, set(numbers))
        for number, (plus, minus) in numbers.items():
            work.domains[domain, number] = merged([known.get(number, Quarter()), *plus], minus)


def _of_domain(connection: Connection, domain: str, numbers: set[int]) -> ByNumber:
    """What is stored of these quarters of a domain."""
    steps = dict(steps_of(connection, domain, numbers))
    within = {"domain": domain, "first": min(numbers), "until": max(numbers) + 1}
    return {
        number: Quarter(meetings, time, before, steps_said(steps.get(number, "[]")))
        for number, meetings, time, _, _, before in connection.rows("select_domain_quarters", **within)
        if number in numbers
    }


def _write(connection: Connection, work: _Work) -> None:
    """Raises `Overtaken` where somebody else crossed out the same."""
    _cross_out(connection, "delete_pending_rollup", work.done)
    _cross_out(connection, "shorten_pending_rollup", work.cut)
    _put(connection, "delete_room_quarter", [(domain, number, room) for domain, room, number in work.before])
    _put(
        connection,
        "insert_room_quarter",
        [
            (domain, number, room, one.meetings, one.time, *one.most, one.before, steps_written(one.steps))
            for (domain, room, number), one in work.after.items()
        ],
    )
    _write_domains(connection, work.domains)
    _write_sums(connection, [*work.before, *work.after])


def _write_domains(connection: Connection, domains: dict[tuple[str, int], Quarter]) -> None:
    kept = {key: one for key, one in domains.items() if one != Quarter()}
    _put(connection, "delete_domain_quarter", list(domains))
    _put(connection, "delete_domain_steps", list(domains))
    _put(
        connection,
        "insert_domain_quarter",
        [(*key, one.meetings, one.time, *one.most, one.before) for key, one in kept.items()],
    )
    _put(connection, "insert_domain_steps", [(*key, steps_written(one.steps)) for key, one in kept.items()])


def _write_sums(connection: Connection, changed: Iterable[RoomQuarter]) -> None:
    """The sums of the periods in which something is different, from the quarters in them."""
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


def _cross_out(connection: Connection, name: str, rows: Sequence[tuple[int, ...]]) -> None:
    if rows and connection.write(name, rows) != len(rows):
        raise Overtaken


def _put(connection: Connection, name: str, rows: list[Any]) -> None:
    if rows:
        connection.write(name, rows)

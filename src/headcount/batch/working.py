"""Working: the compiled passes, one after the other, on all processors.

Rooms do not know of each other, so every pass but the last sort is done by several threads,
each with rooms of its own; compiled code runs without Python's lock.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headcount.batch import sorting
from headcount.batch.columns import Columns
from headcount.batch.ids import ID_LENGTH, prefixes_of, write_ids
from headcount.batch.layout import (
    FIRST_MEETING,
    FOUND,
    KIND_END,
    LAST_MEETING,
    NAME_TIES,
    TALLIES,
    WORDS,
    Entries,
    Int32s,
    Int64s,
    entries_of,
    meetings_of,
    people_of,
    said_of,
    stays_of,
)
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules

THREADS = max(1, len(os.sched_getaffinity(0)))
_TASKS_A_THREAD = 8
_LITTLE = 50_000
"""So few events are not worth a second thread."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The meetings of all rooms in the order in which they are told, and their entries."""

    room: Int32s
    start: Int64s
    end: Int64s
    most: Int32s
    counts: Int32s
    participant_ms: Int64s
    bounds: Int64s
    """The entries of meeting m are bounds[m] to bounds[m + 1]."""
    entries: Entries
    tallies: Int64s
    after_as_of: int


def work_out(columns: Columns, rules: Rules, as_of: Ms) -> Worked:
    """The meetings of all the events in `columns` as of `as_of`."""
    worked = _work_out(columns, rules, as_of)
    if worked.tallies[NAME_TIES] and not len(columns.names.user_id_rank):
        return _work_out(columns.ranked(), rules, as_of)
    return worked


def _work_out(columns: Columns, rules: Rules, as_of: Ms) -> Worked:
    starts, events, left_out = _by_room(columns, as_of)
    rooms = len(starts) - 1
    size = int(starts[-1])
    stays, meetings = stays_of(size), meetings_of(size)
    found = np.empty((rooms, FOUND), np.int64)
    careful = bool(len(columns.kind)) and bool((columns.kind == KIND_END).any())
    largest = int(np.diff(starts).max(initial=1))
    tasks = list(_shares(starts, _TASKS_A_THREAD * THREADS if size > _LITTLE else 1))
    tallies = np.zeros((len(tasks), TALLIES), np.int64)

    def rooms_of(scratch: tuple[Any, ...], task: int) -> None:
        people, said, active, closings, closed = scratch
        sorting.work(
            *tasks[task], starts, events, people, said, active, stays, closings, closed, columns.names,
            rules, as_of, meetings, found, tallies[task], careful,
        )  # fmt: skip

    in_threads(rooms_of, range(len(tasks)), lambda: _scratch(largest))
    del events

    total = int((found[:, LAST_MEETING] - found[:, FIRST_MEETING]).sum())
    where, room = np.empty(total, np.int64), np.empty(total, np.int32)
    sorting.collect(found, where, room)
    order = np.argsort(meetings.start[where], kind="stable")
    where = where[order]
    counts = meetings.entries[where]
    bounds = np.zeros(len(where) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    position = np.empty(size, np.int64)
    position[where] = bounds[:-1]
    entries = entries_of(int(bounds[-1]))

    def list_rooms(_: None, task: int) -> None:
        sorting.list_rooms(*tasks[task], found, stays, rules, as_of, meetings, position, entries)

    in_threads(list_rooms, range(len(tasks)))
    spans = spans_of(len(where))
    in_threads(lambda _, span: sorting.order_all_ties(*span, bounds, entries, columns.names), spans)
    return Worked(
        room=room[order],
        start=meetings.start[where],
        end=meetings.end[where],
        most=meetings.most[where],
        counts=counts,
        participant_ms=meetings.participant_ms[where],
        bounds=bounds,
        entries=entries,
        tallies=tallies.sum(axis=0),
        after_as_of=left_out,
    )


def free_of_entries(worked: Worked) -> Worked:
    """The meetings alone, when their entries are kept elsewhere."""
    return replace(worked, entries=entries_of(0))


def ids_of(room: Int32s, start: Int64s, domains: list[str], rooms: list[str]) -> Any:
    """The ids of the meetings that began in these rooms at these moments, as rows of 36 letters."""
    prefixes, offsets = prefixes_of(domains, rooms)
    out = np.empty((len(room), ID_LENGTH), np.uint8)
    in_threads(lambda _, span: write_ids(*span, room, start, prefixes, offsets, out), spans_of(len(out)))
    return out


def _by_room(columns: Columns, as_of: Ms) -> tuple[Int64s, Any, int]:
    """The events in the stretches of their rooms, where these start, and how many were left out."""
    rooms, rows = len(columns.rooms), len(columns)
    spans = spans_of(rows)
    sizes = np.zeros((len(spans), rooms), np.int64)

    def count(_: None, k: int) -> None:
        sorting.count_rooms(
            *spans[k], columns.room, columns.rank, columns.at, columns.joined_at, as_of, sizes[k]
        )

    in_threads(count, range(len(spans)))
    starts = np.zeros(rooms + 1, np.int64)
    np.cumsum(sizes.sum(axis=0), out=starts[1:])
    # The events of one span of rows come before those of the next in every room.
    positions = starts[:-1] + np.cumsum(sizes, axis=0) - sizes
    events = np.empty((int(starts[-1]), WORDS), np.uint64)

    def scatter(_: None, k: int) -> None:
        sorting.scatter(
            *spans[k], columns.room, columns.rank, columns.at, columns.kind, columns.inferred,
            columns.joined_at, columns.names, as_of, positions[k], events,
        )  # fmt: skip

    in_threads(scatter, range(len(spans)))
    return starts, events, int((columns.at > as_of).sum())


def _scratch(largest: int) -> tuple[Any, ...]:
    """Room for the work on one room of up to `largest` events."""
    size = 2
    while size < 2 * largest:
        size *= 2
    closings, closed = np.empty(2 * largest, np.int64), np.empty(2 * largest, np.int32)
    return people_of(size), said_of(largest), np.empty(largest, np.int32), closings, closed


def in_threads(work: Callable[[Any, Any], None], tasks: Sequence[Any], scratch: Callable[[], Any] | None = None) -> None:
    """Do all tasks, each thread with scratch of its own, and each free thread the next task."""
    waiting = iter(tasks)
    threads = min(THREADS, len(tasks))

    def run() -> None:
        own = scratch() if scratch else None
        for task in waiting:
            work(own, task)

    if threads <= 1:
        run()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run) for _ in range(threads)]:
            done.result()


def spans_of(size: int) -> list[tuple[int, int]]:
    """So many rows in as many parts as there are threads; few rows in one."""
    parts = THREADS if size > _LITTLE else 1
    edges = np.linspace(0, size, parts + 1).astype(np.int64)
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]


def _shares(starts: Int64s, parts: int) -> Iterator[tuple[int, int]]:
    """The rooms in shares of about the same number of events."""
    targets = np.linspace(0, starts[-1], parts + 1)[1:-1]
    edges = np.unique([0, *np.searchsorted(starts, targets), len(starts) - 1])
    return ((int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False))


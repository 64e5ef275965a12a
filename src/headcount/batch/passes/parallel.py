"""Working: the compiled passes, one after the other, on all processors.

Rooms do not know of each other, so every pass but the last sort is done by several threads,
each with rooms of its own; compiled code runs without Python's lock.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headcount.batch.passes import partition
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.layout import (
    ENTRIES,
    FOUND,
    KIND_END,
    MEETINGS,
    NAME_TIES,
    TALLIES,
    WORDS,
    Int32s,
    Int64s,
    Meetings,
    meetings_of,
    people_of,
    said_of,
    stays_of,
)
from headcount.batch.passes.uuid5 import ID_LENGTH, prefixes_of, write_ids
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules

THREADS = max(1, len(os.sched_getaffinity(0)))
_SHARES_A_THREAD = 8
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
    """In the order in which they are told, the entries of meeting m are bounds[m] to bounds[m + 1]."""
    entries: Int64s
    begins: Int64s
    """The entries of meeting m lie in `entries` from begins[m] on."""
    tallies: Int64s
    after_as_of: int


def work_out(columns: Columns, rules: Rules, as_of: Ms) -> Worked:
    """The meetings of all the events in `columns` as of `as_of`."""
    worked = _work_out(columns, rules, as_of)
    if worked.tallies[NAME_TIES] and not len(columns.names.user_id_rank):
        return _work_out(columns.ranked(), rules, as_of)
    return worked


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What was found room by room."""

    meetings: Meetings
    entries: Int64s
    found: Int64s
    tallies: Int64s
    after_as_of: int


def _work_out(columns: Columns, rules: Rules, as_of: Ms) -> Worked:
    rooms = _room_by_room(columns, rules, as_of)
    where = np.argsort(rooms.meetings.start, kind="stable")
    room = np.repeat(np.arange(len(rooms.found), dtype=np.int32), rooms.found[:, MEETINGS])
    counts = rooms.meetings.entries[where]
    bounds = np.zeros(len(where) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    return Worked(
        room=room[where],
        start=rooms.meetings.start[where],
        end=rooms.meetings.end[where],
        most=rooms.meetings.most[where],
        counts=counts,
        participant_ms=rooms.meetings.participant_ms[where],
        bounds=bounds,
        entries=rooms.entries,
        begins=rooms.meetings.until[where] - counts,
        tallies=rooms.tallies,
        after_as_of=rooms.after_as_of,
    )


def _room_by_room(columns: Columns, rules: Rules, as_of: Ms) -> _Rooms:
    """The meetings of each room, and their entries in place of its events."""
    starts, events, left_out = _by_room(columns, as_of)
    found = np.empty((len(starts) - 1, FOUND), np.int64)
    careful = bool((columns.kind == KIND_END).any())
    largest = int(np.diff(starts).max(initial=1))
    shares = _shares(starts, _SHARES_A_THREAD * THREADS if len(events) > _LITTLE else 1)
    tallies = np.zeros((len(shares), TALLIES), np.int64)
    entries, meetings = events.view(np.int64), [meetings_of(0)] * len(shares)

    def work(scratch: tuple[Any, ...], share: int) -> None:
        people, said, active, stays, closings, closed, met = scratch
        many = partition.work(
            *shares[share], starts, events, entries, people, said, active, stays, closings, closed,
            columns.names, rules, as_of, met, found, tallies[share], careful,
        )  # fmt: skip
        meetings[share] = Meetings(*(field[:many].copy() for field in met))

    most = max(int(starts[last] - starts[first]) for first, last in shares)
    in_threads(work, range(len(shares)), lambda: (*_scratch(largest), meetings_of(most)))
    # Each entry of a stay but the first was begun by a reset, and each reset needs a leave of its own.
    assert (found[:, ENTRIES] <= np.diff(starts)).all()
    whole = Meetings(*(np.concatenate(fields) for fields in zip(*meetings, strict=True)))
    return _Rooms(whole, entries, found, tallies.sum(axis=0), left_out)


def free_of_entries(worked: Worked) -> Worked:
    """The meetings alone, when their entries are kept elsewhere."""
    return replace(worked, entries=worked.entries[:0].copy(), begins=worked.begins[:0].copy())


def ids_of(room: Int32s, start: Int64s, domains: list[str], rooms: list[str]) -> Any:
    """The ids of the meetings that began in these rooms at these moments, as rows of 36 letters."""
    prefixes, offsets = prefixes_of(domains, rooms)
    out = np.empty((len(room), ID_LENGTH), np.uint8)
    in_threads(lambda _, span: write_ids(*span, room, start, prefixes, offsets, out), spans_of(len(out)))
    return out


def _by_room(columns: Columns, as_of: Ms) -> tuple[Int64s, Any, int]:
    """The events in the stretches of their rooms, where these start, and how many were left out."""
    spans = spans_of(len(columns))
    sizes = np.zeros((len(spans), len(columns.rooms)), np.int64)

    def count(_: None, k: int) -> None:
        partition.count_rooms(
            *spans[k], columns.room, columns.rank, columns.at, columns.joined_at, as_of, sizes[k]
        )

    in_threads(count, range(len(spans)))
    starts = np.zeros(sizes.shape[1] + 1, np.int64)
    np.cumsum(sizes.sum(axis=0), out=starts[1:])
    # The events of one span of rows come before those of the next in every room.
    positions = starts[:-1] + np.cumsum(sizes, axis=0) - sizes
    events = np.empty((int(starts[-1]), WORDS), np.uint64)

    def scatter(_: None, k: int) -> None:
        partition.scatter(
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
    return people_of(size), said_of(largest), np.empty(largest, np.int32), stays_of(largest), closings, closed


def in_threads(
    work: Callable[[Any, Any], None], tasks: Sequence[Any], scratch: Callable[[], Any] | None = None
) -> None:
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


def _shares(starts: Int64s, parts: int) -> list[tuple[int, int]]:
    """The rooms in shares of about the same number of events."""
    targets = np.linspace(0, starts[-1], parts + 1)[1:-1]
    edges = np.unique([0, *np.searchsorted(starts, targets), len(starts) - 1])
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]

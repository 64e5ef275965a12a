"""The compiled passes in their order, in several threads.

Responsible for dividing the work among threads, each with rooms of its own, and for the order of the meetings.
Must not know what a pass decides. Rooms are independent, so all passes but the last sort run in several threads;
compiled code runs without Python's lock.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from headcount.batch.passes import attributes, partition
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.layout import (
    APART_COUNT,
    COUNTERS,
    CURSORS,
    ENTRY_COUNT,
    KIND_END,
    MEETING_COUNT,
    NAME_TIES,
    ROOM_COUNTS,
    WORDS,
    Closings,
    EventColumns,
    Int32s,
    Int64Rows,
    Int64s,
    Meetings,
    PairingState,
    RoomEvents,
    WordRows,
    new_meetings,
    new_participants,
    new_signs,
    new_stays,
)
from headcount.batch.passes.uuid5 import ID_LENGTH, new_scratch, prefixes_of, write_ids
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules

CORES = max(1, len(os.sched_getaffinity(0)))
"""The number of threads if none is given."""
_SHARES_PER_THREAD = 8
_MIN_ROWS_TO_DIVIDE = 50_000
"""Number of rows below which a second thread costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Result:
    """The meetings of all rooms by start, then room, and their entries."""

    room: Int32s
    start: Int64s
    end: Int64s
    max_participants: Int32s
    counts: Int32s
    """Number of entries of each meeting."""
    participant_ms: Int64s
    bounds: Int64s
    """In the order of the meetings, the entries of meeting m are bounds[m] to bounds[m + 1]."""
    entries: Int64Rows
    begins: Int64s
    """The entries of meeting m lie in `entries` from begins[m] on."""
    room_starts: Int64s
    room_counts: Int64Rows
    """The stays of room r that are in no meeting lie in `entries` behind its entries, which begin at room_starts[r]."""
    attributes: pa.Array | None
    """The attributes by the codes in `entries`: those of the columns, then those that result from several events."""
    counters: Int64s
    after_as_of: int

    def apart(self) -> tuple[Int32s, Int64s]:
        """Return the room of each stay that is in no meeting, and its place in `entries`."""
        counts = self.room_counts[:, APART_COUNT]
        room = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        begins = self.room_starts[:-1] + self.room_counts[:, ENTRY_COUNT] - (np.cumsum(counts) - counts)
        return room, begins[room] + np.arange(len(room))


def run_passes(columns: Columns, rules: Rules, as_of: Ms, threads: int, empty_before: Ms = 0) -> Result:
    """Return the meetings of all events in `columns` as of `as_of`. `empty_before`: see `partition.end_of_past`."""
    result = _run_passes(columns, rules, as_of, threads, empty_before)
    if result.counters[NAME_TIES] and not len(columns.names.user_id_rank):
        return _run_passes(columns.ranked(), rules, as_of, threads, empty_before)
    return result


@dataclass(frozen=True, slots=True)
class _Rooms:
    """Meetings and entries room by room. `counts` has the number of meetings, entries and other stays of each room."""

    meetings: Meetings
    entries: Int64Rows
    starts: Int64s
    counts: Int64Rows
    attributes: pa.Array | None
    counters: Int64s
    after_as_of: int


def _run_passes(columns: Columns, rules: Rules, as_of: Ms, threads: int, empty_before: Ms) -> Result:
    rooms = _room_by_room(columns, rules, as_of, threads, empty_before)
    order = np.argsort(rooms.meetings.start, kind="stable")
    room = np.repeat(np.arange(len(rooms.counts), dtype=np.int32), rooms.counts[:, MEETING_COUNT])
    counts = rooms.meetings.entries[order]
    bounds = np.zeros(len(order) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    return Result(
        room=room[order],
        start=rooms.meetings.start[order],
        end=rooms.meetings.end[order],
        max_participants=rooms.meetings.max_participants[order],
        counts=counts,
        participant_ms=rooms.meetings.participant_ms[order],
        bounds=bounds,
        entries=rooms.entries,
        begins=rooms.meetings.until[order] - counts,
        room_starts=rooms.starts,
        room_counts=rooms.counts,
        attributes=rooms.attributes,
        counters=rooms.counters,
        after_as_of=rooms.after_as_of,
    )


@dataclass(slots=True)
class _Scratch:
    """The arrays that one thread uses for one share of the rooms after the other."""

    state: PairingState
    meetings: Meetings
    spare: WordRows


def _room_by_room(columns: Columns, rules: Rules, as_of: Ms, threads: int, empty_before: Ms) -> _Rooms:
    """Return the meetings of each room, and their entries in place of its events."""
    starts, events, after_as_of = _by_room(columns, as_of, threads)
    rooms = RoomEvents(
        starts, events, events.view(np.int64), np.empty((len(starts) - 1, ROOM_COUNTS), np.int64)
    )
    careful = bool((columns.kind == KIND_END).any())
    shares = _shares(starts, _SHARES_PER_THREAD * threads if len(events) > _MIN_ROWS_TO_DIVIDE else 1)
    counters = np.zeros((len(shares), COUNTERS), np.int64)
    meetings = [new_meetings(0)] * len(shares)
    scratches: dict[int, _Scratch] = {}

    def work(scratch: _Scratch, share: int) -> None:
        scratches[share] = scratch
        scratch.state = scratch.state._replace(counters=counters[share])
        room, last = shares[share]
        found = 0
        while True:
            room, found = partition.sessionize_rooms(
                room,
                last,
                rooms,
                scratch.state,
                scratch.spare,
                rules,
                as_of,
                empty_before,
                scratch.meetings,
                found,
                careful,
            )
            if room == last:
                break
            scratch.state = scratch.state._replace(merges=attributes.enlarged(scratch.state.merges))
        meetings[share] = Meetings._make(field[:found].copy() for field in scratch.meetings)

    largest_room = int(np.diff(starts).max(initial=1))
    largest_share = max(int(starts[last] - starts[first]) for first, last in shares)
    in_threads(work, range(len(shares)), threads, lambda: _scratch(largest_room, largest_share, columns))
    words = _with_merged_attributes(rooms, shares, scratches, columns.attributes, threads)
    # Each entry of a stay but the first was begun by a reset, and each reset needs a leave of its own.
    assert (rooms.counts[:, ENTRY_COUNT] + rooms.counts[:, APART_COUNT] <= np.diff(starts)).all()
    merged = Meetings(*(np.concatenate(fields) for fields in zip(*meetings, strict=True)))
    return _Rooms(merged, rooms.entries, starts, rooms.counts, words, counters.sum(axis=0), after_as_of)


def _with_merged_attributes(
    rooms: RoomEvents,
    shares: Sequence[tuple[int, int]],
    scratches: dict[int, _Scratch],
    words: pa.Array | None,
    threads: int,
) -> pa.Array | None:
    """Replace merged attributes in all entries by codes, and return the dictionary of these codes."""
    if words is None:
        return None
    used = list({id(scratch): scratch for scratch in scratches.values()}.values())
    merged, numbers = attributes.evaluate([scratch.state.merges for scratch in used], words)
    numbers_of = {id(scratch): own for scratch, own in zip(used, numbers, strict=True)}

    def replace_expressions(_: None, share: int) -> None:
        own = numbers_of[id(scratches[share])]
        if len(own):
            attributes.replace_expressions(*shares[share], rooms, len(words), own)

    in_threads(replace_expressions, range(len(shares)), threads)
    return merged


def without_entries(result: Result) -> Result:
    """Return the meetings alone, when the entries are stored elsewhere."""
    return replace(result, entries=result.entries[:0].copy(), begins=result.begins[:0].copy())


def ids_of(room: Int32s, start: Int64s, domains: list[str], rooms: list[str], threads: int) -> Any:
    """Return the ids of the meetings of these rooms with these starts, as rows of 36 characters."""
    prefixes, offsets = prefixes_of(domains, rooms)
    out = np.empty((len(room), ID_LENGTH), np.uint8)
    in_threads(
        lambda scratch, span: write_ids(*span, room, start, prefixes, offsets, scratch, out),
        spans_of(len(out), threads),
        threads,
        lambda: new_scratch(offsets),
    )
    return out


def _by_room(columns: Columns, as_of: Ms, threads: int) -> tuple[Int64s, WordRows, int]:
    """Return where the events of each room start, the events, and the number of those after `as_of`."""
    spans = spans_of(len(columns), threads)
    sizes = np.zeros((len(spans), len(columns.rooms)), np.int64)
    rows = EventColumns(
        columns.at,
        columns.kind,
        columns.room,
        columns.rank,
        columns.inferred,
        columns.joined_at,
        columns.names,
    )

    def count(_: None, k: int) -> None:
        partition.count_rooms(*spans[k], rows, as_of, sizes[k])

    in_threads(count, range(len(spans)), threads)
    starts = np.zeros(sizes.shape[1] + 1, np.int64)
    np.cumsum(sizes.sum(axis=0), out=starts[1:])
    # The events of one span of rows come before those of the next in every room.
    positions = starts[:-1] + np.cumsum(sizes, axis=0) - sizes
    events = np.empty((int(starts[-1]), WORDS), np.uint64)

    def scatter(_: None, k: int) -> None:
        partition.scatter(*spans[k], rows, as_of, positions[k], events)

    in_threads(scatter, range(len(spans)), threads)
    return starts, events, int((columns.at > as_of).sum())


def _scratch(largest_room: int, largest_share: int, columns: Columns) -> _Scratch:
    """Return arrays for rooms of up to `largest_room` events and shares of up to `largest_share`."""
    size = 2
    while size < 2 * largest_room:
        size *= 2
    state = PairingState(
        new_participants(size),
        new_signs(largest_room),
        np.empty(largest_room, np.int32),
        new_stays(largest_room),
        Closings(np.empty(2 * largest_room, np.int64), np.empty(2 * largest_room, np.int32)),
        columns.names,
        attributes.new_merges(0 if columns.attributes is None else len(columns.attributes)),
        np.zeros(CURSORS, np.int64),
        np.zeros(COUNTERS, np.int64),
        np.zeros(COUNTERS, np.int64),
    )
    return _Scratch(state, new_meetings(largest_share), np.empty((largest_room, WORDS), np.uint64))


def in_threads(
    work: Callable[[Any, Any], None],
    tasks: Sequence[Any],
    threads: int,
    scratch: Callable[[], Any] | None = None,
) -> None:
    """Do all tasks in up to `threads` threads, each with scratch of its own, and each free one the next task."""
    waiting = iter(tasks)
    threads = min(threads, len(tasks))

    def run() -> None:
        own = scratch() if scratch else None
        for task in waiting:
            work(own, task)

    if threads <= 1:
        run()
        return
    with ThreadPoolExecutor(threads) as pool:
        for running in [pool.submit(run) for _ in range(threads)]:
            running.result()


def spans_of(size: int, threads: int) -> list[tuple[int, int]]:
    """Divide rows into as many spans as there are threads; few rows are one span."""
    parts = threads if size > _MIN_ROWS_TO_DIVIDE else 1
    edges = np.linspace(0, size, parts + 1).astype(np.int64)
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]


def _shares(starts: Int64s, parts: int) -> list[tuple[int, int]]:
    """Divide the rooms into shares of about the same number of events."""
    targets = np.linspace(0, starts[-1], parts + 1)[1:-1]
    edges = np.unique([0, *np.searchsorted(starts, targets), len(starts) - 1])
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:], strict=False)]

"""Sessions of many events: read as Arrow tables, and computed by the compiled passes.

Responsible for reading, the passes and the tables in one call, in memory or by division. Must not know formats, or how
meetings are found.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from headcount.batch.interpreted import by_room, derive_sessions
from headcount.batch.io import small_files
from headcount.batch.io.event_columns import ColumnMap
from headcount.batch.io.event_tables import events_of
from headcount.batch.io.readers import PIECE_ROWS, EventTables, ahead, read
from headcount.batch.io.small_files import Source
from headcount.batch.passes.collect import Collector
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.layout import (
    CANCELLED,
    DUPLICATE_JOINS,
    DUPLICATES,
    ENDS_OF_EMPTY_ROOMS,
    ORPHAN_LEAVES,
    OUTRANKED,
    OVERRIDDEN,
    PENDING_STAYS,
    SHORT_STAYS,
)
from headcount.batch.passes.parallel import CORES, Result, run_passes
from headcount.batch.passes.spill import Divisions, Spilled
from headcount.batch.passes.tables import Assembly, Dictionaries, InMemory
from headcount.batch.rows import Rows
from headcount.batch.sessions import MEETINGS, Sessions, StayPiece, Summary
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules

Pieces = Iterator[tuple[pa.Table, float]]
"""Tables of events, each with the part of all that has been read by its end, from 0 to 1."""

Progress = Callable[[float, str], None]

BYTES_PER_EVENT = 320
"""Memory for one event and its share of the result, measured."""
IN_MEMORY_PIECE_ROWS = 1 << 20
"""Number of rows that are read at once if all fit into memory: files mostly have groups of a million rows."""
ENTRIES_AT_ONCE = 1_000_000
"""Number of entries in one piece of the participants, and of stays in one piece of those."""


def sessionize_tables(
    events: Source,
    mapping: ColumnMap,
    *,
    rules: Rules,
    as_of: Ms | None,
    domain: str,
    skip_invalid: bool,
    max_memory: int | None,
    threads: int | None,
    empty_before: Ms,
    progress: Progress,
) -> Sessions:
    """Return the meeting sessions in `events`. Few events need no compiled code, but are read by the readers of large files."""
    limit = max_memory // BYTES_PER_EVENT if max_memory else None
    threads = threads or CORES
    tables = read(
        events, skip_invalid=skip_invalid, piece_rows=_piece_rows(limit), mapping=mapping, threads=threads
    )
    pieces = ahead(((piece, tables.share) for piece in tables), threads)
    if small_files.may_be_small(events, max_memory):
        pieces, are_few = _if_at_most(pieces, small_files.SMALL_EVENTS)
        if are_few:
            return _interpreted(pieces, tables, rules, as_of, domain, empty_before)
    if limit is not None:
        pieces, fits = _if_at_most(pieces, limit)
        if not fits:
            return _by_division(pieces, tables, rules, as_of, domain, threads, empty_before, progress)
    collector = Collector(domain, threads)
    for piece, share in pieces:
        collector.add(piece, share)
        progress(0.5 * share, "reading")
    collected = collector.columns()
    progress(0.5, "computing")
    return _in_memory(collected, rules, as_of, domain, threads, empty_before, tables)


def _interpreted(
    pieces: Pieces, tables: EventTables, rules: Rules, as_of: Ms | None, domain: str, empty_before: Ms
) -> Sessions:
    """Return the sessions of few events."""
    events = [event for piece, _ in pieces for event in events_of(piece)]
    rejects = tables.rejects if tables.rejected else None
    return derive_sessions(by_room(events, domain), rules, as_of, rejects, empty_before)


def _piece_rows(limit: int | None) -> int:
    return IN_MEMORY_PIECE_ROWS if limit is None else max(1, min(PIECE_ROWS, limit // 4))


def _if_at_most(pieces: Pieces, limit: int) -> tuple[Pieces, bool]:
    """Return the same pieces, and whether they have at most `limit` events in all."""
    seen, rows = [], 0
    for piece, share in pieces:
        seen.append((piece, share))
        rows += len(piece)
        if rows > limit:
            return chain(seen, pieces), False
    return iter(seen), True


def _in_memory(
    columns: Columns,
    rules: Rules,
    as_of: Ms | None,
    domain: str,
    threads: int,
    empty_before: Ms,
    tables: EventTables,
) -> Sessions:
    """Return the sessions of events that are all in memory."""
    now = as_of if as_of is not None else int(columns.at.max(initial=0))
    rejects = tables.rejects if tables.rejected else None
    if not len(columns):
        empty = Summary(rejected=tables.rejected)
        return Sessions(Rows(MEETINGS, ()), lambda: iter(()), now, empty, rejects)
    result = run_passes(columns, rules, now, threads, empty_before)
    domains = _domains(columns, domain)
    dictionaries = Dictionaries(
        columns.rooms, domains, columns.user_ids, columns.user_names, result.attributes
    )
    assembly = Assembly([InMemory(result, columns, threads)], dictionaries, threads)
    extent = _Extent(len(columns), int(columns.at.min()), int(columns.at.max()))
    summary = _summary([result], dictionaries, extent, tables)
    return Sessions(
        assembly.meetings,
        partial(assembly.participants, ENTRIES_AT_ONCE),
        now,
        summary,
        rejects,
        partial(assembly.stays, ENTRIES_AT_ONCE),
        assembly.rooms,
        threads,
    )


def _domains(columns: Columns, domain: str) -> pa.Array:
    if columns.domains is None:
        return pa.array([domain] * len(columns.rooms), pa.string())
    return columns.domains


def _by_division(
    pieces: Pieces,
    tables: EventTables,
    rules: Rules,
    as_of: Ms | None,
    domain: str,
    threads: int,
    empty_before: Ms,
    report: Progress,
) -> Sessions:
    """Return the sessions of events that do not fit into memory at once."""
    divisions = Divisions(domain, threads)
    for piece, share in pieces:
        divisions.add(piece)
        report(0.5 * share, "reading")
    now = as_of if as_of is not None else divisions.last_at or 0
    dictionaries, rank, sessions = divisions.dictionaries()
    parts = []
    read_back = (
        (number, divisions.columns(number, dictionaries, rank, sessions))
        for number in range(len(divisions.files))
    )
    for number, columns in ahead(read_back, threads):
        if columns is not None:
            result = run_passes(columns, rules, now, threads, empty_before)
            attributes = divisions.add_attributes(result, dictionaries.attributes)
            parts.append(Spilled(result, columns, divisions.entry_files[number], threads, attributes))
        report(0.5 + 0.3 * (number + 1) / len(divisions.files), "computing")
    assembly = Assembly(parts, divisions.with_all_attributes(dictionaries), threads)
    extent = _Extent(divisions.rows, divisions.first_at, divisions.last_at)
    summary = _summary([part.result for part in parts], dictionaries, extent, tables)
    rejects = tables.rejects if tables.rejected else None

    def participants() -> Iterator[pa.Table]:
        # This refers to the divisions: their files are deleted with them.
        yield from assembly.participants(ENTRIES_AT_ONCE if divisions.rows else 1)

    def stays() -> Iterator[StayPiece]:
        yield from assembly.stays(ENTRIES_AT_ONCE if divisions.rows else 1)

    return Sessions(assembly.meetings, participants, now, summary, rejects, stays, assembly.rooms, threads)


class _Extent(NamedTuple):
    """The number of events, and the times of the first and the last."""

    events: int
    first_at: Ms | None
    last_at: Ms | None


def _summary(
    results: Sequence[Result], dictionaries: Dictionaries, extent: _Extent, tables: EventTables
) -> Summary:
    by_room = np.zeros(len(dictionaries.rooms), np.int64)
    for result in results:
        np.add.at(by_room, result.room, result.participant_ms)
    busiest = int(by_room.argmax())
    counters = np.sum([result.counters for result in results], axis=0).tolist()
    return Summary(
        events=extent.events,
        rooms=len(dictionaries.rooms),
        first_at=extent.first_at,
        last_at=extent.last_at,
        meetings=sum(len(result.start) for result in results),
        ongoing=sum(int((result.end == NEVER).sum()) for result in results),
        participants=sum(int(result.bounds[-1]) for result in results),
        participant_ms=int(by_room.sum()),
        busiest_room=dictionaries.rooms[busiest].as_py() if by_room[busiest] else None,
        busiest_room_ms=int(by_room[busiest]),
        short_stays=counters[SHORT_STAYS],
        pending_stays=counters[PENDING_STAYS],
        leaves_without_join=counters[ORPHAN_LEAVES],
        duplicate_joins=counters[DUPLICATE_JOINS],
        duplicate_events=counters[DUPLICATES],
        cancelled_out=counters[CANCELLED],
        inferred_events_outranked=counters[OUTRANKED],
        inferred_leaves_overridden=counters[OVERRIDDEN],
        ends_of_empty_rooms=counters[ENDS_OF_EMPTY_ROOMS],
        after_as_of=sum(result.after_as_of for result in results),
        rejected=tables.rejected,
    )

"""`sessionize`: the meeting sessions in files or tables of events.

Responsible for reading, the passes and the tables in one call, in memory or by division. Must not know formats, or how
meetings are found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from headcount.batch.io.column_map import column_map
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap
from headcount.batch.io.readers import PIECE_ROWS, EventTables, ahead, read, require_domain
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
from headcount.batch.passes.parallel import Result, run_passes
from headcount.batch.passes.spill import Divisions, Spilled
from headcount.batch.passes.tables import Assembly, Dictionaries, InMemory
from headcount.batch.rows import Rows
from headcount.batch.sessions import MEETINGS, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules

Source = str | PathLike[str] | Sequence[str | PathLike[str]] | Any
Pieces = Iterator[tuple[pa.Table, float]]
"""Tables of events, each with the part of all that has been read by its end, from 0 to 1."""
Progress = Callable[[float, str], None]

_RULES = Rules()

BYTES_PER_EVENT = 320
"""Memory for one event and its share of the result, measured."""
IN_MEMORY_PIECE_ROWS = 1 << 20
"""Number of rows that are read at once if all fit into memory: files mostly have groups of a million rows."""
ENTRIES_AT_ONCE = 1_000_000
"""Number of entries in one piece of the participants."""


def sessionize(
    events: Source,
    *,
    rules: Rules = _RULES,
    as_of: Ms | None = None,
    domain: str = "default",
    skip_invalid: bool = False,
    columns: Mapping[str, str] | None = None,
    kinds: Mapping[str, Any] | None = None,
    time_unit: str | None = None,
    attributes: Mapping[str, str] | None = None,
    max_memory: int | None = None,
    progress: Progress | None = None,
) -> Sessions:
    """Return the meeting sessions in `events`, by rules 1-16.

    `events`: a path, a directory or a pattern, or several of them (Parquet, NDJSON, CSV), `-` for
    NDJSON from standard input, or anything with the Arrow C-stream interface. Columns: room,
    participant_id, kind (join, leave or end) and at (a timestamp, or integer ms since the epoch);
    optional id, user_id, user_name, domain, source_session, joined_at, inferred, attributes (an
    object: a struct, a map or JSON text), and `attributes.KEY` for single attributes. Rows may be in
    any order and repeated.

    `columns` has the column of the input by the column of events, if they differ: {"room":
    "room_name"}. `kinds` has the values of the column `kind`, one or several, by join, leave,
    end, or ignore for rows to skip. `time_unit` ('s', 'ms', 'us' or 'ns') is that of numeric times.
    `attributes` has the column of the input by the key of an attribute: {"customer": "account"}.

    `as_of` (ms) is the time of "now"; later events do not exist (R14). The default is the latest
    `at`. `domain` is that of events without one; it is part of the ids. With `skip_invalid`, rows
    that are no valid events are skipped and stored in `Sessions.rejects`. `max_memory` (bytes):
    events that need more are divided by room among temporary files; it bounds the work and the
    meetings, but not `Sessions.participants` as one table. `progress` is called repeatedly with
    a fraction from 0 to 1 and the current step.

    Raise `BadInput` for input that cannot be read, and for the first invalid row unless they are skipped.
    """
    is_mapped = columns or kinds or time_unit or attributes
    mapping = column_map(columns, kinds, time_unit, attributes) if is_mapped else AS_NAMED
    return sessionize_mapped(
        events,
        mapping,
        rules=rules,
        as_of=as_of,
        domain=domain,
        skip_invalid=skip_invalid,
        max_memory=max_memory,
        progress=progress,
    )


def sessionize_mapped(
    events: Source,
    mapping: ColumnMap,
    *,
    rules: Rules = _RULES,
    as_of: Ms | None = None,
    domain: str = "default",
    skip_invalid: bool = False,
    max_memory: int | None = None,
    progress: Progress | None = None,
) -> Sessions:
    """Return the meeting sessions in `events` with these columns, like `sessionize`."""
    require_domain(domain)
    report = progress or _no_progress
    limit = max_memory // BYTES_PER_EVENT if max_memory else None
    tables = read(events, skip_invalid=skip_invalid, piece_rows=_piece_rows(limit), mapping=mapping)
    pieces = ahead((piece, tables.share) for piece in tables)
    _load_compiled(rules)
    if limit is not None:
        pieces, fits = _if_at_most(pieces, limit)
        if not fits:
            return _by_division(pieces, tables, rules, as_of, domain, report)
    collector = Collector()
    for piece, share in pieces:
        collector.add(piece, share)
        report(0.5 * share, "reading")
    collected = collector.columns()
    report(0.5, "computing")
    sessions = _in_memory(collected, rules, as_of, domain, tables)
    report(1.0, "done")
    return sessions


def _load_compiled(rules: Rules) -> None:
    """Load the compiled passes, which takes two tenths of a second, while the first events are read."""
    collector = Collector()
    collector.add(pa.table(_ONE_EVENT), 1.0)
    columns = collector.columns()
    InMemory(run_passes(columns, rules, NEVER >> 1), columns).entries(0, 1)


_ONE_EVENT = {
    "room": pa.array(["blue"]).dictionary_encode(),
    "kind": np.zeros(1, np.int8),
    "at": np.zeros(1, np.int64),
    "participant_id": ["Ada"],
}


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
    columns: Columns, rules: Rules, as_of: Ms | None, domain: str, tables: EventTables
) -> Sessions:
    """Return the sessions of events that are all in memory."""
    now = as_of if as_of is not None else int(columns.at.max(initial=0))
    rejects = tables.rejects if tables.rejected else None
    if not len(columns):
        empty = Summary(rejected=tables.rejected)
        return Sessions(Rows(MEETINGS, ()), lambda: iter(()), now, empty, rejects)
    result = run_passes(columns, rules, now)
    domains = _domains(columns, domain)
    dictionaries = Dictionaries(
        columns.rooms, domains, columns.user_ids, columns.user_names, result.attributes
    )
    assembly = Assembly([InMemory(result, columns)], dictionaries)
    extent = _Extent(len(columns), int(columns.at.min()), int(columns.at.max()))
    summary = _summary([result], dictionaries, extent, tables)
    return Sessions(assembly.meetings, partial(assembly.participants, ENTRIES_AT_ONCE), now, summary, rejects)


def _domains(columns: Columns, domain: str) -> pa.Array:
    if columns.domains is None:
        return pa.array([domain] * len(columns.rooms), pa.string())
    return columns.domains.fill_null(domain)


def _by_division(
    pieces: Pieces, tables: EventTables, rules: Rules, as_of: Ms | None, domain: str, report: Progress
) -> Sessions:
    """Return the sessions of events that do not fit into memory at once."""
    divisions = Divisions(domain)
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
    for number, columns in ahead(read_back):
        if columns is not None:
            result = run_passes(columns, rules, now)
            attributes = divisions.add_attributes(result, dictionaries.attributes)
            parts.append(Spilled(result, columns, divisions.entry_files[number], attributes))
        report(0.5 + 0.3 * (number + 1) / len(divisions.files), "computing")
    assembly = Assembly(parts, divisions.with_all_attributes(dictionaries))
    extent = _Extent(divisions.rows, divisions.first_at, divisions.last_at)
    summary = _summary([part.result for part in parts], dictionaries, extent, tables)
    rejects = tables.rejects if tables.rejected else None

    def participants() -> Iterator[pa.Table]:
        # This refers to the divisions, whose files are deleted with them.
        yield from assembly.participants(ENTRIES_AT_ONCE if divisions.rows else 1)

    return Sessions(assembly.meetings, participants, now, summary, rejects)


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


def _no_progress(share: float, label: str) -> None:
    pass

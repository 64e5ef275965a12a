"""`sessionize`: the meeting sessions in files or tables of events.

Responsible for the choice of the way: the kernel itself for small files, which answers at once, or the compiled passes. Must not
know formats, or how meetings are found.
"""

from collections.abc import Callable, Mapping
from typing import Any

from headcount.batch.extra import WITHOUT_IT, batch_extra
from headcount.batch.interpreted import by_room, derive_sessions
from headcount.batch.io import small_files
from headcount.batch.io.column_map import column_map
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap, require_domain
from headcount.batch.io.small_files import Source
from headcount.batch.sessions import Sessions
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules

Progress = Callable[[float, str], None]

_RULES = Rules()


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
    threads: int | None = None,
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
    meetings, but not `Sessions.participants` as one table. At most `threads` threads read, compute and
    write; by default as many as there are processors. `progress` is called repeatedly with
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
        threads=threads,
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
    threads: int | None = None,
    empty_before: Ms = 0,
    progress: Progress | None = None,
) -> Sessions:
    """Return the meeting sessions in `events` with these columns, like `sessionize`.

    `found_rooms` has when each room was last empty before `empty_before`.
    """
    require_domain(domain)
    report = progress or _no_progress
    if small_files.may_be_small(events, max_memory):
        files = small_files.read_small(events, mapping)
        if files is not None:
            rooms = by_room((event for file in files for event in file.events), domain)
            return derive_sessions(rooms, rules, as_of, empty_before=empty_before)
    with batch_extra(WITHOUT_IT):
        from headcount.batch.compiled import sessionize_tables  # noqa: PLC0415 - loads Arrow
    sessions = sessionize_tables(
        events,
        mapping,
        rules=rules,
        as_of=as_of,
        domain=domain,
        skip_invalid=skip_invalid,
        max_memory=max_memory,
        threads=threads,
        empty_before=empty_before,
        progress=report,
    )
    report(1.0, "done")
    return sessions


def _no_progress(share: float, label: str) -> None:
    pass

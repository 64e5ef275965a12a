"""Import of event files: Parquet, NDJSON and CSV in Headcount's own columns, into the log.

Responsible for limits, for log entries and for their provenance: the name and the SHA-256 of their file. Must not know file formats: the batch side reads files, whole columns at a time.
Imported events are never late, and are recognized if they are imported again. An interrupted import can be repeated.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.blocks import Problem
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap
from headcount.batch.io.readers import EventTable, read
from headcount.engine.catch_up import Progress, catch_up
from headcount.engine.rules_guard import require_same_rules
from headcount.ingest.importers.result import Imported
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Kind, Ms
from headcount.kernel.rules import Rules
from headcount.limits import (
    AHEAD_MS,
    DOMAIN_BYTES,
    NAME_BYTES,
    Limits,
    length_problem,
    quote_start,
    require_domain,
    time_problem,
    truncate,
)
from headcount.store.dedup import log_entry
from headcount.store.open import Store
from headcount.store.records import UNKNOWN_PROVENANCE, LogEntry, Origin, Provenance

_BATCH_ROWS: Final = 20_000
_PIECE_ROWS: Final = 500_000
_IDENTITIES: Final = ("room", "participant_id", "user_id", "source_session")
_KINDS: Final = (Kind.JOIN, Kind.LEAVE, Kind.END)
_INFERRED: Final = (None, "snapshot", "timeout", "room_restarted")
_NAMES: Final = (
    "domain",
    "user_id",
    "user_name",
    "source_session",
    "joined_at",
    "inferred",
    "participant_id",
    "attributes",
)


def import_files(
    store: Store,
    files: Sequence[str],
    domain: str,
    now: Callable[[], Ms],
    rules: Rules,
    progress: Progress,
    *,
    limits: Limits,
    stale_after: Ms | None = None,
    skip_invalid: bool = False,
    mapping: ColumnMap = AS_NAMED,
) -> Imported:
    """Append the events of files, and process them unless a running service does. `mapping` is that of their columns.

    Raise `BadInput` for rows that cannot be read, before any row of their piece is appended, and if the store has other
    rules.
    """
    require_domain(domain)
    require_same_rules(store, rules)
    result = Imported()
    reading = read(
        list(files),
        skip_invalid=skip_invalid,
        piece_rows=_PIECE_ROWS,
        check=lambda rows: _over_limits(rows, limits, now()),
        mapping=mapping,
        limits=limits,
        by_file=True,
    )
    provenance = lru_cache(1)(_provenance)
    for piece in reading:
        for entries in _entries(piece, domain, now(), limits, provenance(reading.where)):
            appended = store.log.append([entries])[0]
            result.accepted += appended.accepted
            result.duplicates += appended.duplicates
        progress(0.5 * reading.share, "reading")
    result.rejected = reading.rejected
    result.processed = catch_up(store, now, rules, stale_after, progress)
    return result


def _provenance(where: str) -> Provenance:
    """Return the name and the digest of a file; none for standard input, which cannot be read twice."""
    path = Path(where)
    if not path.is_file():
        return UNKNOWN_PROVENANCE
    with path.open("rb") as file:
        return Provenance(f"file:{path.name}", file_digest(file, "sha256").digest())


def _over_limits(rows: EventTable, limits: Limits, now: Ms) -> list[Problem]:
    """Return the rows in which a text that identifies something, or the time, exceeds the limits."""
    bounds = dict.fromkeys(_IDENTITIES, (limits.name_length, NAME_BYTES)) | {
        "domain": (DOMAIN_BYTES, DOMAIN_BYTES)
    }
    problems = _in_the_future(rows["at"], now)
    for name, bound in bounds.items():
        if name in rows.column_names:
            problems += _too_long_in(rows[name], name, *bound)
    return problems


def _in_the_future(at: pa.ChunkedArray, now: Ms) -> list[Problem]:
    if (pc.max(at).as_py() or 0) <= now + AHEAD_MS:
        return []
    late = pc.fill_null(pc.greater(at, now + AHEAD_MS), fill_value=False).to_numpy()
    return [Problem(late, lambda row: f"at {time_problem(at[row].as_py(), now)}")]


def _too_long_in(column: pa.ChunkedArray, name: str, characters: int, most_bytes: int) -> list[Problem]:
    words = pa.chunked_array([chunk.dictionary for chunk in column.chunks]) if _is_coded(column) else column
    least = min(characters, most_bytes)
    if (pc.max(pc.binary_length(words)).as_py() or 0) <= least:
        return []  # as many bytes as there may be characters fit in any case
    texts = column.cast(pa.large_string()) if _is_coded(column) else column
    wrong = pc.or_(
        pc.greater(pc.utf8_length(texts), characters), pc.greater(pc.binary_length(texts), most_bytes)
    )
    rows = pc.fill_null(wrong, fill_value=False).to_numpy()

    def reason(row: int) -> str:
        text = texts[row].as_py()
        return f"{name} {length_problem(text, characters, most_bytes)}: {quote_start(text)}"

    return [Problem(rows, reason)] if rows.any() else []


def _is_coded(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_dictionary(column.type))


def _entries(
    piece: pa.Table, domain: str, now: Ms, limits: Limits, provenance: Provenance
) -> Iterator[list[LogEntry]]:
    """Yield the rows of a piece as entries, in order of time."""
    if not len(piece):
        return
    piece = piece.sort_by("at")
    for start in range(0, len(piece), _BATCH_ROWS):
        rows = piece.slice(start, _BATCH_ROWS)
        columns = {name: rows[name].to_pylist() for name in rows.column_names}
        if "user_name" in columns:
            names = columns["user_name"]
            columns["user_name"] = [name and truncate(name, limits.name_length) for name in names]
        nothing = [None] * len(rows)
        others = [columns.get(name, nothing) for name in _NAMES]
        yield [
            _entry(domain, now, provenance, *row)
            for row in zip(columns["room"], columns["kind"], columns["at"], *others, strict=True)
        ]


def _entry(
    default_domain: str, received: Ms, provenance: Provenance, room: str, kind: int, at: Ms, domain: str | None, user_id: str | None,
    user_name: str | None, source_session: str | None, joined_at: Ms | None, inferred: int | None, who: Any,
    attributes: Attributes | None,
) -> LogEntry:  # fmt: skip
    return log_entry(
        domain or default_domain, received, Origin.IMPORTED, _KINDS[kind], room, at, who, user_id, user_name,
        source_session, joined_at, _INFERRED[inferred or 0], None, attributes, provenance,
    )  # fmt: skip

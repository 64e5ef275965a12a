"""Import of vendors' exports: webhook logs, reports and recordings, into the log.

Responsible for reading files, for limits, and for all or nothing: all files are parsed before any event is appended, so that an
error in the last line of the last file leaves the store unchanged. Must not know formats. Imported events are never
late, and are recognized if they are imported again.
"""

import gzip
import hashlib
import io
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Final

from headcount.engine.catch_up import Progress, catch_up
from headcount.engine.rules_guard import require_same_rules
from headcount.errors import BadInput
from headcount.ingest.importers.outcome import closing_leaves, outcome, still_open
from headcount.ingest.importers.result import Imported
from headcount.ingest.normalize import connect, state_kind
from headcount.kernel.events import Event, Ms
from headcount.kernel.rules import Rules
from headcount.limits import AHEAD_MS, Limits, limit_names, require_domain
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ExportFile, ExportFormat, ExportOptions, SkippedRow, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.store.dedup import entry_of
from headcount.store.open import Store
from headcount.store.records import UNKNOWN_PROVENANCE, LogEntry, Origin, Provenance
from headcount.timestamps import format_timestamp

_STANDARD_INPUT: Final = "-"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_MAX_UNPACKED_BYTES: Final = 100_000_000
"""A few megabytes of gzip can unpack to gigabytes."""
_MAX_DETECTED_BYTES: Final = 1_000_000
_BATCH_EVENTS: Final = 20_000


@dataclass(slots=True)
class ParsedExports:
    """Events of participants who count, the number of others by role, rows that cannot be parsed, and rows without content.

    `provenance` has that of each event, its file. `last` is the time of the last event of the file by room, of the last such file where several have the room.
    """

    events: list[Event] = field(default_factory=list)
    provenance: list[Provenance] = field(default_factory=list)
    last: dict[str, Ms] = field(default_factory=dict)
    excluded: Counter[Role] = field(default_factory=Counter)
    errors: list[BadInput] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)

    def report(self, problem: BadInput) -> None:
        """Add a row to the errors, or to the skipped rows."""
        if isinstance(problem, SkippedRow):
            self.skipped.append(problem)
        else:
            self.errors.append(problem)


def parse_files(
    export_format: ExportFormat, names: Sequence[str], options: ExportOptions, counted_roles: frozenset[Role], now: Ms,
    *, skip_invalid: bool, limits: Limits,
) -> ParsedExports:  # fmt: skip
    """Return the events of files. Raise `BadInput` for a file that cannot be read, and for bad rows unless `skip_invalid`."""
    parsed = ParsedExports()
    found: list[ParsedEvent] = []
    places: list[tuple[str, Ms, Provenance]] = []
    mapped = frozenset(options.attributes)
    for name in names:
        raw = _read_raw(name)
        file = ExportFile(_content(raw, name), _display_name(name))
        provenance = Provenance(f"file:{Path(name).name}", hashlib.sha256(raw).digest())
        of_file = parse_export(export_format, file, options, parsed.report)
        found += of_file
        end = max((one.event.at for one in of_file), default=0)
        places += [(file.name, end, provenance)] * len(of_file)
    for (event, role, *_), (place, end, provenance) in zip(connect(found), places, strict=True):
        parsed.last[event.room] = max(end, parsed.last.get(event.room, end))
        if role in counted_roles:
            known = state_kind(event, role, mapped)
            parsed.events.append(_within_limits(known, now, place, limits, mapped))
            parsed.provenance.append(provenance)
        else:
            parsed.excluded[role] += 1
    if parsed.errors and not skip_invalid:
        first = parsed.errors[0]
        raise BadInput(first.reason, where=first.where, place=first.place, more=len(parsed.errors) - 1)
    return parsed


def detect_formats(name: str) -> list[str]:
    """Return the kinds of formats that fit the content of a file, the best first; `events` is Headcount's own."""
    try:
        content = _content(_read_raw(name), name)
    except BadInput:
        return []
    # Excel may name the delimiter in a line before the header.
    first = b"".join(content[:_MAX_DETECTED_BYTES].split(b"\n", 2)[:2]).lower()
    found = ["events"] if all(word in first for word in (b"room", b"kind", b"participant_id")) else []
    start, is_cut = content[:_MAX_DETECTED_BYTES], len(content) > _MAX_DETECTED_BYTES
    numbers = {
        kind: _fitting_events(export_format, start, is_cut=is_cut)
        for kind, export_format in EXPORT_FORMATS.items()
    }
    return found + sorted(
        (kind for kind, number in numbers.items() if number), key=lambda kind: -numbers[kind]
    )


def _fitting_events(export_format: ExportFormat, content: bytes, *, is_cut: bool) -> int:
    """Return how many events of a format a content has; 0 if any of its rows does not fit, but the last one that is cut."""
    parsed = ParsedExports()
    options = ExportOptions("room", UTC, day_first=True)
    try:
        events = parse_export(export_format, ExportFile(content), options, parsed.report)
    except BadInput:
        return 0
    return 0 if len(parsed.errors) > is_cut else len(events)


def _display_name(name: str) -> str:
    return "standard input" if name == _STANDARD_INPUT else name


def _content(raw: bytes, name: str) -> bytes:
    """Return the content of a file, decompressed if it is gzip. Raise `BadInput` if it is empty."""
    plain = _decompress(raw, _display_name(name)) if raw.startswith(_GZIP_MAGIC) else raw
    if not plain or plain.isspace():
        raise BadInput("is empty", where=_display_name(name))
    return plain


def _decompress(raw: bytes, where: str) -> bytes:
    """Return the content of a gzip file, without holding more in memory than is allowed."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            plain = packed.read(_MAX_UNPACKED_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput("cannot be unpacked: the gzip file is cut off or damaged", where=where) from error
    if len(plain) > _MAX_UNPACKED_BYTES:
        reason = f"unpacks to more than {_MAX_UNPACKED_BYTES:,} bytes. Unpack it and import it in parts"
        raise BadInput(reason, where=where)
    return plain


def _read_raw(name: str) -> bytes:
    if name == _STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except IsADirectoryError as error:
        raise BadInput("is a directory. Name the files in it", where=name) from error
    except OSError as error:
        reason = f"cannot be opened: {(error.strerror or str(error)).lower()}"
        raise BadInput(reason, where=name) from error


def _within_limits(event: Event, now: Ms, where: str, limits: Limits, mapped: frozenset[str]) -> Event:
    """Return the event within the limits. Raise `BadInput` for an event in the future."""
    if event.at > now + AHEAD_MS:
        raise BadInput(
            f"has an event at {format_timestamp(event.at)}, in the future. Check the date order and the time zone",
            where=where,
        )
    try:
        return limit_names(event, limits, mapped)
    except BadInput as error:
        raise BadInput(error.reason, where=where) from error


def append_events(
    store: Store,
    parsed: ParsedExports,
    domain: str,
    now: Callable[[], Ms],
    rules: Rules,
    stale_after: Ms | None,
    progress: Progress,
    *,
    close_open: bool = False,
) -> Imported:
    """Append events, and process them unless a running service does. Raise `BadInput` if the store has other rules.

    With `close_open`, stays that the events leave open are closed at the last event of their file.
    """
    require_domain(domain)
    require_same_rules(store, rules)
    result = Imported()
    for done, batch in _batches(parsed):
        entries = [_entry(event, domain, now(), provenance) for event, provenance in batch]
        appended = store.log.append([entries])[0]
        result.accepted += appended.accepted
        result.duplicates += appended.duplicates
        progress(0.5 * done / len(parsed.events), "importing")
    result.unused, open_stays = outcome(parsed.events, parsed.last, rules)
    if close_open:
        leaves = closing_leaves(still_open(store, domain, open_stays))
        store.log.append([[_entry(leave, domain, now()) for leave in leaves]])
        result.closed = len(leaves)
        result.unused = outcome([*parsed.events, *leaves], parsed.last, rules).unused
    result.processed = catch_up(store, now, rules, stale_after, progress)
    result.open_stays = still_open(store, domain, open_stays)
    return result


def _entry(event: Event, domain: str, now: Ms, provenance: Provenance = UNKNOWN_PROVENANCE) -> LogEntry:
    return entry_of(event, domain, now, Origin.IMPORTED, provenance=provenance)


def _batches(parsed: ParsedExports) -> Iterator[tuple[int, Sequence[tuple[Event, Provenance]]]]:
    """Yield batches of events in order of time, with the number of events up to the end of the batch."""
    ordered = sorted(zip(parsed.events, parsed.provenance, strict=True), key=lambda item: item[0].at)
    for start in range(0, len(ordered), _BATCH_EVENTS):
        batch = ordered[start : start + _BATCH_EVENTS]
        yield start + len(batch), batch

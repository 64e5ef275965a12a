"""Importing history: files in the form in which a vendor gives them, into the log.

All files are read before anything of them is taken: what is wrong with the last line of the last one
leaves the store as it was. What is imported is never late, and known again if it comes twice.
"""

import gzip
import io
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headcount.engine.catch_up import Progress, catch_up
from headcount.engine.rules_guard import require_same_rules
from headcount.errors import BadInput
from headcount.kernel.events import Event, Ms
from headcount.kernel.rules import Rules
from headcount.limits import AHEAD_MS, Limits, limit_names, require_domain
from headcount.sources.api import Role
from headcount.sources.exports.api import ExportFile, ExportFormat, ExportOptions, parse_export
from headcount.store.dedup import entry_of
from headcount.store.open import Store
from headcount.store.records import Origin
from headcount.timestamps import format_timestamp

_STANDARD_INPUT: Final = "-"
_GZIP_MARK: Final = b"\x1f\x8b"
_MOST_UNPACKED: Final = 100_000_000
"""A packed file may not become larger than this: a few megabytes can unpack to gigabytes."""
_ROWS_AT_ONCE: Final = 20_000


@dataclass(slots=True)
class History:
    """What some files tell: the events of those who count, how many of whom do not, and the bad rows."""

    events: list[Event] = field(default_factory=list)
    not_counted: Counter[Role] = field(default_factory=Counter)
    bad: list[BadInput] = field(default_factory=list)


@dataclass(slots=True)
class Taken:
    """What became of the events of some files."""

    accepted: int = 0
    duplicates: int = 0
    worked_in: bool = False


def read_history(
    form: ExportFormat, names: Sequence[str], asked: ExportOptions, counted: frozenset[Role], now: Ms, *, skip_bad: bool,
    limits: Limits,
) -> History:  # fmt: skip
    """What these files tell. Raises `BadInput` for what cannot be read, and unless `skip_bad`, for bad rows."""
    history = History()
    for name in names:
        file = ExportFile(_unpacked(name), _called(name))
        for event, role, _ in parse_export(form, file, asked, history.bad.append):
            if role not in counted:
                history.not_counted[role] += 1
                continue
            history.events.append(_sensible(event, now, file.name, limits))
    if history.bad and not skip_bad:
        first = history.bad[0]
        raise BadInput(first.reason, where=first.where, place=first.place, more=len(history.bad) - 1)
    return history


def _called(name: str) -> str:
    return "standard input" if name == _STANDARD_INPUT else name


def _unpacked(name: str) -> bytes:
    """The bytes of a file, whether it is packed or not."""
    raw = _bytes_of(name)
    plain = _decompressed(raw, _called(name)) if raw.startswith(_GZIP_MARK) else raw
    if not plain or plain.isspace():
        raise BadInput("is empty", where=_called(name))
    return plain


def _decompressed(raw: bytes, where: str) -> bytes:
    """Return what a gzip file unpacks to, without ever holding more than is allowed."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            plain = packed.read(_MOST_UNPACKED + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput("cannot be unpacked: the gzip file is cut off or damaged", where=where) from error
    if len(plain) > _MOST_UNPACKED:
        reason = (
            f"unpacks to more than {_MOST_UNPACKED:,} bytes: unpack it, look at it, and import it in parts"
        )
        raise BadInput(reason, where=where)
    return plain


def _bytes_of(name: str) -> bytes:
    if name == _STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except IsADirectoryError as error:
        raise BadInput("is a directory: name the files in it", where=name) from error
    except OSError as error:
        reason = f"cannot be opened: {(error.strerror or str(error)).lower()}"
        raise BadInput(reason, where=name) from error


def _sensible(event: Event, now: Ms, where: str, limits: Limits) -> Event:
    """Return the event within the limits. Raise `BadInput` for what no meeting of ours can have been."""
    if event.at > now + AHEAD_MS:
        raise BadInput(
            f"tells of {format_timestamp(event.at)}, which is yet to come: are its dates and its zone read as they were meant?",
            where=where,
        )
    try:
        return limit_names(event, limits)
    except BadInput as error:
        raise BadInput(error.reason, where=where) from error


def take_history(
    store: Store,
    history: History,
    domain: str,
    now: Callable[[], Ms],
    rules: Rules,
    max_stay: Ms | None,
    progress: Progress,
) -> Taken:
    """Append what was read, and work it in unless a service that runs does so.

    Raises `BadInput` if the store's rules are others.
    """
    require_domain(domain)
    require_same_rules(store, rules)
    taken = Taken()
    total = len(history.events)
    for done, events in _in_order(history.events):
        entries = [entry_of(event, domain, now(), Origin.IMPORTED) for event in events]
        appended = store.log.append([entries])[0]
        taken.accepted += appended.accepted
        taken.duplicates += appended.duplicates
        progress(0.5 * done / total, "taking")
    taken.worked_in = catch_up(store, now, rules, max_stay, progress)
    return taken


def _in_order(events: Sequence[Event]) -> Iterator[tuple[int, Sequence[Event]]]:
    """The events in order of time, so many at once, and how many are done with these."""
    ordered = sorted(events, key=lambda event: event.at)
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        some = ordered[start : start + _ROWS_AT_ONCE]
        yield start + len(some), some

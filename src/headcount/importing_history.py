"""Importing history: files in the form in which a vendor gives them, into the log.

All files are read before anything of them is taken: what is wrong with the last line of the last one
leaves the store as it was. What is imported is never late, and known again if it comes twice.
"""

import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headcount.engine.rules_in_force import keep_to_rules
from headcount.engine.working_in import Progress, work_in
from headcount.errors import BadInput
from headcount.history.forms import Asked, File, Form, heard_in
from headcount.kernel.events import Event, Ms
from headcount.kernel.rules import Rules
from headcount.moments import spoken
from headcount.sources.deliveries import Role
from headcount.store.entries import entry_of
from headcount.store.opening import Store
from headcount.store.rows import Origin
from headcount.taking import AHEAD_MS, LONGEST_NAME

_STANDARD_INPUT: Final = "-"
_GZIP_MARK: Final = b"\x1f\x8b"
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
    form: Form, names: Sequence[str], asked: Asked, counted: frozenset[Role], now: Ms, *, skip_bad: bool
) -> History:
    """What these files tell. Raises `BadInput` for what cannot be read, and unless `skip_bad`, for bad rows."""
    history = History()
    for name in names:
        file = File(_unpacked(name), _called(name))
        for event, role, _ in heard_in(form, file, asked, history.bad.append):
            if role not in counted:
                history.not_counted[role] += 1
                continue
            _require_sense(event, now, file.where)
            history.events.append(event)
    if history.bad and not skip_bad:
        first = history.bad[0]
        raise BadInput(first.reason, where=first.where, place=first.place, more=len(history.bad) - 1)
    return history


def _called(name: str) -> str:
    return "standard input" if name == _STANDARD_INPUT else name


def _unpacked(name: str) -> bytes:
    """The bytes of a file, whether it is packed or not."""
    raw = _bytes_of(name)
    try:
        plain = gzip.decompress(raw) if raw.startswith(_GZIP_MARK) else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = "cannot be unpacked: the gzip file is cut off or damaged"
        raise BadInput(reason, where=_called(name)) from error
    if not plain.strip():
        raise BadInput("is empty", where=_called(name))
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


def _require_sense(event: Event, now: Ms, where: str) -> None:
    """Raises `BadInput` for what no meeting of ours can have been, though it reads as an event."""
    if event.at > now + AHEAD_MS:
        raise BadInput(
            f"tells of {spoken(event.at)}, which is yet to come: are its dates and its zone read as they were meant?",
            where=where,
        )
    for name in (event.room, event.participant_id, event.user_id, event.source_session, event.id):
        if name is not None and len(name) > LONGEST_NAME:
            raise BadInput(f"has a name of more than {LONGEST_NAME} characters: '{name[:40]}…'", where=where)


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
    keep_to_rules(store, rules)
    taken = Taken()
    total = len(history.events)
    for done, events in _in_order(history.events):
        entries = [entry_of(event, domain, now(), Origin.IMPORTED) for event in events]
        appended = store.log.append([entries])[0]
        taken.accepted += appended.accepted
        taken.duplicates += appended.duplicates
        progress(0.5 * done / total, "taking")
    taken.worked_in = work_in(store, now, rules, max_stay, progress)
    return taken


def _in_order(events: Sequence[Event]) -> Iterator[tuple[int, Sequence[Event]]]:
    """The events in order of time, so many at once, and how many are done with these."""
    ordered = sorted(events, key=lambda event: event.at)
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        some = ordered[start : start + _ROWS_AT_ONCE]
        yield start + len(some), some

"""Journal of one room in the store: its events in the log, and its marks.

Responsible for the part of the kernel's journal that is committed, and for what the current batch adds until it is
committed. Must not know why the past is read, or where it is stored.
"""

from collections.abc import Sequence
from typing import Protocol

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import FIRST_MARK, Mark
from headcount.store.records import MarkChange


class CommittedPast(Protocol):
    """The committed events and marks of all rooms."""

    def mark_before(self, domain: str, room: str, at: Ms) -> Mark | None:
        """Return the latest mark of a room strictly before `at`, or None."""

    def marks_after(self, domain: str, room: str, at: Ms) -> list[Mark]:
        """Return the marks of a room after `at`, the earliest first."""

    def events_between(
        self, domain: str, room: str, after: Ms, until: Ms, finalized: Ms, position: int
    ) -> list[Event]:
        """Return the events in (after, until] that follow from entries up to `finalized` and `position`, by time."""


class StoredJournal:
    """The finalized past of one room: the committed part is read from the store, the rest is in memory.

    The log has more than is finalized, so the committed part ends at `finalized` and `position`.
    """

    __slots__ = ("_changes", "_domain", "_events", "_finalized", "_past", "_position", "_room", "frozen")

    def __init__(self, past: CommittedPast, domain: str, room: str, finalized: Ms, position: int) -> None:
        self._past = past
        self._domain = domain
        self._room = room
        self._finalized = finalized
        self._position = position
        self._events: list[Event] = []
        self._changes: list[MarkChange] = []
        self.frozen = FIRST_MARK.at
        """Events up to this time do not exist: see `store/expiry.py`."""

    def take_changes(self) -> list[MarkChange]:
        """Return the changes of marks to commit."""
        return self._changes

    def committed(self, finalized: Ms, position: int) -> None:
        """Note that everything in memory is committed."""
        self._finalized = finalized
        self._position = position
        if self._events:
            self._events = []
        if self._changes:
            self._changes = []

    def record(self, event: Event) -> None:
        """Append an event."""
        self._events.append(event)

    def insert(self, event: Event) -> None:
        """Insert a late event."""
        self._events.append(event)

    def mark(self, mark: Mark) -> None:
        """Append a mark."""
        self._changes.append(MarkChange(self._domain, self._room, mark.at, mark.at, (mark,)))

    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None:
        """Replace the marks in (after, to]."""
        self._changes.append(MarkChange(self._domain, self._room, after, to, tuple(marks)))

    def mark_before(self, at: Ms) -> Mark:
        """Return the latest mark strictly before `at`."""
        if not self._changes:
            return self._past.mark_before(self._domain, self._room, at) or FIRST_MARK
        marks = self.marks_after(FIRST_MARK.at)
        return next((mark for mark in reversed(marks) if mark.at < at), FIRST_MARK)

    def marks_after(self, at: Ms) -> Sequence[Mark]:
        """Return the marks after `at`, with the changes of the current batch."""
        marks = {mark.at: mark for mark in self._past.marks_after(self._domain, self._room, at)}
        for change in self._changes:
            for replaced in [moment for moment in marks if change.after < moment <= change.to]:
                del marks[replaced]
            marks.update((mark.at, mark) for mark in change.marks if mark.at > at)
        return [marks[moment] for moment in sorted(marks)]

    def between(self, after: Ms, to: Ms) -> Sequence[Event]:
        """Return the events in (after, to], by time."""
        after = max(after, self.frozen)
        stored = self._past.events_between(
            self._domain, self._room, after, to, self._finalized, self._position
        )
        new = [event for event in self._events if after < event.at <= to]
        return sorted([*stored, *new], key=lambda event: event.at)

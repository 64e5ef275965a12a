"""Journal of one room: its finalized events, and the marks from which its past can be folded.

A room keeps little: open stays and the state of its meeting. To find what a late event
changes, it folds a stretch of its past again. It asks a journal for the events of that
stretch and for a **mark** before it, a time at which nobody was in the room.

Responsible for the interface that rooms need, and for a journal in memory; a service
implements the same interface on its store. Must not know why the past is read.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from headcount.kernel.events import Event, Ms

_at = attrgetter("at")


class Mark(NamedTuple):
    """After `at` and before the next event nobody is in the room; `unconfirmed` are inferred leaves not confirmed yet."""

    at: Ms
    unconfirmed: tuple[tuple[Any, ...], ...] = ()


FIRST_MARK = Mark(-(2**62))
"""The mark before all events."""


class Journal:
    """The finalized events of one room in order of time, and its marks, in memory."""

    __slots__ = ("_events", "_marks")

    def __init__(self, events: Sequence[Event] = (), marks: Sequence[Mark] = (FIRST_MARK,)) -> None:
        self._events = list(events)
        self._marks = list(marks)

    def record(self, event: Event) -> None:
        """Append an event, not earlier than all before."""
        self._events.append(event)

    def insert(self, event: Event) -> None:
        """Insert a late event."""
        insort(self._events, event, key=_at)

    def mark(self, mark: Mark) -> None:
        """Append a mark, later than all before."""
        self._marks.append(mark)

    def mark_before(self, at: Ms) -> Mark:
        """Return the latest mark strictly before `at`: events at `at` change nothing before it."""
        return self._marks[bisect_left(self._marks, (at,)) - 1]

    def marks_after(self, at: Ms) -> Sequence[Mark]:
        """Return the marks after `at`, the earliest first."""
        return self._marks[bisect_right(self._marks, at, key=_at) :]

    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None:
        """Replace the marks in (after, to] by `marks`."""
        low = bisect_right(self._marks, after, key=_at)
        high = bisect_right(self._marks, to, key=_at)
        self._marks[low:high] = marks

    def between(self, after: Ms, to: Ms) -> Sequence[Event]:
        """Return the events in (after, to], in order of time."""
        low = bisect_right(self._events, after, key=_at)
        high = bisect_right(self._events, to, key=_at)
        return self._events[low:high]


class Overlay:
    """A journal that starts with everything of another one and never changes that one.

    A view replays recent events, which nearly always only append to the journal; so the
    events of the other one are copied only if one of them corrects the past.
    """

    def __init__(self, base: "JournalProtocol", finalized: Ms) -> None:
        self._base = base
        self._finalized = finalized
        self._later: list[Event] = []
        self._marks: list[Mark] = []
        self._copy: Journal | None = None

    def record(self, event: Event) -> None:
        (self._later.append if self._copy is None else self._copy.record)(event)

    def mark(self, mark: Mark) -> None:
        (self._marks.append if self._copy is None else self._copy.mark)(mark)

    def insert(self, event: Event) -> None:
        self._copied().insert(event)

    def mark_before(self, at: Ms) -> Mark:
        return self._copied().mark_before(at)

    def marks_after(self, at: Ms) -> Sequence[Mark]:
        return self._copied().marks_after(at)

    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None:
        self._copied().replace_marks(after, to, marks)

    def between(self, after: Ms, to: Ms) -> Sequence[Event]:
        return self._copied().between(after, to)

    def _copied(self) -> Journal:
        if self._copy is None:
            events = self._base.between(FIRST_MARK.at, self._finalized)
            marks = self._base.marks_after(FIRST_MARK.at)
            self._copy = Journal([*events, *self._later], [FIRST_MARK, *marks, *self._marks])
        return self._copy


class JournalProtocol(Protocol):
    """What a room needs of the store of its finalized events. See `Journal` for each method."""

    def record(self, event: Event) -> None: ...
    def insert(self, event: Event) -> None: ...
    def mark(self, mark: Mark) -> None: ...
    def mark_before(self, at: Ms) -> Mark: ...
    def marks_after(self, at: Ms) -> Sequence[Mark]: ...
    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None: ...
    def between(self, after: Ms, to: Ms) -> Sequence[Event]: ...

"""Journal: what is settled in a room, kept for the day when something comes late.

A room remembers little: who is in, and how its meeting stands. To work out what a late
event changes it must fold a stretch of its past again, so it asks a journal for the
events of that stretch and for a moment before it from which folding may begin: a
**mark**, a moment at which nobody was in. A service answers from its store; in memory
`Journal` does.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from headcount.kernel.events import Event, Ms

_at = attrgetter("at")


class Mark(NamedTuple):
    """After `at` and before the next event nobody is in; `doubts` are guesses not yet confirmed."""

    at: Ms
    doubts: tuple[tuple[Any, ...], ...] = ()


DAWN = Mark(-(2**62))


class Journal:
    """The settled events of one room in order of time, and its marks, in memory."""

    __slots__ = ("_events", "_marks")

    def __init__(self, events: Sequence[Event] = (), marks: Sequence[Mark] = (DAWN,)) -> None:
        self._events = list(events)
        self._marks = list(marks)

    def record(self, events: Sequence[Event]) -> None:
        """Write down one instant that has just been settled."""
        self._events.extend(events)

    def insert(self, event: Event) -> None:
        """Write down what came late."""
        insort(self._events, event, key=_at)

    def mark(self, mark: Mark) -> None:
        self._marks.append(mark)

    def mark_before(self, at: Ms) -> Mark:
        """The latest mark strictly before `at`: what happens at `at` cannot reach behind it."""
        return self._marks[bisect_left(self._marks, (at,)) - 1]

    def marks_after(self, at: Ms) -> Sequence[Mark]:
        """The marks after `at`, the earliest first."""
        return self._marks[bisect_right(self._marks, at, key=_at) :]

    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None:
        """Put `marks` in the place of those in (after, to]."""
        low = bisect_right(self._marks, after, key=_at)
        high = bisect_right(self._marks, to, key=_at)
        self._marks[low:high] = marks

    def between(self, after: Ms, to: Ms) -> Sequence[Event]:
        """The events in (after, to], in order of time."""
        low = bisect_right(self._events, after, key=_at)
        high = bisect_right(self._events, to, key=_at)
        return self._events[low:high]


class Overlay:
    """A journal that begins with all of another one and never changes that one.

    Asking what is true now replays the tail, and nearly always only adds to the journal;
    so the other one's events are copied only when something in the tail is a correction.
    """

    def __init__(self, base: "Journals", settled: Ms) -> None:
        self._base = base
        self._settled = settled
        self._later: list[Event] = []
        self._marks: list[Mark] = []
        self._whole: Journal | None = None

    def record(self, events: Sequence[Event]) -> None:
        (self._later.extend if self._whole is None else self._whole.record)(events)

    def mark(self, mark: Mark) -> None:
        (self._marks.append if self._whole is None else self._whole.mark)(mark)

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
        if self._whole is None:
            events = self._base.between(DAWN.at, self._settled)
            marks = self._base.marks_after(DAWN.at)
            self._whole = Journal([*events, *self._later], [DAWN, *marks, *self._marks])
        return self._whole


class Journals(Protocol):
    """What a room asks of whatever keeps its settled events."""

    def record(self, events: Sequence[Event]) -> None: ...
    def insert(self, event: Event) -> None: ...
    def mark(self, mark: Mark) -> None: ...
    def mark_before(self, at: Ms) -> Mark: ...
    def marks_after(self, at: Ms) -> Sequence[Mark]: ...
    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None: ...
    def between(self, after: Ms, to: Ms) -> Sequence[Event]: ...

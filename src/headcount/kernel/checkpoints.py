"""Checkpoints: moments inside a sitting from which a room's past can be folded again.

A late event reopens the past from a moment before it (R15). If nobody was in at that moment, it is a mark, and
nothing else need be known of it. A busy room may not be empty for months, so it also keeps checkpoints: the state
of its meeting at a moment, and of its people only *those who have changed since*, as they were then. Everybody
else is now as they were then. So a checkpoint costs what happens after it, not how many are in, and so does
going back to it.

The further back, the fewer checkpoints: between one and the next lie at most half as many events as after it. Going
back N events therefore folds little more than N.

This module knows how to keep and restore a state. It does not know what is late, or why.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.kernel.people import Before, Move, OpenStay, People
from headcount.kernel.rules import EMPTY, Rules, State
from headcount.kernel.sittings import Sittings

SPACING: Final = 64
"""Instants from one checkpoint to the next. Fewer are folded again faster than they are kept."""
FEW: Final = 32
"""A room with at most so many people is restored whole, which is simpler and costs no more."""
_REACH: Final = 65_536
"""Instants that checkpoints reach back: it bounds the memory of a room that never empties."""


class Start(NamedTuple):
    """The state of a room after all events up to `at`, from which its past is folded.

    `people` are those who are restored, as they were; `others` counts those who were in then, are in still, and
    are concerned by nothing in between. `moves` are the moves that were not decided then.
    """

    at: Ms
    people: dict[str, Before]
    others: int
    moves: tuple[Move, ...]
    state: State
    meeting: str

    @classmethod
    def at_mark(cls, mark: Mark) -> "Start":
        restored = People([])
        restored.restore_doubts(mark.doubts)
        people: dict[str, Before] = {who: (None, doubt) for who, doubt in restored.doubts.items()}
        return cls(mark.at, people, 0, (), EMPTY, "")

    def begin(self, domain: str, room: str, rules: Rules, people: People) -> Sittings:
        """Fill `people`, who are nobody yet, with copies of those restored, and return their sittings."""
        copies: dict[int, OpenStay] = {}

        def copied(stay: OpenStay) -> OpenStay:
            return copies.setdefault(id(stay), stay.copy())

        for who, (stay, doubt) in self.people.items():
            people.put(who, None if stay is None else copied(stay), None if doubt is None else doubt.copy())
        people.others = self.others
        people.moves.extend((t, copied(stay), coming) for t, stay, coming in self.moves)
        sittings = Sittings(domain, room, rules, people.moves, people.changes)
        sittings.restore(self.state, self.meeting)
        return sittings


class _Checkpoint:
    """One checkpoint; `before` has everybody who changed since, up to the next one, as they were at `at`.

    `moves` are those that were not decided; their stays are as they are now, not as they were.
    """

    __slots__ = ("at", "before", "instants", "meeting", "moves", "people", "state")

    def __init__(self, at: Ms, people: People, sittings: Sittings) -> None:
        self.at = at
        self.instants = 0
        self.people = len(people.present)
        self.state = sittings.state
        self.meeting = sittings.id
        self.before: dict[str, Before] = {}
        self.moves = tuple(sittings.waiting())


class Checkpoints:
    """The checkpoints of one room, the oldest first. All of them lie after its last mark."""

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: list[_Checkpoint] = []

    def __bool__(self) -> bool:
        return bool(self._points)

    def moments(self) -> list[Ms]:
        return [point.at for point in self._points]

    def add(self, at: Ms, people: People, sittings: Sittings, instants: int) -> None:
        """Keep the state at `at`, `instants` after the last checkpoint. All up to `at` must be settled."""
        if self._points:
            self._points[-1].instants += instants
        self._points.append(_Checkpoint(at, people, sittings))
        people.touched = self._points[-1].before
        self._thin_out()

    def clear(self, people: People) -> None:
        """Forget them all: nobody is in, which is as good."""
        self._points.clear()
        people.touched = None

    def start_before(
        self, since: Ms, people: People, whom: Iterable[str], *, everybody: bool
    ) -> Start | None:
        """The state at the latest checkpoint before `since`, or None if there is none.

        Restores those who have changed since then and `whom`, or everybody. `people` are those of now.
        """
        index = len(self._points) - 1
        while index >= 0 and self._points[index].at >= since:
            index -= 1
        return _restored(self._points[index:], people, whom, everybody=everybody) if index >= 0 else None

    def replace_after(
        self, start: Start, instants: int, later: "Checkpoints", people: People, *, emptied: bool
    ) -> None:
        """Everything after `start` was folded again: `later` has the checkpoints of that.

        `emptied`: nobody was in at some moment after `start`, so that what lies before it is of no use.
        """
        while self._points and (emptied or self._points[-1].at > start.at):
            self._points.pop()
        if self._points and self._points[-1].at == start.at:
            self._points[-1].before = dict(start.people)
            self._points[-1].instants = instants
        self._points.extend(later._points)  # noqa: SLF001 - of our own kind
        people.touched = self._points[-1].before if self._points else None

    def drop_from(self, at: Ms, people: People) -> None:
        """Forget the state at `at` and later, because more is known of it now."""
        dropped = 0
        while self._points and self._points[-1].at >= at:
            point = self._points.pop()
            dropped += point.instants
            if self._points:
                self._points[-1].before = {**point.before, **self._points[-1].before}
        if self._points:
            self._points[-1].instants += dropped
            people.touched = self._points[-1].before
        else:
            people.touched = None

    def _thin_out(self) -> None:
        """Drop each checkpoint in whose place its neighbors lie close enough for how far back they are."""
        points, after = self._points, 0
        for index in range(len(points) - 2, 0, -1):
            point, earlier = points[index], points[index - 1]
            if 2 * (earlier.instants + point.instants) <= after:
                earlier.before = {**point.before, **earlier.before}
                earlier.instants += point.instants
                del points[index]
            else:
                after += point.instants
        if len(points) > 1 and after + points[0].instants > _REACH:
            del points[0]


def start_now(at: Ms, people: People, sittings: Sittings, whom: Iterable[str], *, everybody: bool) -> Start:
    """The state as it is now, after all events up to `at`."""
    return _restored([_Checkpoint(at, people, sittings)], people, whom, everybody=everybody)


def _restored(
    points: Sequence[_Checkpoint], people: People, whom: Iterable[str], *, everybody: bool
) -> Start:
    """The state at the first of `points`, the last of which is the latest there is."""
    first = points[0]
    restored: dict[str, Before] = {}
    for point in reversed(points):
        restored.update(point.before)
    for who in (*whom, *(stay.participant_id for _, stay, _ in first.moves)):
        if who not in restored:
            restored[who] = people.before(who)
    others = first.people - sum(stay is not None for stay, _ in restored.values())
    if everybody or others < 2 or first.people <= FEW:
        for who in (*people.present, *people.doubts):
            if who not in restored:
                restored[who] = people.before(who)
        others = 0
    moves = _undecided(first.moves, restored)
    return Start(first.at, restored, others, moves, first.state, first.meeting)


def _undecided(moves: Iterable[Move], restored: dict[str, Before]) -> tuple[Move, ...]:
    """The moves with their stays as they were: those of people who were in are the restored ones, not yet counted."""
    found: dict[int, OpenStay] = {}
    for _, stay, coming in moves:
        if id(stay) not in found:
            there, doubt = restored[stay.participant_id]
            if there is not None and there.join == stay.join:
                made = there.copy()
                restored[stay.participant_id] = made, doubt
            else:
                made = stay.copy()
            made.counted = made.counted and not coming
            found[id(stay)] = made
    return tuple((t, found[id(stay)], coming) for t, stay, coming in moves)

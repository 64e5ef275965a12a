"""Checkpoints: times inside a sitting from which the past of a room can be folded again.

A late event changes the past from a time before it (R15). If nobody was in the room at that time, it is a mark,
and needs no state. A busy room may not be empty for months, so it also keeps checkpoints: the state of its meeting
at a time, and the *before-images* of the participants who have changed since. All other participants are now as
they were then. So a checkpoint costs memory by the events after it, not by the participants, and so does going
back to it.

The older, the fewer checkpoints: between two of them lie at most half as many events as after them. Going
back N events therefore folds little more than N.

Responsible for saving and restoring a state. Must not know which events are late, or why.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.people import ParticipantState, People
from headcount.kernel.presence import Move
from headcount.kernel.rules import EMPTY, Rules, State
from headcount.kernel.sittings import Sittings

SPACING: Final = 64
"""Number of instants from one checkpoint to the next. Fewer are folded faster than they are saved."""
SMALL_ROOM: Final = 32
"""A room with at most this many participants is restored completely, which is simpler and costs no more."""
_REACH: Final = 65_536
"""Number of instants that checkpoints reach back, which bounds the memory of a room that never empties."""


class Start(NamedTuple):
    """The state of a room after all events up to `at`, from which its past is folded.

    `people` has the participants that are restored, as they were; `other_count` is the number of those who were
    in the room then, are still in it, and are concerned by no event in between. `moves` were not decided then.
    """

    at: Ms
    people: dict[str, ParticipantState]
    other_count: int
    moves: tuple[Move, ...]
    state: State
    meeting_id: str

    @classmethod
    def at_mark(cls, mark: Mark) -> "Start":
        """Return the state at a mark: an empty room, with the inferred leaves not confirmed yet."""
        restored = People()
        restored.restore_unconfirmed(mark.unconfirmed)
        people: dict[str, ParticipantState] = {
            participant_id: (None, inferred_leave)
            for participant_id, inferred_leave in restored.unconfirmed.items()
        }
        return cls(mark.at, people, 0, (), EMPTY, "")

    def restore(self, domain: str, room: str, rules: Rules, people: People) -> Sittings:
        """Put copies of the participants into `people`, which must be empty, and return the sittings.

        The undecided moves go to `people` too: until they are finalized, an override may change them.
        """
        copies: dict[int, OpenStay] = {}

        def copied(stay: OpenStay) -> OpenStay:
            return copies.setdefault(id(stay), stay.copy())

        for participant_id, (stay, inferred_leave) in self.people.items():
            people.set_state(
                participant_id,
                None if stay is None else copied(stay),
                None if inferred_leave is None else inferred_leave.copy(),
            )
        people.other_count = self.other_count
        people.moves.extend((t, copied(stay), is_join) for t, stay, is_join in self.moves)
        sittings = Sittings(domain, room, rules, people.moves)
        sittings.restore(self.state, self.meeting_id)
        return sittings


class _Checkpoint:
    """One checkpoint; `before_images` has all participants who changed since, up to the next one, as they were at `at`.

    `moves` were not decided at `at`; their stays are as they are now, not as they were.
    """

    __slots__ = ("at", "before_images", "instants", "meeting_id", "moves", "open_stay_count", "state")

    def __init__(self, at: Ms, people: People, sittings: Sittings) -> None:
        self.at = at
        self.instants = 0
        self.open_stay_count = len(people.open_stays)
        self.state = sittings.state
        self.meeting_id = sittings.meeting_id
        self.before_images: dict[str, ParticipantState] = {}
        self.moves = tuple(sittings.moves)


class Checkpoints:
    """The checkpoints of one room, the oldest first. All of them lie after its last mark."""

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: list[_Checkpoint] = []

    def __bool__(self) -> bool:
        return bool(self._points)

    def times(self) -> list[Ms]:
        """Return the times of the checkpoints."""
        return [point.at for point in self._points]

    def add(self, at: Ms, people: People, sittings: Sittings, instants: int) -> None:
        """Save the state at `at`, `instants` after the last checkpoint. All up to `at` must be finalized."""
        if self._points:
            self._points[-1].instants += instants
        self._points.append(_Checkpoint(at, people, sittings))
        people.before_images = self._points[-1].before_images
        self._thin_out()

    def clear(self, people: People) -> None:
        """Drop all checkpoints: nobody is in the room, so a mark replaces them."""
        self._points.clear()
        people.before_images = None

    def start_before(
        self, since: Ms, people: People, participants: Iterable[str], *, everybody: bool
    ) -> Start | None:
        """Return the state at the latest checkpoint before `since`, or None if there is none.

        It restores the participants who have changed since then and `participants`, or everybody. `people`
        is the state of now.
        """
        index = len(self._points) - 1
        while index >= 0 and self._points[index].at >= since:
            index -= 1
        return (
            _restored(self._points[index:], people, participants, everybody=everybody) if index >= 0 else None
        )

    def replace_after(
        self, start: Start, instants: int, later: "Checkpoints", people: People, *, emptied: bool
    ) -> None:
        """Replace the checkpoints after `start` by `later`, those of the stretch that was folded again.

        `emptied`: nobody was in the room at some time after `start`, so the checkpoints before are useless.
        """
        while self._points and (emptied or self._points[-1].at > start.at):
            self._points.pop()
        if self._points and self._points[-1].at == start.at:
            self._points[-1].before_images = dict(start.people)
            self._points[-1].instants = instants
        self._points.extend(later._points)  # noqa: SLF001 - of the same class
        people.before_images = self._points[-1].before_images if self._points else None

    def drop_from(self, at: Ms, people: People) -> None:
        """Drop the checkpoints at `at` and later, because more is known of their state now."""
        dropped = 0
        while self._points and self._points[-1].at >= at:
            point = self._points.pop()
            dropped += point.instants
            if self._points:
                previous = self._points[-1]
                previous.before_images = {**point.before_images, **previous.before_images}
        if self._points:
            self._points[-1].instants += dropped
            people.before_images = self._points[-1].before_images
        else:
            people.before_images = None

    def _thin_out(self) -> None:
        """Drop each checkpoint whose neighbors lie close enough to each other for their age."""
        points, after = self._points, 0
        for index in range(len(points) - 2, 0, -1):
            point, earlier = points[index], points[index - 1]
            if 2 * (earlier.instants + point.instants) <= after:
                earlier.before_images = {**point.before_images, **earlier.before_images}
                earlier.instants += point.instants
                del points[index]
            else:
                after += point.instants
        if len(points) > 1 and after + points[0].instants > _REACH:
            del points[0]


def start_now(
    at: Ms, people: People, sittings: Sittings, participants: Iterable[str], *, everybody: bool
) -> Start:
    """Return the state as it is now, after all events up to `at`."""
    return _restored([_Checkpoint(at, people, sittings)], people, participants, everybody=everybody)


def _restored(
    points: Sequence[_Checkpoint], people: People, participants: Iterable[str], *, everybody: bool
) -> Start:
    """Return the state at the first of `points`, the last of which is the latest checkpoint."""
    first = points[0]
    restored: dict[str, ParticipantState] = {}
    for point in reversed(points):
        restored.update(point.before_images)
    for participant_id in (*participants, *(stay.participant_id for _, stay, _ in first.moves)):
        if participant_id not in restored:
            restored[participant_id] = people.state_of(participant_id)
    other_count = first.open_stay_count - sum(stay is not None for stay, _ in restored.values())
    if everybody or other_count < 2 or first.open_stay_count <= SMALL_ROOM:
        for participant_id in (*people.open_stays, *people.unconfirmed):
            if participant_id not in restored:
                restored[participant_id] = people.state_of(participant_id)
        other_count = 0
    moves = _undecided(first.moves, restored)
    return Start(first.at, restored, other_count, moves, first.state, first.meeting_id)


def _undecided(moves: Iterable[Move], restored: dict[str, ParticipantState]) -> tuple[Move, ...]:
    """Return the moves with their stays as they were: the restored ones if they were open, not counted yet."""
    found: dict[int, OpenStay] = {}
    for _, stay, is_join in moves:
        if id(stay) not in found:
            open_stay, inferred_leave = restored[stay.participant_id]
            if open_stay is not None and open_stay.join == stay.join:
                made = open_stay.copy()
                restored[stay.participant_id] = made, inferred_leave
            else:
                made = stay.copy()
            made.counted = made.counted and not is_join
            found[id(stay)] = made
    return tuple((t, found[id(stay)], is_join) for t, stay, is_join in moves)

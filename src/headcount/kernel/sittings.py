"""Sittings: from the comings and goings in one room to its meetings.

Feeds the rules of `rules.py` with one head count after the other and tells what they
decide. Knows rules 4-8 and, of rule 14, that nothing is decided from a pending join on.
"""

from collections.abc import Iterator
from itertools import islice

from headcount.kernel.changes import (
    Because,
    Change,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    StayVoided,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import meeting_id
from headcount.kernel.people import Move, OpenStay
from headcount.kernel.rules import EMPTY, NEVER, Rules, State, count, due, falls_due, is_void, lapse

_LEFT = Because.LEFT
_LONG_ENOUGH = Because.LONG_ENOUGH
_new = tuple.__new__  # as in `people.py`


class Sittings:
    """The meetings of one room, as far as they are decided.

    `moves` holds the comings and goings in order of time; the first `decided` of them are
    decided, the others wait. `id` names the latest meeting that stood.
    """

    __slots__ = (
        "changes",
        "decided",
        "domain",
        "id",
        "min_stay_ms",
        "moment_due",
        "moves",
        "room",
        "rules",
        "state",
    )

    def __init__(
        self,
        domain: str,
        room: str,
        rules: Rules,
        moves: list[Move],
        changes: list[Change],
    ) -> None:
        self.domain = domain
        self.room = room
        self.rules = rules
        self.min_stay_ms = rules.min_stay_ms
        self.moves = moves
        self.decided = 0
        self.changes = changes
        self.state = EMPTY
        self.moment_due = NEVER
        self.id = ""

    def settle(self, to: Ms) -> None:
        """Decide what can be decided when everything up to and including `to` is known."""
        moves, i = self.moves, self.decided
        size = len(moves)
        while i < size:
            t, stay, coming = moves[i]
            if to - t < self.min_stay_ms and self._is_pending(i):
                to = t - 1
                break
            people = n = self.state.people
            while True:
                if coming:
                    n += self._comes(stay)
                elif stay.counted:
                    self.changes.append(_new(ParticipantLeft, (t, stay.frozen(), _LEFT)))
                    n -= 1
                i += 1
                if i == size or moves[i][0] != t:
                    break
                _, stay, coming = moves[i]
            if n != people:
                self._step(t, n)
        if i:
            self._forget(i)
        if self.moment_due <= to:
            self._lapse()

    def _forget(self, decided: int) -> None:
        """Take off what is decided once it is half of all, so that a move moves up once, not at every advance."""
        if 2 * decided >= len(self.moves):
            del self.moves[:decided]
            decided = 0
        self.decided = decided

    def waiting(self) -> Iterator[Move]:
        """The comings and goings that are not yet decided."""
        return islice(self.moves, self.decided, None)

    def restore(self, state: State, name: str) -> None:
        """Go on from a remembered state, in which the latest meeting was called `name`."""
        self._set(state)
        self.id = name

    def known_leaves(self) -> list[Change]:
        """Leaves that are not decided yet and all the same show in their entries (R14)."""
        if self.decided == len(self.moves):
            return []
        return [
            ParticipantLeft(t, stay.frozen())
            for t, stay, coming in self.waiting()
            if not coming and stay.counted
        ]

    def next_decision(self) -> Ms:
        """By when `settle` will decide something if nobody comes or goes, or NEVER.

        Whoever waits first is pending: at `min_stay_ms` after the join they count.
        """
        if self.moves:
            return self.moves[self.decided][0] + self.min_stay_ms
        return self.moment_due

    def _is_pending(self, first: int) -> bool:
        """Whether one of those who joined at the instant of the move `first` is still in (and too young)."""
        moves = self.moves
        t = moves[first][0]
        for i in range(first, len(moves)):
            moment, stay, coming = moves[i]
            if moment != t:
                return False
            if coming and stay.leave is None:
                return True
        return False

    def _comes(self, stay: OpenStay) -> int:
        if stay.leave is not None and is_void(stay.join, stay.leave, self.rules):
            self.changes.append(StayVoided(stay.leave, stay.frozen()))
            return 0
        stay.counted = True
        self.changes.append(_new(ParticipantJoined, (stay.join, stay.as_joined(), _LONG_ENOUGH)))
        return 1

    def _step(self, t: Ms, n: int) -> None:
        if self.moment_due <= t and falls_due(self.state, self.moment_due, t, n):
            self._lapse()
        before = self.state
        self.state = after = count(before, t, n)
        self.moment_due = due(after, self.rules)
        if n == 0:
            if before.stands:
                self._ended(t, before, Because.EMPTY)
        elif not before.stands and after.stands:
            self._started(t, Because.COMPANY)

    def _lapse(self) -> None:
        before, t = self.state, self.moment_due
        self._set(lapse(before, self.rules))
        if before.stands:
            self._ended(t, before, Because.LEFT_ALONE)
            self._started(t, Because.LEFT_ALONE)
        else:
            self._started(t, Because.WAITED_ALONE)

    def _set(self, state: State) -> None:
        self.state = state
        self.moment_due = due(state, self.rules)

    def _started(self, t: Ms, because: Because) -> None:
        start = self.state.began
        self.id = meeting_id(self.domain, self.room, start)
        self.changes.append(MeetingStarted(t, self.id, start, because))

    def _ended(self, t: Ms, state: State, because: Because) -> None:
        self.changes.append(MeetingEnded(t, self.id, state.began, state.most, because))

"""Sittings: from the comings and goings in one room to its meetings.

Feeds the rules of `rules.py` with one head count after the other and tells what they
decide. Knows rules 4-8 and, of rule 14, that nothing is decided from a pending join on.
"""

from collections import deque

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
from headcount.kernel.people import OpenStay
from headcount.kernel.rules import EMPTY, NEVER, Rules, State, count, due, falls_due, is_void, lapse


class Sittings:
    """The meetings of one room, as far as they are decided.

    `waiting` holds the comings and goings that are not yet decided, in order of time:
    (moment, stay, whether it is a coming). `id` names the latest meeting that stood.
    """

    __slots__ = ("changes", "domain", "id", "min_stay_ms", "moment_due", "room", "rules", "state", "waiting")

    def __init__(
        self,
        domain: str,
        room: str,
        rules: Rules,
        waiting: deque[tuple[Ms, OpenStay, bool]],
        changes: list[Change],
    ) -> None:
        self.domain = domain
        self.room = room
        self.rules = rules
        self.min_stay_ms = rules.min_stay_ms
        self.waiting = waiting
        self.changes = changes
        self.state = EMPTY
        self.moment_due = NEVER
        self.id = ""

    def settle(self, to: Ms) -> None:
        """Decide what can be decided when everything up to and including `to` is known."""
        waiting = self.waiting
        while waiting:
            t = waiting[0][0]
            if to - t < self.min_stay_ms and self._is_pending(t):
                to = t - 1
                break
            people = n = self.state.people
            while waiting and waiting[0][0] == t:
                _, stay, coming = waiting.popleft()
                if coming:
                    n += self._comes(stay)
                elif stay.counted:
                    self.changes.append(ParticipantLeft(t, stay.frozen()))
                    n -= 1
            if n != people:
                self._step(t, n)
        if self.moment_due <= to:
            self._lapse()

    def restore(self, state: State, name: str) -> None:
        """Go on from a remembered state, in which the latest meeting was called `name`."""
        self._set(state)
        self.id = name

    def known_leaves(self) -> list[Change]:
        """Leaves that are not decided yet and all the same show in their entries (R14)."""
        return [
            ParticipantLeft(t, stay.frozen())
            for t, stay, coming in self.waiting
            if not coming and stay.counted
        ]

    def next_decision(self) -> Ms:
        """By when `settle` will decide something if nobody comes or goes, or NEVER.

        Whoever waits first is pending: at `min_stay_ms` after the join they count.
        """
        if self.waiting:
            return self.waiting[0][0] + self.min_stay_ms
        return self.moment_due

    def _is_pending(self, t: Ms) -> bool:
        """Whether somebody who joined at `t` is still in (and, asked so early, too young to count)."""
        for moment, stay, coming in self.waiting:
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
        self.changes.append(ParticipantJoined(stay.join, stay.as_joined()))
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
        elif after.stands and not before.stands:
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

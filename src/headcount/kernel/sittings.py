"""Sittings: the meetings of one room, from the stays that open and close in it (R4-R8).

Responsible for calling the rules of `rules.py` with one head count after the other and for publishing what they
decide. Of R14 it knows that nothing is decided from a pending join on. Must not know events.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from headcount.kernel.changes import (
    Change,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Stay, meeting_id
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.people import Move
from headcount.kernel.rules import EMPTY, NEVER, Rules, State, due, expire, falls_due, is_too_short, step

_LEFT = Reason.LEFT
_MIN_STAY_REACHED = Reason.MIN_DURATION_REACHED
_new = tuple.__new__  # as in `open_stay.py`


class Sittings:
    """The meetings of one room, as far as they are decided.

    `moves` are in order of time; the first `decided_count` of them are decided, the others are not.
    `meeting_id` is the id of the latest meeting.
    """

    __slots__ = (
        "changes",
        "decided_count",
        "domain",
        "due_at",
        "meeting_id",
        "min_stay_ms",
        "moves",
        "room",
        "rules",
        "state",
    )

    def __init__(self, domain: str, room: str, rules: Rules, changes: list[Change]) -> None:
        self.domain = domain
        self.room = room
        self.rules = rules
        self.min_stay_ms = rules.min_stay_ms
        self.moves: list[Move] = []
        self.decided_count = 0
        self.changes = changes
        self.state = EMPTY
        self.due_at = NEVER
        self.meeting_id = ""

    def finalize(self, to: Ms, moves: list[Move]) -> None:
        """Decide what can be decided when everything up to and including `to` is known.

        `moves` are those since the last call. The list belongs to the sittings from then on.
        """
        if moves:
            if self.moves:
                self.moves += moves
            else:
                self.moves = moves
        moves, i = self.moves, self.decided_count
        size = len(moves)
        while i < size:
            t, stay, is_join = moves[i]
            if to - t < self.min_stay_ms and self._is_pending(i):
                to = t - 1
                break
            head_count = n = self.state.head_count
            while True:
                if is_join:
                    n += self._count_join(stay)
                elif stay.counted:
                    self.changes.append(_new(ParticipantLeft, (t, stay.to_stay(), _LEFT)))
                    n -= 1
                i += 1
                if i == size or moves[i][0] != t:
                    break
                _, stay, is_join = moves[i]
            if n != head_count:
                self._step(t, n)
        if i:
            self._drop_decided(i)
        if self.due_at <= to:
            self._expire()

    def _drop_decided(self, decided_count: int) -> None:
        """Delete the decided moves once they are half of all, so that few of the others are copied."""
        if 2 * decided_count >= len(self.moves):
            del self.moves[:decided_count]
            decided_count = 0
        self.decided_count = decided_count

    def undecided(self) -> Iterator[Move]:
        """Return the moves that are not decided yet."""
        return islice(self.moves, self.decided_count, None)

    def restore(self, state: State, meeting_id: str, undecided: Sequence[Move] = ()) -> None:
        """Restore a state, the id of its latest meeting, and the moves that were not decided in it."""
        self._set_state(state)
        self.meeting_id = meeting_id
        self.moves = list(undecided)

    def undecided_leaves(self) -> list[Change]:
        """Return the leaves that are not decided yet and appear in their entries all the same (R14)."""
        if self.decided_count == len(self.moves):
            return []
        return [
            ParticipantLeft(t, stay.to_stay())
            for t, stay, is_join in self.undecided()
            if not is_join and stay.counted
        ]

    def pending_stays(self) -> Iterator[Stay]:
        """Return the stays that are open and too young to count, the earliest first (R14)."""
        return (stay.to_stay() for _, stay, is_join in self.undecided() if is_join and stay.leave is None)

    def next_decision(self) -> Ms:
        """Return by when `finalize` decides something if there are no more moves, or NEVER.

        The first undecided move is a pending join: `min_stay_ms` after it, the stay counts.
        """
        if self.moves:
            return self.moves[self.decided_count][0] + self.min_stay_ms
        return self.due_at

    def _is_pending(self, first: int) -> bool:
        """Return whether a stay that opens at the instant of the move `first` is still open (and too short)."""
        moves = self.moves
        t = moves[first][0]
        for i in range(first, len(moves)):
            at, stay, is_join = moves[i]
            if at != t:
                return False
            if is_join and stay.leave is None:
                return True
        return False

    def _count_join(self, stay: OpenStay) -> int:
        if stay.leave is not None and is_too_short(stay.join, stay.leave, self.rules):
            self.changes.append(StayIgnored(stay.leave, stay.to_stay()))
            return 0
        stay.counted = True
        self.changes.append(_new(ParticipantJoined, (stay.join, stay.as_joined(), _MIN_STAY_REACHED)))
        return 1

    def _step(self, t: Ms, n: int) -> None:
        if self.due_at <= t and falls_due(self.state, self.due_at, t, n):
            self._expire()
        before = self.state
        self.state = after = step(before, t, n)
        self.due_at = due(after, self.rules)
        if n == 0:
            if before.is_meeting:
                self._publish_end(t, before, Reason.ROOM_EMPTY)
        elif not before.is_meeting and after.is_meeting:
            self._publish_start(t, Reason.TWO_PARTICIPANTS)

    def _expire(self) -> None:
        before, t = self.state, self.due_at
        self._set_state(expire(before, self.rules))
        if before.is_meeting:
            self._publish_end(t, before, Reason.LEFT_ALONE)
            self._publish_start(t, Reason.LEFT_ALONE)
        else:
            self._publish_start(t, Reason.SOLO_DURATION_REACHED)

    def _set_state(self, state: State) -> None:
        self.state = state
        self.due_at = due(state, self.rules)

    def _publish_start(self, t: Ms, reason: Reason) -> None:
        start = self.state.start
        self.meeting_id = meeting_id(self.domain, self.room, start)
        self.changes.append(MeetingStarted(t, self.meeting_id, start, reason))

    def _publish_end(self, t: Ms, state: State, reason: Reason) -> None:
        self.changes.append(MeetingEnded(t, self.meeting_id, state.start, state.max_participants, reason))

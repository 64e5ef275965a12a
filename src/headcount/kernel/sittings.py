"""Sittings: the meetings of one room, from the stays that open and close in it (R4-R8).

Responsible for calling the rules of `rules.py` with one head count after the other and for publishing what they
decide. Of R14 it knows that nothing is decided from a pending join on. Must not know events.
"""

from collections.abc import Iterator

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
from headcount.kernel.presence import Move
from headcount.kernel.rules import EMPTY, NEVER, Rules, State, due, expire, falls_due, is_too_short, step

_LEFT = Reason.LEFT
_MIN_STAY_REACHED = Reason.MIN_DURATION_REACHED
_new = tuple.__new__  # as in `open_stay.py`


class Sittings:
    """The meetings of one room, as far as they are decided.

    `moves` are the stays that open and close, in order of time: `People` appends them, and `finalize` removes those
    that it decides. `meeting_id` is the id of the latest meeting.
    """

    __slots__ = (
        "domain",
        "due_at",
        "meeting_id",
        "min_stay_ms",
        "moves",
        "room",
        "rules",
        "state",
    )

    def __init__(self, domain: str, room: str, rules: Rules, moves: list[Move]) -> None:
        self.domain = domain
        self.room = room
        self.rules = rules
        self.min_stay_ms = rules.min_stay_ms
        self.moves = moves
        self.state = EMPTY
        self.due_at = NEVER
        self.meeting_id = ""

    def finalize(self, to: Ms, changes: list[Change]) -> None:
        """Decide what can be decided when everything up to and including `to` is known, and add it to `changes`."""
        moves = self.moves
        i, size = 0, len(moves)
        while i < size:
            t, stay, is_join = moves[i]
            if to - t < self.min_stay_ms and self._is_pending(i):
                to = t - 1
                break
            head_count = n = self.state.head_count
            while True:
                if is_join:
                    n += self._count_join(stay, changes)
                elif stay.counted:
                    changes.append(_new(ParticipantLeft, (t, stay.to_stay(), _LEFT)))
                    n -= 1
                i += 1
                if i == size or moves[i][0] != t:
                    break
                _, stay, is_join = moves[i]
            if n != head_count:
                self._step(t, n, changes)
        del moves[:i]
        if self.due_at <= to:
            self._expire(changes)

    def leave(self, t: Ms, stay: OpenStay, changes: list[Change]) -> None:
        """Add the leave of `stay`, the only move at `t`. It is decided at once if all before it is."""
        if self.moves:
            self.moves.append((t, stay, False))
        elif stay.counted:
            changes.append(_new(ParticipantLeft, (t, stay.to_stay(), _LEFT)))
            self._step(t, self.state.head_count - 1, changes)

    def restore(self, state: State, meeting_id: str) -> None:
        """Restore a state and the id of its latest meeting."""
        self._set_state(state)
        self.meeting_id = meeting_id

    def undecided_leaves(self) -> list[ParticipantLeft]:
        """Return the leaves that are not decided yet and appear in their entries all the same (R14)."""
        if not self.moves:
            return []
        return [
            ParticipantLeft(t, stay.to_stay())
            for t, stay, is_join in self.moves
            if not is_join and stay.counted
        ]

    def pending_stays(self) -> Iterator[Stay]:
        """Return the stays that are open and too young to count, the earliest first (R14)."""
        return (stay.to_stay() for _, stay, is_join in self.moves if is_join and stay.leave is None)

    def next_decision(self) -> Ms:
        """Return by when `finalize` decides something if there are no more moves, or NEVER.

        The first undecided move is a pending join: `min_stay_ms` after it, the stay counts.
        """
        if self.moves:
            return self.moves[0][0] + self.min_stay_ms
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

    def _count_join(self, stay: OpenStay, changes: list[Change]) -> int:
        if stay.leave is not None and is_too_short(stay.join, stay.leave, self.rules):
            changes.append(StayIgnored(stay.leave, stay.to_stay()))
            return 0
        stay.counted = True
        changes.append(_new(ParticipantJoined, (stay.join, stay.as_joined(), _MIN_STAY_REACHED)))
        return 1

    def _step(self, t: Ms, n: int, changes: list[Change]) -> None:
        if self.due_at <= t and falls_due(self.state, self.due_at, t, n):
            self._expire(changes)
        before = self.state
        self.state = after = step(before, t, n)
        self.due_at = due(after, self.rules)
        if before.is_meeting:
            if n == 0:
                changes.append(self._ended(t, before, Reason.ROOM_EMPTY))
        elif after.is_meeting:
            changes.append(self._start(t, Reason.TWO_PARTICIPANTS))

    def _expire(self, changes: list[Change]) -> None:
        before, t = self.state, self.due_at
        self._set_state(expire(before, self.rules))
        if before.is_meeting:
            changes.append(self._ended(t, before, Reason.LEFT_ALONE))
            changes.append(self._start(t, Reason.LEFT_ALONE))
        else:
            changes.append(self._start(t, Reason.SOLO_DURATION_REACHED))

    def _set_state(self, state: State) -> None:
        self.state = state
        self.due_at = due(state, self.rules)

    def _start(self, t: Ms, reason: Reason) -> MeetingStarted:
        """Name the meeting that has begun, and return its start."""
        start = self.state.start
        self.meeting_id = meeting_id(self.domain, self.room, start)
        return MeetingStarted(t, self.meeting_id, start, reason)

    def _ended(self, t: Ms, state: State, reason: Reason) -> MeetingEnded:
        return MeetingEnded(t, self.meeting_id, state.start, state.max_participants, reason)

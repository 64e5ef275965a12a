"""Changes that a room publishes, as facts in the past tense, each with the rule behind it.

Responsible for the types of changes: applied in order, they yield the tables of stays and meetings.
Must not know how a room arrives at them.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Meeting, Stay


class Reason(StrEnum):
    """The reason for a change, and the rule that it follows from."""

    NAME_LEARNED = "name_learned"
    LEFT = "left"
    DUPLICATE_JOIN = "duplicate_join"
    LEAVE_WITHOUT_JOIN = "leave_without_join"
    ROOM_ALREADY_EMPTY = "room_already_empty"
    CANCELLED_OUT = "cancelled_out"
    DUPLICATE_EVENT = "duplicate_event"
    INFERRED_EVENT_OUTRANKED = "inferred_event_outranked"
    INFERRED_LEAVE_OVERRIDDEN = "inferred_leave_overridden"
    MIN_DURATION_REACHED = "min_duration_reached"
    TOO_SHORT = "too_short"
    TWO_PARTICIPANTS = "two_participants"
    SOLO_DURATION_REACHED = "solo_duration_reached"
    LEFT_ALONE = "left_alone"
    ROOM_EMPTY = "room_empty"
    LATE_EVENT = "late_event"

    @property
    def rule(self) -> str:
        return _RULES[self]


_RULES: Final = {
    Reason.NAME_LEARNED: "R1",
    Reason.LEFT: "R1",
    Reason.DUPLICATE_JOIN: "R1",
    Reason.LEAVE_WITHOUT_JOIN: "R1",
    Reason.ROOM_ALREADY_EMPTY: "R1",
    Reason.CANCELLED_OUT: "R2",
    Reason.DUPLICATE_EVENT: "R3",
    Reason.INFERRED_EVENT_OUTRANKED: "R3a",
    Reason.INFERRED_LEAVE_OVERRIDDEN: "R3a",
    Reason.MIN_DURATION_REACHED: "R4",
    Reason.TOO_SHORT: "R4",
    Reason.TWO_PARTICIPANTS: "R6",
    Reason.SOLO_DURATION_REACHED: "R6",
    Reason.LEFT_ALONE: "R7",
    Reason.ROOM_EMPTY: "R8",
    Reason.LATE_EVENT: "R15",
}


class ParticipantJoined(NamedTuple):
    """A stay counts: it is 10 s old. Published once everything before its join is decided."""

    at: Ms
    stay: Stay
    reason: Reason = Reason.MIN_DURATION_REACHED


class ParticipantNamed(NamedTuple):
    """A later event named the participant of a stay that is open and counts."""

    at: Ms
    stay: Stay
    reason: Reason = Reason.NAME_LEARNED


class ParticipantLeft(NamedTuple):
    """A stay that counts has ended; `stay.left_by` is the way it ended."""

    at: Ms
    stay: Stay
    reason: Reason = Reason.LEFT


class StayIgnored(NamedTuple):
    """A stay ended too soon to count (R4)."""

    at: Ms
    stay: Stay
    reason: Reason = Reason.TOO_SHORT


class MeetingStarted(NamedTuple):
    """A meeting has begun at `start`; `at` is when the condition of the rule was met."""

    at: Ms
    id: str
    start: Ms
    reason: Reason


class MeetingEnded(NamedTuple):
    """A meeting [start, at) has ended."""

    at: Ms
    id: str
    start: Ms
    max_participants: int
    reason: Reason


class EventIgnored(NamedTuple):
    """An event changed nothing. `participant_id` is None for an end."""

    at: Ms
    participant_id: str | None
    kind: Kind
    reason: Reason


class MeetingsCorrected(NamedTuple):
    """Published stays and meetings are replaced, as if all events had arrived in time (R15).

    `stays_before` and `meetings_before` are withdrawn and replaced by `stays_after` and
    `meetings_after`; what is equal in both is in neither. An id in `meetings_before` that no
    longer exists leads to the meeting that now covers its start (R16): see `successor`.
    `event` is the late event and `late_ms` its delay; it is None where an inferred leave was
    overridden. `carried` are the stays that continued into a meeting when a reset began it
    (R7), each with the meeting's id, where the meeting or the stay is a different one now.
    `open_meeting_id` is the meeting that was ongoing when the corrected stretch began: its start
    is unchanged.
    """

    at: Ms
    event: Event | None
    late_ms: Ms
    stays_before: tuple[Stay, ...]
    stays_after: tuple[Stay, ...]
    meetings_before: tuple[Meeting, ...]
    meetings_after: tuple[Meeting, ...]
    reason: Reason
    carried: tuple[tuple[str, Stay], ...] = ()
    open_meeting_id: str | None = None

    def successor(self, meeting: Meeting) -> Meeting | None:
        """Return the corrected meeting that covers the start of `meeting`, or None."""
        for after in self.meetings_after:
            if after.start <= meeting.start and (after.end is None or meeting.start < after.end):
                return after
        return None


Change = (
    ParticipantJoined
    | ParticipantNamed
    | ParticipantLeft
    | StayIgnored
    | MeetingStarted
    | MeetingEnded
    | EventIgnored
    | MeetingsCorrected
)

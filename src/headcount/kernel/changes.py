"""Changes: what a room tells the world, each with the rule that made it so.

Facts in the past tense. Whoever applies them one after the other has the tables of
stays and meetings, and never needs to ask the room how it came to them.
"""

from enum import StrEnum
from typing import NamedTuple

from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Meeting, Stay


class Because(StrEnum):
    """The rule behind a change: its number, and which of its cases applied."""

    NAME_LEARNT = "R1 name learnt"
    LEFT = "R1 left"
    REPEATED_JOIN = "R1 repeated join"
    ORPHAN_LEAVE = "R1 orphan leave"
    END_OF_NOBODY = "R1 end of nobody"
    CANCELLED = "R2 join and leave at one instant"
    DELIVERED_TWICE = "R3 delivered twice"
    GUESS_OUTRANKED = "R3a guess outranked"
    GUESS_OVERTURNED = "R3a guess overturned"
    LONG_ENOUGH = "R4 long enough"
    TOO_SHORT = "R4 too short"
    COMPANY = "R6 company"
    WAITED_ALONE = "R6 waited alone"
    LEFT_ALONE = "R7 left alone"
    EMPTY = "R8 empty"
    LATE = "R15 late"

    @property
    def rule(self) -> str:
        return self.value.partition(" ")[0]


class ParticipantJoined(NamedTuple):
    """A stay counts: it is 10 s old. Told once everything before its join is decided."""

    at: Ms
    stay: Stay
    because: Because = Because.LONG_ENOUGH


class ParticipantNamed(NamedTuple):
    """A later event told who somebody is who is in and counts."""

    at: Ms
    stay: Stay
    because: Because = Because.NAME_LEARNT


class ParticipantLeft(NamedTuple):
    """A stay that counts has ended; `stay.left_by` says how."""

    at: Ms
    stay: Stay
    because: Because = Because.LEFT


class StayVoided(NamedTuple):
    """A stay ended too soon to count."""

    at: Ms
    stay: Stay
    because: Because = Because.TOO_SHORT


class MeetingStarted(NamedTuple):
    """A meeting stands. It began at `start`; `at` is when the rule was fulfilled."""

    at: Ms
    id: str
    start: Ms
    because: Because


class MeetingEnded(NamedTuple):
    """A meeting [start, at) is over."""

    at: Ms
    id: str
    start: Ms
    max_participants: int
    because: Because


class EventIgnored(NamedTuple):
    """Something was said that changed nothing. `participant_id` is None for an end."""

    at: Ms
    participant_id: str | None
    kind: Kind
    because: Because


class Revised(NamedTuple):
    """What was told about a stretch of time is replaced, as if all had come in time (R15).

    `stays_before` and `meetings_before` are withdrawn and `stays_after` and
    `meetings_after` hold in their place; what is the same in both is in neither. An id
    in `meetings_before` that is gone leads to the meeting that now covers its start
    (R16): see `successor`. `event` came late by `late_ms`; it is None where a guess was
    overturned. `carried` are the stays that went on into a meeting when a reset began it
    (R7), each with the meeting's id, where the meeting or the stay is another one now.
    `standing` is the meeting that stood when the stretch began: how it began is as it was.
    """

    at: Ms
    event: Event | None
    late_ms: Ms
    stays_before: tuple[Stay, ...]
    stays_after: tuple[Stay, ...]
    meetings_before: tuple[Meeting, ...]
    meetings_after: tuple[Meeting, ...]
    because: Because
    carried: tuple[tuple[str, Stay], ...] = ()
    standing: str | None = None

    def successor(self, meeting: Meeting) -> Meeting | None:
        """The revised meeting that covers the start of `meeting`, if one does."""
        for after in self.meetings_after:
            if after.start <= meeting.start and (after.end is None or meeting.start < after.end):
                return after
        return None


Change = (
    ParticipantJoined
    | ParticipantNamed
    | ParticipantLeft
    | StayVoided
    | MeetingStarted
    | MeetingEnded
    | EventIgnored
    | Revised
)

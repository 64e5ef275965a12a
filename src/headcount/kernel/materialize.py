"""Projection of the changes of one room to its stays and meetings.

Responsible for the tables that a consumer has who applied every change, which also proves that the changes of
`changes.py` are complete. Must not know rooms or events.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter

from headcount.kernel.changes import (
    Change,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Meeting, Stay, entries
from headcount.kernel.rules import State

_by_join = attrgetter("join")


class Projection:
    """The stays that count and the meetings of one room, as published so far."""

    def __init__(self, domain: str, room: str) -> None:
        self.domain = domain
        self.room = room
        self.stays: dict[tuple[str, Ms], Stay] = {}
        self._meetings: dict[str, Meeting] = {}
        """Meetings by id, without their participants."""

    def apply(self, changes: Iterable[Change]) -> "Projection":
        """Apply changes in their order, and return the projection."""
        for change in changes:
            match change:
                case ParticipantJoined() | ParticipantNamed() | ParticipantLeft():
                    self._put_stay(change.stay)
                case MeetingStarted():
                    self._put_meeting(change.id, change.start, None, 0)
                case MeetingEnded():
                    self._put_meeting(change.id, change.start, change.at, change.max_participants)
                case MeetingsCorrected():
                    self._correct(change)
        return self

    def start_from(self, stays: Iterable[Stay], meeting_id: str, state: State) -> None:
        """Start inside a sitting: with stays that count and, if there is one, the ongoing meeting."""
        for stay in stays:
            self._put_stay(stay)
        if state.is_meeting:
            self._put_meeting(meeting_id, state.start, None, 0)

    def copy(self) -> "Projection":
        """Return an independent copy."""
        other = Projection(self.domain, self.room)
        other.stays = dict(self.stays)
        other._meetings = dict(self._meetings)
        return other

    def meetings(self, max_participants: int = 0) -> list[Meeting]:
        """Return the meetings by start, with their participants.

        `max_participants` is the largest head count of the ongoing meeting.
        """
        meetings = sorted(self._meetings.values(), key=lambda meeting: meeting.start)
        spans = [(meeting.start, meeting.end) for meeting in meetings]
        return [
            meeting._replace(
                max_participants=max_participants if meeting.end is None else meeting.max_participants,
                participants=entries(stays, meeting.start, meeting.end),
            )
            for meeting, stays in zip(meetings, self.overlapping(spans), strict=True)
        ]

    def overlapping(self, spans: Iterable[tuple[Ms, Ms | None]]) -> Iterator[list[Stay]]:
        """Yield for each span [start, end), in order of time, the stays that overlap it, by join."""
        later = deque(sorted(self.stays.values(), key=_by_join))
        present: list[Stay] = []
        for start, end in spans:
            while later and (end is None or later[0].join < end):
                present.append(later.popleft())
            present = [stay for stay in present if stay.leave is None or stay.leave > start]
            yield present

    def _put_meeting(self, meeting_id: str, start: Ms, end: Ms | None, max_participants: int) -> None:
        self._meetings[meeting_id] = Meeting(meeting_id, self.domain, self.room, start, end, max_participants)

    def _put_stay(self, stay: Stay) -> None:
        self.stays[stay.participant_id, stay.join] = stay

    def _correct(self, correction: MeetingsCorrected) -> None:
        for stay in correction.stays_before:
            del self.stays[stay.participant_id, stay.join]
        for stay in correction.stays_after:
            self._put_stay(stay)
        for meeting in correction.meetings_before:
            del self._meetings[meeting.id]
        for meeting in correction.meetings_after:
            self._meetings[meeting.id] = meeting._replace(participants=())

"""Record: the tables that somebody has who applied every change a room told.

This is the other end of `changes.py`, and the proof that the changes are enough.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter

from headcount.kernel.changes import (
    Change,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Revised,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Meeting, Stay, entries
from headcount.kernel.rules import State

_by_join = attrgetter("join")


class Record:
    """The stays that count and the meetings of one room, as told so far."""

    def __init__(self, domain: str, room: str) -> None:
        self.domain = domain
        self.room = room
        self.stays: dict[tuple[str, Ms], Stay] = {}
        self._headings: dict[str, Meeting] = {}

    def apply(self, changes: Iterable[Change]) -> "Record":
        for change in changes:
            match change:
                case ParticipantJoined() | ParticipantNamed() | ParticipantLeft():
                    self._keep(change.stay)
                case MeetingStarted():
                    self._headings[change.id] = self._heading(change.id, change.start, None, 0)
                case MeetingEnded():
                    ended = self._heading(change.id, change.start, change.at, change.max_participants)
                    self._headings[change.id] = ended
                case Revised():
                    self._revise(change)
        return self

    def begin(self, stays: Iterable[Stay], meeting: str, state: State) -> None:
        """Begin in the midst of a sitting: with stays that count and, if it stands, the meeting they are in."""
        for stay in stays:
            self._keep(stay)
        if state.stands:
            self._headings[meeting] = self._heading(meeting, state.began, None, 0)

    def copy(self) -> "Record":
        other = Record(self.domain, self.room)
        other.stays = dict(self.stays)
        other._headings = dict(self._headings)
        return other

    def meetings(self, most: int = 0) -> list[Meeting]:
        """The meetings by start, with their participants; `most` is the ongoing one's largest head count."""
        headings = sorted(self._headings.values(), key=lambda meeting: meeting.start)
        spans = [(meeting.start, meeting.end) for meeting in headings]
        return [
            meeting._replace(
                max_participants=most if meeting.end is None else meeting.max_participants,
                participants=entries(stays, meeting.start, meeting.end),
            )
            for meeting, stays in zip(headings, self.overlapping(spans), strict=True)
        ]

    def overlapping(self, spans: Iterable[tuple[Ms, Ms | None]]) -> Iterator[list[Stay]]:
        """For each span [start, end) in order of time, the stays that overlap it, by join."""
        later = deque(sorted(self.stays.values(), key=_by_join))
        present: list[Stay] = []
        for start, end in spans:
            while later and (end is None or later[0].join < end):
                present.append(later.popleft())
            present = [stay for stay in present if stay.leave is None or stay.leave > start]
            yield present

    def _heading(self, name: str, start: Ms, end: Ms | None, most: int) -> Meeting:
        return Meeting(name, self.domain, self.room, start, end, most)

    def _keep(self, stay: Stay) -> None:
        self.stays[stay.participant_id, stay.join] = stay

    def _revise(self, revised: Revised) -> None:
        for stay in revised.stays_before:
            del self.stays[stay.participant_id, stay.join]
        for stay in revised.stays_after:
            self._keep(stay)
        for meeting in revised.meetings_before:
            del self._headings[meeting.id]
        for meeting in revised.meetings_after:
            self._headings[meeting.id] = meeting._replace(participants=())

"""Projecting: from what a room told to the rows that say the same.

Facts of one room become rows of one round. Decides nothing: what a room did not tell is not here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from headcount.kernel.changes import (
    Because,
    Change,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Meeting, Stay, carries_into
from headcount.kernel.room import Room
from headcount.store.records import BatchChanges, Correction, MeetingRow, StayRow, SupersededMeeting


class Projection:
    """What one room told in one round, written into `batch`.

    `now` is the engine's time; what changes nothing older than `published_ms` was not published
    yet, and is no correction (R14).
    """

    def __init__(self, batch: BatchChanges, room: Room, now: Ms, published_ms: Ms) -> None:
        self._round = batch
        self._room = room
        self._domain = room.domain
        self._name = room.name
        self._now = now
        self._published_ms = published_ms

    def apply(
        self, changes: Sequence[Change], known_leaves: Sequence[Change], *, imported: bool = False
    ) -> None:
        """Write down what was told, and the leaves that are known but not decided yet (R14).

        What an import reveals was never told otherwise: it is no correction.
        """
        for change in changes:
            match change:
                case ParticipantJoined() | ParticipantNamed() | ParticipantLeft():
                    self._keep_stay(change.stay)
                case MeetingStarted():
                    self._start(change, (*changes, *known_leaves))
                case MeetingEnded():
                    self._go_on(change.id, change.at, change.max_participants)
                    self._to_tally(change.start, change.at)
                case MeetingsCorrected():
                    self._revise(change, imported=imported)
        for change in known_leaves:
            assert isinstance(change, ParticipantLeft)
            self._keep_stay(change.stay)

    def show_most(self, shown: tuple[str, int] | None) -> tuple[str, int] | None:
        """Keep the largest head count of the ongoing meeting where it differs from what is shown."""
        ongoing = self._room.meeting
        if ongoing is None:
            return None
        written = self._round.meetings.get((self._domain, ongoing.id)) is not None
        if written or shown != (ongoing.id, ongoing.max_participants):
            self._go_on(ongoing.id, None, ongoing.max_participants)
        return ongoing.id, ongoing.max_participants

    def _keep_stay(self, stay: Stay) -> None:
        self._round.stays[self._domain, self._name, stay.join, stay.participant_id] = StayRow(
            self._domain,
            self._name,
            stay.join,
            stay.participant_id,
            stay.leave,
            None if stay.left_by is None else stay.left_by.value,
            stay.user_id,
            stay.user_name,
        )

    def _start(self, started: MeetingStarted, changes: Iterable[Change]) -> None:
        carried = None
        if started.because is Because.LEFT_ALONE:
            carried = next((s for s in self._candidates(changes) if carries_into(s, started.start)), None)
        self._keep_meeting(started.id, started.start, None, 1, carried)

    def _candidates(self, changes: Iterable[Change]) -> Iterator[Stay]:
        """Who may have been in at a moment that these changes tell of."""
        yield from (change.stay for change in changes if isinstance(change, ParticipantLeft))
        yield from self._room.counted_stays()

    def _keep_meeting(self, name: str, start: Ms, end: Ms | None, most: int, carried: Stay | None) -> None:
        goes_on = () if carried is None else (carried.join, carried.participant_id)
        key = (self._domain, name)
        self._forget(key)
        self._round.meetings[key] = MeetingRow(self._domain, name, self._name, start, end, most, *goes_on)

    def _go_on(self, name: str, end: Ms | None, most: int) -> None:
        """A meeting that is known has grown, or ended."""
        key = (self._domain, name)
        row = self._round.meetings.get(key)
        if row is None:
            self._round.progress[key] = (end, most)
        else:
            self._round.meetings[key] = row._replace(end=end, max_participants=most)

    def _revise(self, revised: MeetingsCorrected, *, imported: bool) -> None:
        for stay in revised.stays_before:
            self._round.stays[self._domain, self._name, stay.join, stay.participant_id] = None
        for stay in revised.stays_after:
            self._keep_stay(stay)
        after = {meeting.id for meeting in revised.meetings_after}
        for meeting in revised.meetings_before:
            if meeting.id == revised.open_meeting_id:
                continue
            self._forget((self._domain, meeting.id))
            self._round.meetings[self._domain, meeting.id] = None
            if meeting.id not in after:
                self._supersede(meeting)
        carried = dict(revised.carried)
        for meeting in revised.meetings_after:
            if meeting.id == revised.open_meeting_id:
                self._go_on(meeting.id, meeting.end, meeting.max_participants)
            else:
                self._keep_meeting(
                    meeting.id, meeting.start, meeting.end, meeting.max_participants, carried.get(meeting.id)
                )
        for name, stay in revised.carried:
            if name not in after:
                self._round.carried[self._domain, name] = (stay.join, stay.participant_id)
        self._to_tally(*self._time_of(revised))
        late = revised.because is not Because.LATE_EVENT or revised.late_ms > self._published_ms
        if late and not imported:
            self._round.corrections.append(self._correction(revised))

    def _forget(self, key: tuple[str, str]) -> None:
        """What this round had to say of a meeting so far is void."""
        self._round.progress.pop(key, None)
        self._round.carried.pop(key, None)

    def _supersede(self, meeting: Meeting) -> None:
        gone = SupersededMeeting(self._domain, meeting.id, self._name, meeting.start, self._now)
        self._round.superseded.append(gone)

    def _to_tally(self, start: Ms, end: Ms) -> None:
        """In this time a meeting that is over has become another one, or one."""
        key = (self._domain, self._name)
        first, last = self._round.to_tally.get(key, (start, end))
        self._round.to_tally[key] = (min(first, start), max(last, end))

    def _time_of(self, revised: MeetingsCorrected) -> tuple[Ms, Ms]:
        """From the first to the last moment of all that is told otherwise now."""
        stays = (*revised.stays_before, *revised.stays_after)
        meetings = (*revised.meetings_before, *revised.meetings_after)
        begins = [*(stay.join for stay in stays), *(meeting.start for meeting in meetings)]
        ends = [*(stay.leave for stay in stays), *(meeting.end for meeting in meetings)]
        return min(begins), max(self._now if end is None else end for end in ends)

    def _correction(self, revised: MeetingsCorrected) -> Correction:
        first, last = self._time_of(revised)
        return Correction(
            self._domain,
            self._name,
            self._now,
            first,
            last,
            revised.late_ms,
            revised.because.value,
            msgspec.json.encode(_before_and_after(revised)).decode(),
        )


def _before_and_after(revised: MeetingsCorrected) -> dict[str, Any]:
    event = revised.event
    return {
        "event": None if event is None else {"kind": event.kind, "participant_id": event.participant_id, "at": event.at},
        "stays_before": [stay._asdict() for stay in revised.stays_before],
        "stays_after": [stay._asdict() for stay in revised.stays_after],
        "meetings_before": [_heading(meeting) for meeting in revised.meetings_before],
        "meetings_after": [_heading(meeting) for meeting in revised.meetings_after],
    }  # fmt: skip


def _heading(meeting: Meeting) -> dict[str, Any]:
    return {
        "id": meeting.id,
        "start": meeting.start,
        "end": meeting.end,
        "max_participants": meeting.max_participants,
    }

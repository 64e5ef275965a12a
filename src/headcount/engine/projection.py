"""Projection: the rows that follow from the changes of one room.

Responsible for turning the changes of a room into rows of a batch. Must not decide anything: it writes only what the
room reported.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from headcount.kernel.attributes import Attributes, merge
from headcount.kernel.changes import (
    Change,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Reason,
)
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Meeting, Stay, carries_into
from headcount.kernel.open_stay import Names
from headcount.kernel.room import Room
from headcount.store.records import (
    BatchChanges,
    Correction,
    MeetingRow,
    PendingStayRow,
    RoomKey,
    StayRow,
    SupersededMeeting,
)

_STAY_CHANGES = (ParticipantJoined, ParticipantLeft, ParticipantNamed)
_new = tuple.__new__  # makes a named tuple of its fields, in half the time

PendingStays = dict[tuple[Ms, str], Names]
"""What is known of the pending stays of a room, by join and `participant_id`."""


class Projection:
    """Writes the changes of one room into `batch`.

    `now` is the engine's time. What changes nothing older than `late_grace` ms was not published yet, and is no
    correction (R14).
    """

    def __init__(self, batch: BatchChanges, room: Room, now: Ms, late_grace: Ms) -> None:
        self._batch = batch
        self._room = room
        self._domain = room.domain
        self._name = room.name
        self._now = now
        self._late_grace = late_grace

    def apply(
        self, changes: Sequence[Change], undecided_leaves: Sequence[Change], *, imported: bool = False
    ) -> list[Change]:
        """Write the changes, and the leaves that are known but not decided yet (R14).

        Return the changes that are not about single stays, which are few. What an import reveals was never published, so
        it is no correction.
        """
        others: list[Change] = []
        learned: list[Ms] = []
        for change in (*changes, *undecided_leaves) if undecided_leaves else changes:
            if isinstance(change, _STAY_CHANGES):
                stay = change.stay
                self._write_stay(stay)
                if stay.attributes is not None and not isinstance(change, ParticipantJoined):
                    learned.append(stay.join)
                continue
            others.append(change)
            match change:
                case MeetingStarted():
                    self._start_meeting(change, (*changes, *undecided_leaves))
                case MeetingEnded():
                    self._update_meeting(change.id, change.at, change.max_participants)
                    self._request_rollup(change.start, change.at)
                case MeetingsCorrected():
                    self._correct(change, imported=imported)
        if learned:
            self._request_rollup_of_learned(min(learned), others)
        return others

    def withdraw_leaves(
        self, stored: Sequence[ParticipantLeft], undecided: Sequence[ParticipantLeft]
    ) -> None:
        """Write the stays of the `stored` undecided leaves that a late event withdrew. Call it after `apply`.

        They were not decided, so no change withdraws them: unless another one has written the stay, it is open again.
        """
        known = set(undecided)
        withdrawn = [left.stay for left in stored if left not in known]
        if not withdrawn:
            return
        open_stays = {(stay.join, stay.participant_id): stay for stay in self._room.counted_stays()}
        for stay in withdrawn:
            key = (self._domain, self._name, stay.join, stay.participant_id)
            if key not in self._batch.stays:
                self._write_stay(open_stays[stay.join, stay.participant_id])
            row = self._batch.stays[key]
            if not _includes(None if row is None else row.attributes, stay.attributes):
                self._request_rollup(stay.join, self._now)
                self._extend(self._batch.reindexed, stay.join, self._now)

    def update_peak(self, stored: tuple[str, int] | None) -> tuple[str, int] | None:
        """Write the peak participants of the ongoing meeting if they differ from those `stored`, and return them."""
        ongoing = self._room.meeting
        if ongoing is None:
            return None
        peak = (ongoing.id, ongoing.max_participants)
        if stored != peak or self._batch.meetings.get((self._domain, ongoing.id)) is not None:
            self._update_meeting(ongoing.id, None, ongoing.max_participants)
        return peak

    def update_pending(self, stored: PendingStays) -> PendingStays:
        """Write the stays that are too young to count if they differ from those `stored`, and return them (R14)."""
        pending = pending_stays(self._room) if self._room.is_undecided() else {}
        if pending != stored:
            key, rows = (self._domain, self._name), self._batch.pending_stays
            rows.update({(*key, *gone): None for gone in stored.keys() - pending.keys()})
            for stay, names in pending.items():
                if stored.get(stay) != names:
                    rows[*key, *stay] = PendingStayRow(*key, *stay, *names)
        return pending

    def _write_stay(self, stay: Stay) -> None:
        participant_id, join, leave, left_by, *names = stay
        key = (self._domain, self._name, join, participant_id)
        cause = None if left_by is None else left_by._value_  # `value` is a function
        self._batch.stays[key] = _new(StayRow, (*key, leave, cause, *names))

    def _start_meeting(self, started: MeetingStarted, changes: Iterable[Change]) -> None:
        carried = None
        if started.reason is Reason.LEFT_ALONE:
            carried = next((s for s in self._candidates(changes) if carries_into(s, started.start)), None)
        self._write_meeting(started.id, started.start, None, 1, carried)

    def _candidates(self, changes: Iterable[Change]) -> Iterator[Stay]:
        """Yield the stays that may have been open at the time of these changes."""
        yield from (change.stay for change in changes if isinstance(change, ParticipantLeft))
        yield from self._room.counted_stays()

    def _write_meeting(self, name: str, start: Ms, end: Ms | None, peak: int, carried: Stay | None) -> None:
        carried_key = () if carried is None else (carried.join, carried.participant_id)
        key = (self._domain, name)
        self._discard_updates(key)
        self._batch.meetings[key] = MeetingRow(self._domain, name, self._name, start, end, peak, *carried_key)

    def _update_meeting(self, name: str, end: Ms | None, peak: int) -> None:
        """Update a known meeting that has grown or ended."""
        key = (self._domain, name)
        row = self._batch.meetings.get(key)
        if row is None:
            self._batch.progress[key] = (end, peak)
        else:
            self._batch.meetings[key] = row._replace(end=end, max_participants=peak)

    def _correct(self, correction: MeetingsCorrected, *, imported: bool) -> None:
        for stay in correction.stays_before:
            self._batch.stays[self._domain, self._name, stay.join, stay.participant_id] = None
        for stay in correction.stays_after:
            self._write_stay(stay)
        after = {meeting.id for meeting in correction.meetings_after}
        for meeting in correction.meetings_before:
            if meeting.id == correction.open_meeting_id:
                continue
            self._discard_updates((self._domain, meeting.id))
            self._batch.meetings[self._domain, meeting.id] = None
            if meeting.id not in after:
                self._supersede(meeting)
        self._write_corrected_meetings(correction)
        for name, stay in correction.carried:
            if name not in after:
                self._batch.carried[self._domain, name] = (stay.join, stay.participant_id)
        self._request_rollup(*self._time_range(correction))
        if not _only_adds(correction):
            self._extend(self._batch.reindexed, *self._time_range(correction))
        is_late = correction.reason is not Reason.LATE_EVENT or correction.late_ms > self._late_grace
        if is_late and not imported:
            self._batch.corrections.append(self._correction_row(correction))

    def _write_corrected_meetings(self, correction: MeetingsCorrected) -> None:
        carried = dict(correction.carried)
        for meeting in correction.meetings_after:
            if meeting.id == correction.open_meeting_id:
                self._update_meeting(meeting.id, meeting.end, meeting.max_participants)
            else:
                self._write_meeting(
                    meeting.id, meeting.start, meeting.end, meeting.max_participants, carried.get(meeting.id)
                )

    def _discard_updates(self, key: tuple[str, str]) -> None:
        """Discard the earlier updates of a meeting in this batch."""
        self._batch.progress.pop(key, None)
        self._batch.carried.pop(key, None)

    def _supersede(self, meeting: Meeting) -> None:
        row = SupersededMeeting(self._domain, meeting.id, self._name, meeting.start, self._now)
        self._batch.superseded.append(row)

    def _request_rollup(self, start: Ms, end: Ms) -> None:
        """Request a usage rollup of a time range in which ended meetings have changed."""
        self._extend(self._batch.pending_rollups, start, end)

    def _extend(self, ranges: dict[RoomKey, tuple[Ms, Ms]], start: Ms, end: Ms) -> None:
        key = (self._domain, self._name)
        first, last = ranges.get(key, (start, end))
        ranges[key] = (min(first, start), max(last, end))

    def _request_rollup_of_learned(self, first: Ms, others: Sequence[Change]) -> None:
        """Request a rollup of the ended meetings before the current one, from a stay with attributes learned now."""
        starts = [change.start for change in others if isinstance(change, MeetingEnded)]
        if self._room.meeting is not None:
            starts.append(self._room.meeting.start)
        if starts and first < min(starts):
            self._request_rollup(first, min(starts))

    def _time_range(self, correction: MeetingsCorrected) -> tuple[Ms, Ms]:
        """Return the first and the last moment of all that the correction replaces."""
        stays = (*correction.stays_before, *correction.stays_after)
        meetings = (*correction.meetings_before, *correction.meetings_after)
        starts = [*(stay.join for stay in stays), *(meeting.start for meeting in meetings)]
        ends = [*(stay.leave for stay in stays), *(meeting.end for meeting in meetings)]
        return min(starts), max(self._now if end is None else end for end in ends)

    def _correction_row(self, correction: MeetingsCorrected) -> Correction:
        first, last = self._time_range(correction)
        return Correction(
            self._domain,
            self._name,
            self._now,
            first,
            last,
            correction.late_ms,
            correction.reason.value,
            msgspec.json.encode(_before_and_after(correction)).decode(),
        )


def _only_adds(correction: MeetingsCorrected) -> bool:
    """Return whether no meeting has lost a stay or an attribute: all of them and their times are as before."""
    before, after = (
        {meeting.id: (meeting.start, meeting.end) for meeting in meetings}
        for meetings in (correction.meetings_before, correction.meetings_after)
    )
    stays = {(stay.join, stay.participant_id): stay for stay in correction.stays_after}
    return (
        before == after
        and not correction.carried
        and all(
            (known := stays.get((stay.join, stay.participant_id))) is not None
            and _includes(known.attributes, stay.attributes)
            for stay in correction.stays_before
            if stay.attributes is not None
        )
    )


def _includes(attributes: Attributes | None, others: Attributes | None) -> bool:
    """Return whether `attributes` have each key of the others, with the same value."""
    return others is None or attributes == others or merge(others, [attributes]) == attributes


def pending_stays(room: Room) -> PendingStays:
    """Return the stays of a room that are too young to count, as far as decided (R14)."""
    return {
        (stay.join, stay.participant_id): (stay.user_id, stay.user_name, stay.attributes)
        for stay in room.pending_stays()
    }


def _before_and_after(correction: MeetingsCorrected) -> dict[str, Any]:
    event = correction.event
    return {
        "event": None if event is None else {"kind": event.kind, "participant_id": event.participant_id, "at": event.at},
        "stays_before": [stay._asdict() for stay in correction.stays_before],
        "stays_after": [stay._asdict() for stay in correction.stays_after],
        "meetings_before": [_summary(meeting) for meeting in correction.meetings_before],
        "meetings_after": [_summary(meeting) for meeting in correction.meetings_after],
    }  # fmt: skip


def _summary(meeting: Meeting) -> dict[str, Any]:
    return {
        "id": meeting.id,
        "start": meeting.start,
        "end": meeting.end,
        "max_participants": meeting.max_participants,
    }

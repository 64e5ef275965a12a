"""Explanation of one meeting: why it started and ended, what happened in it, and what was corrected.

Responsible for reading what is stored about the meeting, and for a message for each step. Must not decide anything, nor
know how an explanation is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.changes import (
    Change,
    EventIgnored,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Kind, Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.replay import changes_of
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stay_table import LeftBy
from headcount.reporting.explain import phrases
from headcount.reporting.explain.log_entries import EntryFinder, LogEntries
from headcount.store.history import History, Span
from headcount.store.meetings import Meetings
from headcount.store.provenance import LoggedEvent
from headcount.store.records import DAY_MS, KINDS, Correction, MeetingRow, StayRow
from headcount.store.sources import ExcludedParticipant
from headcount.timestamps import format_timestamp

MAX_EVENTS: Final = 20_000
"""A meeting with more events is not explained: it would take too long while somebody waits."""
_MAX_EXCLUDED: Final = 1_000

ReadExcluded = Callable[[str, str, Ms, Ms, int], list[ExcludedParticipant]]
"""Reads the excluded participants of a domain and room in [start, end), up to a limit."""


class Step(NamedTuple):
    """One thing that happened. `type` is start, end, joined, named, left, too_short or ignored.

    `entries` are those of the log that it rests on.
    """

    type: str
    at: Ms
    reason: Reason
    participant_id: str | None
    message: str
    entries: LogEntries


class CorrectionStep(NamedTuple):
    """A correction of published data, with that data before and after. Times in it are in ms.

    `entries` are those of the late event.
    """

    at: Ms
    reason: Reason
    late_ms: Ms
    message: str
    before_and_after: dict[str, Any]
    entries: LogEntries


class ExcludedEvent(NamedTuple):
    """A join or leave of a participant who is excluded, such as a recorder, and why."""

    participant: ExcludedParticipant
    kind: Kind
    message: str


class Explanation(NamedTuple):
    """Why a meeting is as it is, and the events that it follows from.

    `start` and `end` are None if the events do not contain the reason; `end` also while the meeting is ongoing.
    `previous_ids` are earlier ids of the meeting (R16). `short_stays` are those that were too short to count (R4).
    `is_complete` is False if the log does not have all events of the meeting yet, or any more: `events_expired` is whether
    retention has deleted them.
    """

    start: Step | None
    end: Step | None
    steps: list[Step]
    corrections: list[CorrectionStep]
    excluded: list[ExcludedEvent]
    events: list[LoggedEvent]
    previous_ids: list[str]
    short_stays: list[Stay]
    is_complete: bool = True
    events_expired: bool = False


def explain_meeting(
    meetings: Meetings,
    history: History,
    read_excluded: ReadExcluded,
    row: MeetingRow,
    now: Ms,
    rules: Rules,
    time_text: Callable[[Ms], str] = format_timestamp,
) -> Explanation | None:
    """Return the explanation of a meeting; None if it has more than `MAX_EVENTS`. `time_text` writes times in messages."""
    until = NEVER if row.end is None else row.end
    corrections = meetings.corrections(row.domain, row.room, row.start, until)
    for span in _spans(meetings, history, row, corrections):
        events = history.in_room(span, MAX_EVENTS)
        if events is None:
            return None
        explainer = _Explainer(row, events, now, rules, time_text)
        is_complete = not history.is_delayed or explainer.explains(
            meetings.stays_between(row.domain, row.room, row.start, until)
        )
        if is_complete or span.received_until == NEVER:
            break
    events_expired = meetings.events_expired(row) and not explainer.explains(
        meetings.stays_between(row.domain, row.room, row.start, until)
    )
    excluded = read_excluded(row.domain, row.room, row.start, until, _MAX_EXCLUDED)
    return Explanation(
        explainer.start(),
        explainer.end(),
        explainer.steps(),
        [_correction_step(correction, explainer.finder) for correction in corrections],
        [_excluded_event(participant) for participant in excluded],
        list(explainer.logged),
        meetings.superseded_ids(row),
        explainer.short_stays(),
        is_complete and not events_expired,
        events_expired,
    )


def _spans(
    meetings: Meetings, history: History, row: MeetingRow, corrections: Sequence[Correction]
) -> Iterator[Span]:
    """Yield what to read of the log. An archive is read day by day: events of few meetings arrive more than a day later."""
    after, until = meetings.source_span(row)
    if history.is_delayed:
        known = meetings.room(row.domain, row.room)
        after = max(after, row.start - 1 if known is None else known.created - 1)
        if row.end is not None:
            latest = max([row.end, *(correction.corrected for correction in corrections)])
            yield Span(row.domain, row.room, after, until, latest + DAY_MS)
    yield Span(row.domain, row.room, after, until, NEVER)


class _Explainer:
    """Turns the changes that the kernel computes for one meeting into steps."""

    def __init__(
        self,
        row: MeetingRow,
        logged: Sequence[LoggedEvent],
        now: Ms,
        rules: Rules,
        time_text: Callable[[Ms], str],
    ) -> None:
        self.logged: Final = logged
        self._row = row
        self._time_text = time_text
        self._rules = rules
        self._until = NEVER if row.end is None else row.end
        events = [entry.event for entry in logged]
        changes = changes_of(events, as_of=now, domain=row.domain, rules=rules)
        self.finder = EntryFinder(logged, changes, rules)
        self._changes = [
            change
            for change in phrases.without_confirmations(changes, events)
            if not isinstance(change, MeetingsCorrected)
        ]
        self._names = {
            change.stay.participant_id: f"{change.stay.user_name} ({change.stay.participant_id})"
            for change in changes
            if isinstance(change, ParticipantJoined | ParticipantNamed | ParticipantLeft | StayIgnored)
            and change.stay.user_name is not None
        }

    def start(self) -> Step | None:
        for change in self._changes:
            if isinstance(change, MeetingStarted) and change.start == self._row.start:
                return self._step("start", change.start, change, None, self._start_message(change))
        return None

    def end(self) -> Step | None:
        for change in self._changes:
            if isinstance(change, MeetingEnded) and change.start == self._row.start:
                return self._step("end", change.at, change, None, self._end_message(change))
        return None

    def steps(self) -> list[Step]:
        """Return everything else that happened in the meeting, in order of time."""
        return [step for change in self._changes if self._is_within(change) for step in self._steps(change)]

    def short_stays(self) -> list[Stay]:
        return [
            change.stay
            for change in self._changes
            if isinstance(change, StayIgnored) and self._is_within(change)
        ]

    def explains(self, stays: Sequence[StayRow]) -> bool:
        """Return whether the events contain the joins and the leaves of these stays."""
        return all(
            self.finder.has_reasons(stay.participant_id, stay.join, stay.leave, stay.left_by)
            for stay in stays
        )

    def _is_within(self, change: Change) -> bool:
        if isinstance(change, StayIgnored):
            return change.stay.join < self._until and change.at >= self._row.start
        return self._row.start <= change.at <= self._until

    def _steps(self, change: Change) -> Iterator[Step]:
        match change:
            case ParticipantJoined(at, stay):
                message = f"{self._name(stay)} joined (rule 4)"
                yield self._step("joined", at, change, stay.participant_id, message)
            case ParticipantNamed(at, stay):
                name = stay.user_name or stay.user_id
                message = f"{stay.participant_id} is now known as {name} (rule 1)"
                yield self._step("named", at, change, stay.participant_id, message)
            case ParticipantLeft(at, stay) if stay.left_by is not None:
                message = f"{self._name(stay)} {_left(stay.left_by)}"
                yield self._step("left", at, change, stay.participant_id, message)
            case StayIgnored(at, stay):
                message = self._short_stay_message(stay)
                yield self._step("too_short", at, change, stay.participant_id, message)
            case EventIgnored(at, participant_id):
                name = self._names.get(participant_id or "", participant_id or "")
                yield self._step("ignored", at, change, participant_id, phrases.ignored(change, name))

    def _step(self, type_: str, at: Ms, change: Change, participant_id: str | None, message: str) -> Step:
        return Step(type_, at, change.reason, participant_id, f"{message}.", self.finder.of(change))

    def _start_message(self, change: MeetingStarted) -> str:
        if change.reason is Reason.LEFT_ALONE:
            return (
                f"One participant had been alone for {phrases.duration(self._rules.reset_alone_ms)}. The previous meeting"
                " ended, and this one started with that participant (rule 7)"
            )
        if change.at == change.start:
            return "The meeting started when two participants joined at the same instant (rule 6)"
        confirmed = phrases.confirmation(change.reason, self._time_text(change.at), change.at - change.start)
        return f"The meeting started when the first participant joined. {confirmed}"

    def _end_message(self, change: MeetingEnded) -> str:
        lasted = phrases.length_and_peak(change.at - change.start, change.max_participants)
        if change.reason is Reason.LEFT_ALONE:
            alone = phrases.duration(self._rules.reset_alone_ms)
            return f"One participant had been alone for {alone}. The meeting ended after {lasted}, and a new one started (rule 7)"
        return f"The last participant left. The meeting ended after {lasted} (rule 8)"

    def _short_stay_message(self, stay: Stay) -> str:
        assert stay.leave is not None
        return (
            f"{self._name(stay)} left after {phrases.duration(stay.leave - stay.join)}. Stays shorter than"
            f" {phrases.duration(self._rules.min_stay_ms)} do not count (rule 4)"
        )

    def _name(self, stay: Stay) -> str:
        return self._names.get(stay.participant_id, stay.participant_id)


def _left(left_by: LeftBy) -> str:
    if left_by in phrases.REPORTED_LEAVES:
        return phrases.REPORTED_LEAVES[left_by]
    return phrases.inferred_leave(left_by)


def _correction_step(row: Correction, finder: EntryFinder) -> CorrectionStep:
    reason = Reason(row.reason)
    if reason is Reason.INFERRED_LEAVE_OVERRIDDEN:
        message = (
            "A leave was inferred, but a later leave was reported. The stay lasted until then (rule 3a)."
        )
    else:
        message = f"{phrases.late_event(row.late)}."
    before_and_after = msgspec.json.decode(row.before_and_after)
    event = before_and_after["event"]
    entries = (
        () if event is None else finder.of_event(Kind(event["kind"]), event["participant_id"], event["at"])
    )
    return CorrectionStep(row.corrected, reason, row.late, message, before_and_after, entries)


def _excluded_event(participant: ExcludedParticipant) -> ExcludedEvent:
    kind = KINDS[participant.kind]
    name = participant.user_name or participant.participant_id
    message = f"The {kind} event of {name} was excluded: the participant's role is {participant.role}."
    return ExcludedEvent(participant, kind, message)

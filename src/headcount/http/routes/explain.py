"""Explain: why a meeting started and ended as it did, as an answer of the API.

Responsible for the answer's schema. It must not know the reasons: `headcount.reporting.explain` finds them.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from msgspec import UNSET
from starlette.requests import Request

from headcount.http.context import Answer, QueryContext
from headcount.http.errors import invalid
from headcount.http.operations import operation
from headcount.http.params import INCLUDE
from headcount.http.routes.meetings import MEETING_ID, REPLACED, find_meeting
from headcount.http.schemas import (
    LEFT_BY,
    ConnectionId,
    Count,
    DateTime,
    EventSource,
    Meeting,
    Schema,
    ShownAttributes,
    UserId,
    UserName,
    choice,
    doc,
    event_source,
)
from headcount.http.serializer import attributes_in_json, encode, rfc3339
from headcount.kernel.changes import Reason
from headcount.kernel.events import Inferred, Kind
from headcount.reporting.explain import meeting as explanations
from headcount.reporting.explain.meeting import MAX_EVENTS, CorrectionStep, ExcludedEvent, Step
from headcount.sources.api import Role
from headcount.store.provenance import LoggedEvent
from headcount.store.records import MeetingRow

_STEP_TYPES: Final = ("start", "end", "joined", "named", "left", "too_short", "ignored")

Rule = Annotated[str, doc("The number of the rule.")]
ReasonCode = Annotated[str, doc("The case of the rule that applied.")]
Message = Annotated[str, doc("The same as a sentence.")]
OptionalId = Annotated[str | None, doc("The id of the connection; `null` if it is about the room.")]
EventKind = Annotated[str, choice(Kind, "The kind of event.")]


class LogEntry(Schema):
    """An entry of the event log, and the request or file that it is from."""

    position: Annotated[str, doc("The position in the log, as an opaque cursor. No other entry has it.")]
    event_id: Annotated[str | None, doc("The id of the event, if it has one.")]
    received_at: Annotated[DateTime, doc("Time when Headcount received the request or read the file.")]
    source: Annotated[EventSource | None, doc("Who sent it; `null` if that is not recorded.")]
    sha256: Annotated[
        str | None,
        doc("SHA-256 of the body of the request, or of the file, in hexadecimal; `null` if there was none."),
    ]


class ExplanationStep(Schema):
    """Something that happened, and the rule behind it."""

    type: Annotated[str, choice(_STEP_TYPES, "What happened.")]
    at: DateTime
    rule: Rule
    reason: ReasonCode
    participant_id: OptionalId
    message: Message
    log_entries: Annotated[list[LogEntry], doc("The entries of the event log that the step rests on.")]


class CorrectingEvent(Schema):
    """The event that caused a correction."""

    kind: EventKind
    participant_id: OptionalId
    at: DateTime
    log_entries: Annotated[list[LogEntry], doc("The entries of the event log with this event.")]


class CorrectedStay(Schema):
    """A stay before or after a correction."""

    participant_id: ConnectionId
    join: DateTime
    leave: DateTime | None
    left_by: Annotated[str | None, choice(LEFT_BY, "How the stay ended; `null` while it lasts.")]
    user_id: UserId
    user_name: UserName


class CorrectedMeeting(Schema):
    """A meeting before or after a correction."""

    id: Annotated[str, doc("The id of the meeting.")]
    start: DateTime
    end: DateTime | None
    max_participants: Count


class Correction(Schema):
    """A correction of stays and meetings after a late event."""

    at: DateTime
    rule: Rule
    reason: ReasonCode
    late_by_seconds: Annotated[float, doc("How late the event arrived, in seconds.")]
    message: Message
    event: CorrectingEvent | None
    stays_before: list[CorrectedStay]
    stays_after: list[CorrectedStay]
    meetings_before: list[CorrectedMeeting]
    meetings_after: list[CorrectedMeeting]


class ExcludedParticipant(Schema):
    """A join or leave of a participant who is excluded from meetings, for example a recorder."""

    kind: EventKind
    at: DateTime
    participant_id: ConnectionId
    user_id: UserId
    user_name: UserName
    role: Annotated[str, choice(Role, "The role of the participant.")]
    message: Message


class SourceEvent(Schema):
    """An event of the log."""

    kind: EventKind
    at: DateTime
    participant_id: OptionalId
    user_id: UserId
    user_name: UserName
    source_session: Annotated[str | None, doc("The source's own id of the session.")]
    joined_at: Annotated[DateTime | None, doc("Time of the join, if a leave contains it.")]
    inferred: Annotated[
        str | None, choice(Inferred, "How the event was inferred; `null` if it was reported.")
    ]
    log_entry: LogEntry
    attributes: ShownAttributes = UNSET


class Explanation(Meeting):
    """Why a meeting is as it is."""

    previous_ids: Annotated[list[str], doc("Ids of meetings that this one replaced after corrections.")]
    start: Annotated[ExplanationStep | None, doc("Why the meeting started.")]
    end: Annotated[ExplanationStep | None, doc("Why the meeting ended; `null` while it is ongoing.")]
    steps: list[ExplanationStep]
    corrections: list[Correction]
    excluded_participants: list[ExcludedParticipant]
    events: list[SourceEvent]
    complete: Annotated[
        bool,
        doc(
            "Whether the event log has all events of the meeting. On a cluster, it is `false` in the first minutes; ask"
            " again later."
        ),
    ]
    events_expired: Annotated[
        bool,
        doc("Whether retention has deleted the events of the meeting. Then the explanation has no steps."),
    ]


@operation(
    "GET", "/meetings/{id}/explain", "explainMeeting", "Explain a meeting", Explanation,
    tag="Meetings", params=(MEETING_ID, INCLUDE), errors=(404,), headers=REPLACED,
)  # fmt: skip
def explain_meeting(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns why the meeting started and ended, with the rule of each step and the events behind it.

    Stays that are too short, ignored events and corrections are steps, too.
    """
    row, headers = find_meeting(context, domain, request)
    shows_attributes = "attributes" in (INCLUDE.get(request.query_params) or ())
    return encode(_explanation(context, row, shows_attributes=shows_attributes)), headers


OPERATIONS: Final = (explain_meeting,)


def _explanation(context: QueryContext, row: MeetingRow, *, shows_attributes: bool) -> Explanation:
    """Return the explanation of a meeting. Raise `ApiError` 400 if it has too many events."""
    serializer = context.serializer()
    found = explanations.explain_meeting(
        context.meetings, context.history, context.excluded_participants, row, serializer.now, context.rules
    )
    if found is None:
        raise invalid(
            f"This meeting has more than {MAX_EVENTS:,} events: export them with 'headcount export' and run 'headcount explain'"
        )
    meeting = serializer.meeting(row)
    entries = _LogEntries(context, row.domain)
    return Explanation(
        meeting.id,
        meeting.room,
        meeting.start_time,
        meeting.duration,
        meeting.ongoing,
        meeting.max_participants,
        found.previous_ids,
        None if found.start is None else _step(found.start, entries),
        None if found.end is None else _step(found.end, entries),
        [_step(step, entries) for step in found.steps],
        [_correction(correction, entries) for correction in found.corrections],
        [_excluded(event) for event in found.excluded],
        [_event(event, entries, shows_attributes=shows_attributes) for event in found.events],
        found.is_complete,
        found.events_expired,
    )


class _LogEntries:
    """Makes the entries of one explanation. An entry that several steps rest on is made once."""

    def __init__(self, context: QueryContext, domain: str) -> None:
        self._domain = domain
        self._cursor = context.cursors.encode
        self._senders = context.senders(domain)
        self._known: dict[int, LogEntry] = {}

    def one(self, logged: LoggedEvent) -> LogEntry:
        found = self._known.get(logged.position)
        if found is None:
            sender = self._senders.find(logged.sender)
            found = self._known[logged.position] = LogEntry(
                self._cursor(self._domain, logged.position),
                logged.event_id,
                rfc3339(logged.received),
                None if sender is None else event_source(sender),
                None if logged.digest is None else logged.digest.hex(),
            )
        return found

    def all(self, logged: Iterable[LoggedEvent]) -> list[LogEntry]:
        return [self.one(entry) for entry in logged]


def _step(step: Step, entries: _LogEntries) -> ExplanationStep:
    return ExplanationStep(
        step.type,
        rfc3339(step.at),
        *_reason(step.reason),
        step.participant_id,
        step.message,
        entries.all(step.entries),
    )


def _reason(reason: Reason) -> tuple[str, str]:
    """Return the number of the rule and the case."""
    return reason.rule.removeprefix("R"), reason.value


def _correction(correction: CorrectionStep, entries: _LogEntries) -> Correction:
    changes = correction.before_and_after
    event = changes["event"]
    return Correction(
        rfc3339(correction.at),
        *_reason(correction.reason),
        correction.late_ms / 1_000,
        correction.message,
        None
        if event is None
        else CorrectingEvent(
            event["kind"], event["participant_id"], rfc3339(event["at"]), entries.all(correction.entries)
        ),
        [_stay(stay) for stay in changes["stays_before"]],
        [_stay(stay) for stay in changes["stays_after"]],
        [_meeting(meeting) for meeting in changes["meetings_before"]],
        [_meeting(meeting) for meeting in changes["meetings_after"]],
    )


def _stay(stay: dict[str, Any]) -> CorrectedStay:
    return CorrectedStay(
        stay["participant_id"],
        rfc3339(stay["join"]),
        _optional_time(stay["leave"]),
        stay["left_by"],
        stay["user_id"] or None,
        stay["user_name"] or None,
    )


def _meeting(meeting: dict[str, Any]) -> CorrectedMeeting:
    return CorrectedMeeting(
        meeting["id"],
        rfc3339(meeting["start"]),
        _optional_time(meeting["end"]),
        meeting["max_participants"],
    )


def _optional_time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def _event(logged: LoggedEvent, entries: _LogEntries, *, shows_attributes: bool) -> SourceEvent:
    event = logged.event
    return SourceEvent(
        event.kind.value,
        rfc3339(event.at),
        event.participant_id,
        event.user_id or None,
        event.user_name or None,
        event.source_session,
        _optional_time(event.joined_at),
        None if event.inferred is None else event.inferred.value,
        entries.one(logged),
        attributes_in_json(event.attributes) if shows_attributes else UNSET,
    )


def _excluded(event: ExcludedEvent) -> ExcludedParticipant:
    row = event.participant
    return ExcludedParticipant(
        event.kind.value,
        rfc3339(row.at),
        row.participant_id,
        row.user_id or None,
        row.user_name or None,
        row.role,
        event.message,
    )

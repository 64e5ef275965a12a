"""Types of answers: explanations, usage, concurrency and webhooks.

Responsible for the fields, as `models.py`. Must not know how requests are sent.
"""

from datetime import datetime

from headcount.client.models import Attributes, EventSource, Meeting, Model


class LogEntry(Model):
    """An entry of the event log, and the request or file that it is from."""

    position: str
    event_id: str | None
    received_at: datetime
    source: EventSource | None
    sha256: str | None


class ExplanationStep(Model):
    """Something that happened, and the rule behind it."""

    type: str
    at: datetime
    rule: str
    reason: str
    participant_id: str | None
    message: str
    log_entries: list[LogEntry]


class CorrectingEvent(Model):
    """The event that caused a correction."""

    kind: str
    participant_id: str | None
    at: datetime
    log_entries: list[LogEntry]


class CorrectedStay(Model):
    """A stay before or after a correction."""

    participant_id: str
    join: datetime
    leave: datetime | None
    left_by: str | None
    user_id: str | None
    user_name: str | None


class CorrectedMeeting(Model):
    """A meeting before or after a correction."""

    id: str
    start: datetime
    end: datetime | None
    max_participants: int


class Correction(Model):
    """A correction of stays and meetings after a late event."""

    at: datetime
    rule: str
    reason: str
    late_by_seconds: float
    message: str
    event: CorrectingEvent | None
    stays_before: list[CorrectedStay]
    stays_after: list[CorrectedStay]
    meetings_before: list[CorrectedMeeting]
    meetings_after: list[CorrectedMeeting]


class ExcludedParticipant(Model):
    """A join or leave of a participant who is excluded from meetings, for example a recorder."""

    kind: str
    at: datetime
    participant_id: str
    user_id: str | None
    user_name: str | None
    role: str
    message: str


class SourceEvent(Model):
    """An event of the log."""

    kind: str
    at: datetime
    participant_id: str | None
    user_id: str | None
    user_name: str | None
    source_session: str | None
    joined_at: datetime | None
    inferred: str | None
    log_entry: LogEntry
    attributes: Attributes | None = None


class Explanation(Meeting):
    """Why a meeting is as it is. `complete` is whether the log has all events of the meeting."""

    previous_ids: list[str]
    start: ExplanationStep | None
    end: ExplanationStep | None
    steps: list[ExplanationStep]
    corrections: list[Correction]
    excluded_participants: list[ExcludedParticipant]
    events: list[SourceEvent]
    complete: bool
    events_expired: bool


class UsageTotals(Model):
    """Usage in the whole time."""

    meetings: int
    participant_seconds: int
    max_participants: int


class UsageBucket(Model):
    """Usage in a bucket of time. `start` has the offset of the time zone."""

    start: str
    start_time: int
    duration: int
    meetings: int
    participant_seconds: int
    max_participants: int


class RoomUsage(Model):
    """Usage of a room."""

    room: str
    meetings: int
    participant_seconds: int
    max_participants: int


class ValueUsage(Model):
    """Usage of the participants with a value of an attribute; None stands for those without it."""

    value: str | None
    meetings: int
    participant_seconds: int
    max_participants: int


class UsageRemainder(Model):
    """Usage of the values that are not listed, added up."""

    groups: int
    meetings: int
    participant_seconds: int


class Period(Model, rename={"from_": "from"}):
    """The period of a report, from the start of its first bucket to the end of its last one."""

    timezone: str
    group_by: str
    from_: str
    to: str
    complete_until: datetime
    held_back_by: EventSource | None


class Usage(Period):
    """Usage by time, in order."""

    totals: UsageTotals
    total_count: int
    data: list[UsageBucket]


class UsageByRoom(Period):
    """Usage by room, at most 10,000, by participant time."""

    totals: UsageTotals
    total_count: int
    data: list[RoomUsage]


class UsageByValue(Period):
    """Usage by the values of an attribute, most participant time first."""

    totals: UsageTotals
    total_count: int
    data: list[ValueUsage]
    remainder: UsageRemainder | None


class ConcurrencyTotals(Model):
    """Concurrent participants in the whole time."""

    max_participants: int
    max_participants_at: datetime | None
    avg_participants: float


class ConcurrencyBucket(Model):
    """Concurrent participants in a bucket of time."""

    start: str
    start_time: int
    duration: int
    max_participants: int
    max_participants_at: datetime | None
    avg_participants: float


class ValueConcurrency(Model):
    """Concurrent participants with a value of an attribute; None stands for those without it."""

    value: str | None
    max_participants: int
    max_participants_at: datetime | None
    avg_participants: float


class ConcurrencyRemainder(Model):
    """Concurrent participants of the values that are not listed."""

    groups: int
    avg_participants: float


class Concurrency(Period):
    """Concurrent participants by time, in order."""

    totals: ConcurrencyTotals
    total_count: int
    data: list[ConcurrencyBucket]


class ConcurrencyByValue(Period):
    """Concurrent participants by the values of an attribute, the highest average first."""

    totals: ConcurrencyTotals
    total_count: int
    data: list[ValueConcurrency]
    remainder: ConcurrencyRemainder | None


class Webhook(Model, rename="camel"):
    """A webhook endpoint. `hmac` is its secret, base64."""

    uuid: str
    url: str
    hmac: str
    basic_auth: str | None = None
    retry_type: str
    event_types: list[str]
    state: str
    failed_count: int
    last_moment_pushed: datetime | None = None
    domain_id: str
    created_at: datetime
    updated_at: datetime
    extensions: bool = False


class WebhookSecrets(Model):
    """All valid secrets of a webhook, the newest first."""

    secrets: list[str]


class DeletedWebhook(Model):
    """The id of a webhook that was deleted."""

    deleted: bool
    uuid: str


class WebhookTest(Model):
    """The result of a ping. `delivered` is whether the endpoint answered 200."""

    delivered: bool
    status: int | None
    latency_ms: int
    response: str
    error: str | None


class WebhookAttempt(Model):
    """An attempt to deliver a message."""

    at: datetime
    delivered: bool
    status: int | None
    latency_ms: int
    response: str
    error: str | None


class MessageDelivery(Model):
    """The delivery of a message to a webhook, with all attempts."""

    id: str
    type: str
    room: str
    created_at: datetime
    state: str
    next_attempt_at: datetime | None
    reason: str | None
    attempts: list[WebhookAttempt]


class Deliveries(Model):
    """A page of deliveries, newest first."""

    data: list[MessageDelivery]


class Resent(Model):
    """The number of messages that are sent again."""

    resent: int

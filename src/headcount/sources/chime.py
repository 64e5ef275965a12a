"""Amazon Chime SDK: its meeting events, forwarded by an API destination of EventBridge.

EventBridge signs nothing; its connection adds a header, so a token in `Authorization` shows
that a request is genuine. `detail.timestamp` is milliseconds; `time` is the same in whole seconds.

* A room is `externalMeetingId`, which the application chose; where an event lacks it, `meetingId`, which is different
  each time and ties it to the others. Two meetings may share one external id at the same time, so the start of a meeting
  ends no stays.
* An attendee keeps `attendeeId` when they come back: a second `AttendeeJoined` after a `Dropped` is a second stay.
  No leave is reported both as `Left` and as `Dropped`. Leaves do not have the join time.
* An attendee who changes to another device has joined there (`AttendeeAuthorized`, `AttendeeJoined`) before the old device
  drops out. A `Dropped` does not state which device it is about. So it is an inferred leave (R3a): a later `Left` overrides it,
  unless the attendee joined in between.
* `AttendeeAdded` and `AttendeeDeleted` are about who may join, not about who is present.
* Shared content joins as an attendee of its own, under the id of the sharing attendee: a screen.
* Pipelines that record or stream are attendees, too: their user starts with `aws:MediaPipeline`.
* Events arrive at least once, without a guaranteed order. Their `id` stays the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, json_request, room_end
from headcount.sources.fields import Value
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token
from headcount.timestamps import format_timestamp

_DETAIL_TYPE: Final = "Chime Meeting State Change"
_CONTENT_SUFFIX: Final = "#content"
_LOST_SUFFIX: Final = "Dropped"
_PIPELINE_PREFIX: Final = "aws:MediaPipeline"
_END_EVENT: Final = "chime:MeetingEnded"
_KINDS: Final = {
    "chime:AttendeeJoined": Kind.JOIN,
    "chime:AttendeeLeft": Kind.LEAVE,
    "chime:AttendeeDropped": Kind.LEAVE,
    "chime:AttendeeContentJoined": Kind.JOIN,
    "chime:AttendeeContentLeft": Kind.LEAVE,
    "chime:AttendeeContentDropped": Kind.LEAVE,
}


class Detail(msgspec.Struct, rename="camel"):
    """The event of a meeting."""

    event_type: Value = None
    timestamp: Value = None
    meeting_id: Value = None
    external_meeting_id: Value = None
    attendee_id: Value = None
    external_user_id: Value = None


class Notice(msgspec.Struct):
    """The body of a request, an event of EventBridge."""

    detail_type: str = msgspec.field(name="detail-type")
    id: Value = None
    time: Value = None
    detail: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token. A secret is a text of your choice, which the connection of EventBridge sends in `Authorization`."""
    check_token(required_bearer_token(request, "set it in the connection of EventBridge"), secrets)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "event of EventBridge")
    if notice.detail_type != _DETAIL_TYPE:
        return []
    detail = fields.struct(notice.detail, Detail)
    event_type = fields.text(detail.event_type)
    kind = Kind.END if event_type == _END_EVENT else _KINDS.get(event_type)
    if kind is None:
        return []
    at, key = _event_time(notice, detail, request.received_at), fields.optional_id(notice.id)
    session = fields.optional_id(detail.meeting_id)
    room = fields.text(detail.external_meeting_id) or session
    room = fields.required(room, "detail.meetingId", event_type, "Chime")
    if kind is Kind.END:
        return [room_end(room, at, session, key)]
    participant_id = fields.text(detail.attendee_id)
    fields.required(participant_id, "detail.attendeeId", event_type, "Chime")
    user_id = fields.optional_id(detail.external_user_id)
    role = _role(event_type, participant_id, user_id)
    if role is Role.SCREEN and not participant_id.endswith(_CONTENT_SUFFIX):
        participant_id += _CONTENT_SUFFIX
    inferred = Inferred.TIMEOUT if event_type.endswith(_LOST_SUFFIX) else None
    own_id = None if _is_pipeline(user_id) else user_id
    event = Event(
        kind, room, at, participant_id, user_id, None, session, inferred=inferred, id=key,
        attributes=fields.attributes(external_id=own_id),
    )  # fmt: skip
    return [ParsedEvent(event, role)]


def _role(event_type: str, participant_id: str, user_id: str | None) -> Role:
    if "Content" in event_type or participant_id.endswith(_CONTENT_SUFFIX):
        return Role.SCREEN
    return Role.RECORDER if _is_pipeline(user_id) else Role.PERSON


def _is_pipeline(user_id: str | None) -> bool:
    return (user_id or "").startswith(_PIPELINE_PREFIX)


def _event_time(notice: Notice, detail: Detail, received_at: Ms) -> Ms:
    """Return the time in ms; if it is missing, the time in whole seconds, or else of receipt."""
    at = fields.optional_time(detail.timestamp, fields.valid_ms, "detail.timestamp")
    if at is not None:
        return at
    return fields.event_time(notice.time, fields.ms_from_rfc3339, "detail.timestamp or time", received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    return [_sample(kind, now) for kind in ("chime:AttendeeJoined", "chime:AttendeeLeft")]


def _sample(kind: str, now: Ms) -> InboundRequest:
    detail = {
        "eventType": kind,
        "timestamp": now,
        "meetingId": f"test{now}",
        "externalMeetingId": TEST_ROOM,
        "attendeeId": f"test-attendee{now}",
        "externalUserId": "headcount-test",
    }
    notice = {
        "version": "0",
        "id": f"{kind}-{now}",
        "detail-type": _DETAIL_TYPE,
        "source": "aws.chime",
        "time": format_timestamp(now),
        "detail": detail,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "chime", "Amazon Chime SDK", "the token that EventBridge's connection sends, a word of your choice", verify, parse, with_bearer_token, samples,
    is_partial=True,
)  # fmt: skip

"""Amazon Chime SDK: its meeting events, forwarded by an API destination of EventBridge.

EventBridge signs nothing; its connection adds a header, so a token in `Authorization` shows
that a request is genuine. `detail.timestamp` is milliseconds; `time` is the same in whole seconds.

* A room is `externalMeetingId`, which the application chose; where an event lacks it, `meetingId`, which is different
  each time. Two meetings may share one external id at the same time, so the start of a meeting ends no stays.
* An attendee keeps `attendeeId` when they come back: a second `AttendeeJoined` after a `Dropped` is a second stay.
  No leave is reported both as `Left` and as `Dropped`. Leaves do not have the join time.
* `AttendeeAdded`, `AttendeeDeleted` and `AttendeeAuthorized` are about who may join, not about who is present.
* Shared content joins as an attendee of its own, under the id of the sharing attendee: a screen.
* Pipelines that record or stream are attendees, too: their user starts with `aws:MediaPipeline`.
* Events arrive at least once, without a guaranteed order. Their `id` stays the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, json_request, room_end
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token
from headcount.timestamps import format_timestamp

_DETAIL_TYPE: Final = "Chime Meeting State Change"
_CONTENT_SUFFIX: Final = "#content"
_PIPELINE_PREFIX: Final = "aws:MediaPipeline"
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

    event_type: str = ""
    timestamp: int | None = None
    meeting_id: str | None = None
    external_meeting_id: str | None = None
    attendee_id: str = ""
    external_user_id: str | None = None


class Notice(msgspec.Struct):
    """The body of a request, an event of EventBridge."""

    detail_type: str = msgspec.field(name="detail-type")
    id: str | None = None
    time: str = ""
    detail: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_DETAIL: Final = msgspec.json.Decoder(Detail)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token. A secret is a text of your choice, which the connection of EventBridge sends in `Authorization`."""
    check_token(required_bearer_token(request, "set it in the connection of EventBridge"), secrets)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "event of EventBridge")
    if notice.detail_type != _DETAIL_TYPE:
        return []
    detail = fields.decode(_DETAIL, bytes(notice.detail), "event of a Chime meeting")
    if detail.event_type == "chime:MeetingEnded":
        return [_end(notice, detail)]
    kind = _KINDS.get(detail.event_type)
    return [] if kind is None else [_participant_event(kind, notice, detail)]


def _end(notice: Notice, detail: Detail) -> ParsedEvent:
    at = _event_time(notice, detail)
    return room_end(_room(detail), at, detail.meeting_id, notice.id or None)


def _participant_event(kind: Kind, notice: Notice, detail: Detail) -> ParsedEvent:
    participant_id = fields.required(detail.attendee_id, "detail.attendeeId", detail.event_type, "Chime")
    role, at = _role(detail), _event_time(notice, detail)
    if role is Role.SCREEN and not participant_id.endswith(_CONTENT_SUFFIX):
        participant_id += _CONTENT_SUFFIX
    user_id, session = detail.external_user_id, detail.meeting_id
    event = Event(kind, _room(detail), at, participant_id, user_id, None, session, id=notice.id or None)
    return ParsedEvent(event, role)


def _role(detail: Detail) -> Role:
    if "Content" in detail.event_type or detail.attendee_id.endswith(_CONTENT_SUFFIX):
        return Role.SCREEN
    return Role.RECORDER if (detail.external_user_id or "").startswith(_PIPELINE_PREFIX) else Role.PERSON


def _room(detail: Detail) -> str:
    room = detail.external_meeting_id or detail.meeting_id
    return fields.required(room, "detail.meetingId", detail.event_type, "Chime")


def _event_time(notice: Notice, detail: Detail) -> Ms:
    if detail.timestamp is None:
        return fields.ms_from_rfc3339(notice.time, "time")
    return fields.valid_ms(detail.timestamp, "detail.timestamp")


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
    "chime", "Amazon Chime SDK", "the token that EventBridge's connection sends, a word of your choice", verify, parse, with_bearer_token, samples
)  # fmt: skip

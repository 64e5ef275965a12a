"""Amazon Chime SDK: its meeting events, sent on by an API destination of EventBridge.

EventBridge signs nothing; its connection adds a header of one's own, so a token in `Authorization` is what shows
that a delivery is genuine. `detail.timestamp` is milliseconds; `time` is the same in whole seconds.

* A room is `externalMeetingId`, which the application chose; where an event lacks it, `meetingId`, which is another
  each time. Two meetings may bear one external id at once, so a meeting that starts takes nobody away.
* An attendee keeps `attendeeId` when they come back: a second `AttendeeJoined` after a `Dropped` is a second stay.
  Nobody is both `Left` and `Dropped` at once. Leaves do not say when their join was.
* `AttendeeAdded`, `AttendeeDeleted` and `AttendeeAuthorized` are about who may come, not about who is in.
* Shared content joins as an attendee of its own, under the id of whoever shares: a screen.
* Pipelines that record or stream are attendees, too: their user begins with `aws:MediaPipeline`.
* Events come at least once, in no promised order. Their `id` stays the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, json_request
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token
from headcount.timestamps import spoken

_MEETINGS: Final = "Chime Meeting State Change"
_CONTENT: Final = "#content"
_OF_AMAZON: Final = "aws:MediaPipeline"
_KINDS: Final = {
    "chime:AttendeeJoined": Kind.JOIN,
    "chime:AttendeeLeft": Kind.LEAVE,
    "chime:AttendeeDropped": Kind.LEAVE,
    "chime:AttendeeContentJoined": Kind.JOIN,
    "chime:AttendeeContentLeft": Kind.LEAVE,
    "chime:AttendeeContentDropped": Kind.LEAVE,
}


class Detail(msgspec.Struct, rename="camel"):
    """What happened in which meeting."""

    event_type: str = ""
    timestamp: int | None = None
    meeting_id: str | None = None
    external_meeting_id: str | None = None
    attendee_id: str = ""
    external_user_id: str | None = None


class Notice(msgspec.Struct):
    """An event of EventBridge."""

    detail_type: str = msgspec.field(name="detail-type")
    id: str | None = None
    time: str = ""
    detail: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_DETAIL: Final = msgspec.json.Decoder(Detail)


def verify(delivery: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is a token of one's own, which the connection of EventBridge sends in `Authorization`."""
    check_token(required_bearer_token(delivery, "set it in the connection of EventBridge"), secrets)


def read(delivery: InboundRequest) -> list[ParsedEvent]:
    """The events in one delivery."""
    notice = fields.decoded(_DECODER, delivery.body, "event of EventBridge")
    if notice.detail_type != _MEETINGS:
        return []
    detail = fields.decoded(_DETAIL, bytes(notice.detail), "event of a Chime meeting")
    if detail.event_type == "chime:MeetingEnded":
        return [ParsedEvent(_ended(notice, detail))]
    kind = _KINDS.get(detail.event_type)
    return [] if kind is None else [_of_an_attendee(kind, notice, detail)]


def _ended(notice: Notice, detail: Detail) -> Event:
    at = _time(notice, detail)
    return Event(Kind.END, _room(detail), at, source_session=detail.meeting_id, id=notice.id or None)


def _of_an_attendee(kind: Kind, notice: Notice, detail: Detail) -> ParsedEvent:
    if not detail.attendee_id:
        raise BadInput(f"a '{detail.event_type}' of Chime without a detail.attendeeId")
    role, at = _role(detail), _time(notice, detail)
    who = detail.attendee_id
    if role is Role.SCREEN and not who.endswith(_CONTENT):
        who += _CONTENT
    user, session = detail.external_user_id, detail.meeting_id
    return ParsedEvent(Event(kind, _room(detail), at, who, user, None, session, id=notice.id or None), role)


def _role(detail: Detail) -> Role:
    if "Content" in detail.event_type or detail.attendee_id.endswith(_CONTENT):
        return Role.SCREEN
    return Role.RECORDER if (detail.external_user_id or "").startswith(_OF_AMAZON) else Role.PERSON


def _room(detail: Detail) -> str:
    room = detail.external_meeting_id or detail.meeting_id
    if not room:
        raise BadInput(f"a '{detail.event_type}' of Chime without a detail.meetingId")
    return room


def _time(notice: Notice, detail: Detail) -> Ms:
    if detail.timestamp is None:
        return fields.rfc3339(notice.time, "time")
    return fields.sensible(detail.timestamp, "detail.timestamp")


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once."""
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
        "detail-type": _MEETINGS,
        "source": "aws.chime",
        "time": spoken(now),
        "detail": detail,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "chime", "Amazon Chime SDK", "the token that EventBridge's connection sends, a word of your choice", verify, read, with_bearer_token, samples
)  # fmt: skip

"""Daily: the webhooks of a domain of daily.co.

A request is JSON, signed with a timestamp that is in a header. Times are seconds with a fraction.

* `session_id` is a connection, new at each join. `user_id` is the same text unless a meeting token identifies the
  user: then `user_id` means nothing, and the user is unknown.
* Nothing about a participant identifies the meeting. So an end closes every stay in its room that started before it.
* A leave has `joined_at` and `duration`, so a lost join loses nothing. `event_ts` is when a webhook was sent.
* `meeting.ended` is sent up to 20 seconds after the last participant left, and has the time of that leave.
* `meeting.started` is about the first participant. Stays that are left over in the room have ended by then.
* An `owner` of the room is its host. A participant who is none has no stated role.
* Without `hasPresence` a participant is hidden from the others.
* Before it creates a webhook, Daily sends `{"test":"test"}`, and expects the status 200. Where Daily generates the secret,
  nobody can know it yet; so a probe without a signature is accepted, since it has no events. A probe with a wrong signature
  is not: better that the webhook cannot be created than that each of its requests is rejected.
* Daily retries for a while, and does not document whether it signs again: no request is too old. An event is identified
  by its `id`.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    HandshakeResponse,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.signatures import (
    check_signature,
    decode_secret,
    encode_base64,
    hmac_digest,
    required_header,
    with_headers,
)

_SIGNATURE: Final = "x-webhook-signature"
_TIMESTAMP: Final = "x-webhook-timestamp"
_PROBE: Final = b'{"test":"test"}'


class Permissions(msgspec.Struct):
    """Permissions of a participant; the others do not matter here."""

    has_presence: Value = msgspec.field(default=None, name="hasPresence")


class Participant(msgspec.Struct):
    """One connection to a room."""

    room: Value = None
    session_id: Value = None
    user_id: Value = None
    user_name: Value = None
    joined_at: Value = None
    duration: Value = None
    owner: Value = None
    permissions: Value = None


class Meeting(msgspec.Struct):
    """A meeting by Daily's rules: from the first join to the last leave."""

    room: Value = None
    meeting_id: Value = None
    start_ts: Value = None
    end_ts: Value = None


class Notice(msgspec.Struct):
    """The body of a request. `type` determines the form of its payload."""

    type: str = ""
    id: Value = None
    event_ts: Value = None
    payload: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the `hmac` of the webhook, in base64."""
    if _SIGNATURE not in request.headers and _is_probe(request):
        return
    signature, timestamp = required_header(request, _SIGNATURE), required_header(request, _TIMESTAMP)
    check_signature(signature, [_signature(secret, timestamp, request.body) for secret in secrets])


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return encode_base64(hmac_digest(decode_secret(secret), timestamp.encode() + b"." + body))


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Daily signs it."""
    timestamp = str(request.received_at)
    signature = _signature(secret, timestamp, request.body)
    return with_headers(request, x_webhook_signature=signature, x_webhook_timestamp=timestamp)


def handshake(request: InboundRequest, _: Sequence[str]) -> HandshakeResponse | None:
    """Return the response to a probe: any body with the status 200."""
    return HandshakeResponse(b"{}") if _is_probe(request) else None


def _is_probe(request: InboundRequest) -> bool:
    return request.body.strip() == _PROBE


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of Daily")
    match notice.type:
        case "participant.joined":
            return [_join(notice, request.received_at)]
        case "participant.left":
            return [_leave(notice, request.received_at)]
        case "meeting.started":
            return [_start(notice, request.received_at)]
        case "meeting.ended":
            return [_end(notice, request.received_at)]
    return []


def _join(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.payload, Participant)
    at = _event_time(participant.joined_at, "joined_at", notice, received_at)
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice, received_at: Ms) -> ParsedEvent:
    """Return a leave with its join if the payload has a duration, else at the time of sending."""
    participant = fields.struct(notice.payload, Participant)
    joined_s, duration_s = fields.number(participant.joined_at), fields.number(participant.duration)
    if joined_s is None or duration_s is None:
        at = _event_time(None, "duration", notice, received_at)
        return _participant_event(Kind.LEAVE, notice, participant, at)
    joined_at = fields.ms_from_seconds(joined_s, "payload.joined_at")
    end = fields.ms_from_seconds(joined_s + duration_s, "payload.joined_at with its duration")
    at = max(joined_at, end)
    return _participant_event(Kind.LEAVE, notice, participant, at, fields.join_before(at, joined_at))


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    participant: Participant,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    room, session_id = fields.text(participant.room), fields.text(participant.session_id)
    if not room or not session_id:
        raise BadInput(f"a '{notice.type}' of Daily without payload.room and payload.session_id")
    user_id = fields.optional_id(participant.user_id)
    event = Event(
        kind,
        room,
        at,
        session_id,
        None if user_id == session_id else user_id,
        fields.user_name(participant.user_name),
        joined_at=joined_at,
        id=fields.optional_id(notice.id),
        attributes=fields.attributes(role="host" if fields.flag(participant.owner) else None),
    )
    permissions = fields.struct(participant.permissions, Permissions)
    is_visible = fields.flag(permissions.has_presence, default=True)
    return ParsedEvent(event, Role.PERSON if is_visible else Role.HIDDEN)


def _start(notice: Notice, received_at: Ms) -> ParsedEvent:
    meeting = fields.struct(notice.payload, Meeting)
    at = _event_time(meeting.start_ts, "start_ts", notice, received_at)
    return end_before_start(_room(notice, meeting), at, fields.optional_id(notice.id))


def _end(notice: Notice, received_at: Ms) -> ParsedEvent:
    meeting = fields.struct(notice.payload, Meeting)
    at = _event_time(meeting.end_ts, "end_ts", notice, received_at)
    session, key = fields.optional_id(meeting.meeting_id), fields.optional_id(notice.id)
    return room_end(_room(notice, meeting), at, session, key)


def _room(notice: Notice, meeting: Meeting) -> str:
    return fields.required(fields.text(meeting.room), "payload.room", notice.type, "Daily")


def _event_time(value: Value, field: str, notice: Notice, received_at: Ms) -> Ms:
    """Return the time of the event; if it is missing, the time of sending, or else of receipt."""
    if value is not None:
        return fields.ms_from_seconds(value, f"payload.{field}")
    names = f"payload.{field} or event_ts"
    return fields.event_time(notice.event_ts, fields.ms_from_seconds, names, received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant = {
        "room": TEST_ROOM,
        "session_id": f"test{now}",
        "user_name": "Headcount",
        "joined_at": now / 1_000,
    }
    return [
        _sample("participant.joined", participant, now),
        _sample("participant.left", {**participant, "duration": 0}, now),
    ]


def _sample(kind: str, payload: dict[str, object], now: Ms) -> InboundRequest:
    notice = {
        "version": "1.0.0",
        "type": kind,
        "id": f"test-{kind}-{now}",
        "payload": payload,
        "event_ts": now / 1_000,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "daily", "Daily", "the hmac of the webhook: a base64 text of your choice", verify, parse, sign, samples, handshake
)  # fmt: skip

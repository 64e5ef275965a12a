"""Daily: the webhooks of a domain of daily.co.

A request is JSON, signed with a timestamp that is in a header. Times are seconds with a fraction.

* `session_id` is a connection, new at each join. `user_id` is the same text unless a meeting token identifies the
  user: then `user_id` means nothing, and the user is unknown.
* Nothing about a participant identifies the meeting. So an end closes every stay in its room that started before it.
* A leave has `joined_at` and `duration`, so a lost join loses nothing. `event_ts` is when a webhook was sent.
* `meeting.ended` is sent up to 20 seconds after the last participant left, and has the time of that leave.
* `meeting.started` is about the first participant. Stays that are left over in the room have ended by then.
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

    has_presence: bool = msgspec.field(default=True, name="hasPresence")


class Participant(msgspec.Struct):
    """One connection to a room."""

    room: str = ""
    session_id: str = ""
    user_id: str | None = None
    user_name: str | None = None
    joined_at: float | None = None
    duration: float | None = None
    permissions: Permissions | None = None


class Meeting(msgspec.Struct):
    """A meeting by Daily's rules: from the first join to the last leave."""

    room: str = ""
    meeting_id: str = ""
    start_ts: float | None = None
    end_ts: float | None = None


class Notice(msgspec.Struct):
    """The body of a request. `type` determines the form of its payload."""

    type: str = ""
    id: str | None = None
    event_ts: float = 0
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_PARTICIPANT: Final = msgspec.json.Decoder(Participant)
_MEETING: Final = msgspec.json.Decoder(Meeting)


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
            return [_join(notice)]
        case "participant.left":
            return [_leave(notice)]
        case "meeting.started":
            meeting = _meeting(notice)
            at = _event_time(meeting.start_ts, notice, "start_ts")
            return [end_before_start(meeting.room, at, notice.id or None)]
        case "meeting.ended":
            return [_end(notice)]
    return []


def _participant(notice: Notice) -> Participant:
    participant = fields.decode(_PARTICIPANT, bytes(notice.payload), f"'{notice.type}' of Daily")
    if not participant.room or not participant.session_id:
        raise BadInput(f"a '{notice.type}' of Daily without payload.room and payload.session_id")
    return participant


def _join(notice: Notice) -> ParsedEvent:
    participant = _participant(notice)
    at = _event_time(participant.joined_at, notice, "joined_at")
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice) -> ParsedEvent:
    """Return a leave with its join if the payload has a duration, else at the time of sending."""
    participant = _participant(notice)
    if participant.joined_at is None or participant.duration is None:
        at = fields.ms_from_seconds(notice.event_ts, "event_ts")
        return _participant_event(Kind.LEAVE, notice, participant, at)
    joined_at = _event_time(participant.joined_at, notice, "joined_at")
    end_s = participant.joined_at + participant.duration
    at = max(joined_at, fields.ms_from_seconds(end_s, "payload.joined_at with its duration"))
    return _participant_event(Kind.LEAVE, notice, participant, at, fields.join_before(at, joined_at))


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    participant: Participant,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    user_id = None if participant.user_id == participant.session_id else participant.user_id
    name = fields.user_name(participant.user_name)
    event = Event(
        kind,
        participant.room,
        at,
        participant.session_id,
        user_id,
        name,
        joined_at=joined_at,
        id=notice.id or None,
    )
    is_hidden = participant.permissions is not None and not participant.permissions.has_presence
    return ParsedEvent(event, Role.HIDDEN if is_hidden else Role.PERSON)


def _meeting(notice: Notice) -> Meeting:
    meeting = fields.decode(_MEETING, bytes(notice.payload), f"'{notice.type}' of Daily")
    if not meeting.room:
        raise BadInput(f"a '{notice.type}' of Daily without a payload.room")
    return meeting


def _end(notice: Notice) -> ParsedEvent:
    meeting = _meeting(notice)
    at = _event_time(meeting.end_ts, notice, "end_ts")
    return room_end(meeting.room, at, meeting.meeting_id, notice.id or None)


def _event_time(at: float | None, notice: Notice, field: str) -> Ms:
    """Return the time of the event; if it is missing, the time of sending."""
    if at is None:
        return fields.ms_from_seconds(notice.event_ts, "event_ts")
    return fields.ms_from_seconds(at, f"payload.{field}")


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

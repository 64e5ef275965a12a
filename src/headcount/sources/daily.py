"""Daily: the webhooks of a domain of daily.co.

A delivery is JSON, signed with a time that stands in a header. Times are seconds with a fraction.

* `session_id` is a connection, another at each join. `user_id` is the same text unless a meeting token says who
  somebody is: then it says nothing, and nobody knows who they are.
* Nothing about a participant names the meeting. So an end closes whoever joined before it in its room.
* A leave has `joined_at` and `duration`: so a lost join costs nothing. `event_ts` is when a webhook was sent.
* `meeting.ended` is sent up to 20 seconds after the last one left, and says when that was.
* `meeting.started` is about the first who came. Whoever was forgotten in the room is gone by then.
* Without `hasPresence` somebody is hidden from the others.
* Before it makes a webhook, Daily sends `{"test":"test"}`, and wants the answer 200. Where it makes the secret itself
  nobody can know it yet; so a probe without a signature passes, for it says nothing. With a false one it does not:
  better that the webhook cannot be made than that each of its deliveries is refused.
* Daily tries again for a while, and does not say whether it signs anew: no delivery is too old. What it says is known
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
)
from headcount.sources.signatures import check, decode_secret, digest, encode_base64, required, with_headers

_SIGNATURE: Final = "x-webhook-signature"
_TIMESTAMP: Final = "x-webhook-timestamp"
_PROBE: Final = b'{"test":"test"}'


class Permissions(msgspec.Struct):
    """What somebody may do; the rest of it has no bearing."""

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
    """A meeting as Daily counts them: from the first to the last who is in the room."""

    room: str = ""
    meeting_id: str = ""
    start_ts: float | None = None
    end_ts: float | None = None


class Notice(msgspec.Struct):
    """The body of a delivery. What its payload looks like is known by `type` alone."""

    type: str = ""
    id: str | None = None
    event_ts: float = 0
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_PARTICIPANT: Final = msgspec.json.Decoder(Participant)
_MEETING: Final = msgspec.json.Decoder(Meeting)


def verify(delivery: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the `hmac` of the webhook, in base64."""
    if _SIGNATURE not in delivery.headers and _is_probe(delivery):
        return
    shown, timestamp = required(delivery, _SIGNATURE), required(delivery, _TIMESTAMP)
    check(shown, [_signature(secret, timestamp, delivery.body) for secret in secrets])


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return encode_base64(digest(decode_secret(secret), timestamp.encode() + b"." + body))


def sign(delivery: InboundRequest, secret: str) -> InboundRequest:
    """As Daily signs it."""
    timestamp = str(delivery.received)
    signature = _signature(secret, timestamp, delivery.body)
    return with_headers(delivery, x_webhook_signature=signature, x_webhook_timestamp=timestamp)


def handshake(delivery: InboundRequest, _: Sequence[str]) -> HandshakeResponse | None:
    """Any answer will do for a probe, if it is 200."""
    return HandshakeResponse(b"{}") if _is_probe(delivery) else None


def _is_probe(delivery: InboundRequest) -> bool:
    return delivery.body.strip() == _PROBE


def read(delivery: InboundRequest) -> list[ParsedEvent]:
    """The events in one delivery."""
    notice = fields.decoded(_DECODER, delivery.body, "webhook of Daily")
    match notice.type:
        case "participant.joined":
            who = _participant(notice)
            return [_heard(Kind.JOIN, notice, who, _joined(notice, who))]
        case "participant.left":
            return [_left(notice)]
        case "meeting.started":
            meeting = _meeting(notice)
            return [
                end_before_start(meeting.room, _time(meeting.start_ts, notice, "start_ts"), notice.id or None)
            ]
        case "meeting.ended":
            return [_ended(notice)]
    return []


def _participant(notice: Notice) -> Participant:
    who = fields.decoded(_PARTICIPANT, bytes(notice.payload), f"'{notice.type}' of Daily")
    if not who.room or not who.session_id:
        raise BadInput(f"a '{notice.type}' of Daily without payload.room and payload.session_id")
    return who


def _joined(notice: Notice, who: Participant) -> Ms:
    return _time(who.joined_at, notice, "joined_at")


def _left(notice: Notice) -> ParsedEvent:
    """A leave, with its join if its length is told; at the moment of its telling, if not."""
    who = _participant(notice)
    if who.joined_at is None or who.duration is None:
        return _heard(Kind.LEAVE, notice, who, fields.seconds(notice.event_ts, "event_ts"))
    joined = _joined(notice, who)
    at = max(joined, fields.seconds(who.joined_at + who.duration, "payload.joined_at with its duration"))
    return _heard(Kind.LEAVE, notice, who, at, fields.join_before(at, joined))


def _heard(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, who: Participant, at: Ms, joined: Ms | None = None
) -> ParsedEvent:
    known = None if who.user_id == who.session_id else who.user_id
    name = fields.name(who.user_name)
    event = Event(kind, who.room, at, who.session_id, known, name, joined_at=joined, id=notice.id or None)
    is_hidden = who.permissions is not None and not who.permissions.has_presence
    return ParsedEvent(event, Role.HIDDEN if is_hidden else Role.PERSON)


def _meeting(notice: Notice) -> Meeting:
    meeting = fields.decoded(_MEETING, bytes(notice.payload), f"'{notice.type}' of Daily")
    if not meeting.room:
        raise BadInput(f"a '{notice.type}' of Daily without a payload.room")
    return meeting


def _ended(notice: Notice) -> ParsedEvent:
    meeting = _meeting(notice)
    at = _time(meeting.end_ts, notice, "end_ts")
    return ParsedEvent(
        Event(Kind.END, meeting.room, at, source_session=meeting.meeting_id, id=notice.id or None)
    )


def _time(at: float | None, notice: Notice, field: str) -> Ms:
    """When it happened; when it was sent, if that is not said."""
    return fields.seconds(
        notice.event_ts if at is None else at, "event_ts" if at is None else f"payload.{field}"
    )


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once."""
    who = {"room": TEST_ROOM, "session_id": f"test{now}", "user_name": "Headcount", "joined_at": now / 1_000}
    return [
        _sample("participant.joined", who, now),
        _sample("participant.left", {**who, "duration": 0}, now),
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
    "daily", "Daily", "the hmac of the webhook: a base64 text of your choice", verify, read, sign, samples, handshake
)  # fmt: skip

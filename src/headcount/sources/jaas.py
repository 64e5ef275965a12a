"""JaaS (Jitsi as a Service, of 8x8): its webhooks. A Jitsi of your own is another source.

A delivery is JSON, signed with its time. `timestamp` is the time of the fact, in milliseconds. Deliveries come in any
order, and again; `idempotencyKey` is their id.

* A connection is `participantId`, another at each join. Who it is is in `id`, if the token said so.
* Each meeting of a room has a `sessionId`. `ROOM_DESTROYED` closes those of its own, and whoever was forgotten is gone
  when the next one is created.
* A breakout room goes by the name of its parent and an id of its own; it is a room of its own here.
* Whoever waits in the lobby is not in. Those notices are of other kinds.
* A leave does not know its join. If that was lost, so is the stay.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    end_before_start,
    json_request,
)
from headcount.sources.signatures import (
    check_signature,
    encode_base64,
    hmac_digest,
    timestamped_message,
    timestamped_signature,
    with_headers,
)

_SIGNATURE: Final = "x-jaas-signature"
_KINDS: Final = frozenset({"ROOM_CREATED", "ROOM_DESTROYED", "PARTICIPANT_JOINED", "PARTICIPANT_LEFT"})


class Data(msgspec.Struct, rename="camel"):
    """What a notice is about: a room, or somebody in it."""

    is_breakout: bool | None = None
    breakout_room_id: str | None = None
    participant_id: str | None = None
    participant_full_jid: str | None = None
    id: str | None = None
    name: str | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. What its data look like is known by `eventType` alone."""

    event_type: str
    fqn: str = ""
    session_id: str | None = None
    timestamp: int = 0
    idempotency_key: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_DATA: Final = msgspec.json.Decoder(Data)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the one that the console of JaaS shows for the webhook."""
    signature, signed = timestamped_signature(request, _SIGNATURE)
    check_signature(signature, [encode_base64(hmac_digest(secret, signed)) for secret in secrets])


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as JaaS signs it."""
    time, signed = timestamped_message(request)
    return with_headers(request, x_jaas_signature=f"t={time},v1={encode_base64(hmac_digest(secret, signed))}")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of JaaS")
    if notice.event_type not in _KINDS:
        return []
    data = fields.decode(_DATA, bytes(notice.data), f"'{notice.event_type}' of JaaS")
    return [_parse_notice(notice, data, _room(notice, data), fields.valid_ms(notice.timestamp, "timestamp"))]


def _parse_notice(notice: Notice, data: Data, room: str, at: Ms) -> ParsedEvent:
    match notice.event_type:
        case "ROOM_CREATED":
            return end_before_start(room, at, notice.idempotency_key or None)
        case "ROOM_DESTROYED":
            return ParsedEvent(
                Event(Kind.END, room, at, source_session=notice.session_id, id=notice.idempotency_key or None)
            )
        case "PARTICIPANT_JOINED":
            return _participant_event(Kind.JOIN, notice, data, room, at)
    return _participant_event(Kind.LEAVE, notice, data, room, at)


def _room(notice: Notice, data: Data) -> str:
    if not notice.fqn:
        raise BadInput(f"a '{notice.event_type}' of JaaS without a fqn")
    return f"{notice.fqn}/{data.breakout_room_id}" if data.is_breakout else notice.fqn


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, data: Data, room: str, at: Ms
) -> ParsedEvent:
    connection = data.participant_id or data.participant_full_jid
    if not connection:
        raise BadInput(f"a '{notice.event_type}' of JaaS without a data.participantId")
    name, key = fields.user_name(data.name), notice.idempotency_key or None
    return ParsedEvent(Event(kind, room, at, connection, data.id, name, notice.session_id, id=key))


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    return [_sample("PARTICIPANT_JOINED", now), _sample("PARTICIPANT_LEFT", now)]


def _sample(kind: str, now: Ms) -> InboundRequest:
    notice = {
        "idempotencyKey": f"test-{kind}-{now}",
        "eventType": kind,
        "sessionId": f"test{now}",
        "timestamp": now,
        "fqn": TEST_ROOM,
        "data": {"participantId": f"test{now}", "name": "Headcount"},
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "jaas", "JaaS", "the secret of the webhook, from the console of JaaS", verify, parse, sign, samples
)

"""JaaS (Jitsi as a Service, of 8x8): its webhooks. A self-hosted Jitsi is another source.

A request is JSON, signed with a timestamp. `timestamp` is the time of the event, in milliseconds. Requests arrive in any
order, and more than once; `idempotencyKey` is their id.

* A connection is `participantId`, new at each join. The user is in `id`, if the token has one.
* Each meeting of a room has a `sessionId`. `ROOM_DESTROYED` ends the stays of its own session, and a new room ends those
  that are left over.
* A breakout room has the name of its parent and an id of its own; it is a room of its own here.
* Participants who wait in the lobby are not present. They have events of other kinds.
* Recorders and transcribers are participants like others, except for their JIDs.
* A leave does not have its join. If the join was lost, so is the stay.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.jitsi import MODERATOR, PARTICIPANT, jid_role
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
    """Data of an event: a room, or a participant in it."""

    is_breakout: Value = None
    breakout_room_id: Value = None
    participant_id: Value = None
    participant_full_jid: Value = None
    id: Value = None
    name: Value = None
    email: Value = None
    group: Value = None
    moderator: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. `eventType` determines the form of its data."""

    event_type: str
    fqn: Value = None
    session_id: Value = None
    timestamp: Value = None
    idempotency_key: Value = None
    data: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the one that the console of JaaS shows for the webhook."""
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
    data = fields.struct(notice.data, Data)
    at = fields.event_time(notice.timestamp, fields.valid_ms, "timestamp", request.received_at)
    return [_parse_notice(notice, data, _room(notice, data), at)]


def _parse_notice(notice: Notice, data: Data, room: str, at: Ms) -> ParsedEvent:
    key = fields.optional_id(notice.idempotency_key)
    match notice.event_type:
        case "ROOM_CREATED":
            return end_before_start(room, at, key)
        case "ROOM_DESTROYED":
            return room_end(room, at, fields.optional_id(notice.session_id), key)
        case "PARTICIPANT_JOINED":
            return _participant_event(Kind.JOIN, notice, data, room, at)
    return _participant_event(Kind.LEAVE, notice, data, room, at)


def _room(notice: Notice, data: Data) -> str:
    room = fields.required(fields.text(notice.fqn), "fqn", notice.event_type, "JaaS")
    if not fields.flag(data.is_breakout):
        return room
    breakout = fields.text(data.breakout_room_id)
    return f"{room}/{fields.required(breakout, 'data.breakoutRoomId', notice.event_type, 'JaaS')}"


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, data: Data, room: str, at: Ms
) -> ParsedEvent:
    connection = fields.text(data.participant_id) or fields.text(data.participant_full_jid)
    participant_id = fields.required(connection, "data.participantId", notice.event_type, "JaaS")
    user_id, name = fields.optional_id(data.id), fields.user_name(data.name)
    session, key = fields.optional_id(notice.session_id), fields.optional_id(notice.idempotency_key)
    event = Event(
        kind, room, at, participant_id, user_id, name, session, id=key, attributes=_attributes(data)
    )
    return ParsedEvent(event, jid_role(fields.text(data.participant_full_jid)))


def _attributes(data: Data) -> Attributes | None:
    """Return what the token states about the user, and whether they moderate."""
    role = None
    if data.moderator is not None:
        role = MODERATOR if fields.flag(data.moderator) else PARTICIPANT
    return fields.attributes(None, role=role, email=data.email, group=data.group)


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

"""Agora: notifications (NCS) of the channels of a project, for any client SDK.

A request is JSON, signed over its raw body, by HMAC-SHA256 in one header and HMAC-SHA1 in another. Times of
events (`payload.ts`) are whole seconds; `notifyMs` is the time of sending, and differs at each attempt.

* Nothing identifies a connection. A participant is `uid`: a join with the uid of a participant who is present replaces
  them. A client that leaves and comes back within one second is not reported.
* `sid` is not a session of the channel. So the channel's start (101) and end (102) mark its sessions: when it starts,
  participants who are left over have left.
* Notifications arrive in any order and more than once. Their times decide; `clientSeq`, which is by the client's clock,
  is not needed.
* A leave has the `duration` of the stay, in whole seconds, so a lost join loses nothing.
* Hosts, audience, and participants of a plain call have their own numbers for join and leave. A change of role, to
  host (111) or to audience (112), is neither. A leave has the role at that time, so only a join states the role.
* Other products send to the same address if they are configured to, under the same numbers with other meanings: only
  `productId` 1 is read.
* When the address is set, a probe about a channel `test_webhook` arrives; it has no participants.
* Recorders are clients like others, except for their `clientType`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.signatures import check_signature, hmac_digest, with_headers

_CHANNELS: Final = 1
_PROBE: Final = "test_webhook"
_STARTED, _ENDED = 101, 102
_JOINS: Final = frozenset({103, 105, 107})
_LEAVES: Final = frozenset({104, 106, 108})
_TYPES: Final = frozenset({_STARTED, _ENDED, *_JOINS, *_LEAVES})
_ROLES: Final = {103: "host", 105: "audience"}
_RECORDERS: Final = frozenset({3, 10})


class Payload(msgspec.Struct, rename="camel"):
    """The channel and the participant of a notification."""

    channel_name: Value = None
    ts: Value = None
    uid: Value = None
    account: Value = None
    client_type: Value = None
    duration: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. Another product's payload may be anything."""

    event_type: Value
    product_id: Value = None
    notice_id: Value = None
    payload: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the better of the two signatures. A secret is the one that Agora's console shows for notifications."""
    for header, algorithm in (("agora-signature-v2", "sha256"), ("agora-signature", "sha1")):
        signature = request.headers.get(header, "")
        if signature:
            check_signature(
                signature.lower(), [hmac_digest(secret, request.body, algorithm).hex() for secret in secrets]
            )
            return
    raise VerificationFailed("the headers 'Agora-Signature-V2' and 'Agora-Signature' are missing")


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Agora signs it."""
    return with_headers(
        request,
        agora_signature=hmac_digest(secret, request.body, "sha1").hex(),
        agora_signature_v2=hmac_digest(secret, request.body).hex(),
    )


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "notification of Agora")
    event_type = fields.number(notice.event_type)
    if fields.number(notice.product_id) != _CHANNELS or event_type not in _TYPES:
        return []
    payload = fields.struct(notice.payload, Payload)
    channel = fields.text(payload.channel_name)
    if channel == _PROBE:
        return []
    if not channel:
        raise BadInput(f"event {event_type} of Agora lacks payload.channelName")
    at = fields.event_time(payload.ts, fields.ms_from_seconds, "payload.ts", request.received_at)
    key = fields.optional_id(notice.notice_id)
    if event_type == _STARTED:
        return [end_before_start(channel, at, key)]
    if event_type == _ENDED:
        return [room_end(channel, at, event_id=key)]
    uid = fields.text(payload.uid)
    if not uid:
        raise BadInput(f"event {event_type} of Agora lacks payload.uid")
    kind, joined_at = (Kind.JOIN, None) if event_type in _JOINS else (Kind.LEAVE, _joined_at(payload, at))
    user_id = fields.optional_id(payload.account) or uid
    attributes = fields.attributes(role=_ROLES.get(int(event_type)))
    event = Event(kind, channel, at, uid, user_id, joined_at=joined_at, id=key, attributes=attributes)
    is_recorder = fields.number(payload.client_type) in _RECORDERS
    return [ParsedEvent(event, Role.RECORDER if is_recorder else Role.PERSON)]


def _joined_at(payload: Payload, at: Ms) -> Ms | None:
    """Return the join time of a leave, if it has a duration."""
    duration_s = fields.number(payload.duration)
    if duration_s is None or duration_s <= 0:
        return None
    return fields.valid_ms(at - duration_s * 1_000, "payload.ts less payload.duration")


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant: dict[str, str | int] = {"channelName": TEST_ROOM, "uid": now % 2**32, "ts": now // 1_000}
    return [_sample(107, participant, now), _sample(108, {**participant, "reason": 1, "duration": 0}, now)]


def _sample(kind: int, payload: dict[str, str | int], now: Ms) -> InboundRequest:
    notice = {
        "noticeId": f"test:{now}:{kind}",
        "productId": _CHANNELS,
        "eventType": kind,
        "notifyMs": now,
        "payload": payload,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "agora", "Agora", "the secret that Agora's console shows for notifications", verify, parse, sign, samples
)

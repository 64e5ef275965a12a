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
  host (111) or to audience (112), is neither.
* Other products send to the same address if they are configured to, under the same numbers with other meanings: only
  `productId` 1 is read.
* When the address is set, a probe about a channel `test_webhook` arrives; it has no participants.
* Recorders are clients like others, except for their `clientType`.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

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
from headcount.sources.signatures import check_signature, hmac_digest, with_headers

_CHANNELS: Final = 1
_PROBE: Final = "test_webhook"
_STARTED, _ENDED = 101, 102
_JOINS: Final = frozenset({103, 105, 107})
_LEAVES: Final = frozenset({104, 106, 108})
_RECORDERS: Final = frozenset({3, 10})


class Payload(msgspec.Struct, rename="camel"):
    """The channel and the participant of a notification."""

    channel_name: str = ""
    ts: int | None = None
    uid: int | str | None = None
    account: str | None = None
    client_type: int | None = None
    duration: int | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. Another product's payload may be anything."""

    event_type: int
    product_id: int | None = None
    notice_id: str | None = None
    payload: Any = None


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
    if notice.product_id != _CHANNELS or notice.event_type not in {_STARTED, _ENDED, *_JOINS, *_LEAVES}:
        return []
    payload = _payload(notice)
    if payload.channel_name == _PROBE:
        return []
    return [_parse_notice(notice, payload)]


def _payload(notice: Notice) -> Payload:
    try:
        payload = msgspec.convert(notice.payload, Payload)
    except msgspec.ValidationError as error:
        raise BadInput(f"not a notification of Agora: {error} in its payload") from error
    if not payload.channel_name:
        raise BadInput(f"event {notice.event_type} of Agora lacks payload.channelName")
    return payload


def _parse_notice(notice: Notice, payload: Payload) -> ParsedEvent:
    at = _event_time(payload)
    if notice.event_type == _STARTED:
        return end_before_start(payload.channel_name, at, notice.notice_id or None)
    if notice.event_type == _ENDED:
        return room_end(payload.channel_name, at, event_id=notice.notice_id or None)
    if notice.event_type in _JOINS:
        return _participant_event(Kind.JOIN, notice, payload, at)
    joined_at = None if payload.duration is None else at - payload.duration * 1_000
    return _participant_event(Kind.LEAVE, notice, payload, at, fields.join_before(at, joined_at))


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    payload: Payload,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    if payload.uid is None:
        raise BadInput(f"event {notice.event_type} of Agora lacks payload.uid")
    if joined_at is not None:
        joined_at = fields.valid_ms(joined_at, "payload.ts less payload.duration")
    uid = str(payload.uid)
    role = Role.RECORDER if payload.client_type in _RECORDERS else Role.PERSON
    event = Event(
        kind,
        payload.channel_name,
        at,
        uid,
        payload.account or uid,
        joined_at=joined_at,
        id=notice.notice_id or None,
    )
    return ParsedEvent(event, role)


def _event_time(payload: Payload) -> Ms:
    return fields.ms_from_seconds(payload.ts or 0, "payload.ts")


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

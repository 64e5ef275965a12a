"""LiveKit: webhooks of a self-hosted server or of LiveKit Cloud.

A request is JSON in lowerCamelCase: whole numbers are strings, and fields with their default value
are omitted. It is signed by a token (JWT) in `Authorization`, which has the hash of the body.

* A connection is `participant.sid`. A participant who comes back after a network loss has a new one. If the old one is
  still open, the server closes it first (DUPLICATE_IDENTITY), and reports that before or after the new one: two stays of
  one user.
* `participant_joined` is sent once media flows; the join time is `joinedAtMs`, or `joinedAt` in seconds: when the server
  accepted them, a few milliseconds before that.
* `participant_left` has the join time, too, so a lost `joined` loses nothing. The leave time is
  `createdAt`, in whole seconds, without anything finer: a stay may be up to a second too short.
* A body has the room's `turnPassword`: never show it.
* `participant_connection_aborted` is a participant whose media never flowed: no stay.
* `room_finished` ends the stays of its own `room.sid`. It is sent a while after the last leave; it ends
  no meeting on its own.
* A server that is killed sends nothing, one that is stopped in a hurry little. The next `room_started` of the same name
  means that stays that are left over have ended. With Redis the room outlives the server: `sid` and creation time stay the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import jwt
import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    json_request,
    room_end,
)
from headcount.sources.signatures import (
    check_signature,
    encode_base64,
    required_bearer_token,
    unverified_claims,
    verified_claims,
    with_headers,
)

_LEEWAY_S: Final = 60
_TOKEN_S: Final = 300
_MAX_START_LAG_MS: Final = 5_000
"""A new room is reported within this time; an older room has outlived its server."""


class Permission(msgspec.Struct):
    hidden: bool = False
    recorder: bool = False


class Participant(msgspec.Struct, rename="camel"):
    """One connection to a room."""

    sid: str = ""
    identity: str = ""
    name: str = ""
    joined_at: int = 0
    joined_at_ms: int = 0
    kind: str | int = "STANDARD"
    permission: Permission | None = None


class Room(msgspec.Struct, rename="camel"):
    """A room; `sid` is new each time it starts."""

    name: str = ""
    sid: str = ""
    creation_time: int = 0
    creation_time_ms: int = 0


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request: `event` determines which fields are present."""

    event: str
    id: str = ""
    created_at: int = 0
    room: Room | None = None
    participant: Participant | None = None


# Whole numbers are strings.
_DECODER: Final = msgspec.json.Decoder(Notice, strict=False)
_ROLES: Final[dict[str | int, Role]] = {
    "INGRESS": Role.STREAM,
    "BRIDGE": Role.STREAM,
    "SIP": Role.PHONE,
    "CONNECTOR": Role.PHONE,
    "AGENT": Role.AGENT,
}


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token. A secret is `KEY:SECRET`; the token names the key that signed it."""
    token = required_bearer_token(request, "LiveKit signs each webhook with it")
    key = str(unverified_claims(token).get("iss", ""))
    pairs = [secret.partition(":") for secret in secrets]
    signing_keys = [signing_key for name, _, signing_key in pairs if name == key]
    if not signing_keys:
        raise VerificationFailed(
            f"it is signed with the key '{key[:60]}', which this source does not know: add KEY:SECRET as a secret"
        )
    claims = verified_claims(token, signing_keys, checked=("iss", "sub", "jti"))
    _check_times(claims, request.received_at // 1_000)
    check_signature(str(claims.get("sha256", "")), [_hash(request.body)])


def _check_times(claims: Mapping[str, object], now_s: int) -> None:
    until, since = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(until, int | float) or not isinstance(since, int | float):
        raise VerificationFailed("the token has no expiry time")
    if not since - _LEEWAY_S <= now_s <= until + _LEEWAY_S:
        raise VerificationFailed("the token is expired or not valid yet: check the clocks of both servers")


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as the server signs it."""
    key, _, signing_key = secret.partition(":")
    now_s = request.received_at // 1_000
    claims = {"iss": key, "nbf": now_s, "exp": now_s + _TOKEN_S, "sha256": _hash(request.body)}
    return with_headers(request, authorization=jwt.encode(claims, signing_key, algorithm="HS256"))


def _hash(body: bytes) -> str:
    return encode_base64(hashlib.sha256(body).digest())


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of LiveKit")
    match notice.event:
        case "participant_joined":
            return [_join(notice)]
        case "participant_left":
            return [_leave(notice)]
        case "room_finished":
            return [_end(notice)]
        case "room_started":
            return [_start(notice)]
    return []


def _join(notice: Notice) -> ParsedEvent:
    room, participant = _room(notice), _participant(notice)
    return _participant_event(Kind.JOIN, notice, room, participant, _join_time(notice, participant))


def _leave(notice: Notice) -> ParsedEvent:
    room, participant = _room(notice), _participant(notice)
    joined_at = _join_time(notice, participant)
    # The leave has whole seconds, the join milliseconds.
    at = max(joined_at, _event_time(notice))
    return _participant_event(Kind.LEAVE, notice, room, participant, at, joined_at)


def _end(notice: Notice) -> ParsedEvent:
    room = _room(notice)
    return room_end(room.name, _event_time(notice), room.sid, notice.id or None)


def _start(notice: Notice) -> ParsedEvent:
    """Return the inferred end of the room's previous run (R3a)."""
    room, reported = _room(notice), notice.created_at * 1_000
    started = room.creation_time_ms or room.creation_time * 1_000 or reported
    if reported - started > _MAX_START_LAG_MS:
        # The participant who restarted it may have joined just before the second of the report.
        started = reported - 1_000
    at = fields.valid_ms(started, "room.creationTime")
    return room_end(room.name, at, event_id=notice.id or None, inferred=Inferred.ROOM_RESTARTED)


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    room: Room,
    participant: Participant,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    event = Event(
        kind,
        room.name,
        at,
        participant.sid,
        participant.identity,
        fields.user_name(participant.name),
        room.sid,
        joined_at,
        id=notice.id or None,
    )
    return ParsedEvent(event, participant_role(participant.kind, participant.permission))


def _event_time(notice: Notice) -> Ms:
    return fields.ms_from_seconds(notice.created_at, "createdAt")


def _join_time(notice: Notice, participant: Participant) -> Ms:
    at = participant.joined_at_ms or (participant.joined_at or notice.created_at) * 1_000
    return fields.valid_ms(at, "participant.joinedAt")


def participant_role(kind: str | int, permission: Permission | None) -> Role:
    """Return the role of a participant of a webhook or a list. A recorder is hidden, too, so recorders come first."""
    permission = permission or Permission()
    if kind == "EGRESS" or permission.recorder:
        return Role.RECORDER
    return Role.HIDDEN if permission.hidden else _ROLES.get(kind, Role.PERSON)


def _room(notice: Notice) -> Room:
    if notice.room is None or not notice.room.name:
        raise BadInput(f"a '{notice.event}' of LiveKit without a room.name")
    return notice.room


def _participant(notice: Notice) -> Participant:
    if notice.participant is None or not notice.participant.sid:
        raise BadInput(f"a '{notice.event}' of LiveKit without a participant.sid")
    return notice.participant


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    second = now // 1_000
    participant = {
        "sid": f"PA_test{now}",
        "identity": "headcount-test",
        "joinedAt": str(second),
        "joinedAtMs": str(second * 1_000),
    }
    room = {"sid": f"RM_test{now}", "name": TEST_ROOM, "creationTime": str(second)}
    return [
        json_request({"event": event, "room": room, "participant": participant, "id": f"EV_{event}{now}", "createdAt": str(second)}, now, "application/webhook+json")
        for event in ("participant_joined", "participant_left")
    ]  # fmt: skip


SOURCE: Final = Source(
    "livekit", "LiveKit", "the API key and its secret, as KEY:SECRET", verify, parse, sign, samples
)

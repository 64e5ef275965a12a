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
* An egress has the identity `EG_…`, and may lack its kind. A participant that is forwarded from another room, and a simulated
  one, are known by their kind details alone, which a leave may lack.
* A callee of the SIP service joins when it dials. No webhook reports that they answer; the leave gives the reason.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import jwt
import msgspec

from headcount.kernel.attributes import Attributes
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
from headcount.sources.fields import Value
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
    """Permissions of a participant that matter here."""

    hidden: Value = None
    recorder: Value = None


class Description(msgspec.Struct):
    """What a participant is. `attributes` are set by the SIP service, and by the application, as `metadata` is."""

    identity: Value = None
    kind: Value = None
    kind_details: Value = None
    permission: Value = None
    attributes: Value = None
    metadata: Value = None
    disconnect_reason: Value = None


class Participant(Description, rename="camel"):
    """One connection to a room. Repeated fields have another name here."""

    kind_details: Value = None
    disconnect_reason: Value = None
    sid: Value = None
    name: Value = None
    joined_at: Value = None
    joined_at_ms: Value = None


class Room(msgspec.Struct, rename="camel"):
    """A room; `sid` is new each time it starts."""

    name: Value = None
    sid: Value = None
    creation_time: Value = None
    creation_time_ms: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request: `event` determines which fields are present."""

    event: str
    id: Value = None
    created_at: Value = None
    room: Value = None
    participant: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_ROLES: Final = {
    "INGRESS": Role.STREAM,
    "BRIDGE": Role.STREAM,
    "SIP": Role.PHONE,
    "CONNECTOR": Role.PHONE,
    "AGENT": Role.AGENT,
}
_DETAILS: Final = {
    "FORWARDED": Role.STREAM,
    "BRIDGE_RTSP": Role.STREAM,
    "SIMULATION": Role.TEST,
}
"""Details of a kind that decide alone. The others go with a kind that decides."""
_EGRESS_PREFIX: Final = "EG_"
_CALLING: Final = ("dialing", "ringing")
_STATES: Final = ("sip.callStatus", "lk.agent.state")
"""Attributes that LiveKit changes while a participant is in the room: what the first one has means nothing later."""
_UNANSWERED: Final = ("USER_UNAVAILABLE", "USER_REJECTED", "SIP_TRUNK_FAILURE")


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
            return [_join(notice, request.received_at)]
        case "participant_left":
            return [_leave(notice, request.received_at)]
        case "room_finished":
            return [_end(notice, request.received_at)]
        case "room_started":
            return [_start(notice, request.received_at)]
    return []


def _join(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.participant, Participant)
    joined_at = _join_time(participant)
    at = _event_time(notice, received_at) if joined_at is None else joined_at
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.participant, Participant)
    at = _event_time(notice, received_at)
    joined_at = _join_time(participant)
    if joined_at is None:
        return _participant_event(Kind.LEAVE, notice, participant, at)
    # The leave has whole seconds, the join milliseconds.
    return _participant_event(Kind.LEAVE, notice, participant, max(joined_at, at), joined_at)


def _end(notice: Notice, received_at: Ms) -> ParsedEvent:
    room, session = _room_and_session(notice)
    return room_end(room, _event_time(notice, received_at), session, fields.optional_id(notice.id))


def _start(notice: Notice, received_at: Ms) -> ParsedEvent:
    """Return the inferred end of the room's previous run (R3a)."""
    reported = _event_time(notice, received_at)
    room = fields.struct(notice.room, Room)
    started = ms_or_seconds(room.creation_time_ms, room.creation_time, "room.creationTime")
    at = reported if started is None else started
    if reported - at > _MAX_START_LAG_MS:
        # The participant who restarted it may have joined just before the second of the report.
        at = reported - 1_000
    name, _ = _room_and_session(notice)
    return room_end(name, at, event_id=fields.optional_id(notice.id), inferred=Inferred.ROOM_RESTARTED)


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    participant: Participant,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    room, session = _room_and_session(notice)
    sid = fields.text(participant.sid)
    event = Event(
        kind,
        room,
        at,
        fields.required(sid, "participant.sid", notice.event, "LiveKit"),
        fields.optional_id(participant.identity),
        fields.user_name(participant.name),
        session,
        joined_at,
        id=fields.optional_id(notice.id),
        attributes=participant_attributes(participant),
    )
    return ParsedEvent(event, participant_role(participant))


def _event_time(notice: Notice, received_at: Ms) -> Ms:
    return fields.event_time(notice.created_at or None, fields.ms_from_seconds, "createdAt", received_at)


def _join_time(participant: Participant) -> Ms | None:
    return ms_or_seconds(participant.joined_at_ms, participant.joined_at, "participant.joinedAt")


def ms_or_seconds(in_ms: Value, in_seconds: Value, field: str) -> Ms | None:
    """Return a time that newer servers also report in ms; None if both fields are missing or 0."""
    if fields.number(in_ms):
        return fields.valid_ms(in_ms, field)
    return fields.ms_from_seconds(in_seconds, field) if fields.number(in_seconds) else None


def participant_role(one: Description) -> Role:
    """Return the role of a participant of a webhook or a list. A recorder is hidden, too, so recorders come first."""
    permissions, kind = fields.struct(one.permission, Permission), fields.text(one.kind)
    is_egress = kind == "EGRESS" or fields.text(one.identity).startswith(_EGRESS_PREFIX)
    if is_egress or fields.flag(permissions.recorder):
        return Role.RECORDER
    if fields.flag(permissions.hidden):
        return Role.HIDDEN
    for detail in one.kind_details if isinstance(one.kind_details, list) else ():
        if fields.text(detail) in _DETAILS:
            return _DETAILS[fields.text(detail)]
    role = _ROLES.get(kind, Role.PERSON)
    return Role.UNANSWERED if role is Role.PHONE and _is_unanswered(one) else role


def participant_attributes(one: Description) -> Attributes | None:
    """Return the attributes of a participant of a webhook or a list, and those in metadata that is a JSON object."""
    if not one.metadata and not one.attributes:
        return None
    found = {**fields.json_object(one.metadata), **fields.json_object(one.attributes)}
    return fields.attributes({key: value for key, value in found.items() if key not in _STATES})


def _is_unanswered(callee: Description) -> bool:
    """Return whether a call to this participant is not answered yet, or never was. Only callers have a dispatch rule."""
    attributes = callee.attributes if isinstance(callee.attributes, dict) else {}
    if attributes.get("sip.ruleID"):
        return False
    if fields.text(attributes.get("sip.callStatus")) in _CALLING:
        return True
    return fields.text(callee.disconnect_reason) in _UNANSWERED


def _room_and_session(notice: Notice) -> tuple[str, str | None]:
    room = fields.struct(notice.room, Room)
    name = fields.required(fields.text(room.name), "room.name", notice.event, "LiveKit")
    return name, fields.optional_id(room.sid)


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
    "livekit", "LiveKit", "the API key and its secret, as KEY:SECRET", verify, parse, sign, samples, is_partial=True, has_key_pair=True
)  # fmt: skip

"""Vonage Video, formerly OpenTok: callbacks of session monitoring, as a project or an application sends them.

A request is JSON, times are milliseconds. With secure callbacks, a token (JWT) in `Authorization` has the
hash of the body. The vendor's own library only checks the signature; here the hash must match the body, too.
The token has the time of its creation, but a callback is retried for a while: a repetition changes nothing anyway.

* `sessionId` is used again and again: it is the room. There is no id of a single session.
* A connection is `connection.id`; a participant who comes back after a real network loss has a new one.
* The user is in `connection.data`, any text that the application wrote into the token. From a JSON object, `userId`,
  `user_id` or `id` is the id, and `name`, `userName` or `username` the name; `name=Ann,userId=7` has the same
  keys; any other text is the user's id. The other keys are attributes.
* A `connectionDestroyed` has the creation time of the connection, so a lost `connectionCreated` loses nothing.
* Streams are not participants: a participant who publishes a screen has one connection. Archives and captions are not either.
* `sessionDestroyed` is sent after the last connection has closed or timed out. `sessionCreated` is sent with the first
  connection, often a little after its `createdAt`: stays that are left over have ended.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import jwt
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
from headcount.sources.signatures import (
    check_signature,
    required_bearer_token,
    verified_claims,
    with_bearer_token,
)

_ID_KEYS: Final = ("userId", "user_id", "id")
_NAME_KEYS: Final = ("name", "userName", "username")
_USER_KEYS: Final = frozenset((*_ID_KEYS, *_NAME_KEYS))
_MAX_USER_LENGTH: Final = 512
_SEPARATORS: Final = re.compile(r"[,;&\n]")


class Connection(msgspec.Struct, rename="camel"):
    """One connection to a session. `data` is the application's text in its token."""

    id: Value = None
    created_at: Value = None
    data: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request: `event` determines which fields are present."""

    event: str = ""
    session_id: Value = None
    timestamp: Value = None
    connection: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token and the hash of the body. A secret is the signature secret of session monitoring."""
    claims = verified_claims(
        required_bearer_token(request, "switch secure callbacks on in Vonage's dashboard"), secrets
    )
    check_signature(str(claims.get("payload_hash", "")).lower(), [_hash(request.body)])


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Vonage signs it."""
    claims = {
        "iss": "Vonage",
        "iat": request.received_at // 1_000,
        "jti": _hash(request.body)[:32],
        "payload_hash": _hash(request.body),
    }
    return with_bearer_token(request, jwt.encode(claims, secret, algorithm="HS256"))


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "callback of Vonage's session monitoring")
    match notice.event:
        case "connectionCreated":
            return [_join(notice, request.received_at)]
        case "connectionDestroyed":
            return [_leave(notice, request.received_at)]
        case "sessionCreated":
            return [end_before_start(_room(notice), _event_time(notice, request.received_at))]
        case "sessionDestroyed":
            return [room_end(_room(notice), _event_time(notice, request.received_at))]
    return []


def _join(notice: Notice, received_at: Ms) -> ParsedEvent:
    connection = fields.struct(notice.connection, Connection)
    created_at = _created_at(connection)
    at = _event_time(notice, received_at) if created_at is None else created_at
    return _participant_event(Kind.JOIN, notice, connection, at)


def _leave(notice: Notice, received_at: Ms) -> ParsedEvent:
    connection, at = fields.struct(notice.connection, Connection), _event_time(notice, received_at)
    joined_at = fields.join_before(at, _created_at(connection))
    return _participant_event(Kind.LEAVE, notice, connection, at, joined_at)


def _participant_event(
    kind: Kind, notice: Notice, connection: Connection, at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    connection_id = fields.text(connection.id)
    fields.required(connection_id, "connection.id", notice.event, "Vonage")
    user_id, user_name, attributes = parse_data(connection.data)
    event = Event(
        kind,
        _room(notice),
        at,
        connection_id,
        user_id,
        user_name,
        joined_at=joined_at,
        attributes=attributes,
    )
    return ParsedEvent(event)


def parse_data(value: Value) -> tuple[str | None, str | None, Attributes | None]:
    """Return the user's id and name, and other values, from the application's text in the token, by the rule above."""
    values = _values(value)
    user_id, name = _first(values, _ID_KEYS), _first(values, _NAME_KEYS)
    if not user_id and not name:
        user_id = _clean(fields.text(value).strip())
    others = {key: found for key, found in values.items() if key not in _USER_KEYS}
    return user_id, name, fields.attributes(others)


def _values(value: Value) -> dict[str, Any]:
    """Return the object, or the pairs if one of them is the user's id or name."""
    if isinstance(value, dict):
        return value
    data = fields.text(value).strip()
    pairs = _parse_pairs(data)
    return _parse_json(data) or ({} if _USER_KEYS.isdisjoint(pairs) else pairs)


def _parse_json(data: str) -> dict[str, Any]:
    try:
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def _parse_pairs(data: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in _SEPARATORS.split(data))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _first(values: dict[str, Any], keys: Iterable[str]) -> str | None:
    """Return the value of the first key with a text or a whole number."""
    found = (fields.text(values.get(key)) for key in keys)
    return next((_clean(text) for text in found if text), None)


def _clean(text: str) -> str | None:
    """Return a user's id or name without U+0000, cut to a length that can be stored: applications write any text."""
    name = fields.user_name(text)
    return None if name is None else name[:_MAX_USER_LENGTH]


def _room(notice: Notice) -> str:
    return fields.required(fields.text(notice.session_id), "sessionId", notice.event, "Vonage")


def _created_at(connection: Connection) -> Ms | None:
    return fields.optional_time(connection.created_at, fields.valid_ms, "connection.createdAt")


def _event_time(notice: Notice, received_at: Ms) -> Ms:
    return fields.event_time(notice.timestamp, fields.valid_ms, "timestamp", received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    connection = {"id": f"test{now}", "createdAt": now, "data": "headcount-test"}
    return [
        json_request(
            {"sessionId": TEST_ROOM, "event": event, "timestamp": now, "connection": connection}, now
        )
        for event in ("connectionCreated", "connectionDestroyed")
    ]


SOURCE: Final = Source(
    "vonage", "Vonage Video (OpenTok)", "the signature secret of session monitoring", verify, parse, sign, samples
)  # fmt: skip

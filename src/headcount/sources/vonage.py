"""Vonage Video, once OpenTok: callbacks of session monitoring, as a project or an application sends them.

A delivery is JSON, times are milliseconds. With secure callbacks, a token (JWT) in `Authorization` holds the
hash of the body. The vendor's own library looks at the signature alone; here the hash must fit the body, too.
The token says when it was made, but a callback is tried again for a while: what is repeated counts once anyway.

* `sessionId` is used again and again: it is the room. There is no name for one coming to life.
* A connection is `connection.id`; whoever comes back after a real loss is a new one.
* Who it is says `connection.data`, which is whatever the application wrote into the token. What of it is the user:
  of a JSON object `userId`, `user_id` or `id`, and `name`, `userName` or `username`; of `name=Ann,userId=7` the same
  words; of anything else the whole text is the user's id.
* A `connectionDestroyed` says when the connection was created, so that a lost `connectionCreated` costs nothing.
* Streams are no presence: who publishes a screen has one connection. Archives and captions are none either.
* `sessionDestroyed` comes when the last one has gone, or was given up. `sessionCreated` comes with the first
  one, often a little after their `createdAt`: whoever was left from before is gone.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import jwt
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
    required_bearer_token,
    verified_claims,
    with_bearer_token,
)

_IDS: Final = ("userId", "user_id", "id")
_NAMES: Final = ("name", "userName", "username")
_DIVIDERS: Final = re.compile(r"[,;&\n]")


class Connection(msgspec.Struct, rename="camel"):
    """One connection to a session. `data` is what the application wrote into its token."""

    id: str = ""
    created_at: int | None = None
    data: str | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request: which of the fields are there depends on `event`."""

    event: str = ""
    session_id: str = ""
    timestamp: int | None = None
    connection: Connection | None = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the signature secret of session monitoring."""
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
            return [ParsedEvent(_join(notice))]
        case "connectionDestroyed":
            return [ParsedEvent(_leave(notice))]
        case "sessionCreated":
            return [end_before_start(_room(notice), _event_time(notice))]
        case "sessionDestroyed":
            return [ParsedEvent(Event(Kind.END, _room(notice), _event_time(notice)))]
    return []


def _join(notice: Notice) -> Event:
    participant = _connection(notice)
    at = _event_time(notice) if participant.created_at is None else _connection_time(participant)
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice) -> Event:
    participant, at = _connection(notice), _event_time(notice)
    created = None if participant.created_at is None else _connection_time(participant)
    return _participant_event(Kind.LEAVE, notice, participant, at, fields.join_before(at, created))


def _participant_event(
    kind: Kind, notice: Notice, participant: Connection, at: Ms, joined: Ms | None = None
) -> Event:
    user_id, user_name = user_of(participant.data)
    return Event(kind, _room(notice), at, participant.id, user_id, user_name, joined_at=joined)


def user_of(data: str | None) -> tuple[str | None, str | None]:
    """The user's id and name in what the application wrote into the token, by the rule above."""
    if not data or not data.strip():
        return None, None
    for told in (_from_json(data), _from_pairs(data)):
        found = _first(told, _IDS), _first(told, _NAMES)
        if any(found):
            return found
    return fields.user_name(data.strip()), None


def _from_json(data: str) -> dict[str, Any]:
    try:
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def _from_pairs(data: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in _DIVIDERS.split(data))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _first(told: dict[str, Any], keys: Iterable[str]) -> str | None:
    """The first of the keys with a text or a whole number."""
    values = (told.get(key) for key in keys)
    return next(
        (fields.user_name(str(value)) for value in values if type(value) in (str, int) and value != ""), None
    )


def _connection(notice: Notice) -> Connection:
    if notice.connection is None or not notice.connection.id:
        raise BadInput(f"a '{notice.event}' of Vonage without a connection.id")
    return notice.connection


def _room(notice: Notice) -> str:
    if not notice.session_id:
        raise BadInput(f"a '{notice.event}' of Vonage without a sessionId")
    return notice.session_id


def _connection_time(participant: Connection) -> Ms:
    return fields.valid_ms(participant.created_at or 0, "connection.createdAt")


def _event_time(notice: Notice) -> Ms:
    return fields.valid_ms(notice.timestamp or 0, "timestamp")


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant = {"id": f"test{now}", "createdAt": now, "data": "headcount-test"}
    return [
        json_request(
            {"sessionId": TEST_ROOM, "event": event, "timestamp": now, "connection": participant}, now
        )
        for event in ("connectionCreated", "connectionDestroyed")
    ]


SOURCE: Final = Source(
    "vonage", "Vonage Video (OpenTok)", "the signature secret of session monitoring", verify, parse, sign, samples
)  # fmt: skip

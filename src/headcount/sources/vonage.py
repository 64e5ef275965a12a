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
from headcount.sources.signatures import check, required_bearer_token, verified_claims, with_bearer_token

_IDS: Final = ("userId", "user_id", "id")
_NAMES: Final = ("name", "userName", "username")
_DIVIDERS: Final = re.compile(r"[,;&\n]")


class Connection(msgspec.Struct, rename="camel"):
    """One connection to a session. `data` is what the application wrote into its token."""

    id: str = ""
    created_at: int | None = None
    data: str | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a delivery: which of the fields are there depends on `event`."""

    event: str = ""
    session_id: str = ""
    timestamp: int | None = None
    connection: Connection | None = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def verify(delivery: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the signature secret of session monitoring."""
    claims = verified_claims(
        required_bearer_token(delivery, "switch secure callbacks on in Vonage's dashboard"), secrets
    )
    check(str(claims.get("payload_hash", "")).lower(), [_hash(delivery.body)])


def sign(delivery: InboundRequest, secret: str) -> InboundRequest:
    """As Vonage signs it."""
    claims = {
        "iss": "Vonage",
        "iat": delivery.received // 1_000,
        "jti": _hash(delivery.body)[:32],
        "payload_hash": _hash(delivery.body),
    }
    return with_bearer_token(delivery, jwt.encode(claims, secret, algorithm="HS256"))


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read(delivery: InboundRequest) -> list[ParsedEvent]:
    """The events in one delivery."""
    notice = fields.decoded(_DECODER, delivery.body, "callback of Vonage's session monitoring")
    match notice.event:
        case "connectionCreated":
            return [ParsedEvent(_joined(notice))]
        case "connectionDestroyed":
            return [ParsedEvent(_left(notice))]
        case "sessionCreated":
            return [end_before_start(_room(notice), _time(notice))]
        case "sessionDestroyed":
            return [ParsedEvent(Event(Kind.END, _room(notice), _time(notice)))]
    return []


def _joined(notice: Notice) -> Event:
    who = _connection(notice)
    at = _time(notice) if who.created_at is None else _created(who)
    return _of(Kind.JOIN, notice, who, at)


def _left(notice: Notice) -> Event:
    who, at = _connection(notice), _time(notice)
    created = None if who.created_at is None else _created(who)
    return _of(Kind.LEAVE, notice, who, at, fields.join_before(at, created))


def _of(kind: Kind, notice: Notice, who: Connection, at: Ms, joined: Ms | None = None) -> Event:
    user_id, user_name = user_of(who.data)
    return Event(kind, _room(notice), at, who.id, user_id, user_name, joined_at=joined)


def user_of(data: str | None) -> tuple[str | None, str | None]:
    """The user's id and name in what the application wrote into the token, by the rule above."""
    if not data or not data.strip():
        return None, None
    for told in (_from_json(data), _from_pairs(data)):
        found = _first(told, _IDS), _first(told, _NAMES)
        if any(found):
            return found
    return fields.name(data.strip()), None


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
        (fields.name(str(value)) for value in values if type(value) in (str, int) and value != ""), None
    )


def _connection(notice: Notice) -> Connection:
    if notice.connection is None or not notice.connection.id:
        raise BadInput(f"a '{notice.event}' of Vonage without a connection.id")
    return notice.connection


def _room(notice: Notice) -> str:
    if not notice.session_id:
        raise BadInput(f"a '{notice.event}' of Vonage without a sessionId")
    return notice.session_id


def _created(who: Connection) -> Ms:
    return fields.sensible(who.created_at or 0, "connection.createdAt")


def _time(notice: Notice) -> Ms:
    return fields.sensible(notice.timestamp or 0, "timestamp")


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once."""
    who = {"id": f"test{now}", "createdAt": now, "data": "headcount-test"}
    return [
        json_request({"sessionId": TEST_ROOM, "event": event, "timestamp": now, "connection": who}, now)
        for event in ("connectionCreated", "connectionDestroyed")
    ]


SOURCE: Final = Source(
    "vonage", "Vonage Video (OpenTok)", "the signature secret of session monitoring", verify, read, sign, samples
)  # fmt: skip

"""Whereby: the webhooks of an Embedded account.

A request is JSON, signed with a timestamp. Times of events have milliseconds. Events arrive in any order, and more than once.

* A connection is `participantId`. `externalId` is the user, if the app put it into the address of the room.
* A room's name is the path of its address, with a slash that is not part of the name.
* `room.session.ended` is sent when fewer than two were present for a while: one may still be. So it ends nothing, and
  `room.session.started` (two are present) starts nothing; a `roomSessionId` exists only from then on.
* A lost leave is repaired by `numClients`, the number of clients after the event. A participant who joins and is the only one
  joined an empty room; if the number is 0 after a leave, the room is empty. Both ends are put a few seconds earlier, so that
  they do not end the stay of a participant who joins at the same moment, and reported leaves override them.
* Recorders, streams and captions join and leave as participants do; their role distinguishes them.
* A leave does not have its join. If the join was lost, so is the stay.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    START_MARGIN_MS,
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.signatures import (
    check_signature,
    hmac_digest,
    timestamped_message,
    timestamped_signature,
    with_headers,
)
from headcount.timestamps import format_timestamp

_SIGNATURE: Final = "whereby-signature"
_ROLES: Final = {"recorder": Role.RECORDER, "streamer": Role.STREAM, "captioner": Role.HIDDEN}


class Client(msgspec.Struct, rename="camel"):
    """One connection to a room, and the number of connections after the event."""

    room_name: str = ""
    room_session_id: str | None = None
    participant_id: str | None = None
    external_id: str | None = None
    display_name: str | None = None
    role_name: str | None = None
    num_clients: int | None = None
    is_dial_in: bool | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. `type` determines the form of its data."""

    type: str
    id: str | None = None
    created_at: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_CLIENT: Final = msgspec.json.Decoder(Client)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the one that the dashboard shows for the webhook."""
    signature, signed = timestamped_signature(request, _SIGNATURE)
    check_signature(signature, [hmac_digest(secret, signed).hex() for secret in secrets])


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Whereby signs it."""
    time, signed = timestamped_message(request)
    return with_headers(request, whereby_signature=f"t={time},v1={hmac_digest(secret, signed).hex()}")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of Whereby")
    match notice.type:
        case "room.client.joined":
            return _join(notice, _client(notice))
        case "room.client.left":
            return _leave(notice, _client(notice))
    return []


def _client(notice: Notice) -> Client:
    client = fields.decode(_CLIENT, bytes(notice.data), f"'{notice.type}' of Whereby")
    if not client.room_name.strip("/") or not client.participant_id:
        raise BadInput(f"a '{notice.type}' of Whereby without data.roomName and data.participantId")
    return client


def _join(notice: Notice, client: Client) -> list[ParsedEvent]:
    at = _event_time(notice)
    join = _participant_event(Kind.JOIN, notice, client, at)
    return [end_before_start(_room(client), at), join] if client.num_clients == 1 else [join]


def _leave(notice: Notice, client: Client) -> list[ParsedEvent]:
    at = _event_time(notice)
    leave = _participant_event(Kind.LEAVE, notice, client, at)
    end = room_end(_room(client), at - START_MARGIN_MS, inferred=Inferred.SNAPSHOT)
    return [leave, end] if client.num_clients == 0 else [leave]


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, client: Client, at: Ms
) -> ParsedEvent:
    event = Event(
        kind,
        _room(client),
        at,
        client.participant_id,
        client.external_id,
        fields.user_name(client.display_name),
        client.room_session_id,
        id=notice.id or None,
    )
    return ParsedEvent(event, _role(client))


def _room(client: Client) -> str:
    return client.room_name.strip("/")


def _role(client: Client) -> Role:
    if client.is_dial_in:
        return Role.PHONE
    return _ROLES.get(client.role_name or "", Role.PERSON)


def _event_time(notice: Notice) -> Ms:
    return fields.ms_from_rfc3339(notice.created_at, "createdAt")


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    return [_sample("room.client.joined", 1, now), _sample("room.client.left", 0, now)]


def _sample(kind: str, clients: int, now: Ms) -> InboundRequest:
    client = {
        "roomName": f"/{TEST_ROOM}",
        "participantId": f"test{now}",
        "displayName": "Headcount",
        "numClients": clients,
    }
    notice = {
        "id": f"test-{kind}-{now}",
        "apiVersion": "1.0",
        "createdAt": format_timestamp(now),
        "type": kind,
        "data": client,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "whereby", "Whereby", "the secret of the webhook, from Whereby's dashboard", verify, parse, sign, samples
)

"""Whereby: the webhooks of an Embedded account.

A delivery is JSON, signed with its time. Times of facts have milliseconds. They come in any order, and again.

* A connection is `participantId`. `externalId` is who it is, if the app put it into the address of the room.
* A room's name comes as the path of its address, with a slash that is no part of it.
* `room.session.ended` comes when fewer than two were in for a while: one may be in still. So it ends nothing, and
  `room.session.started` (two are in) begins nothing; a `roomSessionId` is there only from then on.
* What mends a lost leave is `numClients`, how many are in after the event. Whoever comes and is the only one came to an
  empty room; if nobody is in after a leave, nobody is. Both are put a few seconds back, lest somebody is closed who
  comes at the same moment, and give way to what is reported.
* Recorders, streams and captions come and go like people; their role tells them apart.
* A leave does not know its join. If that was lost, so is the stay.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    RESTART_MARGIN_MS,
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    end_before_start,
    json_request,
)
from headcount.sources.signatures import check, digest, signed_now, timed, with_headers
from headcount.timestamps import spoken

_SIGNATURE: Final = "whereby-signature"
_ROLES: Final = {"recorder": Role.RECORDER, "streamer": Role.STREAM, "captioner": Role.HIDDEN}


class Client(msgspec.Struct, rename="camel"):
    """One connection to a room, and how many there are after the event."""

    room_name: str = ""
    room_session_id: str | None = None
    participant_id: str | None = None
    external_id: str | None = None
    display_name: str | None = None
    role_name: str | None = None
    num_clients: int | None = None
    is_dial_in: bool | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a delivery. What its data look like is known by `type` alone."""

    type: str
    id: str | None = None
    created_at: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_DECODER: Final = msgspec.json.Decoder(Notice)
_CLIENT: Final = msgspec.json.Decoder(Client)


def verify(delivery: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the one that the dashboard shows for the webhook."""
    shown, signed = timed(delivery, _SIGNATURE)
    check(shown, [digest(secret, signed).hex() for secret in secrets])


def sign(delivery: InboundRequest, secret: str) -> InboundRequest:
    """As Whereby signs it."""
    time, signed = signed_now(delivery)
    return with_headers(delivery, whereby_signature=f"t={time},v1={digest(secret, signed).hex()}")


def read(delivery: InboundRequest) -> list[ParsedEvent]:
    """The events in one delivery."""
    notice = fields.decoded(_DECODER, delivery.body, "webhook of Whereby")
    match notice.type:
        case "room.client.joined":
            return _joined(notice, _client(notice))
        case "room.client.left":
            return _left(notice, _client(notice))
    return []


def _client(notice: Notice) -> Client:
    client = fields.decoded(_CLIENT, bytes(notice.data), f"'{notice.type}' of Whereby")
    if not client.room_name.strip("/") or not client.participant_id:
        raise BadInput(f"a '{notice.type}' of Whereby without data.roomName and data.participantId")
    return client


def _joined(notice: Notice, client: Client) -> list[ParsedEvent]:
    at = _time(notice)
    came = _heard(Kind.JOIN, notice, client, at)
    return [end_before_start(_room(client), at), came] if client.num_clients == 1 else [came]


def _left(notice: Notice, client: Client) -> list[ParsedEvent]:
    at = _time(notice)
    gone = _heard(Kind.LEAVE, notice, client, at)
    empty = ParsedEvent(Event(Kind.END, _room(client), at - RESTART_MARGIN_MS, inferred=Inferred.SNAPSHOT))
    return [gone, empty] if client.num_clients == 0 else [gone]


def _heard(kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, client: Client, at: Ms) -> ParsedEvent:
    event = Event(
        kind,
        _room(client),
        at,
        client.participant_id,
        client.external_id,
        fields.name(client.display_name),
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


def _time(notice: Notice) -> Ms:
    return fields.rfc3339(notice.created_at, "createdAt")


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once."""
    return [_sample("room.client.joined", 1, now), _sample("room.client.left", 0, now)]


def _sample(kind: str, clients: int, now: Ms) -> InboundRequest:
    who = {
        "roomName": f"/{TEST_ROOM}",
        "participantId": f"test{now}",
        "displayName": "Headcount",
        "numClients": clients,
    }
    notice = {
        "id": f"test-{kind}-{now}",
        "apiVersion": "1.0",
        "createdAt": spoken(now),
        "type": kind,
        "data": who,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "whereby", "Whereby", "the secret of the webhook, from Whereby's dashboard", verify, read, sign, samples
)

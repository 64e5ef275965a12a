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
from headcount.kernel.attributes import Attributes
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
from headcount.sources.fields import Value
from headcount.sources.signatures import (
    check_signature,
    hmac_digest,
    timestamped_message,
    timestamped_signature,
    with_headers,
)
from headcount.timestamps import format_timestamp

_SIGNATURE: Final = "whereby-signature"
_TECHNICAL_ROLES: Final = {"recorder": Role.RECORDER, "streamer": Role.STREAM, "captioner": Role.HIDDEN}


class Client(msgspec.Struct, rename="camel"):
    """One connection to a room, and the number of connections after the event."""

    room_name: Value = None
    room_session_id: Value = None
    participant_id: Value = None
    external_id: Value = None
    metadata: Value = None
    display_name: Value = None
    role_name: Value = None
    num_clients: Value = None
    is_dial_in: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. `type` determines the form of its data."""

    type: str
    id: Value = None
    created_at: Value = None
    data: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


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
            return _join(notice, request.received_at)
        case "room.client.left":
            return _leave(notice, request.received_at)
    return []


def _join(notice: Notice, received_at: Ms) -> list[ParsedEvent]:
    client, at = fields.struct(notice.data, Client), _event_time(notice, received_at)
    join = _participant_event(Kind.JOIN, notice, client, at)
    return [end_before_start(_room(client), at), join] if fields.number(client.num_clients) == 1 else [join]


def _leave(notice: Notice, received_at: Ms) -> list[ParsedEvent]:
    client, at = fields.struct(notice.data, Client), _event_time(notice, received_at)
    leave = _participant_event(Kind.LEAVE, notice, client, at)
    if fields.number(client.num_clients) != 0:
        return [leave]
    return [leave, room_end(_room(client), at - START_MARGIN_MS, inferred=Inferred.SNAPSHOT)]


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, client: Client, at: Ms
) -> ParsedEvent:
    room, participant_id = _room(client), fields.text(client.participant_id)
    if not room or not participant_id:
        raise BadInput(f"a '{notice.type}' of Whereby without data.roomName and data.participantId")
    event = Event(
        kind,
        room,
        at,
        participant_id,
        fields.optional_id(client.external_id),
        fields.user_name(client.display_name),
        fields.optional_id(client.room_session_id),
        id=fields.optional_id(notice.id),
        attributes=_attributes(client),
    )
    return ParsedEvent(event, _role(client))


def _room(client: Client) -> str:
    return fields.text(client.room_name).strip("/")


def _role(client: Client) -> Role:
    if fields.flag(client.is_dial_in):
        return Role.PHONE
    return _TECHNICAL_ROLES.get(fields.text(client.role_name), Role.PERSON)


def _attributes(client: Client) -> Attributes | None:
    role = fields.role(client.role_name)
    return fields.attributes(
        client.metadata,
        role=None if role in _TECHNICAL_ROLES else role,
        external_id=fields.optional_id(client.external_id),
    )


def _event_time(notice: Notice, received_at: Ms) -> Ms:
    return fields.event_time(notice.created_at, fields.ms_from_rfc3339, "createdAt", received_at)


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

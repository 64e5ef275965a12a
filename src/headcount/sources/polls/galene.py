"""Galene: `GET /galene-api/v0/.stats`, all groups in one response, with an administrator's name and password.

* An empty group is listed without clients, or not at all.
* A client has only an id, new with each connection. There are no names and no times.
* Galene's authors do not promise this format; any other format is an error.
"""

from functools import partial
from typing import Final

import msgspec

from headcount.sources import fields
from headcount.sources.fields import Value
from headcount.sources.polls.api import (
    Listing,
    Poll,
    PollContext,
    PollRequest,
    PollSteps,
    PresentParticipant,
    decode_response,
)
from headcount.sources.signatures import encode_base64


class Client(msgspec.Struct):
    id: Value = None


class Group(msgspec.Struct):
    """A group; the name of a subgroup has a slash."""

    name: Value = None
    clients: Value = None


_DECODER: Final = msgspec.json.Decoder(list[Value])


def poll(context: PollContext) -> PollSteps:
    """Yield one request; return the participants of all groups."""
    basic = f"Basic {encode_base64(context.secret.encode())}"
    (response,) = yield [PollRequest("GET", "/galene-api/v0/.stats", {"authorization": basic})]
    listing = Listing(context.active_rooms)

    def read_group(entry: Value) -> list[PresentParticipant]:
        group = fields.item(entry, Group)
        room = fields.required(fields.text(group.name), "name", "group", "Galene")
        listing.read(group.clients, partial(_present, room), room)
        return []

    listing.read(decode_response(_DECODER, response, "Galene"), read_group)
    return listing.result()


def _present(room: str, entry: Value) -> list[PresentParticipant]:
    participant_id = fields.text(fields.item(entry, Client).id)
    return [PresentParticipant(room, fields.required(participant_id, "id", "client", "Galene"))]


POLL: Final = Poll("galene", "the server's address, like https://galene.example:8443", poll)

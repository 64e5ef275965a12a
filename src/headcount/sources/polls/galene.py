"""Galene: `GET /galene-api/v0/.stats`, all groups in one response, with an administrator's name and password.

* An empty group is listed without clients, or not at all.
* A client has only an id, new with each connection. There are no names and no times.
* Galene's authors do not promise this format; any other format is an error.
"""

from typing import Final

import msgspec

from headcount.sources.polls.api import (
    Poll,
    PollContext,
    PollRequest,
    PollResult,
    PollSteps,
    PresentParticipant,
    decode_response,
)
from headcount.sources.signatures import encode_base64


class Client(msgspec.Struct):
    id: str


class Group(msgspec.Struct):
    """A group; the name of a subgroup has a slash."""

    name: str
    clients: list[Client] | None = None


_DECODER: Final = msgspec.json.Decoder(list[Group])


def poll(context: PollContext) -> PollSteps:
    """Yield one request; return the participants of all groups."""
    basic = f"Basic {encode_base64(context.secret.encode())}"
    (response,) = yield [PollRequest("GET", "/galene-api/v0/.stats", {"authorization": basic})]
    groups = decode_response(_DECODER, response, "Galene")
    return PollResult(
        [PresentParticipant(group.name, client.id) for group in groups for client in group.clients or []]
    )


POLL: Final = Poll("galene", "the server's address, like https://galene.example:8443", poll)

"""Galene: `GET /galene-api/v0/.stats`, all groups in one answer, by an administrator's name and password.

* A group in which nobody is may be there without its clients, or not be there.
* A client is known by an id alone, new with each connection. No names, and no times.
* Galene's authors do not promise this form; another one is no answer.
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
    """A subgroup has a slash in its name."""

    name: str
    clients: list[Client] | None = None


_DECODER: Final = msgspec.json.Decoder(list[Group])


def ask(access: PollContext) -> PollSteps:
    """Who is in, in all groups."""
    basic = f"Basic {encode_base64(access.secret.encode())}"
    (answer,) = yield [PollRequest("GET", "/galene-api/v0/.stats", {"authorization": basic})]
    groups = decode_response(_DECODER, answer, "Galene")
    return PollResult(
        [PresentParticipant(group.name, client.id) for group in groups for client in group.clients or []]
    )


POLL: Final = Poll("galene", "the server's address, like https://galene.example:8443", ask)

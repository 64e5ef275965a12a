"""Interface of a poll: the requests that list who is in a vendor's rooms, and the result.

A poll is a generator. It yields requests that may be sent at the same time, receives their responses in the same order, and
returns a `PollResult`. Responsible for these types and for checking responses. Must not know the network or the clock:
the caller sends the requests and limits the time.
"""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from headcount.errors import BadInput, HeadcountError
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.api import Role
from headcount.sources.fields import Value

T = TypeVar("T")


class PollFailed(HeadcountError):
    """The server gave no usable response. The message gives the reason."""


class CredentialsRejected(PollFailed):
    """The server rejected the key."""


class PollRequest(NamedTuple):
    """One request. `path` is appended to the poll address of the source, which may have a path, too."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class PollResponse(NamedTuple):
    """Response of the server. Names of headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class PresentParticipant(NamedTuple):
    """A participant that the server lists. Ids are those of its webhooks, so that both mean the same connection.

    `joined_at` is None where the server does not report it. A participant without `has_joined` is still connecting: their stay
    is not closed, and none is opened for them. `item` is their entry, from which attributes are mapped; where the vendor has
    webhooks with the same values, in the form of these.
    """

    room: str
    participant_id: str
    user_id: str | None = None
    user_name: str | None = None
    joined_at: Ms | None = None
    source_session: str | None = None
    role: Role = Role.PERSON
    has_joined: bool = True
    attributes: Attributes | None = None
    item: Value = None


class PollResult(NamedTuple):
    """Participants in the server's rooms; anybody else has left.

    The exception are `unclear_rooms`: they may hold others, so nobody is inferred to have left them. `problems` describes
    entries of the list that could not be read; their rooms are unclear. `digest` is the SHA-256 of the bodies of all
    responses, one after another; the client sets it.
    """

    participants: Sequence[PresentParticipant]
    unclear_rooms: frozenset[str] = frozenset()
    problems: Sequence[str] = ()
    digest: bytes | None = None


class PollContext(NamedTuple):
    """Input of a poll: the key, the time for tokens that expire, and a random text.

    `active_rooms` are the rooms with participants in the store: some servers do not list all of their rooms.
    """

    secret: str
    now: Ms
    nonce: str = ""
    active_rooms: Collection[str] = ()


class Listing:
    """Collects the entries of a server's list. An entry that cannot be read makes its room unclear, and stops no other entry.

    If even its room is unknown, all `active_rooms` are unclear.
    """

    def __init__(self, active_rooms: Collection[str]) -> None:
        self.unclear_rooms: set[str] = set()
        self._active_rooms = active_rooms
        self._participants: list[PresentParticipant] = []
        self._problems: list[str] = []

    def read(
        self, entries: Value, parse: Callable[[Value], Sequence[PresentParticipant]], room: str = ""
    ) -> None:
        """Add the participants of all entries, as `parse` returns them or raises `BadInput`. '' is an unknown room."""
        if entries is not None and not isinstance(entries, list):
            self._skip(room, BadInput("a list of participants is not a list"))
            return
        for entry in entries or []:
            try:
                self._participants += [one if one.item else one._replace(item=entry) for one in parse(entry)]
            except BadInput as error:
                self._skip(room, error)

    def _skip(self, room: str, error: BadInput) -> None:
        self._problems.append(f"{room}: {error}" if room else str(error))
        self.unclear_rooms.update([room] if room else self._active_rooms)

    def result(self) -> PollResult:
        """Return all participants, unclear rooms and problems."""
        return PollResult(self._participants, frozenset(self.unclear_rooms), tuple(self._problems))


PollSteps = Generator[Sequence[PollRequest], Sequence[PollResponse], PollResult]


@dataclass(frozen=True, slots=True)
class Poll:
    """Poll of one kind of server.

    The descriptions are shown to operators. `key_description` is '' if the source's own secret is the key.
    """

    kind: str
    url_description: str
    run: Callable[[PollContext], PollSteps]
    key_description: str = ""


def decode_response(decoder: "msgspec.json.Decoder[T]", response: PollResponse, vendor: str) -> T:
    """Return the decoded body of a response with status 200. Raise `PollFailed` for any other response."""
    check_status(response, vendor)
    try:
        return fields.decode_json(decoder, response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PollFailed(
            f"what was answered is not what {vendor} answers: {error}: {excerpt(response)}"
        ) from error


def check_status(response: PollResponse, vendor: str) -> None:
    """Raise `PollFailed` unless the status is 200."""
    if response.status in (401, 403):
        raise CredentialsRejected(f"{vendor} refused the key ({response.status}): {excerpt(response)}")
    if response.status != 200:
        raise PollFailed(f"{vendor} answered {response.status}: {excerpt(response)}")


def excerpt(response: PollResponse) -> str:
    """Return the first characters of a response's body, for an error message."""
    text = " ".join(response.body[:400].decode(errors="replace").split())
    return f"'{text[:120]}'" if text else "with nothing"


def json_body(payload: Any) -> bytes:
    """Return the payload as JSON."""
    return msgspec.json.encode(payload)

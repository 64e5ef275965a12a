"""Asking: what a poll of a video server is made of.

A poll is a generator. It yields what is to be asked, some requests at a time that need not wait for
each other, is sent the answers in the same order, and returns who is in. So it knows neither network
nor clock, and whoever runs it decides how long to wait.
"""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.sources.api import Role

T = TypeVar("T")


class PollFailed(HeadcountError):
    """The server gave no answer that says who is in. The message says why."""


class CredentialsRejected(PollFailed):
    """The server does not know the secret that it was shown."""


class PollRequest(NamedTuple):
    """One request. `path` is added to the address of the source's poll, which may have a path itself."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class PollResponse(NamedTuple):
    """What was answered. Names of headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class PresentParticipant(NamedTuple):
    """Somebody whom the server lists. Ids are those of its webhooks, so that both speak of the same connection.

    `joined` is None where the server does not tell it. Who is not `arrived` is about to come: their stay
    is not closed, and none is opened for them.
    """

    room: str
    participant_id: str
    user_id: str | None = None
    user_name: str | None = None
    joined: Ms | None = None
    source_session: str | None = None
    role: Role = Role.PERSON
    arrived: bool = True


class PollResult(NamedTuple):
    """What a server says of its rooms: all who are in are `present`, and whoever is not has left.

    Except in rooms that are `unclear`: there may be others in them, so nobody is taken to have left those.
    """

    present: Sequence[PresentParticipant]
    unclear: frozenset[str] = frozenset()


class PollContext(NamedTuple):
    """What a poll needs to be let in: the secret, the time for tokens that run out, and a word made of chance.

    `rooms` are those in which somebody is, as far as we know: some servers do not list every room that they have.
    """

    secret: str
    now: Ms
    chance: str = ""
    rooms: Collection[str] = ()


PollSteps = Generator[Sequence[PollRequest], Sequence[PollResponse], PollResult]


@dataclass(frozen=True, slots=True)
class Poll:
    """How one kind of server is asked. `key` says what its key is; '' if the source's own secret is the key."""

    kind: str
    url: str
    ask: Callable[[PollContext], PollSteps]
    key: str = ""


def decode_response(decoder: "msgspec.json.Decoder[T]", answer: PollResponse, vendor: str) -> T:
    """What an answer of 200 says. Raises `PollFailed` for all else, however it calls itself."""
    check_status(answer, vendor)
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PollFailed(
            f"what was answered is not what {vendor} answers: {error}: {excerpt(answer)}"
        ) from error


def check_status(answer: PollResponse, vendor: str) -> None:
    """Raises `PollFailed` unless the answer is 200."""
    if answer.status in (401, 403):
        raise CredentialsRejected(f"{vendor} refused the key ({answer.status}): {excerpt(answer)}")
    if answer.status != 200:
        raise PollFailed(f"{vendor} answered {answer.status}: {excerpt(answer)}")


def excerpt(answer: PollResponse) -> str:
    """How an answer begins, to be shown."""
    text = " ".join(answer.body[:400].decode(errors="replace").split())
    return f"'{text[:120]}'" if text else "with nothing"


def json_body(told: Any) -> bytes:
    return msgspec.json.encode(told)

"""Deliveries: what reaches us from a video server, and what a source has to know to read it.

A vendor's module is pure: it is given one request and says whether the vendor sent it
(`verify`), and what happened in which room (`read`). `verify_and_parse` does both, in that order and no
other: nothing is read that was not verified.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from headcount.errors import BadInput, HeadcountError
from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind, Ms


class VerificationFailed(HeadcountError):
    """The delivery cannot be shown to come from the vendor. The message says why, and what to do."""


class InboundRequest(NamedTuple):
    """One request as it came. Names of headers are in lower case.

    `url` is the whole address as the sender was told it, query and all: some sign it. `received`
    is our clock.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    received: Ms = 0


def json_request(told: Any, received: Ms, content_type: str = "application/json") -> InboundRequest:
    """A delivery of this JSON, unsigned."""
    return InboundRequest({"content-type": content_type}, msgspec.json.encode(told), received=received)


class HandshakeResponse(NamedTuple):
    """What a vendor wants to be answered."""

    body: bytes
    content_type: str = "application/json"


class Role(StrEnum):
    """What somebody in a room is, as far as the vendor tells."""

    PERSON = "person"
    PHONE = "phone"
    AGENT = "agent"
    RECORDER = "recorder"
    STREAM = "stream"
    SCREEN = "screen"
    HIDDEN = "hidden"


COUNTED_ROLES: Final = frozenset({Role.PERSON, Role.PHONE, Role.AGENT})
"""Who counts unless a source is told otherwise."""


class ParsedEvent(NamedTuple):
    """An event and what its participant is. Whether they count is not for the vendor's module to say.

    An end may be of a whole server (`server_wide`): of all rooms whose names begin as its room says.
    """

    event: Event
    role: Role = Role.PERSON
    server_wide: bool = False


def no_active_rooms(_: str) -> Iterable[str]:
    """For `expand_server_ends`, where nothing is known but what is heard."""
    return ()


def expand_server_ends(
    heard: Iterable[ParsedEvent], in_use: Callable[[str], Iterable[str]] = no_active_rooms
) -> Iterator[ParsedEvent]:
    """What was heard, with each end of a whole server as ends of its rooms.

    Those are the rooms in which somebody may be: of those spoken of before here, and of those `in_use`, which
    is given how their names begin.
    """
    spoken_of: set[str] = set()
    for one in heard:
        if one.server_wide:
            beginning = one.event.room
            here = {room for room in spoken_of if room.startswith(beginning)}
            yield from (
                ParsedEvent(replace(one.event, room=room)) for room in sorted(here.union(in_use(beginning)))
            )
            spoken_of -= here
        else:
            (spoken_of.discard if one.event.kind is Kind.END else spoken_of.add)(one.event.room)
            yield one


RESTART_MARGIN_MS: Final[Ms] = 5_000
"""So long before a room is told to begin may somebody have come to it already."""


def end_before_start(room: str, began: Ms, event_id: str | None = None) -> ParsedEvent:
    """A room that comes to life was empty before: whoever is thought to be in it still is gone.

    The first to come may be told to have come a moment before the room began, so the end is put
    that much earlier. It is a guess: whoever is reported to leave later was there until then.
    """
    return ParsedEvent(
        Event(Kind.END, room, began - RESTART_MARGIN_MS, inferred=Inferred.SUPERSEDED, id=event_id)
    )


def no_handshake(_: InboundRequest, __: Sequence[str]) -> HandshakeResponse | None:
    """For vendors that never ask who we are."""
    return None


@dataclass(frozen=True, slots=True)
class Source:
    """One vendor.

    `verify` is given a delivery and the secrets that hold (several while they are being changed)
    and raises `VerificationFailed`. `read` gives the events of a delivery, none for kinds that say nothing
    about who is in, and raises `BadInput` for what is not of this vendor. `sign` gives a delivery
    the marks by which the vendor is known, and `samples` are deliveries, unsigned, in which
    somebody comes to a room and goes at the same moment: for trying out the way in. `handshake`
    answers a verified delivery that only asks who we are. `secret` says what a secret is there.
    Some send nothing, and can only be asked who is in (`sends`).
    """

    kind: str
    title: str
    secret: str
    verify: Callable[[InboundRequest, Sequence[str]], None]
    read: Callable[[InboundRequest], list[ParsedEvent]]
    sign: Callable[[InboundRequest, str], InboundRequest]
    samples: Callable[[Ms], list[InboundRequest]]
    handshake: Callable[[InboundRequest, Sequence[str]], HandshakeResponse | None] = no_handshake
    sends: bool = True


def poll_only_source(kind: str, title: str, secret: str) -> Source:
    """A vendor that sends nothing: whatever comes in its name is not genuine."""

    def verify(_: InboundRequest, __: Sequence[str]) -> None:
        raise VerificationFailed(f"{title} sends nothing: it is asked who is in")

    def read(_: InboundRequest) -> list[ParsedEvent]:
        raise BadInput(f"{title} sends nothing")

    def sign(delivery: InboundRequest, _: str) -> InboundRequest:
        return delivery

    def samples(_: Ms) -> list[InboundRequest]:
        return []

    return Source(kind, title, secret, verify, read, sign, samples, sends=False)


def verify_and_parse(source: Source, delivery: InboundRequest, secrets: Sequence[str]) -> list[ParsedEvent]:
    """What a delivery says, once it is known to be genuine. Raises `VerificationFailed` or `BadInput`."""
    source.verify(delivery, secrets)
    return parse_trusted(source, delivery)


def parse_trusted(source: Source, delivery: InboundRequest) -> list[ParsedEvent]:
    """What a delivery says that was verified before, or that the operator vouches for. Raises `BadInput`."""
    try:
        return source.read(delivery)
    except InvalidEvent as error:
        raise BadInput(f"cannot be an event: {error}") from error


TEST_ROOM: Final = "headcount-test"
"""The room of samples. Nobody stays in it for 10 seconds, so it is in no list (rule 4)."""

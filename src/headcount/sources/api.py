"""Interface of a source: the inbound request, the parsed events, and what a vendor's module provides.

Responsible for the types that vendor modules and ingest share, and for the order of work: a request is verified before it is
parsed. Must not know the network, the store, the clock, or which roles an operator counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import msgspec

from headcount.errors import BadInput, HeadcountError
from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind, Ms
from headcount.sources.attribute_map import AttributeMap, payload_of, values_in, with_mapped
from headcount.sources.fields import Value

T = TypeVar("T")


class VerificationFailed(HeadcountError):
    """The request cannot be shown to come from the vendor. The message gives the reason and the fix."""


class InboundRequest(NamedTuple):
    """One HTTP request of a vendor. Names of headers are in lower case.

    `url` is the full address as the sender knows it, including the query: some vendors sign it. `received_at` is the server's time.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    received_at: Ms = 0


def json_request(payload: Any, received_at: Ms, content_type: str = "application/json") -> InboundRequest:
    """Return an unsigned request with this payload as JSON."""
    return InboundRequest(
        {"content-type": content_type}, msgspec.json.encode(payload), received_at=received_at
    )


class HandshakeResponse(NamedTuple):
    """Response that a vendor expects to its handshake."""

    body: bytes
    content_type: str = "application/json"


class Role(StrEnum):
    """Role of a participant, as the vendor reports it.

    A participant whose role the vendor does not state is a person. `UNANSWERED` is a callee who has not answered, `TEST`
    a simulated participant.
    """

    PERSON = "person"
    PHONE = "phone"
    AGENT = "agent"
    RECORDER = "recorder"
    STREAM = "stream"
    SCREEN = "screen"
    HIDDEN = "hidden"
    UNANSWERED = "unanswered"
    TEST = "test"


COUNTED_ROLES: Final = frozenset({Role.PERSON, Role.PHONE, Role.AGENT})
"""Roles that count, unless a source's options change that."""


class ParsedEvent(NamedTuple):
    """An event and its participant's role. Whether the role counts is decided by ingest.

    With `server_wide`, an end applies to every room of a server: `event.room` is the prefix of their names. `item` is the
    entry of a list in the request that states the event, from which attributes are mapped.
    """

    event: Event
    role: Role = Role.PERSON
    server_wide: bool = False
    item: object = None


def no_active_rooms(_: str) -> Iterable[str]:
    """Return no rooms: the `active_rooms` of `expand_server_ends` where only the parsed events are known."""
    return ()


def expand_server_ends(
    events: Iterable[ParsedEvent], active_rooms: Callable[[str], Iterable[str]] = no_active_rooms
) -> Iterator[ParsedEvent]:
    """Return the events, with each server-wide end replaced by one end per room.

    Those are the rooms that may have participants: the rooms of the events before it, and `active_rooms`, which is
    called with the prefix of their names.
    """
    seen: set[str] = set()
    for parsed in events:
        if parsed.server_wide:
            prefix = parsed.event.room
            matching = {room for room in seen if room.startswith(prefix)}
            yield from (
                ParsedEvent(replace(parsed.event, room=room))
                for room in sorted(matching.union(active_rooms(prefix)))
            )
            seen -= matching
        else:
            (seen.discard if parsed.event.kind is Kind.END else seen.add)(parsed.event.room)
            yield parsed


START_MARGIN_MS: Final[Ms] = 5_000
"""Participants may have joined up to this long before the reported start of their room."""


def room_end(
    room: str,
    at: Ms,
    session: str | None = None,
    event_id: str | None = None,
    inferred: Inferred | None = None,
) -> ParsedEvent:
    """Return the end of a room: of one session, or, without a session, of all stays that started before it (R1)."""
    return ParsedEvent(Event(Kind.END, room, at, source_session=session, inferred=inferred, id=event_id))


def after_join(at: Ms, joined_at: Ms) -> Ms:
    """Return the time of a leave: a leave at the instant of its own join moves to the next millisecond.

    A leave and a join of one instant cancel, so a participant who was in before would stay in (R2).
    """
    return at + 1 if at == joined_at else at


def end_before_start(room: str, started_at: Ms, event_id: str | None = None) -> ParsedEvent:
    """Return the inferred end of a room's previous run (R3a): a room that starts was empty before.

    The first participant may be reported to join a moment before the room starts, so the end is that much earlier.
    A leave that is reported later overrides it.
    """
    return room_end(room, started_at - START_MARGIN_MS, event_id=event_id, inferred=Inferred.ROOM_RESTARTED)


def no_handshake(_: InboundRequest, __: Sequence[str]) -> HandshakeResponse | None:
    """Return None: for vendors without a handshake."""
    return None


def raise_error(error: BadInput) -> NoReturn:
    """Raise the error: an `on_error` for callers to which one error refuses the whole."""
    raise error


@dataclass(frozen=True, slots=True)
class Source:
    """One vendor.

    `secret_description` is shown to operators. `verify` takes a request and the valid secrets (several during a rotation)
    and raises `VerificationFailed`. `parse` returns the events of a request, none for kinds without a bearing on presence,
    and raises `BadInput` if the vendor cannot have sent it. If a request holds several events or participants, a `BadInput`
    takes the place of each one that cannot be parsed (`parse_items`). `sign` adds the vendor's signature to a request. `samples` returns
    unsigned requests in which a participant joins and leaves at one moment: for testing the setup. `handshake`
    returns the response to a verified request that only checks the address. A vendor with `poll_only` sends no requests.
    If `is_partial`, an event may lack what another one has: the role of its participant, or the room's name, for which
    the session stands. With `has_key_pair`, a secret is `KEY:SECRET`. `attributes` has the places of mapped attributes in a payload: see `attribute_map`.
    """

    kind: str
    title: str
    secret_description: str
    verify: Callable[[InboundRequest, Sequence[str]], None]
    parse: Callable[[InboundRequest], Sequence[ParsedEvent | BadInput]]
    sign: Callable[[InboundRequest, str], InboundRequest]
    samples: Callable[[Ms], list[InboundRequest]]
    handshake: Callable[[InboundRequest, Sequence[str]], HandshakeResponse | None] = no_handshake
    poll_only: bool = False
    is_partial: bool = False
    has_key_pair: bool = False
    attributes: AttributeMap = ()


def poll_only_source(kind: str, title: str, secret_description: str) -> Source:
    """Return a vendor that sends no requests: `verify` rejects whatever arrives in its name."""

    def verify(_: InboundRequest, __: Sequence[str]) -> None:
        raise VerificationFailed(f"{title} sends no webhooks: Headcount polls it")

    def parse(_: InboundRequest) -> list[ParsedEvent]:
        raise BadInput(f"{title} sends no webhooks")

    def sign(request: InboundRequest, _: str) -> InboundRequest:
        return request

    def samples(_: Ms) -> list[InboundRequest]:
        return []

    return Source(kind, title, secret_description, verify, parse, sign, samples, poll_only=True)


_MAX_ITEM_ERRORS: Final = 1_000


def parse_items(
    items: Iterable[T], parse: Callable[[T], Iterable[ParsedEvent]], name: str
) -> list[ParsedEvent | BadInput]:
    """Return the events of each item, and a `BadInput` in the place of each that cannot be parsed. `name` is the items' list.

    Raise `BadInput` for more than 1,000 such items: a list that means nothing must not occupy the service.
    """
    found: list[ParsedEvent | BadInput] = []
    errors = 0
    for index, item in enumerate(items):
        try:
            found += [
                ParsedEvent(one.event, one.role, one.server_wide, one.item or item) for one in parse(item)
            ]
        except (BadInput, InvalidEvent) as error:
            problem = BadInput(_reason(error), place=f"{name}[{index}]")
            errors += 1
            if errors > _MAX_ITEM_ERRORS:
                raise BadInput(
                    f"more than {_MAX_ITEM_ERRORS:,} items cannot be parsed, such as {problem}"
                ) from error
            found.append(problem)
    return found


def verify_and_parse(
    source: Source,
    request: InboundRequest,
    secrets: Sequence[str],
    on_error: Callable[[BadInput], None] = raise_error,
) -> list[ParsedEvent]:
    """Return the events of a request once it is verified. Raise `VerificationFailed`, or as `parse_trusted` does."""
    source.verify(request, secrets)
    return parse_trusted(source, request, on_error)


def parse_trusted(
    source: Source, request: InboundRequest, on_error: Callable[[BadInput], None] = raise_error
) -> list[ParsedEvent]:
    """Return the events of a request that was verified before, or that the operator trusts. Raise `BadInput`.

    If only some of its events or participants cannot be parsed, each error is passed to `on_error`; the default raises the first.
    """
    try:
        found = source.parse(request)
    except InvalidEvent as error:
        raise BadInput(_reason(error)) from error
    mapped = values_in(payload_of(request.body), source.attributes) if source.attributes and found else {}
    events = []
    for one in found:
        if isinstance(one, BadInput):
            on_error(one)
        else:
            events.append(_with_mapped(one, source.attributes, mapped))
    return events


def _with_mapped(parsed: ParsedEvent, attributes: AttributeMap, mapped: Mapping[str, Value]) -> ParsedEvent:
    """Return an event with attributes from its item, else those that are `mapped` from the whole request."""
    if attributes and parsed.event.kind is not Kind.END:
        values = {**mapped, **values_in(parsed.item, attributes)}
        known = with_mapped(parsed.event.attributes, values)
        return parsed._replace(event=replace(parsed.event, attributes=known), item=None)
    return parsed if parsed.item is None else ParsedEvent(parsed.event, parsed.role, parsed.server_wide)


def _reason(error: BadInput | InvalidEvent) -> str:
    return f"cannot be an event: {error}" if isinstance(error, InvalidEvent) else str(error)


TEST_ROOM: Final = "headcount-test"
"""Room of samples. A stay there is shorter than 10 seconds, so it appears in no list (R4)."""

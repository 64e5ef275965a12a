"""Generic: any server that can send JSON, without a module of its own.

Without a mapping the body is that of `POST /v1/events` (one event, or an array), signed by
Standard Webhooks or with a plain token as Bearer. With a mapping, `field_map` reads any JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import event_format, fields, standard_webhooks
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Source, json_request, parse_items
from headcount.sources.event_format import EventBody
from headcount.sources.field_map import Signature, items_in, parse_field_map, parse_item, sample_body
from headcount.sources.fields import Value
from headcount.sources.signatures import (
    bearer_token,
    check_signature,
    check_token,
    encode_base64,
    hmac_digest,
    required_header,
    with_bearer_token,
    with_headers,
)

_JSON: Final = msgspec.json.Decoder(Any)


def mapped_source(document: Any) -> Source:
    """Return a source that reads any JSON by a mapping. Raise `BadInput` if the mapping is invalid."""
    field_map = parse_field_map(document)
    signature = field_map.signature

    def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
        _verify(signature, request, secrets)

    def sign(request: InboundRequest, secret: str) -> InboundRequest:
        return _sign(signature, request, secret)

    def parse(request: InboundRequest) -> Sequence[ParsedEvent | BadInput]:
        items = items_in(fields.decode(_JSON, request.body, "JSON"), field_map)
        is_standard = signature.scheme == "standard-webhooks"
        digest = standard_webhooks.message_digest(request) if is_standard else ""

        return parse_items(
            enumerate(items),
            lambda found: [
                one._replace(item=found[1])
                for one in parse_item(found[1], field_map, request.received_at, _default_id(digest, found[0]))
            ],
            "events",
        )

    def samples(now: Ms) -> list[InboundRequest]:
        return [json_request(sample_body(field_map, kind, now), now) for kind in (Kind.JOIN, Kind.LEAVE)]

    return Source(SOURCE.kind, SOURCE.title, SOURCE.secret_description, verify, parse, sign, samples)


def _verify(scheme: Signature, request: InboundRequest, secrets: Sequence[str]) -> None:
    match scheme.scheme:
        case "standard-webhooks":
            standard_webhooks.verify(request, secrets)
        case "token":
            value = required_header(request, scheme.header)
            is_bearer = scheme.header.lower() == "authorization"
            check_token(bearer_token(request) if is_bearer else value, secrets)
        case "hmac":
            value = required_header(request, scheme.header)
            check_signature(value, [_hmac(scheme, request, secret) for secret in secrets])


def _sign(scheme: Signature, request: InboundRequest, secret: str) -> InboundRequest:
    match scheme.scheme:
        case "standard-webhooks":
            return standard_webhooks.sign(request, secret)
        case "token":
            if scheme.header.lower() == "authorization":
                return with_bearer_token(request, secret)
            return with_headers(request, **{scheme.header.lower(): secret})
        case "hmac":
            return with_headers(request, **{scheme.header.lower(): _hmac(scheme, request, secret)})


def _hmac(scheme: Signature, request: InboundRequest, secret: str) -> str:
    raw = hmac_digest(standard_webhooks.secret_key(secret), request.body, scheme.algorithm)
    return scheme.prefix + (raw.hex() if scheme.encoding == "hex" else encode_base64(raw))


def _default_id(digest: str, index: int) -> str | None:
    """Return the id of an event in a signed message, for events that have neither an id nor a time."""
    return f"{digest}:{index}" if digest else None


def _parse(request: InboundRequest) -> Sequence[ParsedEvent | BadInput]:
    decoded = fields.decode(_JSON, request.body, "JSON")
    digest = standard_webhooks.message_digest(request)

    def event(found: tuple[int, Value]) -> list[ParsedEvent]:
        index, value = found
        body = event_format.to_event(_lenient(value) if isinstance(value, dict) else value)
        return [ParsedEvent(_event(body, request.received_at, _default_id(digest, index)), item=value)]

    if isinstance(decoded, list):
        return parse_items(enumerate(decoded), event, "events")
    return event((0, decoded))


_READERS: Final[Mapping[str, Callable[[Value], Value]]] = {
    "room": lambda value: fields.text(value) or value,
    "participant_id": lambda value: fields.text(value) or value,
    "at": lambda value: value if fields.number(value) is None else fields.number(value),
    "joined_at": lambda value: value if fields.number(value) is None else fields.number(value),
    "user_id": fields.optional_id,
    "user_name": fields.user_name,
    "source_session": fields.optional_id,
    "id": fields.optional_id,
}
"""How a source's fields are read: a whole number may stand for a text, digits for a number, and optional texts may be unknown."""


def _lenient(event: Mapping[str, Value]) -> dict[str, Value]:
    return {name: _READERS[name](value) if name in _READERS else value for name, value in event.items()}


def _event(body: EventBody, received_at: Ms, default_id: str | None) -> Event:
    at, joined_at = event_format.validate(body, "")
    return Event(
        Kind(body.kind),
        body.room,
        fields.event_time(None, fields.ms_from_seconds, "at", received_at) if at is None else at,
        body.participant_id or None,
        body.user_id,
        body.user_name,
        body.source_session,
        joined_at,
        attributes=_attributes(body),
        id=body.id or (default_id if at is None else None),
    )


def _attributes(body: EventBody) -> Attributes | None:
    return None if body.kind == Kind.END else fields.attributes(bytes(body.attributes).decode())


def _samples(now: Ms) -> list[InboundRequest]:
    participant = {"room": TEST_ROOM, "participant_id": f"headcount-test-{now}", "at": now // 1_000}
    return [json_request({"kind": kind, **participant}, now) for kind in (Kind.JOIN, Kind.LEAVE)]


SOURCE: Final = Source(
    "generic",
    "Any server",
    "a secret of Standard Webhooks (whsec_…), or any word that is sent as a Bearer token",
    standard_webhooks.verify,
    _parse,
    standard_webhooks.sign,
    _samples,
)

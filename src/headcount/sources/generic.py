"""Generic: any server that can send JSON, without a module of its own.

Without a mapping the body is that of `POST /v1/events` (one event, or an array), signed by
Standard Webhooks, for which every language has a library, or with a plain token as Bearer.

With a mapping, any JSON can be read: a JSON Pointer (RFC 6901) locates each field, and lists of
words define joins, leaves and ends. `FieldMap` is the schema of a mapping.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import event_format, fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    json_request,
)
from headcount.sources.event_format import EventBody
from headcount.sources.signatures import (
    bearer_token,
    check_any_signature,
    check_signature,
    check_timestamp,
    check_token,
    decode_secret,
    encode_base64,
    hmac_digest,
    parse_timestamp,
    required_header,
    with_bearer_token,
    with_headers,
)
from headcount.timestamps import spoken

_PREFIX: Final = "whsec_"
_ID_HEADERS: Final = ("webhook-id", "svix-id")

Unit = Literal["s", "ms", "us", "ns", "rfc3339"]


class Signature(msgspec.Struct, forbid_unknown_fields=True):
    """How a delivery is signed: as Standard Webhooks say, by an HMAC of the body, or by a plain token."""

    scheme: Literal["standard-webhooks", "hmac", "token"] = "standard-webhooks"
    header: str = "authorization"
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class KindField(msgspec.Struct, forbid_unknown_fields=True):
    """Pointer to the kind of an event, and the words of each kind. Other words are ignored."""

    at: str
    join: list[str] = []
    leave: list[str] = []
    end: list[str] = []


class TimeField(msgspec.Struct, forbid_unknown_fields=True):
    """Pointer to a time, and its unit."""

    at: str
    unit: Unit = "rfc3339"


class RoleField(msgspec.Struct, forbid_unknown_fields=True):
    """Pointer to the role of a participant, and the role of each word. Other words mean a person."""

    at: str
    words: dict[str, Role] = {}


class FieldMap(msgspec.Struct, forbid_unknown_fields=True):
    """Pointers to the fields of an event in any JSON. Without `at`, the time of an event is the time of receipt."""

    kind: KindField
    room: str
    participant_id: str
    at: TimeField | None = None
    joined_at: TimeField | None = None
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    id: str | None = None
    role: RoleField | None = None
    events: str = ""
    signature: Signature = msgspec.field(default_factory=Signature)


_ANY: Final = msgspec.json.Decoder(Any)
_UNITS: Final[dict[str, Callable[[Any, str], Ms]]] = {
    "s": fields.ms_from_seconds,
    "ms": fields.valid_ms,
    "us": fields.ms_from_micros,
    "ns": fields.ms_from_nanos,
}


def parse_mapping(document: Any) -> FieldMap:
    """Return the mapping in a JSON document. Raise `BadInput` with the invalid field."""
    try:
        mapping = msgspec.convert(document, FieldMap)
    except msgspec.ValidationError as error:
        raise BadInput(f"the mapping is not right: {error}") from error
    for pointer in (mapping.kind.at, mapping.room, mapping.participant_id, mapping.events):
        if pointer and not pointer.startswith("/"):
            raise BadInput(f"the mapping is not right: a JSON Pointer begins with a slash, like /{pointer}")
    return mapping


def mapped_source(document: Any) -> Source:
    """Return a source that reads any JSON by a mapping."""
    mapping = parse_mapping(document)
    signature = mapping.signature

    def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
        _verify(signature, request, secrets)

    def sign(request: InboundRequest, secret: str) -> InboundRequest:
        return _sign(signature, request, secret)

    def parse(request: InboundRequest) -> list[ParsedEvent]:
        body = fields.decode(_ANY, request.body, "JSON")
        found = _at(body, mapping.events) if mapping.events else body
        events = found if isinstance(found, list) else [found]
        message = _message_of(request) if signature.scheme == "standard-webhooks" else ""
        mapped = (
            _mapped(mapping, one, request.received_at, _nth(message, n)) for n, one in enumerate(events)
        )
        return [heard for heard in mapped if heard is not None]

    def samples(now: Ms) -> list[InboundRequest]:
        return [json_request(_unmapped(mapping, kind, now), now) for kind in (Kind.JOIN, Kind.LEAVE)]

    return Source(SOURCE.kind, SOURCE.title, SOURCE.secret_description, verify, parse, sign, samples)


def verify_standard(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify a signature of Standard Webhooks, or, if none of its headers is present, a plain Bearer token."""
    names = [name for name in _ID_HEADERS if name in request.headers]
    if not names:
        token = bearer_token(request)
        if not token:
            raise VerificationFailed(
                "sign it as Standard Webhooks say, or send the secret as 'Authorization: Bearer'"
            )
        check_token(token, secrets)
        return
    before = names[0].removesuffix("id")
    stamp = required_header(request, f"{before}timestamp")
    check_timestamp(parse_timestamp(stamp), request.received_at)
    signed = f"{request.headers[names[0]]}.{stamp}.".encode() + request.body
    expected = [encode_base64(hmac_digest(_key_of(secret), signed)) for secret in secrets]
    signature = required_header(request, f"{before}signature").split()
    check_any_signature([one.removeprefix("v1,") for one in signature if one.startswith("v1,")], expected)


def sign_standard(request: InboundRequest, secret: str) -> InboundRequest:
    stamp = str(request.received_at // 1_000)
    name = f"msg_{hashlib.sha256(request.body).hexdigest()[:24]}"
    signature = encode_base64(hmac_digest(_key_of(secret), f"{name}.{stamp}.".encode() + request.body))
    return with_headers(
        request, webhook_id=name, webhook_timestamp=stamp, webhook_signature=f"v1,{signature}"
    )


def _key_of(secret: str) -> bytes:
    """A secret that begins with whsec_ is base64; another is its own bytes."""
    return decode_secret(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else secret.encode()


def _verify(how: Signature, request: InboundRequest, secrets: Sequence[str]) -> None:
    match how.scheme:
        case "standard-webhooks":
            verify_standard(request, secrets)
        case "token":
            signature = required_header(request, how.header)
            check_token(
                bearer_token(request) if how.header.lower() == "authorization" else signature, secrets
            )
        case "hmac":
            check_signature(
                required_header(request, how.header), [_hmac(how, request, secret) for secret in secrets]
            )


def _sign(how: Signature, request: InboundRequest, secret: str) -> InboundRequest:
    match how.scheme:
        case "standard-webhooks":
            return sign_standard(request, secret)
        case "token":
            if how.header.lower() == "authorization":
                return with_bearer_token(request, secret)
            return with_headers(request, **{how.header.lower(): secret})
        case "hmac":
            return with_headers(request, **{how.header.lower(): _hmac(how, request, secret)})


def _hmac(how: Signature, request: InboundRequest, secret: str) -> str:
    raw = hmac_digest(_key_of(secret), request.body, how.algorithm)
    return how.prefix + (raw.hex() if how.encoding == "hex" else encode_base64(raw))


def _read_own(request: InboundRequest) -> list[ParsedEvent]:
    found = event_format.decode(request.body)
    events = found if isinstance(found, list) else [found]
    message = _message_of(request)
    return [
        ParsedEvent(
            _own(event, f"events[{n}]" if found is events else "", request.received_at, _nth(message, n))
        )
        for n, event in enumerate(events)
    ]


def _message_of(request: InboundRequest) -> str:
    """Return a digest of all that Standard Webhooks sign; '' if nothing is signed.

    Whoever repeats a request cannot change it. The time is part of it: senders may give messages that say the same
    at different times the same id.
    """
    name = next((name for name in _ID_HEADERS if name in request.headers), "")
    if not name:
        return ""
    stamp = request.headers.get(f"{name.removesuffix('id')}timestamp", "")
    signed = f"{request.headers[name]}.{stamp}.".encode() + request.body
    return hashlib.sha256(signed).hexdigest()[:32]


def _nth(message: str, number: int) -> str | None:
    """Return the id of one event of a message, for an event that has neither an id nor a time to be recognized by."""
    return f"{message}:{number}" if message else None


def _own(event: EventBody, place: str, received_at: Ms, fallback_id: str | None) -> Event:
    at, joined_at = event_format.validate(event, place)
    return Event(
        Kind(event.kind), event.room, received_at if at is None else at, event.participant_id or None, event.user_id,
        event.user_name, event.source_session, joined_at, id=event.id or (fallback_id if at is None else None),
    )  # fmt: skip


def _mapped(mapping: FieldMap, told: Any, received_at: Ms, fallback: str | None) -> ParsedEvent | None:
    word = _text(told, mapping.kind.at)
    kind = next((kind for kind in Kind if word in getattr(mapping.kind, kind)), None)
    if kind is None:
        return None
    room = _required(told, mapping.room, "room")
    participant = None if kind is Kind.END else _required(told, mapping.participant_id, "participant_id")
    at = received_at if mapping.at is None else _moment(told, mapping.at, "at")
    joined = None
    if kind is Kind.LEAVE and mapping.joined_at is not None and _at(told, mapping.joined_at.at) is not None:
        joined = min(at, _moment(told, mapping.joined_at, "joined_at"))
    event = Event(
        kind, room, at, participant, _text(told, mapping.user_id), fields.user_name(_text(told, mapping.user_name)),
        _text(told, mapping.source_session), joined,
        id=_text(told, mapping.id) or (fallback if mapping.at is None else None),
    )  # fmt: skip
    role = Role.PERSON
    if mapping.role is not None:
        role = mapping.role.words.get(_text(told, mapping.role.at) or "", Role.PERSON)
    return ParsedEvent(event, role)


def _at(told: Any, pointer: str) -> Any:
    """What a JSON Pointer leads to; None if it leads nowhere."""
    found = told
    for part in pointer.split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and step.isascii() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _text(told: Any, pointer: str | None) -> str | None:
    """A text, or a number as text."""
    value = None if pointer is None else _at(told, pointer)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadInput(f"{pointer} is neither text nor a number")


def _required(told: Any, pointer: str, field: str) -> str:
    value = _text(told, pointer)
    if value is None:
        raise BadInput(f"there is no {field}: nothing is at {pointer}")
    return value


def _moment(told: Any, time: TimeField, field: str) -> Ms:
    value = _at(told, time.at)
    if time.unit == "rfc3339":
        if not isinstance(value, str):
            raise BadInput(f"{field}: there is no text at {time.at}")
        return fields.ms_from_rfc3339(value, field)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{field}: there is no number at {time.at}")
    if isinstance(value, float) and time.unit != "s":
        value = int(fields.valid_ms(value, field)) if time.unit == "ms" else round(min(value, 1e19))
    return _UNITS[time.unit](value, field)


def _unmapped(mapping: FieldMap, kind: Kind, now: Ms) -> Any:
    """A body in which this kind of event is told."""
    told: Any = {}
    words: list[str] = getattr(mapping.kind, kind)
    second = now // 1_000
    times = {"s": second, "ms": second * 1_000, "us": second * 10**6, "ns": second * 10**9}
    values: list[tuple[str, Any]] = [
        (mapping.kind.at, words[0] if words else ""),
        (mapping.room, TEST_ROOM),
        (mapping.participant_id, f"headcount-test-{now}"),
    ]
    if mapping.at is not None:
        when = spoken(second * 1_000) if mapping.at.unit == "rfc3339" else times[mapping.at.unit]
        values.append((mapping.at.at, when))
    for pointer, value in values:
        _put(told, pointer.split("/")[1:], value)
    if not mapping.events:
        return told
    whole: Any = {}
    _put(whole, mapping.events.split("/")[1:], [told])
    return whole


def _put(into: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    for step in steps[:-1]:
        into = into.setdefault(step.replace("~1", "/").replace("~0", "~"), {})
    into[steps[-1].replace("~1", "/").replace("~0", "~")] = value


def _samples(now: Ms) -> list[InboundRequest]:
    participant = {"room": TEST_ROOM, "participant_id": f"headcount-test-{now}", "at": now // 1_000}
    return [json_request({"kind": kind, **participant}, now) for kind in (Kind.JOIN, Kind.LEAVE)]


SOURCE: Final = Source(
    "generic",
    "Any server",
    "a secret of Standard Webhooks (whsec_…), or any word that is sent as a Bearer token",
    verify_standard,
    _read_own,
    sign_standard,
    _samples,
)

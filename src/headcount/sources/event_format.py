"""Headcount's own event format: an event as a JSON object, as `POST /v1/events` and generic sources receive it.

Responsible for the fields of an event, their types, their times, and what must hold between them. Must not know who sends
an event, how long its names may be, what time it is, or the log.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from headcount.errors import BadInput, MalformedJson
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Kind, Ms
from headcount.kernel.names import NUL
from headcount.limits import Limits, parse_attributes
from headcount.timestamps import InvalidTimestamp, from_seconds, parse_timestamp

SECONDS_LATEST: Final = 4_102_444_800
_KINDS: Final = frozenset(Kind)
_LEAVE: Final = str(Kind.LEAVE)
_END: Final = str(Kind.END)
_NO_ATTRIBUTES: Final = (b"", b"null", b"{}")
_TEXTS: Final = ("room", "participant_id", "user_id", "user_name", "source_session", "id")


_NAME: Final = {"minLength": 1, "maxLength": 512}
Timestamp = int | float | Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""Unix seconds or RFC 3339."""


def _field(description: str, **schema: Any) -> Meta:
    """Return the description of a field in the OpenAPI document. The limits in it are checked with better messages elsewhere."""
    return Meta(description=description, extra_json_schema=schema)


ATTRIBUTES_SCHEMA: Final = {
    "type": "object",
    "nullable": True,
    "additionalProperties": {
        "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
        "nullable": True,
    },
}
"""Attributes in the OpenAPI document. A value that is null is unknown."""


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """An event. Names have at most 512 characters and 1,024 bytes in UTF-8. An empty optional text means none."""

    room: Annotated[str, _field("The name of the room.", **_NAME)]
    kind: Annotated[str, _field("The kind of event. `end`: the room was closed.", enum=[*Kind])]
    participant_id: Annotated[
        str | None, _field("The id of the connection. Required for a join and a leave.", maxLength=512)
    ] = None
    at: Annotated[Timestamp | None, _field("Unix seconds or RFC 3339. Default: now.")] = None
    id: Annotated[
        str | None,
        _field("The source's id of the event. Events with the same id count once.", maxLength=512),
    ] = None
    user_id: Annotated[str | None, _field("The user's id, if known.", maxLength=512)] = None
    user_name: Annotated[str | None, _field("The user's name, if known. A name that is too long is cut.")] = (
        None
    )
    source_session: Annotated[
        str | None,
        _field("The source's id of the session. An end with it ends only this session.", maxLength=512),
    ] = None
    joined_at: Annotated[
        Timestamp | None, _field("In a leave: time of the join, in case the join was lost.")
    ] = None
    attributes: Annotated[
        msgspec.Raw,
        _field(
            "In a join or a leave: the caller's own values by key, strings, numbers or booleans. At most 32 keys"
            " of 64 characters, and strings of 512. `role`, `email`, `customer`, `external_id` and `kind` have a meaning.",
            **ATTRIBUTES_SCHEMA,
        ),
    ] = msgspec.field(default_factory=msgspec.Raw)


_EVENTS: Final = msgspec.json.Decoder(EventBody | list[EventBody])
_EVENT: Final = msgspec.json.Decoder(EventBody)
_FIELDS: Final = f"; an event has {', '.join(field.name for field in msgspec.structs.fields(EventBody))}"
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of msgspec for a text that is not JSON. `msgspec.ValidationError` is one of them, and must be caught first."""


def decode(body: bytes) -> EventBody | list[EventBody]:
    """Return the event, or the array of events, that a body holds.

    Raise `MalformedJson` if it is not JSON, `BadInput` with its place and field if an event has another shape.
    """
    try:
        found: EventBody | list[EventBody] = _EVENTS.decode(body)
    except msgspec.ValidationError as error:
        raise shape_error(error, _FIELDS) from error
    except UNDECODABLE as error:
        raise MalformedJson(
            f"the body is not JSON: {error}; to send one event per line, use the content type application/x-ndjson"
        ) from error
    return found


def to_event(value: Any) -> EventBody:
    """Return the event in a JSON value. Raise `BadInput` with the field if it has another shape."""
    if isinstance(value, dict) and "attributes" in value:
        value = {**value, "attributes": msgspec.Raw(msgspec.json.encode(value["attributes"]))}
    try:
        return msgspec.convert(value, EventBody)
    except msgspec.ValidationError as error:
        raise shape_error(error, _FIELDS) from error


def decode_line(line: bytes, place: str) -> EventBody:
    """Return the event of one line of NDJSON. Raise as `decode` does, with the line's place."""
    try:
        return _EVENT.decode(line)
    except msgspec.ValidationError as error:
        raise BadInput(str(shape_error(error, _FIELDS)), place=place) from error
    except UNDECODABLE as error:
        raise MalformedJson(f"not JSON: {error}", place=place) from error


def validate(event: EventBody, place: str) -> tuple[Ms | None, Ms | None]:
    """Return `at` and `joined_at` of an event in ms, None for a time that it does not have.

    An event without `at` happened when it was received. Raise `BadInput` with its place if it cannot be an event.
    """
    kind, who = event.kind, event.participant_id
    if kind not in _KINDS:
        raise BadInput(f'"kind" must be one of [join, leave, end] [Received "{kind[:50]}"]', place=place)
    if not event.room:
        raise BadInput('"room" is not allowed to be empty', place=place)
    if kind == _END:
        if who:
            raise BadInput(
                '"participant_id" is not allowed: an end applies to the whole room; send a leave instead',
                place=place,
            )
        if bytes(event.attributes) not in _NO_ATTRIBUTES:
            raise BadInput(
                '"attributes" is not allowed: an end applies to the whole room; send them with a join or a leave',
                place=place,
            )
    elif not who:
        problem = f"is required for a {kind}" if who is None else "is not allowed to be empty"
        raise BadInput(f'"participant_id" {problem}', place=place)
    refuse_nul(event, place)
    if event.at is None and event.joined_at is None:
        return None, None
    at = None if event.at is None else time_of(event.at, "at", place)
    if event.joined_at is None:
        return at, None
    if kind != _LEAVE:
        raise BadInput('"joined_at" is not allowed: it belongs to a leave', place=place)
    joined_at = time_of(event.joined_at, "joined_at", place)
    if at is not None and joined_at > at:
        raise joined_after(place)
    return at, joined_at


def attributes_of(raw: msgspec.Raw, place: str, limits: Limits) -> Attributes | None:
    """Return the attributes of an event or a participant in canonical form. Raise `BadInput` with its place."""
    text = bytes(raw)
    if text in _NO_ATTRIBUTES:
        return None
    try:
        return parse_attributes(text, limits)
    except BadInput as error:
        raise BadInput(error.reason, place=place) from error


def joined_after(place: str) -> BadInput:
    """Return the error for a leave whose join is later."""
    return BadInput('"joined_at" must not be after "at"', place=place)


def time_of(value: float | str, field: str, place: str) -> Ms:
    """Return Unix seconds or RFC 3339 as ms, without what is finer. Raise `BadInput`."""
    if isinstance(value, str):
        return _time_of_text(value, field, place)
    if abs(value) > SECONDS_LATEST:
        hint = ": it looks like milliseconds" if value > SECONDS_LATEST else ""
        raise BadInput(f'"{field}" must be seconds since 1970{hint} [Received {value}]', place=place)
    return from_seconds(value)


def refuse_nul(event: EventBody, place: str) -> None:
    """Raise `BadInput` if a text contains U+0000, which separates texts in ids."""
    if NUL in "".join(
        (
            event.room,
            event.participant_id or "",
            event.user_id or "",
            event.user_name or "",
            event.source_session or "",
            event.id or "",
        )
    ):
        field = next(name for name in _TEXTS if NUL in (getattr(event, name) or ""))
        raise BadInput(f'"{field}" must not contain U+0000', place=place)


def shape_error(error: msgspec.ValidationError, fields: str = "") -> BadInput:
    """Return msgspec's error in the API's words: `"room" is required`, at `events[3]`. `fields` names those that exist."""
    message, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`")
    place = f"events{path}" if path.startswith("[") else path.lstrip(".")
    if message.startswith("Object contains unknown field"):
        return BadInput(f'"{_quoted(message)}" is not allowed{fields}', place=place)
    if message.startswith("Object missing required field"):
        return BadInput(f'"{_quoted(message)}" is required', place=place)
    return BadInput(f"{message[:1].lower()}{message[1:]}", place=place)


def _time_of_text(text: str, field: str, place: str) -> Ms:
    if text.lstrip("+-").isdigit():
        raise BadInput(
            f'"{field}" must be a number of seconds, without quotes, or RFC 3339 text', place=place
        )
    try:
        return parse_timestamp(text)
    except InvalidTimestamp as error:
        problem = str(error).replace("or whole milliseconds since 1970", "or seconds since 1970 as a number")
        raise BadInput(f'"{field}" {problem} [Received "{text[:50]}"]', place=place) from error


def _quoted(message: str) -> str:
    return message.partition("`")[2].partition("`")[0]

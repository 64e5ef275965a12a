"""Field map: the fields of an event in any JSON, located by JSON Pointers (RFC 6901).

Lists of words define joins, leaves and ends. Responsible for parsing events by a map and for making sample bodies that fit it.
Must not know how a request is signed.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, ParsedEvent, Role
from headcount.timestamps import format_timestamp

Unit = Literal["s", "ms", "us", "ns", "rfc3339"]


class Signature(msgspec.Struct, forbid_unknown_fields=True):
    """Signature scheme: Standard Webhooks, an HMAC of the body, or a plain token."""

    scheme: Literal["standard-webhooks", "hmac", "token"] = "standard-webhooks"
    header: str = "authorization"
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class KindField(msgspec.Struct, forbid_unknown_fields=True):
    """Pointer to the kind of an event, and the words of each kind. Events with other words are ignored."""

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
    """Pointers to the fields of an event. Without `at`, the time of an event is the time of receipt.

    `events` is the pointer to an array of events. `attributes` has the pointer to each attribute by its key, or is the pointer
    to an object with all of them.
    """

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
    attributes: dict[str, str] | str = {}
    events: str = ""
    signature: Signature = msgspec.field(default_factory=Signature)


_UNITS: Final[dict[str, Callable[[Any, str], Ms]]] = {
    "rfc3339": fields.ms_from_rfc3339,
    "s": fields.ms_from_seconds,
    "ms": fields.valid_ms,
    "us": fields.ms_from_micros,
    "ns": fields.ms_from_nanos,
}


def parse_field_map(document: Any) -> FieldMap:
    """Return the field map in a JSON document. Raise `BadInput` with the invalid field."""
    try:
        field_map = msgspec.convert(document, FieldMap)
    except msgspec.ValidationError as error:
        raise BadInput(f"the mapping is not right: {error}") from error
    attributes = field_map.attributes
    pointers = [attributes] if isinstance(attributes, str) else attributes.values()
    for pointer in (field_map.kind.at, field_map.room, field_map.participant_id, field_map.events, *pointers):
        if pointer and not pointer.startswith("/"):
            raise BadInput(f"the mapping is not right: a JSON Pointer begins with a slash, like /{pointer}")
    return field_map


def items_in(body: Any, field_map: FieldMap) -> list[Any]:
    """Return the JSON values of a body that are events by the map."""
    found = _value(body, field_map.events) if field_map.events else body
    return found if isinstance(found, list) else [found]


def parse_item(item: Any, field_map: FieldMap, received_at: Ms, default_id: str | None) -> list[ParsedEvent]:
    """Return the event of one JSON value, none for a kind that the map does not list. Raise `BadInput`."""
    word = fields.text(_value(item, field_map.kind.at))
    kind = next((kind for kind in Kind if word in getattr(field_map.kind, kind)), None)
    if kind is None:
        return []
    room = _required(item, field_map.room, "room")
    participant_id = None if kind is Kind.END else _required(item, field_map.participant_id, "participant_id")
    if field_map.at is None:
        at = fields.event_time(None, fields.valid_ms, "mapped time", received_at)
    else:
        at = _time(item, field_map.at, "at")
    event = Event(
        kind,
        room,
        at,
        participant_id,
        _optional_id(item, field_map.user_id),
        None if field_map.user_name is None else fields.user_name(_value(item, field_map.user_name)),
        _optional_id(item, field_map.source_session),
        _joined_at(item, field_map, at) if kind is Kind.LEAVE else None,
        attributes=None if kind is Kind.END else _attributes(item, field_map.attributes),
        id=_optional_id(item, field_map.id) or (default_id if field_map.at is None else None),
    )
    return [ParsedEvent(event, _role(item, field_map))]


def sample_body(field_map: FieldMap, kind: Kind, now: Ms) -> Any:
    """Return a body with one event of this kind, in the test room."""
    item: dict[str, Any] = {}
    words: list[str] = getattr(field_map.kind, kind)
    _put(item, field_map.kind.at, words[0] if words else "")
    _put(item, field_map.room, TEST_ROOM)
    _put(item, field_map.participant_id, f"headcount-test-{now}")
    if field_map.at is not None:
        _put(item, field_map.at.at, _sample_time(now // 1_000, field_map.at.unit))
    if not field_map.events:
        return item
    body: dict[str, Any] = {}
    _put(body, field_map.events, [item])
    return body


def _sample_time(second: int, unit: Unit) -> str | int:
    if unit == "rfc3339":
        return format_timestamp(second * 1_000)
    return second * {"s": 1, "ms": 1_000, "us": 10**6, "ns": 10**9}[unit]


def _joined_at(item: Any, field_map: FieldMap, leave_at: Ms) -> Ms | None:
    field = field_map.joined_at
    if field is None or _value(item, field.at) is None:
        return None
    return min(leave_at, _time(item, field, "joined_at"))


def _attributes(item: Any, places: dict[str, str] | str) -> Attributes | None:
    if isinstance(places, str):
        return fields.attributes(_value(item, places))
    return fields.attributes({key: _value(item, pointer) for key, pointer in places.items()})


def _role(item: Any, field_map: FieldMap) -> Role:
    field = field_map.role
    return Role.PERSON if field is None else field.words.get(fields.text(_value(item, field.at)), Role.PERSON)


def _value(item: Any, pointer: str) -> Any:
    """Return the value at a JSON Pointer, or None if there is none."""
    found = item
    for key in _keys(pointer):
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and key.isascii() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _keys(pointer: str) -> Sequence[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]


def _optional_id(item: Any, pointer: str | None) -> str | None:
    return None if pointer is None else fields.optional_id(_value(item, pointer))


def _required(item: Any, pointer: str, field: str) -> str:
    value = _value(item, pointer)
    if value is None or value == "":
        raise BadInput(f"there is no {field}: nothing is at {pointer}")
    found = fields.text(value)
    if not found:
        raise BadInput(f"there is no {field}: {pointer} is neither text nor a whole number")
    return found


def _time(item: Any, time: TimeField, field: str) -> Ms:
    value = _value(item, time.at)
    if time.unit == "rfc3339" and not isinstance(value, str):
        raise BadInput(f"{field}: there is no text at {time.at}")
    if time.unit != "rfc3339" and fields.number(value) is None:
        raise BadInput(f"{field}: there is no number at {time.at}")
    return _UNITS[time.unit](value, field)


def _put(item: dict[str, Any], pointer: str, value: Any) -> None:
    """Set the value at a JSON Pointer, and make the objects that lead to it."""
    *parents, last = _keys(pointer)
    for key in parents:
        item = item.setdefault(key, {})
    item[last] = value

"""Fields of vendors' payloads: times, names and bodies, converted to the kernel's types.

A field is declared as `Value`, so that its type never refuses a payload: applications fill in names and ids, and some write
numbers. The functions below read a value when it is needed, with one rule for all vendors: text or a whole number is text, a number or its
digits is a number, and anything else is unknown.

Each vendor has another unit of time, and a wrong unit puts a meeting into 1970. So each function names the unit of its
input and checks its result. Must not know the vendors.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes, InvalidAttribute, canonical
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.timestamps import EARLIEST, TOO_LATE, InvalidTimestamp, from_seconds, parse_plausible_timestamp

T = TypeVar("T")
Value = object
"""A JSON value of any type, None if the field is missing."""

_EXACT: Final = 2**53
"""Below this size a float has all digits of a whole number."""
_LARGEST: Final = 10**25
_NUL_ESCAPE: Final = r"\u0000"
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]+")
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
"""An escape in JSON: a whole character of two halves, one half, or another escape."""
_JSON: Final = msgspec.json.Decoder()
_NUMBER: Final = re.compile(r"[+-]?\d{1,25}(\.\d{1,25})?", re.ASCII)


def text(value: Value) -> str:
    """Return a text as it is and a whole number (42, 42.0) as text; '' for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if abs(value) < _EXACT and value.is_integer() else ""


def optional_id(value: Value) -> str | None:
    """Return an id as text; None if it is missing, empty, of another type, or has the character U+0000."""
    found = text(value)
    return found if found and NUL not in found else None


def user_name(value: Value) -> str | None:
    """Return a user's name without U+0000; None if nothing is left, or it is neither text nor a whole number.

    Users may enter anything, and their meeting must not be lost for it.
    """
    return text(value).replace(NUL, "") or None


def attributes(known: Value = None, /, **stated: Value) -> Attributes | None:
    """Return a participant's attributes from `known`, the metadata of an application, and from what a vendor states.

    Metadata is an object, or a text with one in JSON; any other text has no attributes. What `stated` has precedes what `known`
    has. A value that is no text, number or boolean is unknown, as is an empty text: see `Value`.
    """
    if not known and not stated:
        return None
    metadata = json_object(known) if known else {}
    values = {key: value for key, value in stated.items() if value is not None and value != ""}
    if not metadata and not values:
        return None
    try:
        return canonical({**metadata, **values})
    except InvalidAttribute:
        valid = [pair for pair in (*metadata.items(), *stated.items()) if _is_attribute(*pair)]
        return canonical(dict(valid))


def _is_attribute(key: str, value: Value) -> bool:
    with suppress(InvalidAttribute):
        return canonical({key: value}) is not None
    return False


def json_object(value: Value) -> dict[str, Value]:
    """Return an object as it is, and the object that a text has as JSON; an empty one for anything else."""
    if isinstance(value, str):
        value = json_in(value) if value.lstrip()[:1] == "{" else None
    return value if isinstance(value, dict) else {}


def json_in(text: str) -> Value:
    """Return the value of a text that is JSON; None if it is not."""
    with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        return decode_json(_JSON, text.encode("utf-8", "surrogatepass"))
    return None


def role(value: Value) -> str | None:
    """Return the word of a role in lower case; None if it is neither text nor a whole number."""
    return text(value).strip().lower() or None


def flag(value: Value, *, default: bool = False) -> bool:
    """Return whether a value means yes: true, 1, or one of them as text. `default` stands for what means neither yes nor no."""
    word = str(value).lower() if isinstance(value, bool | int | str) else ""
    return word in ("true", "1") if word in ("true", "1", "false", "0") else default


def number(value: Value) -> int | float | None:
    """Return a number, or the number of which a text has the digits; None for anything else.

    A larger number than any time is cut to `_LARGEST`, so that sums and products of it remain exact or finite.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(-_LARGEST, min(_LARGEST, value))


def struct(value: Value, shape: type[T]) -> T:
    """Return an object's fields; those of an empty object for anything else. All fields of the shape have a default."""
    return msgspec.convert(value if isinstance(value, dict) else {}, shape)


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of an `application/x-www-form-urlencoded` body, in order.

    Empty values stay. Bytes that are not UTF-8 become U+FFFD.
    """
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace")


def item(value: Value, shape: type[T]) -> T:
    """Return the fields of an item of a list. Raise `BadInput` if it is not an object."""
    return struct(object_item(value), shape)


def object_item(value: Value) -> dict[str, Value]:
    """Return an item of a list. Raise `BadInput` if it is not an object."""
    if not isinstance(value, dict):
        raise BadInput("is not an object")
    return value


def valid_ms(value: Value, field: str) -> Ms:
    """Return ms since 1970 between the years 2000 and 2100. Raise `BadInput` with the field for any other value."""
    return _plausible(_required_number(value, field), field)


def ms_from_seconds(value: Value, field: str) -> Ms:
    """Return seconds since 1970, whole or fractional, as ms; finer digits are cut off."""
    seconds = _required_number(value, field)
    _plausible(seconds * 1_000, field)
    return from_seconds(seconds)


def ms_from_micros(value: Value, field: str) -> Ms:
    """Return microseconds since 1970 as ms."""
    return _plausible(_required_number(value, field) // 1_000, field)


def ms_from_nanos(value: Value, field: str) -> Ms:
    """Return nanoseconds since 1970 as ms."""
    return _plausible(_required_number(value, field) // 1_000_000, field)


def ms_from_rfc3339(value: Value, field: str) -> Ms:
    """Return an RFC 3339 timestamp with a time zone, of any precision, as ms. Raise `BadInput`."""
    if number(value) is not None:
        raise BadInput(f"{field} is a number, not a time as RFC 3339 writes it: {str(value)[:50]!r}")
    if not isinstance(value, str):
        raise BadInput(f"{field} is not a time as RFC 3339 writes it")
    try:
        return parse_plausible_timestamp(value)
    except InvalidTimestamp as error:
        raise BadInput(f"{field} {error}: {value[:50]!r}") from error


def event_time(value: Value, unit: Callable[[Value, str], Ms], field: str, received_at: Ms) -> Ms:
    """Return a time in a unit, or the time of receipt (0 if unknown) where the vendor omits it. Raise `BadInput` without either."""
    if value is not None and value != "":
        return unit(value, field)
    if not received_at:
        raise BadInput(
            f"the time of the event is unknown: it has no {field}, and no time of receipt is recorded"
        )
    return _plausible(received_at, "the time of receipt")


def optional_time(value: Value, unit: Callable[[Value, str], Ms], field: str) -> Ms | None:
    """Return a time in a unit; None if it is missing, empty, or neither text nor a number. Raise `BadInput` as the unit does."""
    is_given = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return unit(value, field) if is_given else None


def _plausible(at: float, field: str) -> Ms:
    if not EARLIEST <= at < TOO_LATE:  # false for NaN, too
        found = f"{at:.0f}" if isinstance(at, float) else str(at)
        raise BadInput(f"{field} is not between the years 2000 and 2100: {found[:30]} ms since 1970")
    return int(at)


def _required_number(value: Value, field: str) -> int | float:
    found = number(value)
    if found is None:
        raise BadInput(f"{field} is {'missing' if value is None else 'not a number'}")
    return found


def join_before(leave_at: Ms, joined_at: Ms | None) -> Ms | None:
    """Return the join time that a leave reports, or None if it is not before the leave.

    A join at the moment of the leave would undo the leave: a stay of no length does not exist (R2).
    """
    return joined_at if joined_at is not None and joined_at < leave_at else None


def required(value: T | None, field: str, kind: str, vendor: str) -> T:
    """Return the value of a field. Raise `BadInput` if it is missing or empty in this kind of event."""
    if not value:
        article = "an" if field[0] in "aeio" else "a"
        raise BadInput(f"a '{kind}' of {vendor} without {article} {field}")
    return value


def decode_json(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Return the decoded JSON, with U+0000 for half of a character and for bytes that are not UTF-8. Raise as msgspec does.

    Programs cut names at a length, and so through a character. Such a name loses the character, an optional id is unknown, and a
    room or a participant is refused.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired = _repair(body)
        if repaired == body:
            raise
        return decoder.decode(repaired)


def _repair(body: bytes) -> bytes:
    text = _NOT_UTF8.sub(lambda _: _NUL_ESCAPE, body.decode("utf-8", "surrogateescape"))
    return _ESCAPE.sub(lambda found: _NUL_ESCAPE if found["half"] else found[0], text).encode()


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, expected: str) -> T:
    """Return the decoded body of a request. Raise `BadInput` if it is not the `expected` payload."""
    try:
        return decode_json(decoder, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is no {expected}: {error}") from error

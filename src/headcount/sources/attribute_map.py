"""Attribute map: attributes of participants from any place of a payload, located by JSON Pointers (RFC 6901).

Responsible for pointers and for the values at them. Must not know vendors or events.
"""

import re
from collections.abc import Mapping
from typing import Final

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes, values_of
from headcount.kernel.names import NUL
from headcount.limits import ATTRIBUTE_KEY_BYTES, length_problem, quote_start
from headcount.sources import fields
from headcount.sources.compression import decompress
from headcount.sources.fields import Value

AttributeMap = tuple[tuple[str, tuple[str, ...]], ...]
"""Attributes, each with the keys on the way to its value."""
_EXAMPLE: Final = "customer=/room/metadata/customer"
_LONE_TILDE: Final = re.compile("~(?![01])")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}", re.ASCII)


def parse_attribute_map(option: Value) -> AttributeMap:
    """Return the map of a source's option `attributes`, an object of pointers. Raise `BadInput` with the invalid one."""
    if not isinstance(option, dict):
        raise BadInput(
            f"attributes: expected a JSON Pointer for each key, such as {_EXAMPLE}, got {option!r:.100}"
        )
    return tuple((str(key), _parse_pointer(str(key), pointer)) for key, pointer in option.items())


def _parse_pointer(key: str, pointer: Value) -> tuple[str, ...]:
    if not key or NUL in key:
        raise BadInput(
            f"attributes: a key must not be empty or contain U+0000: expected KEY=POINTER, such as {_EXAMPLE}"
        )
    problem = length_problem(key, max_bytes=ATTRIBUTE_KEY_BYTES)
    if problem is not None:
        raise BadInput(f"attributes: the key {quote_start(key)} {problem}")
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise BadInput(
            f"attribute {key!r}: expected a JSON Pointer, which starts with a slash, such as /room/metadata/customer,"
            f" got {pointer!r:.100}"
        )
    if _LONE_TILDE.search(pointer):
        raise BadInput(
            f"attribute {key!r}: in a JSON Pointer, write ~0 for a tilde and ~1 for a slash within a key, got {pointer!r:.100}"
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def payload_of(body: bytes) -> Value:
    """Return the JSON of a request that its source parsed, or the fields of a form by their names."""
    try:
        body = decompress(body)
    except BadInput:
        return None
    text = body.decode("utf-8", "surrogateescape").lstrip()
    return fields.json_in(text) if text[:1] in ("{", "[") else dict(fields.parse_form(body))


def values_in(place: Value, attributes: AttributeMap) -> dict[str, Value]:
    """Return the values to which the pointers of a map lead from a place. Objects, lists and empty texts are skipped."""
    found = {key: _value_at(place, path) for key, path in attributes}
    return {
        key: value for key, value in found.items() if isinstance(value, str | int | float) and value != ""
    }


def with_mapped(known: Attributes | None, values: Mapping[str, Value]) -> Attributes | None:
    """Return attributes with mapped values, which precede those that the vendor's module found."""
    return fields.attributes(values_of(known), **values)


def _value_at(value: Value, path: tuple[str, ...]) -> Value:
    """Return the value at the end of a path; None if there is none. A text on the way that is JSON is read."""
    for key in path:
        if isinstance(value, str):
            value = fields.json_in(value)
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value

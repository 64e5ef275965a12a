"""Attributes of participants: the caller's own values on joins, leaves and stays, such as a role or a customer (R1).

Attributes are one text: the canonical JSON of an object with string, number or boolean values; None stands for none. Equal
attributes are equal texts, so that everything that carries them compares, stores and hashes a text.

Responsible for the canonical form and for merging. Must not know which keys have a meaning, nor the limits of entrances.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NamedTuple

from headcount.kernel.names import NUL

Value = str | bool | int | float
Attributes = str
"""The canonical JSON of a non-empty object."""

RESERVED: Final = ("role", "email", "customer", "external_id", "kind")
"""Keys with a meaning that all sources share."""
_EXACT: Final = 2**53
"""Integers up to this size are the same in every reader of JSON."""
_MAX_INTEGER: Final = 2**63 - 1
_CACHED: Final = 4_096
_NO_TEXTS: Final[Mapping[str, str]] = {}
CACHED_LENGTH: Final = 512
"""Longer texts are not cached: a sender who makes all of them different must not fill the memory."""


class InvalidAttribute(ValueError):
    """An attribute that cannot be stored. The message gives its key, the reason and the fix."""


class AttributeFilter(NamedTuple):
    """The condition that an attribute has a value, which is given by its text (`text_of`)."""

    key: str
    value: str


def canonical(values: Mapping[str, Any]) -> Attributes | None:
    """Return attributes in canonical form: keys in order, no spaces, whole numbers without a fraction.

    A value that is None or an empty text is unknown and skipped. Raise `InvalidAttribute` for a value that is no text,
    number or boolean, for a number that JSON cannot represent, and for U+0000 or half a character in a text.
    """
    known = {key: _checked(key, value) for key, value in values.items() if value is not None and value != ""}
    return _encode(known) if known else None


def values_of(attributes: Attributes | None) -> dict[str, Value]:
    """Return attributes as an object, by key in order."""
    return {} if attributes is None else json.loads(attributes)


def text_of(value: Value) -> str:
    """Return a value as the text by which it is filtered and grouped: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def texts_of(attributes: Attributes | None) -> Mapping[str, str]:
    """Return the text of each value by its key. Callers must not change the result, which may be cached."""
    if attributes is None:
        return _NO_TEXTS
    return (_texts_of if len(attributes) <= CACHED_LENGTH else _texts_of.__wrapped__)(attributes)


@lru_cache(_CACHED)
def _texts_of(attributes: Attributes) -> Mapping[str, str]:
    return {key: text_of(value) for key, value in values_of(attributes).items()}


def matches(attributes: Attributes | None, filters: Iterable[AttributeFilter]) -> bool:
    """Return whether attributes fulfill all conditions."""
    known = texts_of(attributes)
    return all(known.get(key) == value for key, value in filters)


def merge(known: Attributes | None, found: Iterable[Attributes | None]) -> Attributes | None:
    """Return what is known of a stay after the events of one instant (R1).

    For each key, the first known value stays. If the events of the instant have several, the first in the order of their
    JSON counts, so that the order of arrival does not matter.
    """
    new: Attributes | None = None
    for attributes in found:
        if attributes is not None and attributes != new:
            new = attributes if new is None else merge_instant(new, attributes)
    if new is None or new == known:
        return known
    return new if known is None else merge_later(known, new)


def merge_later(known: Attributes, later: Attributes) -> Attributes:
    """Return known attributes with the keys that only later ones have."""
    merge = _merge_later if len(known) + len(later) <= CACHED_LENGTH else _merge_later.__wrapped__
    return merge(known, later)


def merge_instant(one: Attributes, other: Attributes) -> Attributes:
    """Return the attributes of two events of one instant: of two values of a key, the first in the order of their JSON."""
    merge = _merge_instant if len(one) + len(other) <= CACHED_LENGTH else _merge_instant.__wrapped__
    return merge(one, other)


@lru_cache(_CACHED)
def _merge_later(known: Attributes, later: Attributes) -> Attributes:
    return _encode({**json.loads(later), **json.loads(known)})


@lru_cache(_CACHED)
def _merge_instant(one: Attributes, other: Attributes) -> Attributes:
    merged, more = json.loads(one), json.loads(other)
    for key, value in more.items():
        if key not in merged or _json(value) < _json(merged[key]):
            merged[key] = value
    return _encode(merged)


def differ(one: Attributes | None, other: Attributes | None) -> bool:
    """Return whether both know a key by different values."""
    if one is None or other is None or one == other:
        return False
    return merge_later(one, other) != merge_later(other, one)


def _checked(key: str, value: Any) -> Value:
    _require_text(key, key, "the key")
    if isinstance(value, str):
        _require_text(key, value, "the value")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise InvalidAttribute(f"{_named(key)} is a number beyond 64 bits: send it as a string")
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise InvalidAttribute(f"{_named(key)} must be a finite number, not {value}")
        return int(value) if value.is_integer() and abs(value) <= _EXACT else value
    raise InvalidAttribute(f"{_named(key)} must be a string, a number or a boolean, not {_kind_of(value)}")


def _require_text(key: str, text: str, what: str) -> None:
    if NUL in text:
        raise InvalidAttribute(f"{what} of {_named(key)} contains the character U+0000: remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidAttribute(
            f"{what} of {_named(key)} contains half a character: send whole UTF-8"
        ) from error


def _named(key: str) -> str:
    return f"attribute {key[:64]!r}"


def _kind_of(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else type(value).__name__


def _encode(values: Mapping[str, Value]) -> Attributes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)

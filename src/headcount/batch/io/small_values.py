"""Values of the columns of small files: kinds, texts, times, and attributes.

Responsible for the same values as the columns of large files have (`schema.py`, `time_columns.py`, `attribute_columns.py`), for
values that are surely valid; others raise `Unsure`. Must not know formats.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from math import floor
from typing import Any, Final

from headcount.batch.io.event_columns import ATTRIBUTE, INFERRED_WORDS, JSON_ATTRIBUTE, ColumnMap
from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes, merge_later, values_of
from headcount.kernel.events import Inferred, Kind, Ms
from headcount.limits import WIDEST_LIMITS, parse_attributes, require_attributes
from headcount.timestamps import EARLIEST, TOO_LATE, InvalidTimestamp, parse_plausible_timestamp

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FRACTION: Final = re.compile(r"[+-]?\d{1,18}\.\d{0,18}", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_MARKS: Final = (None, *Inferred)
_NO_OBJECTS: Final = ("", "null", "{}")


class Unsure(Exception):
    """A value that the reader of large files must judge."""


def kinds_of(values: Sequence[str | int | None], mapping: ColumnMap) -> list[Kind | None]:
    """Return the kinds; None for rows that the mapping ignores."""
    by_word: dict[str, Kind | None] = {kind.value: kind for kind in Kind}
    by_word |= {value: _BY_NAME.get(kind) for value, kind in mapping.kinds.items()}
    try:
        return [by_word["" if value is None else _lower_boolean(str(value))] for value in values]
    except KeyError as error:
        raise Unsure from error


_BY_NAME: Final = {kind.value: kind for kind in Kind}


def texts(values: Sequence[str | int | None]) -> list[str | None]:
    """Return optional texts; empty ones are None."""
    found = [value if isinstance(value, str) else _text(value) for value in values]
    return [text or None for text in found]


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _lower_boolean(word: str) -> str:
    return word.lower() if word.lower() in ("true", "false") else word


def inferred_marks(values: Sequence[str | bool | None]) -> list[Inferred | None]:
    """Return the evidence for inferred events; None for reports."""
    try:
        return [
            None if value is None else _MARKS[INFERRED_WORDS[_lower_boolean(str(value))]] for value in values
        ]
    except KeyError as error:
        raise Unsure from error


def times(values: Sequence[str | float | None], unit: str | None) -> list[Ms | None]:
    """Return times in milliseconds, rounded down."""
    if any(isinstance(value, float) or (unit is not None and _is_fraction(value)) for value in values):
        return [None if value is None or value == "" else _of_fraction(value, unit) for value in values]
    parsed = cache(lambda value: None if value == "" else _time(value, unit))
    return [None if value is None else parsed(value) for value in values]


def _is_fraction(value: Any) -> bool:
    return isinstance(value, str) and _FRACTION.fullmatch(value) is not None


def _of_fraction(value: str | float, unit: str | None) -> Ms:
    """Return a number in a column with fractions. Among other texts they are parsed otherwise."""
    if unit is None or (isinstance(value, str) and not (_is_fraction(value) or _WHOLE.fullmatch(value))):
        raise Unsure
    # See `_floor` in `time_columns.py`.
    return _plausible(floor(float(value) * (1_000 / _PER_SECOND[unit]) + 0.0005))


def _time(value: str | int, unit: str | None) -> Ms:
    if isinstance(value, int) or (unit is not None and _WHOLE.fullmatch(value)):
        return _plausible(int(value) * 1_000 // _PER_SECOND[unit or "ms"])
    try:
        return parse_plausible_timestamp(value)
    except InvalidTimestamp as error:
        raise Unsure from error


def _plausible(ms: Ms) -> Ms:
    if not EARLIEST <= ms < TOO_LATE:
        raise Unsure
    return ms


def attribute_texts(
    columns: Mapping[str, Sequence[Any]], kinds: Sequence[Kind | None]
) -> list[Attributes | None] | None:
    """Return the attributes of each row in canonical form; None if there are no columns of attributes.

    Single attributes have precedence over those of the object, and do not apply to ends.
    """
    objects = columns.get("attributes")
    singles = {
        name.removeprefix(prefix): (columns[name], prefix == JSON_ATTRIBUTE)
        for prefix in (ATTRIBUTE, JSON_ATTRIBUTE)
        for name in columns
        if name.startswith(prefix)
    }
    if objects is None and not singles:
        return None
    try:
        for key in singles:
            require_attributes({key: True}, WIDEST_LIMITS)
        wholes = [None] * len(kinds) if objects is None else [_object(text) for text in objects]
        owns = _singles(singles, len(kinds))
        return [_together(*row) for row in zip(kinds, wholes, owns, strict=True)]
    except (BadInput, ValueError) as error:
        raise Unsure from error


def _object(text: str | bytes | None) -> Attributes | None:
    if text is None:
        return None
    decoded = text if isinstance(text, str) else text.decode()
    return None if decoded.strip() in _NO_OBJECTS else parse_attributes(decoded, WIDEST_LIMITS)


def _singles(singles: Mapping[str, tuple[Sequence[Any], bool]], size: int) -> list[Attributes | None]:
    """Return the attributes of single columns, each distinct combination parsed once."""
    if not singles:
        return [None] * size
    keys = list(singles)
    are_json = [is_json for _, is_json in singles.values()]

    @cache
    def parsed(values: tuple[Any, ...]) -> Attributes | None:
        loaded = (
            json.loads(value) if is_json and value is not None else value
            for value, is_json in zip(values, are_json, strict=True)
        )
        return require_attributes(dict(zip(keys, loaded, strict=True)), WIDEST_LIMITS)

    return [parsed(row) for row in zip(*(values for values, _ in singles.values()), strict=True)]


def _together(kind: Kind | None, whole: Attributes | None, single: Attributes | None) -> Attributes | None:
    if kind is Kind.END or kind is None:
        return whole
    if whole is None or single is None:
        return single if whole is None else whole
    merged = merge_later(single, whole)
    if len(values_of(merged)) > WIDEST_LIMITS.attributes:
        raise Unsure
    return merged

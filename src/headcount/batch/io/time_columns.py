"""Columns of times: timestamps of any unit, numbers and text, as whole milliseconds.

Responsible for the conversion and for plausible times. Valid columns are fast: the smallest and the largest value are
checked, and single rows only if that fails. Must not know what the times are of.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.blocks import Problem
from headcount.batch.io.text_columns import as_mask, is_text, text_of
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.timestamps import (
    EARLIEST,
    TOO_LATE,
    InvalidTimestamp,
    format_timestamp,
    implausibility,
    parse_timestamp,
)

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_PARSED_AT_ONCE = 1 << 16
_NUMBER = re.compile(rb"[+-]?\d{1,18}(\.\d{0,18})?")
_VARIATIONS = ((" +0000 UTC", "Z"), (" UTC", "Z"), (" +", "+"), (" -", "-"), (",", "."))
"""Frequent variations of RFC 3339 and what Arrow parses in their place. `parse_timestamp` accepts these and more."""
_NANOSECONDS = pa.timestamp("ns", tz="UTC")
_MILLISECONDS = pa.timestamp("ms", tz="UTC")


class Times(NamedTuple):
    """A column of milliseconds (int64), null where the value is null or invalid."""

    column: pa.ChunkedArray
    problems: list[Problem]


def times(column: pa.ChunkedArray, name: str, where: str, unit: str | None = None) -> Times:
    """Return the column in milliseconds, rounded down. Timestamps without a zone are UTC.

    `unit` ('s', 'ms', 'us' or 'ns') is that of numbers, in text too; None is whole milliseconds. Raise `BadInput` if the type of
    the column is none of times.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _from_numbers(column.cast(pa.int64()), kind.unit, name, format_timestamp)
    if pa.types.is_integer(kind):
        return _from_numbers(
            column.cast(pa.int64(), safe=False), unit or "ms", name, str, is_default=unit is None
        )
    if pa.types.is_floating(kind):
        return _from_fractions(column, unit, name, where)
    if is_text(kind):
        return _from_text(column, name, unit)
    raise BadInput(
        f"column '{name}' contains {kind}, and must contain timestamps, whole milliseconds since 1970 or RFC 3339 text:"
        " cast it",
        where=where,
    )


def _from_fractions(column: pa.ChunkedArray, unit: str | None, name: str, where: str) -> Times:
    """Return numbers that may have a fraction. Without a unit they must be whole, as where pandas stores missing values."""
    known = pc.if_else(pc.is_nan(column), None, column.cast(pa.float64()))
    if unit is not None:
        return _from_numbers(_floor(known, unit), "ms", name, str)
    try:
        return _from_numbers(known.cast(pa.int64()), "ms", name, str, is_default=True)
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"column '{name}' contains numbers with a fraction, and no unit is given: if they are seconds,"
            " add --time-unit s (in Python: time_unit='s')",
            where=where,
        ) from error


def _floor(numbers: Any, unit: str) -> Any:
    """Return numbers with a fraction as whole milliseconds, rounded down."""
    # The nearest float to a number of whole milliseconds may be up to 0.0005 ms below it.
    ms = pc.add(pc.multiply(numbers, 1_000 / _PER_SECOND[unit]), 0.0005)
    return pc.floor(ms).cast(pa.int64(), safe=False)


def _from_numbers(
    numbers: pa.ChunkedArray,
    unit: str,
    name: str,
    format_time: Callable[[Ms], str],
    *,
    is_default: bool = False,
) -> Times:
    """Check the numbers in their own unit, so that none overflows into a plausible time."""
    earliest, too_late = (limit * _PER_SECOND[unit] // 1_000 for limit in (EARLIEST, TOO_LATE))
    problems = _implausible(
        numbers,
        earliest,
        too_late,
        lambda number: _outside(number, unit, name, format_time, is_default=is_default),
    )
    return Times(_in_milliseconds(numbers, unit), problems)


def _implausible(
    numbers: pa.ChunkedArray, earliest: int, too_late: int, reason: Callable[[int], str]
) -> list[Problem]:
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is None or earliest <= bounds["min"] <= bounds["max"] < too_late:
        return []
    outside = pc.or_(pc.less(numbers, earliest), pc.greater_equal(numbers, too_late))
    rows = as_mask(pc.fill_null(outside, fill_value=False))
    return [Problem(rows, lambda row: reason(numbers[row].as_py()))]


def _outside(
    number: int, unit: str, name: str, format_time: Callable[[Ms], str], *, is_default: bool = False
) -> str:
    ms = number * 1_000 // _PER_SECOND[unit]
    return f"{name} {format_time(ms)} {implausibility(ms)}{_unit_hint(number) if is_default else ''}"


def _unit_hint(number: int) -> str:
    """Return the option for the unit that a number seems to have, if it is not milliseconds."""
    for unit, per_second in _PER_SECOND.items():
        if EARLIEST <= number * 1_000 // per_second < TOO_LATE:
            return f"; if so, add --time-unit {unit} (in Python: time_unit='{unit}')"
    return ""


def _in_milliseconds(numbers: pa.ChunkedArray, unit: str) -> pa.ChunkedArray:
    if unit == "ms":
        return numbers
    if unit == "s":
        return pc.multiply(numbers, 1_000)
    # Arrow rounds towards zero, not down, but times below zero are implausible anyway.
    return pc.divide(numbers, _PER_SECOND[unit] // 1_000)


def _from_text(column: pa.ChunkedArray, name: str, unit: str | None) -> Times:
    slices = _texts(column)
    read = [_read(words, unit) for words in slices]
    numbers = pa.chunked_array(read, pa.int64())
    unread = as_mask(pc.is_null(numbers))
    if numbers.null_count:
        unread &= np.concatenate([as_mask(pc.is_valid(words)) for words in slices])
    problems = _implausible(
        numbers, EARLIEST, TOO_LATE, lambda number: _outside(number, "ms", name, str, is_default=unit is None)
    )
    if unread.any():
        whole = pa.chunked_array(slices, pa.binary())
        problems.append(Problem(unread, lambda row: _parse_error(whole[row].as_py(), name, unit)))
    return Times(numbers, problems)


def _texts(column: pa.ChunkedArray) -> list[pa.Array]:
    """Return the texts as bytes in small arrays, null for empty ones."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    pieces = []
    for chunk in column.chunks:
        for start in range(0, len(chunk), _PARSED_AT_ONCE):
            words = chunk.slice(start, _PARSED_AT_ONCE).cast(pa.binary())
            pieces.append(pc.if_else(pc.equal(pc.binary_length(words), 0), None, words))
    return pieces


def _read(words: pa.Array, unit: str | None) -> pa.Array:
    """Parse all at once if they all have one form, else one by one."""
    numbers = _read_numbers if unit is None else partial(_read_numbers_of, unit)
    for read in (numbers, _read_rfc3339, _read_variations):
        try:
            return read(words.cast(pa.string()))
        except pa.ArrowInvalid:
            continue
    return pa.array([_time_or_none(word, unit) for word in words.to_pylist()], pa.int64())


def _read_numbers(words: pa.Array) -> pa.Array:
    _require_digits(words)
    return words.cast(pa.int64())


def _read_numbers_of(unit: str, words: pa.Array) -> pa.Array:
    _require_digits(words)
    try:
        numbers = words.cast(pa.int64())
    except pa.ArrowInvalid:
        return _floor(words.cast(pa.float64()), unit)
    if unit == "s":
        return pc.multiply_checked(numbers, 1_000)
    return pc.divide(numbers, _PER_SECOND[unit] // 1_000)


def _require_digits(words: pa.Array) -> None:
    """Raise `pa.ArrowInvalid` for other characters than those of numbers: Arrow parses 0x1F, 1E9 and NaN as numbers, too."""
    _, text = text_of(words)
    if text.max(initial=0) > ord("9"):
        raise pa.ArrowInvalid


def _read_rfc3339(words: pa.Array) -> pa.Array:
    return words.cast(_NANOSECONDS).cast(_MILLISECONDS, safe=False).cast(pa.int64())


def _read_variations(words: pa.Array) -> pa.Array:
    for written, parsed in _VARIATIONS:
        words = pc.replace_substring(words, written, parsed)
    return _read_rfc3339(words)


def _time_or_none(word: bytes | None, unit: str | None) -> Ms | None:
    if word is None:
        return None
    if unit is not None and _NUMBER.fullmatch(word):
        return floor(Fraction(word.decode()) * 1_000 / _PER_SECOND[unit])
    try:
        return parse_timestamp(word.decode())
    except (InvalidTimestamp, UnicodeDecodeError):
        return None


def _parse_error(word: bytes, name: str, unit: str | None) -> str:
    text = word.decode("utf-8", "backslashreplace")
    if unit is None and _NUMBER.fullmatch(word):
        return (
            f"{name} '{text}' has a fraction: if it is seconds, add --time-unit s (in Python: time_unit='s')"
        )
    try:
        parse_timestamp(text)
    except InvalidTimestamp as error:
        return f"{name} '{text}' {error}"
    raise AssertionError(text)

"""Time columns: timestamps of any unit, numbers and text, as whole milliseconds.

Good columns cost next to nothing: a look at the smallest and the largest, and a division where
the unit asks for it. Only where that look fails are single rows looked at.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.blocks import Complaint
from headcount.batch.io.text_columns import as_mask, is_text
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.timestamps import EARLIEST, TOO_LATE, UnreadableMoment, absurdity, moment, spoken

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_LOOKED_AT_ONCE = 1 << 16
_NANOSECONDS = pa.timestamp("ns", tz="UTC")
_MILLISECONDS = pa.timestamp("ms", tz="UTC")


class Moments(NamedTuple):
    """A column of milliseconds (int64), null where nothing stood or nothing sensible."""

    column: pa.ChunkedArray
    complaints: list[Complaint]


def moments(column: pa.ChunkedArray, name: str, where: str) -> Moments:
    """The column in milliseconds; what is finer is cut off. Timestamps without a zone are UTC.

    Raises `BadInput` if the whole column cannot hold times.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _from_numbers(column.cast(pa.int64()), kind.unit, name, spoken)
    if pa.types.is_integer(kind):
        return _from_numbers(column.cast(pa.int64(), safe=False), "ms", name, str)
    if is_text(kind):
        return _from_text(column, name)
    raise BadInput(
        f"column '{name}' holds {kind}, and must hold timestamps, whole milliseconds since 1970 or RFC 3339 text:"
        " cast it",
        where=where,
    )


def _from_numbers(numbers: pa.ChunkedArray, unit: str, name: str, shown: Callable[[Ms], str]) -> Moments:
    """Looks at the numbers in their own unit, so that none can overflow into sense."""
    earliest, too_late = (limit * _PER_SECOND[unit] // 1_000 for limit in (EARLIEST, TOO_LATE))
    complaints = _absurd(numbers, earliest, too_late, lambda number: _outside(number, unit, name, shown))
    return Moments(_in_milliseconds(numbers, unit), complaints)


def _absurd(
    numbers: pa.ChunkedArray, earliest: int, too_late: int, reason: Callable[[int], str]
) -> list[Complaint]:
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is None or earliest <= bounds["min"] <= bounds["max"] < too_late:
        return []
    outside = pc.or_(pc.less(numbers, earliest), pc.greater_equal(numbers, too_late))
    rows = as_mask(pc.fill_null(outside, fill_value=False))
    return [Complaint(rows, lambda row: reason(numbers[row].as_py()))]


def _outside(number: int, unit: str, name: str, shown: Callable[[Ms], str]) -> str:
    ms = number * 1_000 // _PER_SECOND[unit]
    return f"{name} {shown(ms)} {absurdity(ms)}"


def _in_milliseconds(numbers: pa.ChunkedArray, unit: str) -> pa.ChunkedArray:
    if unit == "ms":
        return numbers
    if unit == "s":
        return pc.multiply(numbers, 1_000)
    # Arrow divides towards zero; below zero that is no flooring, but it is absurd there anyway.
    return pc.divide(numbers, _PER_SECOND[unit] // 1_000)


def _from_text(column: pa.ChunkedArray, name: str) -> Moments:
    slices = _written(column)
    read = [_read(words) for words in slices]
    numbers = pa.chunked_array(read, pa.int64())
    unread = as_mask(pc.is_null(numbers))
    if numbers.null_count:
        unread &= np.concatenate([as_mask(pc.is_valid(words)) for words in slices])
    complaints = _absurd(numbers, EARLIEST, TOO_LATE, lambda number: _outside(number, "ms", name, str))
    if unread.any():
        whole = pa.chunked_array(slices, pa.binary())
        complaints.append(Complaint(unread, lambda row: _unreadable(whole[row].as_py(), name)))
    return Moments(numbers, complaints)


def _written(column: pa.ChunkedArray) -> list[pa.Array]:
    """The words as bytes in handy pieces, null where nothing is written."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    pieces = []
    for chunk in column.chunks:
        for start in range(0, len(chunk), _LOOKED_AT_ONCE):
            words = chunk.slice(start, _LOOKED_AT_ONCE).cast(pa.binary())
            pieces.append(pc.if_else(pc.equal(pc.binary_length(words), 0), None, words))
    return pieces


def _read(words: pa.Array) -> pa.Array:
    """All at once if they are all of one kind, else one by one."""
    for read in (_read_numbers, _read_rfc3339):
        try:
            return read(words.cast(pa.string()))
        except pa.ArrowInvalid:
            continue
    return pa.array([_moment_or_none(word) for word in words.to_pylist()], pa.int64())


def _read_numbers(words: pa.Array) -> pa.Array:
    return words.cast(pa.int64())


def _read_rfc3339(words: pa.Array) -> pa.Array:
    return words.cast(_NANOSECONDS).cast(_MILLISECONDS, safe=False).cast(pa.int64())


def _moment_or_none(word: bytes | None) -> Ms | None:
    try:
        return None if word is None else moment(word.decode())
    except (UnreadableMoment, UnicodeDecodeError):
        return None


def _unreadable(word: bytes, name: str) -> str:
    text = word.decode("utf-8", "backslashreplace")
    try:
        moment(text)
    except UnreadableMoment as error:
        return f"{name} '{text}' {error}"
    raise AssertionError(text)

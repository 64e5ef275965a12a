"""Blocks of rows as a reader found them, with their origin.

Responsible for the interface between the readers of formats and the rest: the columns of some rows, of any type, and
for each row its number and original text, for error messages. Must not know formats, or which rows are valid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.io.event_columns import AS_NAMED, ColumnMap

Mask = NDArray[np.bool_]


class Problem(NamedTuple):
    """A reason why some rows of a block are invalid."""

    rows: Mask
    reason: Callable[[int], str]
    """Returns the reason for one of these rows; called only for rows that are reported."""


class Origin(Protocol):
    """Where the rows of a block come from."""

    @property
    def where(self) -> str:
        """The file."""

    @property
    def unit(self) -> str:
        """What its numbers count: rows or lines."""

    def number(self, row: int) -> int:
        """Return the number of this row in the file, from 1."""

    def original(self, row: int) -> dict[str, Any]:
        """Return the original: `event` with its columns, or `text` with its line."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one file. `share` is the part of the file that has been read by their end, from 0 to 1."""

    rows: pa.Table
    origin: Origin
    problems: Sequence[Problem] = ()
    share: float = 1.0
    mapping: ColumnMap = AS_NAMED


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of a table, numbered from its first."""

    where: str
    rows: pa.Table
    before: int
    unit: str = "row"

    def number(self, row: int) -> int:
        return self.before + row + 1

    def original(self, row: int) -> dict[str, Any]:
        single = self.rows.slice(row, 1)
        return {"event": {name: _plain(single[name]) for name in single.column_names}}


@dataclass(frozen=True, slots=True)
class TextLines:
    """Some lines of a text file, with their numbers."""

    where: str
    lines: Sequence[bytes]
    numbers: Sequence[int]
    unit: str = "line"

    def number(self, row: int) -> int:
        return self.numbers[row]

    def original(self, row: int) -> dict[str, Any]:
        return {"text": self.lines[row].decode("utf-8", "backslashreplace").rstrip("\r\n")}


def _plain(single: pa.ChunkedArray) -> Any:
    """Return one value for JSON. Timestamps become text, whatever their unit."""
    if pa.types.is_timestamp(single.type):
        single = single.cast(pa.string())
    value = _undecoded(single)[0].as_py()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _undecoded(single: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text as its bytes: its encoding may be why the row is invalid."""
    if pa.types.is_dictionary(single.type):
        single = single.cast(single.type.value_type)
    if pa.types.is_string_view(single.type):
        return single.cast(pa.binary())
    if pa.types.is_string(single.type) or pa.types.is_large_string(single.type):
        return single.cast(pa.large_binary())
    return single

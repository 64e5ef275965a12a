"""Blocks: rows as they were found in a file, and how to speak of them.

A reader of one format yields blocks; what is true of the format ends here. A block knows
its rows as columns of whatever type they came in, and for every row where it stands and
what it looked like, for the sake of those that turn out to be bad.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

REQUIRED = ("room", "participant_id", "kind", "at")
OPTIONAL = ("user_id", "user_name", "domain", "source_session", "joined_at", "inferred")
COLUMNS = REQUIRED + OPTIONAL
"""All columns that mean something. Others, `id` among them, are not read: rule 3 knows
an event that was delivered twice by what it says."""

CODED = ("room", "kind", "user_id", "user_name", "domain", "source_session", "inferred")
"""Columns that repeat few words, so that a dictionary and codes serve best."""


class Complaint(NamedTuple):
    """What is wrong with some rows of a block."""

    rows: Mask
    reason: Callable[[int], str]
    """Says of one of these rows what is wrong; asked only for rows that are told about."""


class Origin(Protocol):
    """Where the rows of a block stand."""

    @property
    def where(self) -> str:
        """The file."""

    @property
    def unit(self) -> str:
        """What is counted in it: rows or lines."""

    def number(self, row: int) -> int:
        """Which one this row of the block is, from 1."""

    def original(self, row: int) -> dict[str, Any]:
        """What stood there, under a name that says how."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one file. `share` is how much of the file has been read by their end."""

    rows: pa.Table
    origin: Origin
    complaints: Sequence[Complaint] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of a table, counted from its first."""

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
    """Lines of a text file, which may leave some out: `numbers` says which these are."""

    where: str
    lines: Sequence[bytes]
    numbers: Sequence[int]
    unit: str = "line"

    def number(self, row: int) -> int:
        return self.numbers[row]

    def original(self, row: int) -> dict[str, Any]:
        return {"text": self.lines[row].decode("utf-8", "backslashreplace").rstrip("\r\n")}


def _plain(single: pa.ChunkedArray) -> Any:
    """One value as JSON can carry it. Timestamps are told by their own text, whatever their unit."""
    if pa.types.is_timestamp(single.type):
        single = single.cast(pa.string())
    value = _undecoded(single)[0].as_py()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _undecoded(single: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as the bytes that it is: it may be the reason why the row is bad."""
    if pa.types.is_dictionary(single.type):
        single = single.cast(single.type.value_type)
    if pa.types.is_string_view(single.type):
        return single.cast(pa.binary())
    if pa.types.is_string(single.type) or pa.types.is_large_string(single.type):
        return single.cast(pa.large_binary())
    return single

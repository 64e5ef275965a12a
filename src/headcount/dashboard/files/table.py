"""Table: the content of a file, whatever its format.

Responsible for the types of values. Times and durations are exact, in whole milliseconds. Must not know file formats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, NamedTuple


class Type(StrEnum):
    """Type of the values of a column. Every column can have None."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    TIME = "time"
    """Milliseconds since 1970."""
    DURATION = "duration"
    """Milliseconds."""
    PERCENT = "percent"
    """A ratio: 0.25 is 25 %."""
    FLAG = "flag"


class Column(NamedTuple):
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of named columns. `rows` may be an iterator: it is read once. Times are shown in `zone`."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Any]]
    zone: tzinfo

"""Table: what a file shows, before it is known which file.

Knows which kinds of values there are. Moments and spans are whole milliseconds and exact: who wants
whole seconds (rule 12) puts whole seconds in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, NamedTuple


class Type(StrEnum):
    """What the values of a column are; None is in every column, for what is not known."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    TIME = "time"
    """A moment: milliseconds since 1970."""
    DURATION = "duration"
    """A span: milliseconds."""
    PERCENT = "percent"
    """A part of one: 0.25 is 25 %."""
    FLAG = "flag"


class Column(NamedTuple):
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns. `rows` may be an iterator: it is walked once.

    `zone` is the one in which its moments are shown.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Any]]
    zone: tzinfo

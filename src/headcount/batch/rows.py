"""Tables of results as plain rows, and the columns that they share with Arrow tables.

Responsible for the definition of columns, and for reading columns of either form. Must not know what is in a table. Arrow is
loaded only for an Arrow table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, TypeAlias


class Type(Enum):
    """The type of a column's values."""

    TEXT = auto()
    WORD = auto()
    """A text that repeats, which Arrow tables have dictionary-encoded."""
    TIME = auto()
    """Milliseconds since the epoch."""
    FLAG = auto()
    COUNT = auto()
    """A whole number of 32 bits."""
    LARGE = auto()
    """A whole number of 64 bits."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: Type
    is_optional: bool = False


Schema: TypeAlias = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as plain rows: texts, whole numbers, booleans and None, in the order of the columns."""

    schema: Schema
    rows: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def lists(self) -> list[Sequence[Any]]:
        """Return the columns."""
        return list(zip(*self.rows, strict=True)) if self.rows else [()] * len(self.schema)

    def slice(self, first: int, size: int) -> "Rows":
        """Return some rows, as a slice of an Arrow table."""
        return Rows(self.schema, self.rows[first : first + size])


Table: TypeAlias = Any
"""`Rows`, or a `pyarrow.Table` with the same columns."""


def taken(table: Table, numbers: Sequence[int] | Any) -> Table:
    """Return the rows with these numbers."""
    if isinstance(table, Rows):
        return Rows(table.schema, [table.rows[number] for number in numbers])
    return table.take(numbers)


def lists_of(table: Table, *names: str) -> list[Sequence[Any]]:
    """Return columns as lists of texts, whole numbers, booleans and None. Times are milliseconds."""
    if isinstance(table, Rows):
        by_name = dict(zip((column.name for column in table.schema), table.lists(), strict=True))
        return [by_name[name] for name in names]
    from headcount.batch import arrow_tables  # noqa: PLC0415 - loaded only if there is an Arrow table

    return arrow_tables.lists_of(table, *names)

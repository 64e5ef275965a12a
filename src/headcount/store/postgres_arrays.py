"""Rows as arrays: how PostgreSQL is given many rows or keys in one statement, with one array for each column.

A JSON list is nearly the text of an array, so that a fast encoder writes it. Reading an array takes the server half the
time of reading JSON objects.

Responsible for these statements and for the text of arrays. Must not know the tables.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from headcount.store.statements import bulk, bulk_target, for_postgres

_TYPES: Final = (
    b"select attname, format_type(atttypid, null) from pg_attribute"
    b" where attrelid = cast(%s as regclass) and attnum > 0 and not attisdropped"
)
_OTHER_ESCAPE: Final = re.compile(r"\\[^\\\"]")


class ArrayStatement(NamedTuple):
    """A statement about many rows. `types` are those of its columns."""

    text: bytes
    types: tuple[str, ...]

    def values(self, rows: Iterable[Sequence[Any]]) -> list[str]:
        """Return the values of the statement for these rows, of which there is at least one."""
        columns = zip(*rows, strict=True)
        return [
            array_of([_hex(value) for value in column] if kind == "bytea" else column)
            for kind, column in zip(self.types, columns, strict=True)
        ]


class ArrayStatements:
    """The statements of one database. The types of columns are read from its catalog, once for each statement."""

    def __init__(self) -> None:
        self._known: dict[str, ArrayStatement | None] = {}

    def writing(self, raw: "psycopg.Connection[Any]", text: str) -> ArrayStatement | None:
        """Return the statement about many rows for one about a single row; None if there is none."""
        if text not in self._known:
            self._known[text] = _statement(raw, text)
        return self._known[text]


def _statement(raw: "psycopg.Connection[Any]", text: str) -> ArrayStatement | None:
    target = bulk_target(text)
    if target is None:
        return None
    table, columns = target
    known = dict(raw.execute(_TYPES, (table,)).fetchall())
    types = tuple(known[column] for column in columns)
    return ArrayStatement(for_postgres(bulk(text, types)).encode(), types)


def lookup_by_arrays(text: str, keys: Sequence[Sequence[Any]]) -> tuple[str, dict[str, Any]]:
    """Return a statement about these keys, which stand for `{keys}` in it, and its values: an array for each column."""
    arrays = {f"keys_{number}": array_of(column) for number, column in enumerate(zip(*keys, strict=True))}
    return _lookup(text, tuple("bigint" if isinstance(value, int) else "text" for value in keys[0])), arrays


@cache
def _lookup(text: str, types: tuple[str, ...]) -> str:
    arrays = ", ".join(f"cast(:keys_{number} as {kind}[])" for number, kind in enumerate(types))
    return text.format(keys=f"select * from unnest({arrays})")  # noqa: S608 - our own


def array_of(values: Sequence[Any]) -> str:
    """Return the text of an array: texts, numbers and None."""
    encoded = msgspec.json.encode(values).decode()
    if "\\" in encoded and _OTHER_ESCAPE.search(encoded.replace("\\\\", "")):
        encoded = f"[{','.join(map(_quoted, values))}]"
    return f"{{{encoded[1:-1]}}}"


def _quoted(value: str | None) -> str:
    """Return a text with control characters as they are: JSON has escapes for them, which an array has not."""
    if value is None:
        return "null"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"

"""Writers of plain rows as CSV and NDJSON, with the same bytes as for Arrow tables.

Responsible for the text of each value. Must not know files, or what is in a table.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from headcount.batch.rows import Rows, Type
from headcount.timestamps import format_timestamp


def csv_batches(rows: Rows) -> Iterator[bytes]:
    """Yield the rows as CSV. Texts are always in quotes: an empty text differs from an unknown value."""
    texts = [_CSV_TEXT[column.type] for column in rows.schema]
    yield "".join(
        ",".join("" if value is None else text(value) for text, value in zip(texts, row, strict=True)) + "\n"
        for row in rows.rows
    ).encode()


def value_batches(rows: Rows) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Yield the rows as values, with times as RFC 3339."""
    yield zip(
        *(
            [None if value is None else format_timestamp(value) for value in values]
            if column.type is Type.TIME
            else values
            for column, values in zip(rows.schema, rows.lists(), strict=True)
        ),
        strict=True,
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_CSV_TEXT: Final[dict[Type, Callable[[Any], str]]] = {
    Type.TEXT: _quoted,
    Type.WORD: _quoted,
    Type.TIME: lambda ms: f'"{format_timestamp(ms)}"',
    Type.FLAG: lambda flag: "true" if flag else "false",
    Type.COUNT: str,
    Type.LARGE: str,
}

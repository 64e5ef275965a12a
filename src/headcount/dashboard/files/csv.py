"""CSV files by RFC 4180 that spreadsheets open correctly.

Responsible for encoding and escaping. A byte order mark lets Excel recognize UTF-8. A text that a spreadsheet would run as a
formula gets an apostrophe before it, as OWASP advises, because names come from anybody. Numbers, also negative ones, are
left as they are.
"""

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from headcount.dashboard.files.table import Column, Table, Type
from headcount.dashboard.sanitize import harmless, local
from headcount.terminal import escape_formula
from headcount.timestamps import format_datetime

_ROWS_PER_CHUNK: Final = 500
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()


def as_csv(table: Table) -> Iterator[bytes]:
    """Yield the table in chunks, so that memory does not grow with it.

    Times are ISO 8601 with offset, durations are seconds, ratios are percent. The header names the units.
    """
    yield _BYTE_ORDER_MARK
    rows = chain([_header(table)], (_cells(row, table) for row in table.rows))
    while chunk := list(islice(rows, _ROWS_PER_CHUNK)):
        yield _encode(chunk)


def _encode(rows: list[list[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _header(table: Table) -> list[object]:
    return [_text(_column_header(column, table)) for column in table.columns]


def _column_header(column: Column, table: Table) -> str:
    unit = {Type.TIME: str(table.zone), Type.DURATION: "s", Type.PERCENT: "%"}.get(column.type)
    return column.name if unit is None else f"{column.name} ({unit})"


def _cells(row: Any, table: Table) -> list[object]:
    return [_cell(value, column.type, table) for value, column in zip(row, table.columns, strict=True)]


def _cell(value: Any, kind: Type, table: Table) -> object:
    if value is None:
        return ""
    match kind:
        case Type.TEXT:
            return _text(value)
        case Type.TIME:
            return format_datetime(local(value, table.zone))
        case Type.DURATION:
            return _decimal(value / 1_000)
        case Type.PERCENT:
            return _decimal(value * 100)
        case Type.FLAG:
            return "true" if value else "false"
        case Type.NUMBER | Type.INTEGER:
            return value


def _decimal(number: float) -> str:
    """A number without exponent, and with at most three decimals."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    return escape_formula(harmless(text))

"""CSV: tables as RFC 4180 has them, and as spreadsheets open them rightly.

UTF-8 with a byte order mark, because Excel takes it for something else without one. A text that a
spreadsheet would run as a formula gets an apostrophe before it, as OWASP advises: names come from
anybody. Numbers stay numbers, and a negative one is none of those.
"""

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from headcount.dashboard.files.table import Column, Table, Type
from headcount.dashboard.sanitize import harmless, local

_ROWS_AT_ONCE: Final = 500
_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
_BEGIN_FORMULAS: Final = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - wide signs begin formulas, too


def as_csv(table: Table) -> Iterator[bytes]:
    """The table, some rows at a time, so that no length of it takes memory.

    Moments are ISO 8601 with their offset, spans are seconds, parts of one are percent; the header
    says so.
    """
    yield _MARK
    rows = chain([_header(table)], (_cells(row, table) for row in table.rows))
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        yield _written(some)


def _written(rows: list[list[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _header(table: Table) -> list[object]:
    return [_text(_named(column, table)) for column in table.columns]


def _named(column: Column, table: Table) -> str:
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
            return local(value, table.zone).isoformat(timespec="milliseconds")
        case Type.DURATION:
            return _plain(value / 1_000)
        case Type.PERCENT:
            return _plain(value * 100)
        case Type.FLAG:
            return "true" if value else "false"
        case Type.NUMBER | Type.INTEGER:
            return value


def _plain(number: float) -> str:
    """A number without an exponent, and without a tail of noughts or of what binary adds."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    safe = harmless(text)
    return f"'{safe}" if safe.startswith(_BEGIN_FORMULAS) else safe

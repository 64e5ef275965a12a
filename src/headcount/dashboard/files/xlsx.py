"""Excel workbooks: one sheet for each table, with native times, durations and percentages.

Responsible for writing rows as they come: memory does not grow with a table, because the library writes to a temporary file.
A cell has no time zone, so the header names it. Texts are never formulas or links.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from itertools import chain, islice
from math import isfinite
from typing import Any, BinaryIO, Final

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from headcount.dashboard.files.table import Column, Table, Type
from headcount.dashboard.sanitize import harmless, local, one_line
from headcount.kernel.events import Ms

MAX_ROWS: Final = 1_048_575
"""Rows below the header of one sheet. Further rows are on the next sheet."""

_DAY_MS: Final = 86_400_000
_MAX_TEXT_LENGTH: Final = 32_767
_MAX_NAME_LENGTH: Final = 31
_MAX_COLUMN_WIDTH: Final = 48
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\]")
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_FORMATS: Final = {
    Type.INTEGER: "0",
    Type.TIME: "yyyy-mm-dd hh:mm:ss",
    Type.DURATION: "[h]:mm:ss",
    Type.PERCENT: "0.0%",
}
_WIDTHS: Final = {Type.TIME: 19, Type.DURATION: 10}


def write_xlsx(tables: Sequence[Table], created: Ms, file: BinaryIO) -> None:
    """Write a workbook with a sheet for each table. `created` is the creation time of the workbook."""
    book = Workbook(file, _OPTIONS)
    book.set_properties({"created": local(created, UTC)})
    used_names: set[str] = set()
    for table in tables:
        for rows in _rows_by_sheet(table.rows):
            name = _free_name(table.title, used_names)
            used_names.add(name.casefold())
            _Sheet(book, name, table).write(rows)
    book.close()


def _rows_by_sheet(rows: Iterable[Sequence[Any]]) -> Iterator[Iterable[Sequence[Any]]]:
    """The rows of each sheet. There is one sheet even without rows."""
    rest = iter(rows)
    yield islice(rest, MAX_ROWS)
    for first in rest:
        yield chain([first], islice(rest, MAX_ROWS - 1))


def _free_name(title: str, used_names: set[str]) -> str:
    """A name that Excel allows and no sheet has yet."""
    plain = _NOT_IN_NAMES.sub(" ", one_line(title)).strip("' ") or "Table"
    plain = f"{plain}_" if plain.casefold() == "history" else plain  # Excel reserves that name
    number, name = 1, _shortened(plain, "")
    while name.casefold() in used_names:
        number += 1
        name = _shortened(plain, f" ({number})")
    return name


def _shortened(name: str, end: str) -> str:
    """Excel counts UTF-16 code units, so one character may count twice."""
    while len((name + end).encode("utf-16-le")) > 2 * _MAX_NAME_LENGTH:
        name = name[:-1]
    return name.rstrip("' ") + end


class _Sheet:
    """A sheet that is written row by row."""

    def __init__(self, book: Workbook, name: str, table: Table) -> None:
        self._sheet: Worksheet = book.add_worksheet(name)
        self._table = table
        self._heading: Format = book.add_format({"bold": True, "bottom": 1})
        self._plain: Format = book.add_format()
        self._formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}
        self._widths = [0] * len(table.columns)

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        for position, column in enumerate(self._table.columns):
            heading = self._heading_of(column)
            self._write_text(0, position, heading, self._heading)
            self._widths[position] = max(
                len(heading) + 3, _WIDTHS.get(column.type, 0)
            )  # 3: the arrow of the filter
        last = 0
        for last, row in enumerate(rows, 1):
            for position, (value, column) in enumerate(zip(row, self._table.columns, strict=True)):
                if value is not None:
                    self._write_cell(last, position, value, column.type)
        self._finish(last)

    def _heading_of(self, column: Column) -> str:
        return f"{column.name} ({self._table.zone})" if column.type is Type.TIME else column.name

    def _write_cell(self, row: int, position: int, value: Any, kind: Type) -> None:
        form = self._formats.get(kind)
        match kind:
            case Type.TEXT:
                self._write_text(row, position, value, None)
                self._widths[position] = max(self._widths[position], min(len(value) + 1, _MAX_COLUMN_WIDTH))
            case Type.FLAG:
                self._sheet.write_boolean(row, position, bool(value))
            case Type.TIME:
                at = local(value, self._table.zone).replace(tzinfo=None)
                self._sheet.write_datetime(row, position, at, form)
            case Type.DURATION:
                self._sheet.write_number(row, position, value / _DAY_MS, form)
            case _ if isfinite(value):
                self._sheet.write_number(row, position, value, form)

    def _write_text(self, row: int, position: int, text: str, form: Format | None) -> None:
        safe = harmless(text)[:_MAX_TEXT_LENGTH]
        if safe.startswith("<r>") and safe.endswith("</r>"):
            # The library takes such a text for its own markup, and would write it as XML without escaping.
            self._sheet.write_rich_string(row, position, safe[0], self._plain, safe[1:])
        else:
            self._sheet.write_string(row, position, safe, form)

    def _finish(self, last: int) -> None:
        """Freeze the header, set column widths, and add a filter."""
        self._sheet.freeze_panes(1, 0)
        for position, width in enumerate(self._widths):
            self._sheet.set_column(position, position, min(width, _MAX_COLUMN_WIDTH))
        self._sheet.autofilter(0, 0, last, len(self._table.columns) - 1)

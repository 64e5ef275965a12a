"""Text of a report, and its lines of cells.

Reports pass through portals, browsers and spreadsheets: UTF-8 with or without a byte order mark, UTF-16; tabs, commas or
semicolons. Must not know what the cells mean.
"""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.sources.json_values import UTF16_BOMS

_DELIMITERS: Final = "\t,;"
# Browsers put special spaces and invisible marks between the parts of a time.
_SPACES: Final = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200e\u200f\ufeff\0"))


class Line(NamedTuple):
    """One line of a report; `number` is the line of the file on which it starts."""

    number: int
    cells: Sequence[str]

    def cell(self, column: int | None) -> str:
        """Return the cell in a column, or '' where the line is shorter or the column does not exist."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


def decode_text(raw: bytes) -> str:
    """Return the text of a file. Raise `BadInput` if it is not text, or empty."""
    try:
        text = raw.decode(_encoding(raw)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput("is neither UTF-8 nor UTF-16 text: save it as CSV in UTF-8") from error
    if not text.strip():
        raise BadInput("is empty")
    return text


def _encoding(raw: bytes) -> str:
    if raw.startswith(UTF16_BOMS):
        return "utf-16"
    zeros = raw.count(0)
    if zeros * 20 > len(raw):  # of digits and delimiters, whatever the language is
        return "utf-16-le" if raw[1::2].count(0) * 2 > zeros else "utf-16-be"
    return "utf-8-sig"


def split_lines(text: str, is_header: Callable[[Line], bool], missing: str) -> list[Line]:
    """Return the lines of a report, split by the delimiter that makes one of them its header.

    Raise `BadInput` with `missing` if there is no header, and if a quote is never closed.
    """
    for delimiter in _DELIMITERS:
        lines, damage = _split(text, delimiter) if delimiter in text else ([], "")
        if any(is_header(line) for line in lines):
            if damage:
                raise BadInput(damage)
            return lines
    raise BadInput(missing)


def _split(text: str, delimiter: str) -> tuple[list[Line], str]:
    """Return the lines that can be read, and the error of the next one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Line] = []
    start = 1
    try:
        for cells in reader:
            lines.append(Line(start, [clean(cell) for cell in cells]))
            start = reader.line_num + 1
    except csv.Error as error:
        return lines, f"is damaged from line {start} on, perhaps by a quote that is never closed ({error})"
    return lines, ""


def clean(cell: str) -> str:
    """Return a cell on one line, without invisible characters."""
    return " ".join(cell.translate(_SPACES).translate(_INVISIBLE).split())

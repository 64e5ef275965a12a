"""Texts: the bytes of a report as text, and the text as rows of cells.

Reports go through portals, browsers and spreadsheets before they come here: UTF-8 with a mark or
without, UTF-16; tabs, commas or semicolons.
"""

import codecs
import csv
import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from headcount.errors import BadInput

UTF8_MARK: Final = codecs.BOM_UTF8
UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_DIVIDERS: Final = "\t,;"
# Between the words of a time browsers put blanks that look like blanks, and marks that look like nothing.
_BLANKS: Final = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " ")
_NOTHING: Final = dict.fromkeys(map(ord, "\u200b\u200e\u200f\ufeff\0"))


class Line(NamedTuple):
    """One row of a report; `number` is the line of the file on which it begins."""

    number: int
    cells: Sequence[str]

    def cell(self, column: int | None) -> str:
        """What stands in a column; nothing where the row is shorter, or there is no such column."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


def decode_text(raw: bytes) -> str:
    """The bytes of a text file as text. Raises `BadInput` if it is none, or empty."""
    try:
        text = raw.decode(_encoding(raw)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput("is neither UTF-8 nor UTF-16 text: save it as CSV in UTF-8") from error
    if not text.strip():
        raise BadInput("is empty")
    return text


def _encoding(raw: bytes) -> str:
    if raw.startswith(UTF16_MARKS):
        return "utf-16"
    if b"\0" in raw[:2]:  # a report begins with a letter, or a digit
        return "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    return "utf-8-sig"


def split_lines(text: str, is_header: Callable[[Line], bool], missing: str) -> list[Line]:
    """The rows of a report, divided by whatever makes one of them its header.

    Raises `BadInput` with `missing` if none is, and if a quote is never closed.
    """
    for divider in _DIVIDERS:
        lines, damage = _divided(text, divider) if divider in text else ([], "")
        if any(is_header(line) for line in lines):
            if damage:
                raise BadInput(damage)
            return lines
    raise BadInput(missing)


def _divided(text: str, divider: str) -> tuple[list[Line], str]:
    """The rows as far as they can be told apart, and what is wrong with the next one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=divider, strict=True)
    lines: list[Line] = []
    begins = 1
    try:
        for cells in reader:
            lines.append(Line(begins, [clean(cell) for cell in cells]))
            begins = reader.line_num + 1
    except csv.Error as error:
        return lines, f"is damaged from line {begins} on, perhaps by a quote that is never closed ({error})"
    return lines, ""


def clean(cell: str) -> str:
    """A cell on one line, without what cannot be seen in it."""
    return " ".join(cell.translate(_BLANKS).translate(_NOTHING).split())

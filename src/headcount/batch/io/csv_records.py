"""Records of a CSV file: its delimiter, its header, and one record after the other.

Responsible for the form of the records, their lines, and the text of each. Must not know columns, or which values are valid.
"""

import csv
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Final, NamedTuple

from headcount.batch.io.text_files import LONGEST_LINE, opened, require_utf8, too_long_a_line, unpacked
from headcount.errors import BadInput

_UTF8_ENOUGH: Final = 4
_DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r'(?:\ufeff)?"?sep=([\t !#-~])"?[\r\n]*', re.IGNORECASE)


class Dialect(NamedTuple):
    """The form of the records of a file."""

    delimiter: str
    is_named: bool = False
    """The first line names the delimiter, as Excel reads and writes it: `sep=;`."""
    is_spaced: bool = False
    """Spaces follow the delimiters."""


class Record(NamedTuple):
    """One record: the line on which it begins, its fields, and its text.

    Bytes that are not UTF-8 are surrogates in it.
    """

    line: int
    fields: list[str]
    text: str


def read_header(path: Path, where: str) -> tuple[Dialect, list[str]]:
    """Return the form of the records, and the names of the columns: the delimiter is the one that divides the header most."""
    with opened(path, where) as file, unpacked(where):
        beginning = file.plain.readline(LONGEST_LINE)
    require_utf8(beginning[:_UTF8_ENOUGH], where)
    named = _SEPARATOR_LINE.fullmatch(beginning.decode(errors="replace"))
    dialects = [Dialect(named[1], is_named=True)] if named else list(map(Dialect, _DELIMITERS))
    found = [(dialect, _names(path, where, dialect)) for dialect in dialects]
    dialect, names = max(found, key=lambda one: len(one[1]))
    if any(name.startswith(" ") for name in names[1:]):
        dialect = dialect._replace(is_spaced=True)
        names = _names(path, where, dialect)
    return dialect, names


def _names(path: Path, where: str, dialect: Dialect) -> list[str]:
    for record in read_records(path, where, dialect):
        return [readable(name) for name in record.fields]
    raise BadInput("is empty", where=where)


def read_records(path: Path, where: str, dialect: Dialect) -> Iterator[Record]:
    """Yield all records with their lines, the header first, without empty lines."""
    with opened(path, where) as file, unpacked(where):
        text = TextIOWrapper(file.plain, "utf-8-sig", "surrogateescape", newline="")
        lines = _RecordingLines(_lines(text, where))
        records = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.is_spaced)
        before = 0
        try:
            if dialect.is_named:
                next(records)
                before, _ = records.line_num, lines.take()
            for fields in records:
                if fields:
                    yield Record(before + 1, fields, lines.take())
                before = records.line_num
        except csv.Error as error:
            raise BadInput(
                f"a quote is missing here or above: close it, or write a quote within quotes twice ({error})",
                where=where,
                place=f"line {before + 1:,}",
            ) from error


def _lines(text: TextIOWrapper, where: str) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise too_long_a_line(where)
        yield line


class _RecordingLines:
    """An iterator of lines that also records those since `take` was last called."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._recorded: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._recorded.append(line)
            yield line

    def take(self) -> str:
        text = "".join(self._recorded)
        self._recorded.clear()
        return text


def encoded(field: str) -> bytes:
    return field.encode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    return encoded(text).decode("utf-8", "backslashreplace")

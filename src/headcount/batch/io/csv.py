"""Reader of CSV files: a header, and one event per record.

Responsible for the delimiter, and for two parsers: Arrow's, which is very fast, but reports no line numbers and fails at a
record with a field too few; and a slow one, record by record, which continues where Arrow fails and finds the lines of
invalid records. Must not know which values are valid.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from headcount.batch.io.blocks import AS_NAMED, Block, ColumnMap, Problem, is_coded
from headcount.batch.io.schema import require_columns, selected
from headcount.batch.io.text_columns import CODES
from headcount.batch.io.text_files import LONGEST_LINE, opened, require_utf8, too_long_a_line, unpacked
from headcount.errors import BadInput

_FAST_BYTES: Final = 1 << 24
_SLOW_RECORDS: Final = 1 << 16
_UTF8_ENOUGH: Final = 4
_DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r'(?:\ufeff)?"?sep=([\t !#-~])"?[\r\n]*', re.IGNORECASE)


class _Dialect(NamedTuple):
    """The form of the records of a file."""

    delimiter: str
    is_named: bool = False
    """The first line names the delimiter, as Excel reads and writes it: `sep=;`."""
    is_spaced: bool = False
    """Spaces follow the delimiters."""


class _Record(NamedTuple):
    """One record: the line on which it begins, its fields, and its text.

    Bytes that are not UTF-8 are surrogates in it.
    """

    line: int
    fields: list[str]
    text: str


class _Rows(NamedTuple):
    """The rows of a block as records of their file."""

    where: str
    record: Callable[[int], _Record]
    unit: str = "line"

    def number(self, row: int) -> int:
        return self.record(row).line

    def original(self, row: int) -> dict[str, Any]:
        return {"text": _readable(self.record(row).text).rstrip("\r\n")}


def read_csv(path: Path, where: str, mapping: ColumnMap = AS_NAMED) -> Iterator[Block]:
    """Yield the records of a CSV file. Raises `BadInput` if it has no header or a column is missing."""
    dialect, names = _header(path, where)
    wanted = require_columns(names, where, mapping)
    done = 0
    try:
        for block in () if dialect.is_spaced else _fast(path, where, dialect, wanted):
            yield block
            done += len(block.rows)
        if not dialect.is_spaced:
            return
    except pa.ArrowInvalid:
        pass
    yield from _slow(path, where, dialect, names, wanted, done)


def _header(path: Path, where: str) -> tuple[_Dialect, list[str]]:
    """Return the form of the records, and the names of the columns: the delimiter is the one that divides the header most."""
    with opened(path, where) as file, unpacked(where):
        beginning = file.plain.readline(LONGEST_LINE)
    require_utf8(beginning[:_UTF8_ENOUGH], where)
    named = _SEPARATOR_LINE.fullmatch(beginning.decode(errors="replace"))
    dialects = [_Dialect(named[1], is_named=True)] if named else list(map(_Dialect, _DELIMITERS))
    found = [(dialect, _names(path, where, dialect)) for dialect in dialects]
    dialect, names = max(found, key=lambda one: len(one[1]))
    if any(name.startswith(" ") for name in names[1:]):
        dialect = dialect._replace(is_spaced=True)
        names = _names(path, where, dialect)
    return dialect, names


def _names(path: Path, where: str, dialect: _Dialect) -> list[str]:
    for record in _records(path, where, dialect):
        return [_readable(name) for name in record.fields]
    raise BadInput("is empty", where=where)


def _fast(path: Path, where: str, dialect: _Dialect, wanted: Mapping[str, str]) -> Iterator[Block]:
    kinds = {name: CODES if is_coded(column) else pa.string() for column, name in wanted.items()}
    parse = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(include_columns=list(kinds), column_types=kinds, check_utf8=False)
    by_number = _RecordsByNumber(path, where, dialect)
    done = 0
    with opened(path, where) as file, unpacked(where):
        read = arrow_csv.ReadOptions(block_size=_FAST_BYTES, skip_rows=int(dialect.is_named))
        with arrow_csv.open_csv(file.plain, read, parse, convert) as batches:
            for batch in batches:
                origin = _Rows(where, by_number.after(done))
                yield Block(selected(pa.Table.from_batches([batch]), wanted), origin, share=file.share())
                done += len(batch)


def _slow(
    path: Path, where: str, dialect: _Dialect, names: list[str], wanted: Mapping[str, str], done: int
) -> Iterator[Block]:
    records = islice(_records(path, where, dialect), 1 + done, None)
    while some := list(islice(records, _SLOW_RECORDS)):
        rows = selected(_table(some, names), wanted)
        yield Block(
            rows, _Rows(where, some.__getitem__), _of_wrong_width(some, len(names), dialect.delimiter)
        )


def _table(records: list[_Record], names: list[str]) -> pa.Table:
    """Return the records as columns of bytes; missing fields are empty."""
    width = len(names)
    rows = [(record.fields + [""] * width)[:width] for record in records]
    columns = [[_bytes(field) for field in column] for column in zip(*rows, strict=True)]
    return pa.table([pa.array(column, pa.binary()) for column in columns], names)


def _of_wrong_width(records: list[_Record], width: int, delimiter: str) -> list[Problem]:
    wrong = np.array([len(record.fields) != width for record in records], np.bool_)
    if not wrong.any():
        return []

    def reason(row: int) -> str:
        fields = len(records[row].fields)
        fix = f": put fields that contain {delimiter!r} in double quotes" if fields > width else ""
        return f"the header has {width} fields, this record {fields}{fix}"

    return [Problem(wrong, reason)]


class _RecordsByNumber:
    """The records of a file by their number, the first after the header being 0.

    It reads on for ascending numbers, which is the usual order, and starts again for a lower one.
    """

    def __init__(self, path: Path, where: str, dialect: _Dialect) -> None:
        self._file = (path, where, dialect)
        self._remaining: Iterator[_Record] = iter(())
        self._number = -1
        self._current = _Record(0, [], "")

    def after(self, done: int) -> Callable[[int], _Record]:
        """Return a function of the records that follow `done` others."""
        return lambda row: self._record(done + row)

    def _record(self, number: int) -> _Record:
        if self._number < 0 or number < self._number:
            self._remaining, self._number = islice(_records(*self._file), 1, None), -1
        while self._number < number:
            self._current = next(self._remaining)
            self._number += 1
        return self._current


def _records(path: Path, where: str, dialect: _Dialect) -> Iterator[_Record]:
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
                    yield _Record(before + 1, fields, lines.take())
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


def _bytes(field: str) -> bytes:
    return field.encode("utf-8", "surrogateescape")


def _readable(text: str) -> str:
    return _bytes(text).decode("utf-8", "backslashreplace")

"""Reader of CSV files: a header, and one event per record.

Responsible for two parsers: Arrow's, which is very fast, but reports no line numbers and fails at a
record with a field too few; and a slow one, record by record, which continues where Arrow fails and finds the lines of
invalid records. Must not know which values are valid.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from headcount.batch.io.blocks import Block, Problem
from headcount.batch.io.column_map import require_columns
from headcount.batch.io.csv_records import Dialect, Record, encoded, read_header, read_records, readable
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap, is_coded
from headcount.batch.io.schema import selected
from headcount.batch.io.text_columns import CODES
from headcount.batch.io.text_files import opened, unpacked

_FAST_BYTES: Final = 1 << 24
_SLOW_RECORDS: Final = 1 << 16


class _Rows(NamedTuple):
    """The rows of a block as records of their file."""

    where: str
    record: Callable[[int], Record]
    unit: str = "line"

    def number(self, row: int) -> int:
        return self.record(row).line

    def original(self, row: int) -> dict[str, Any]:
        return {"text": readable(self.record(row).text).rstrip("\r\n")}


def read_csv(
    path: Path, where: str, mapping: ColumnMap = AS_NAMED, *, pooled: bool = True
) -> Iterator[Block]:
    """Yield the records of a CSV file. `pooled`: in the threads of Arrow's pool. Raises `BadInput` if it has no header or a column is missing."""
    dialect, names = read_header(path, where)
    wanted = require_columns(names, where, mapping)
    done = 0
    try:
        for block in () if dialect.is_spaced else _fast(path, where, dialect, wanted, pooled=pooled):
            yield block
            done += len(block.rows)
        if not dialect.is_spaced:
            return
    except pa.ArrowInvalid:
        pass
    yield from _slow(path, where, dialect, names, wanted, done)


def _fast(
    path: Path, where: str, dialect: Dialect, wanted: Mapping[str, str], *, pooled: bool
) -> Iterator[Block]:
    kinds = {name: CODES if is_coded(column) else pa.string() for column, name in wanted.items()}
    parse = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(include_columns=list(kinds), column_types=kinds, check_utf8=False)
    by_number = _RecordsByNumber(path, where, dialect)
    done = 0
    with opened(path, where) as file, unpacked(where):
        read = arrow_csv.ReadOptions(
            block_size=_FAST_BYTES, skip_rows=int(dialect.is_named), use_threads=pooled
        )
        with arrow_csv.open_csv(file.plain, read, parse, convert) as batches:
            for batch in batches:
                origin = _Rows(where, by_number.after(done))
                yield Block(selected(pa.Table.from_batches([batch]), wanted), origin, share=file.share())
                done += len(batch)


def _slow(
    path: Path, where: str, dialect: Dialect, names: list[str], wanted: Mapping[str, str], done: int
) -> Iterator[Block]:
    records = islice(read_records(path, where, dialect), 1 + done, None)
    while some := list(islice(records, _SLOW_RECORDS)):
        rows = selected(_table(some, names), wanted)
        yield Block(
            rows, _Rows(where, some.__getitem__), _of_wrong_width(some, len(names), dialect.delimiter)
        )


def _table(records: list[Record], names: list[str]) -> pa.Table:
    """Return the records as columns of bytes; missing fields are empty."""
    width = len(names)
    rows = [(record.fields + [""] * width)[:width] for record in records]
    columns = [[encoded(field) for field in column] for column in zip(*rows, strict=True)]
    return pa.table([pa.array(column, pa.binary()) for column in columns], names)


def _of_wrong_width(records: list[Record], width: int, delimiter: str) -> list[Problem]:
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

    def __init__(self, path: Path, where: str, dialect: Dialect) -> None:
        self._file = (path, where, dialect)
        self._remaining: Iterator[Record] = iter(())
        self._number = -1
        self._current = Record(0, [], "")

    def after(self, done: int) -> Callable[[int], Record]:
        """Return a function of the records that follow `done` others."""
        return lambda row: self._record(done + row)

    def _record(self, number: int) -> Record:
        if self._number < 0 or number < self._number:
            self._remaining, self._number = islice(read_records(*self._file), 1, None), -1
        while self._number < number:
            self._current = next(self._remaining)
            self._number += 1
        return self._current

"""Reader of events from files and tables, as a lazy stream of tables in canonical columns.

Responsible for the choice of the format and for the size of a piece: at most about `piece_rows` rows are in memory, so
that files may be larger than it. Must not know the details of a format (each has a reader), what a valid event is
(`schema.py`), or how invalid rows are handled (`rejects.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.arrow import read_parquet, read_stream
from headcount.batch.io.blocks import Block, Problem
from headcount.batch.io.csv import read_csv
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap
from headcount.batch.io.file_names import CSV, PARQUET, InputFile, input_files
from headcount.batch.io.ndjson import read_ndjson
from headcount.batch.io.rejects import CollectInvalidRows, RefuseInvalidRows, Rejects
from headcount.batch.io.schema import canonical
from headcount.batch.io.text_columns import CODES, one_array
from headcount.batch.io.text_files import STANDARD_INPUT, STANDARD_INPUT_NAME
from headcount.errors import BadInput
from headcount.limits import WIDEST_LIMITS, Limits

PIECE_ROWS: Final = 4_000_000
"""Maximum number of rows in memory at once: some hundred megabytes."""

EventTable: TypeAlias = pa.Table
"""A table in the columns of `schema.py`. Columns of codes are one array each."""

Source: TypeAlias = Any
"""A path or several, '-' for NDJSON on standard input, or anything with `__arrow_c_stream__`."""

_T = TypeVar("_T")
_EMPTY: Final = pa.schema(
    [("room", CODES), ("kind", pa.int8()), ("at", pa.int64()), ("participant_id", pa.string())]
)


Check: TypeAlias = Callable[[EventTable], list[Problem]]
"""A further validation of a block in canonical columns."""


def _no_check(_: EventTable) -> list[Problem]:
    return []


def read(
    source: Source,
    *,
    skip_invalid: bool = False,
    piece_rows: int = PIECE_ROWS,
    check: Check = _no_check,
    mapping: ColumnMap = AS_NAMED,
    limits: Limits = WIDEST_LIMITS,
    by_file: bool = False,
    threads: int | None = None,
) -> "EventTables":
    """Return the tables of events. With `skip_invalid`, invalid rows are skipped and collected in `rejects`.

    `by_file`: each piece has rows of one file only. `check` may find more rows invalid, and so do the `limits` of attributes. `EventTables` is returned as it is.
    Arrow reads with all threads of its pool, or with the calling one alone if they are more than `threads`. Raise `BadInput` for files that do
    not exist or have no known format; for their content, as they are read.
    """
    if isinstance(source, EventTables):
        return source
    rejects = CollectInvalidRows() if skip_invalid else RefuseInvalidRows()
    return EventTables(
        _blocks(source, piece_rows, mapping, pooled=threads is None or threads >= pa.cpu_count()),
        rejects,
        piece_rows,
        check,
        limits,
        by_file=by_file,
    )


class EventTables:
    """Events that are read once, piece by piece.

    There is at least one piece, which may be empty. Pieces may differ in their optional columns.
    Iterating raises `BadInput` for files that cannot be read and, unless invalid rows are skipped,
    for the first invalid row: at the end, with the number of all others.
    """

    def __init__(
        self,
        blocks: Iterator[Block],
        rejects: Rejects,
        piece_rows: int,
        check: Check = _no_check,
        limits: Limits = WIDEST_LIMITS,
        *,
        by_file: bool = False,
    ) -> None:
        self.where = ""
        """The file of the latest piece, or of its last rows."""
        self.share = 0.0
        """The part of all files that has been read by the end of the latest piece, from 0 to 1, if known."""
        self.rejects = rejects
        self._blocks = blocks
        self._piece_rows = piece_rows
        self._check = check
        self._limits = limits
        self._by_file = by_file

    @property
    def rejected(self) -> int:
        """The number of invalid rows skipped so far."""
        return self.rejects.count

    def __iter__(self) -> Iterator[EventTable]:
        together: list[pa.Table] = []
        rows, share, where = 0, 0.0, ""
        for table, read_so_far, file in self._valid():
            is_other = self._by_file and file != where
            if rows and (is_other or rows + len(table) > self._piece_rows or not _fits(together[0], table)):
                self.share, self.where = share, where
                yield joined(together)
                together, rows = [], 0
            together.append(table)
            rows += len(table)
            share, where = read_so_far, file
        self.rejects.finish()
        self.share, self.where = share, where
        yield joined(together) if together else _EMPTY.empty_table()

    def _valid(self) -> Iterator[tuple[pa.Table, float, str]]:
        """Yield each block in canonical columns, without invalid rows, the part that has been read by its end, and its file.

        It yields nothing more once invalid rows make it fail.
        """
        for block in self._blocks:
            checked = canonical(block.rows, block.origin.where, block.mapping, self._limits)
            problems = [*block.problems, *checked.problems, *self._check(checked.table)]
            table = checked.table
            if problems:
                invalid = self.rejects.add(block, problems)
                table = table.filter(
                    pa.array(~(invalid if checked.ignored is None else invalid | checked.ignored))
                )
            elif checked.ignored is not None:
                table = table.filter(pa.array(~checked.ignored))
            if not self.rejects.fails():
                yield table, block.share, block.origin.where


def _fits(first: pa.Table, other: pa.Table) -> bool:
    """Return whether common columns have equal types. Participants may be strings or codes."""
    shared = set(first.column_names) & set(other.column_names)
    return all(first.schema.field(name).type == other.schema.field(name).type for name in shared)


def ahead(pieces: Iterator[_T], threads: int) -> Iterator[_T]:
    """Yield the same pieces, each read while the one before is processed, the first from now on, if there may be two threads."""
    if threads == 1:
        return pieces
    reader = ThreadPoolExecutor(1)
    return _one_ahead(pieces, reader, reader.submit(next, pieces, None))


def _one_ahead(pieces: Iterator[_T], reader: ThreadPoolExecutor, pending: Future[_T | None]) -> Iterator[_T]:
    with reader:
        while (piece := pending.result()) is not None:
            pending = reader.submit(next, pieces, None)
            yield piece


def joined(tables: Sequence[EventTable]) -> EventTable:
    """Return several pieces as one, with all columns of any, and one dictionary for each column of codes."""
    if len({table.schema.field("participant_id").type for table in tables}) > 1:
        tables = [_with_decoded_participants(table) for table in tables]
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
    for position, field in enumerate(table.schema):
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            table = table.set_column(position, field.name, one_array(column))
        elif field.name == "inferred" and column.null_count:
            table = table.set_column(position, field.name, pc.fill_null(column, pa.scalar(0, pa.int8())))
    return table


def _with_decoded_participants(table: EventTable) -> EventTable:
    position = table.column_names.index("participant_id")
    return table.set_column(position, "participant_id", table["participant_id"].cast(pa.large_string()))


def _blocks(source: Source, piece_rows: int, mapping: ColumnMap, *, pooled: bool) -> Iterator[Block]:
    if hasattr(source, "__arrow_c_stream__"):
        return _with_mapping(read_stream(source, "the events", piece_rows, mapping), mapping)
    if isinstance(source, str | PathLike):
        return _of_files([source], piece_rows, mapping, pooled=pooled)
    if isinstance(source, Sequence) and all(isinstance(path, str | PathLike) for path in source):
        return _of_files(source, piece_rows, mapping, pooled=pooled)
    raise BadInput(
        f"events must be an Arrow table or a data frame, a path, or a list of paths, not {type(source).__name__}"
    )


def _with_mapping(blocks: Iterator[Block], mapping: ColumnMap) -> Iterator[Block]:
    return blocks if mapping is AS_NAMED else (replace(block, mapping=mapping) for block in blocks)


def _of_files(
    paths: Sequence[str | PathLike[str]], piece_rows: int, mapping: ColumnMap, *, pooled: bool
) -> Iterator[Block]:
    """Validate all names at once, and read the files lazily."""
    files = input_files(paths)
    return _one_after_another([_reader(file, piece_rows, mapping, pooled=pooled) for file in files])


def _one_after_another(readers: list[Callable[[], Iterator[Block]]]) -> Iterator[Block]:
    for done, blocks in enumerate(readers):
        for block in blocks():
            yield replace(block, share=(done + block.share) / len(readers))


def _reader(
    file: InputFile, piece_rows: int, mapping: ColumnMap, *, pooled: bool
) -> Callable[[], Iterator[Block]]:
    """Return the reader of a file."""
    where = file.where
    if file.constants:
        mapping = replace(mapping, constants=file.constants)
    if where == STANDARD_INPUT:
        return lambda: _with_mapping(read_ndjson(STANDARD_INPUT, STANDARD_INPUT_NAME, mapping), mapping)
    path = Path(where)
    if file.format == PARQUET:
        return lambda: _with_mapping(read_parquet(path, where, piece_rows, mapping, pooled=pooled), mapping)
    if file.format == CSV:
        return lambda: _with_mapping(read_csv(path, where, mapping, pooled=pooled), mapping)
    return lambda: _with_mapping(read_ndjson(path, where, mapping), mapping)

"""Reading: events from files and tables, as a lazy stream of tables in canonical columns.

This module knows which formats there are and how much is read at once. What a format is made of
is known to its own reader, what an event must be to `canonical.py`, and what becomes of bad rows
to `rejects.py`. So that a file larger than memory passes through it, never more than about
`piece_rows` rows are held.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.arrow import read_parquet, read_stream
from headcount.batch.io.blocks import Block, Complaint
from headcount.batch.io.csv import read_csv
from headcount.batch.io.ndjson import read_ndjson
from headcount.batch.io.rejects import BadRowsAreKept, BadRowsEndIt, Rejects
from headcount.batch.io.schema import canonical
from headcount.batch.io.text_columns import CODES, one_array
from headcount.batch.io.text_files import STANDARD_INPUT
from headcount.errors import BadInput
from headcount.kernel.names import NUL, nul_message

PIECE_ROWS: Final = 4_000_000
"""How many rows are held at once: some hundred megabytes."""

EventTable: TypeAlias = pa.Table
"""A table in the columns that `canonical.py` describes. Columns of codes are one array each."""

Source: TypeAlias = Any
"""A path or several, '-' for NDJSON on standard input, or anything with `__arrow_c_stream__`."""

_T = TypeVar("_T")
_EMPTY: Final = pa.schema(
    [("room", CODES), ("kind", pa.int8()), ("at", pa.int64()), ("participant_id", pa.string())]
)
_TEXT_ENDINGS: Final = (".ndjson", ".jsonl", ".csv")
_FORMATS: Final = "Headcount reads .parquet, .ndjson, .jsonl and .csv, the last three also with .gz"


Check: TypeAlias = Callable[[EventTable], list[Complaint]]
"""Looks at a block in canonical columns for what its reader wants of events beyond that they are events."""


def _no_check(_: EventTable) -> list[Complaint]:
    return []


def read(
    source: Source, *, skip_bad: bool = False, piece_rows: int = PIECE_ROWS, check: Check = _no_check
) -> "Reading":
    """Read events. With `skip_bad`, bad rows are left out and kept as `rejects`. `check` may find more rows bad.

    A `Reading` is given back as it is. Raises `BadInput` for files that are not there or of
    no known format; for what is in them, as they are read.
    """
    if isinstance(source, Reading):
        return source
    rejects = BadRowsAreKept() if skip_bad else BadRowsEndIt()
    return Reading(_blocks(source, piece_rows), rejects, piece_rows, check)


class Reading:
    """Events to be read once, piece by piece.

    There is always a piece, if only an empty one. Pieces may differ in their optional columns.
    Iterating raises `BadInput` for what cannot be read, and unless bad rows are skipped, for the
    first bad row: after all were looked at, so that it can say how many more there are.
    """

    def __init__(
        self, blocks: Iterator[Block], rejects: Rejects, piece_rows: int, check: Check = _no_check
    ) -> None:
        self.share = 0.0
        """How much has been read by the end of the latest piece, from 0 to 1, as far as that is known."""
        self.rejects = rejects
        self._blocks = blocks
        self._piece_rows = piece_rows
        self._check = check

    @property
    def rejected(self) -> int:
        """How many bad rows were left out so far."""
        return self.rejects.count

    def __iter__(self) -> Iterator[EventTable]:
        together: list[pa.Table] = []
        rows, share = 0, 0.0
        for table, read_by_then in self._good():
            if rows and (rows + len(table) > self._piece_rows or not _fits(together[0], table)):
                self.share = share
                yield joined(together)
                together, rows = [], 0
            together.append(table)
            rows += len(table)
            share = read_by_then
        self.rejects.finish()
        self.share = share
        yield joined(together) if together else _EMPTY.empty_table()

    def _good(self) -> Iterator[tuple[pa.Table, float]]:
        """Each block in canonical columns, without the bad rows, and how much has been read by its end;
        nothing once bad rows were the end of it.
        """
        for block in self._blocks:
            checked = canonical(block.rows, block.origin.where)
            complaints = [*block.complaints, *checked.complaints, *self._check(checked.table)]
            table = checked.table
            if complaints:
                table = table.filter(pa.array(~self.rejects.take(block, complaints)))
            if not self.rejects.hopeless():
                yield table, block.share


def require_domain(domain: str) -> None:
    """Raises `BadInput` if events cannot be of this domain."""
    if NUL in domain:
        raise BadInput(nul_message("domain"))


def _fits(first: pa.Table, other: pa.Table) -> bool:
    """Whether what the tables have in common is of one type. Participants may come as strings or as codes."""
    shared = set(first.column_names) & set(other.column_names)
    return all(first.schema.field(name).type == other.schema.field(name).type for name in shared)


def ahead(pieces: Iterator[_T]) -> Iterator[_T]:
    """The same pieces; one is read while what came before it is worked on, the first from now on."""
    reader = ThreadPoolExecutor(1)
    return _one_ahead(pieces, reader, reader.submit(next, pieces, None))


def _one_ahead(pieces: Iterator[_T], reader: ThreadPoolExecutor, coming: Future[_T | None]) -> Iterator[_T]:
    with reader:
        while (piece := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            yield piece


def joined(tables: Sequence[EventTable]) -> EventTable:
    """Several pieces as one, with all the columns of any, and one dictionary for each column of codes."""
    if len({table.schema.field("participant_id").type for table in tables}) > 1:
        tables = [_with_participants_in_full(table) for table in tables]
    whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")
    for position, field in enumerate(whole.schema):
        column = whole[field.name]
        if pa.types.is_dictionary(field.type):
            whole = whole.set_column(position, field.name, one_array(column))
        elif field.name == "inferred" and column.null_count:
            whole = whole.set_column(position, field.name, pc.fill_null(column, pa.scalar(0, pa.int8())))
    return whole


def _with_participants_in_full(table: EventTable) -> EventTable:
    position = table.column_names.index("participant_id")
    return table.set_column(position, "participant_id", table["participant_id"].cast(pa.large_string()))


def _blocks(source: Source, piece_rows: int) -> Iterator[Block]:
    if hasattr(source, "__arrow_c_stream__"):
        return read_stream(source, "the events", piece_rows)
    if isinstance(source, str | PathLike):
        return _of_files([source], piece_rows)
    if isinstance(source, Sequence) and all(isinstance(path, str | PathLike) for path in source):
        return _of_files(source, piece_rows)
    raise BadInput(
        f"events must be a table of Arrow's kind, a path or a list of paths, not {type(source).__name__}"
    )


def _of_files(paths: Sequence[str | PathLike[str]], piece_rows: int) -> Iterator[Block]:
    """Look at all the names now, and read when asked."""
    if not paths:
        raise BadInput("there are no files to read: name at least one")
    return _one_after_another([_reader(fspath(path), piece_rows) for path in paths])


def _one_after_another(readers: list[Callable[[], Iterator[Block]]]) -> Iterator[Block]:
    for done, blocks in enumerate(readers):
        for block in blocks():
            yield replace(block, share=(done + block.share) / len(readers))


def _reader(where: str, piece_rows: int) -> Callable[[], Iterator[Block]]:
    """How to read this file. Raises `BadInput` if there is none, or of no format that we know."""
    if where == STANDARD_INPUT:
        return lambda: read_ndjson(STANDARD_INPUT, "standard input")
    path = Path(where)
    ending = _ending(path)
    if not ending:
        raise BadInput(f"cannot tell the format by the name: {_FORMATS}", where=where)
    _require_file(path, where)
    if ending == ".parquet":
        return lambda: read_parquet(path, where, piece_rows)
    if ending == ".csv":
        return lambda: read_csv(path, where)
    return lambda: read_ndjson(path, where)


def _ending(path: Path) -> str:
    """The part of the name that tells the format, or nothing."""
    endings = [suffix.lower() for suffix in path.suffixes[-2:]]
    if endings[-1:] == [".parquet"]:
        return ".parquet"
    told = endings[-2:-1] if endings[-1:] == [".gz"] else endings[-1:]
    return told[0] if told and told[0] in _TEXT_ENDINGS else ""


def _require_file(path: Path, where: str) -> None:
    if path.is_dir():
        raise BadInput("is a directory: name the files in it", where=where)
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise BadInput(f"cannot be opened: {(error.strerror or str(error)).lower()}", where=where) from error
    if is_empty:
        raise BadInput("is empty", where=where)

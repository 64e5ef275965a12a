"""Reader of Parquet files, and of tables of other libraries through Arrow's C-stream interface.

Responsible for reading only the known columns, and at most about `piece_rows` rows at a time, so that files may be
larger than memory. Repeated texts are read as codes. Must not know which values are valid.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headcount.batch.io.blocks import Block, TableRows
from headcount.batch.io.column_map import find_columns, require_columns
from headcount.batch.io.event_columns import AS_NAMED, ColumnMap, is_coded
from headcount.batch.io.schema import selected
from headcount.errors import BadInput

_MAGIC = b"PAR1"


def read_parquet(
    path: Path, where: str, piece_rows: int, mapping: ColumnMap = AS_NAMED, *, pooled: bool = True
) -> Iterator[Block]:
    """Yield the rows of a Parquet file. `pooled`: in the threads of Arrow's pool. Raises `BadInput` if it is none, or is damaged."""
    _require_magic(path, where)
    with _readable(where), pq.ParquetFile(path, read_dictionary=_coded_columns(path, mapping)) as file:
        wanted = require_columns(file.schema_arrow.names, where, mapping)
        total = file.metadata.num_rows
        before = 0
        for rows in _pieces(file, list(dict.fromkeys(wanted.values())), piece_rows, pooled=pooled):
            origin = TableRows(where, rows, before)
            before += len(rows)
            yield Block(selected(rows, wanted), origin, share=before / total if total else 1.0)


def _require_magic(path: Path, where: str) -> None:
    with path.open("rb") as file:
        begins = file.read(len(_MAGIC))
        file.seek(-min(len(_MAGIC), path.stat().st_size), 2)
        ends = file.read()
    if begins != _MAGIC:
        raise BadInput("is not a Parquet file, although its name ends in .parquet", where=where)
    if ends != _MAGIC:
        raise BadInput("is incomplete: the end of a Parquet file is missing", where=where)


def _coded_columns(path: Path, mapping: ColumnMap) -> list[str]:
    """Return the columns to read as codes. Only existing ones without fields of their own: others would be an error."""
    schema = pq.read_schema(path)
    found = find_columns(schema.names, mapping)
    return [
        name
        for column, name in found.items()
        if is_coded(column) and not pa.types.is_nested(schema.types[schema.names.index(name)])
    ]


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Raise Arrow's errors as `BadInput` with the name of the file and the cause."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        cause = str(error).splitlines()[0].rstrip(".")
        raise BadInput(f"is damaged, or no Parquet that can be read ({cause})", where=where) from error


def _pieces(file: pq.ParquetFile, wanted: list[str], piece_rows: int, *, pooled: bool) -> Iterator[pa.Table]:
    """Yield row groups, several together where they are small, in slices where they are large."""
    for groups in _grouped(file.metadata, piece_rows):
        if len(groups) == 1 and file.metadata.row_group(groups[0]).num_rows > piece_rows:
            for batch in file.iter_batches(piece_rows, row_groups=groups, columns=wanted, use_threads=pooled):
                yield pa.Table.from_batches([batch])
        else:
            yield file.read_row_groups(groups, columns=wanted, use_threads=pooled)


def _grouped(metadata: pq.FileMetaData, piece_rows: int) -> Iterator[list[int]]:
    together: list[int] = []
    rows = 0
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group).num_rows
        if together and rows + more > piece_rows:
            yield together
            together, rows = [], 0
        together.append(group)
        rows += more
    if together:
        yield together


def read_stream(source: Any, where: str, piece_rows: int, mapping: ColumnMap = AS_NAMED) -> Iterator[Block]:
    """Yield the rows of anything with `__arrow_c_stream__`."""
    reader = pa.RecordBatchReader.from_stream(source)
    wanted = require_columns(reader.schema.names, where, mapping)
    before = 0
    for rows in _tables(reader, piece_rows):
        yield Block(
            selected(rows, wanted),
            TableRows(where, rows.select(list(dict.fromkeys(wanted.values()))), before),
        )
        before += len(rows)


def _tables(reader: pa.RecordBatchReader, piece_rows: int) -> Iterator[pa.Table]:
    """Yield batches, several together where they are small, in slices where they are large."""
    together: list[pa.RecordBatch] = []
    rows = 0
    for large in reader:
        for start in range(0, len(large), piece_rows):
            batch = large.slice(start, piece_rows)
            if rows + len(batch) > piece_rows:
                yield pa.Table.from_batches(together)
                together, rows = [], 0
            together.append(batch)
            rows += len(batch)
    if together:
        yield pa.Table.from_batches(together)

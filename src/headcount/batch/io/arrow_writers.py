"""Writers of Arrow tables: Parquet, and batches of CSV and NDJSON.

Responsible for the encodings of columns, and for converting many values at a time. Must not know directories, or what is in a
table.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from headcount.batch.arrow_tables import schema_of, table_of
from headcount.batch.rows import Schema, Table

_ROWS_AT_ONCE: Final = 1 << 17


def write_parquet(pieces: Iterable[Table], columns: Schema, path: Path, threads: int) -> None:
    """Write Parquet, one piece while the next is computed if there may be two threads."""
    schema = schema_of(columns)
    with pq.ParquetWriter(path, schema, **_parquet_options(schema)) as parquet:
        if threads == 1:
            for piece in pieces:
                parquet.write_table(table_of(piece))
            return
        with ThreadPoolExecutor(1) as pool:
            writing = None
            for piece in pieces:
                if writing is not None:
                    writing.result()
                writing = pool.submit(parquet.write_table, table_of(piece))
            if writing is not None:
                writing.result()


def _parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Return the encodings of columns: repeated texts by number, numbers by their differences.

    Measured over a million entries: without this, Arrow first tries to number times and unique
    texts, too, which takes a third of the time of writing. Differences are smaller than
    numbers compressed by Snappy. Ids of meetings are random: trying to compress them takes
    twice as long as writing the rest of a meeting. The numbers of meetings and of names are already packed.
    Statistics of texts cost as much as writing them, and nobody searches for a range of ids.
    """
    numbers = [field.name for field in schema if _is_number(field.type)]
    dense = {*numbers, "id", "meeting_id", "participant_id", "user_name"}
    return {
        "use_dictionary": [field.name for field in schema if pa.types.is_dictionary(field.type)],
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        "compression": {name: "none" if name in dense else "snappy" for name in schema.names},
        "write_statistics": [*numbers, *(field.name for field in schema if pa.types.is_boolean(field.type))],
    }


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_integer(kind))


def csv_batches(table: pa.Table) -> Iterator[bytes | memoryview]:
    """Yield the rows of a table as CSV, some at a time."""
    options = arrow_csv.WriteOptions(include_header=False)
    for batch in _text_batches(table):
        buffer = BytesIO()
        arrow_csv.write_csv(batch, buffer, options)
        yield buffer.getbuffer()


def value_batches(table: pa.Table) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Yield the rows of a table as values, some at a time, with times as RFC 3339."""
    for batch in _text_batches(table):
        yield zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _text_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield some rows at a time, with codes as texts and times as RFC 3339."""
    for batch in table.to_batches(_ROWS_AT_ONCE):
        columns = [_as_text(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        # Arrow looks up the zone of each time; without one it is ten times as fast.
        naive = column.cast(pa.timestamp("ms")).cast(pa.string())
        return pc.binary_join_element_wise(pc.binary_replace_slice(naive, 10, 11, "T"), "Z", "")
    return column

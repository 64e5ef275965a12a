"""Arrow tables of results: their schemas, and tables from plain rows.

Responsible for the Arrow type of each type of column. Must not know what is in a table.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa

from headcount.batch import sessions
from headcount.batch.rows import Rows, Schema, Table, Type

TIME: Final = pa.timestamp("ms", "UTC")
WORD: Final = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final = {
    Type.TEXT: pa.string(),
    Type.WORD: WORD,
    Type.TIME: TIME,
    Type.FLAG: pa.bool_(),
    Type.COUNT: pa.int32(),
    Type.LARGE: pa.int64(),
}


def schema_of(schema: Schema) -> pa.Schema:
    """Return the Arrow schema of columns."""
    return pa.schema(
        [pa.field(column.name, _TYPES[column.type], nullable=column.is_optional) for column in schema]
    )


MEETINGS: Final = schema_of(sessions.MEETINGS)
PARTICIPANTS: Final = schema_of(sessions.PARTICIPANTS)
STAYS: Final = schema_of(sessions.STAYS)
ROOMS: Final = schema_of(sessions.ROOMS)


def table_of(table: Table) -> pa.Table:
    """Return plain rows as an Arrow table, and an Arrow table as it is."""
    if not isinstance(table, Rows):
        return table
    schema = schema_of(table.schema)
    arrays = [_array(values, field.type) for values, field in zip(table.lists(), schema, strict=True)]
    return pa.table(arrays, schema=schema)


def joined(tables: Iterable[Table], schema: Schema) -> pa.Table:
    """Return several tables as one."""
    pieces = [table_of(table) for table in tables]
    return pa.concat_tables(pieces) if pieces else schema_of(schema).empty_table()


def lists_of(table: pa.Table, *names: str) -> list[Sequence[Any]]:
    """Return columns as lists. Codes are decoded together, which is much faster than one by one."""
    return [_plain(table[name]).to_pylist() for name in names]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column

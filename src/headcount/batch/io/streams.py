"""Meeting sessions as streams of CSV, NDJSON or Daily's JSON.

Responsible for the formats, for plain rows and for Arrow tables. Must not know files, or how meetings are found.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any, Final

import msgspec

from headcount.batch.io import row_writers
from headcount.batch.rows import Rows, Schema, Table, Type
from headcount.batch.sessions import Sessions

_ENCODER: Final = msgspec.json.Encoder()


def stream_csv(
    pieces: Iterable[Table], schema: Schema, file: IO[bytes], names: Sequence[str] | None = None
) -> None:
    """Write a table as CSV; the names of times end in _utc, unless `names` are given."""
    header = names or [f"{column.name}_utc" if column.type is Type.TIME else column.name for column in schema]
    file.write((",".join(header) + "\n").encode())
    for piece in pieces:
        for batch in _writers_of(piece).csv_batches(piece):
            file.write(batch)


def stream_ndjson(pieces: Iterable[Table], schema: Schema, file: IO[bytes]) -> None:
    """Write a table as NDJSON, with its own names."""
    # A struct costs a fifth of a dictionary, and there may be millions of rows.
    row = msgspec.defstruct("Row", [(column.name, object) for column in schema])
    for piece in pieces:
        for batch in _writers_of(piece).value_batches(piece):
            file.write(_ENCODER.encode_lines([row(*values) for values in batch]))


def _writers_of(piece: Table) -> Any:
    """Return the module that writes a table of this form."""
    if isinstance(piece, Rows):
        return row_writers
    from headcount.batch.io import arrow_writers  # noqa: PLC0415 - loaded only if there is an Arrow table

    return arrow_writers


def stream_daily(sessions: Sessions, file: IO[bytes]) -> None:
    """Write the meetings as a response of Daily's `GET /meetings`, all on one page."""
    objects = sessions.to_daily()
    file.write(_ENCODER.encode({"total_count": len(objects), "data": objects}))
    file.write(b"\n")


_Stream = Callable[[Iterable[Table], Schema, IO[bytes]], None]

STREAMS: Final[dict[str, _Stream]] = {"csv": stream_csv, "ndjson": stream_ndjson}
"""Functions that write one table to a stream, by format."""

"""Writers of meeting sessions to files or streams.

Responsible for the formats, and for complete files: they are written to a temporary directory beside their place, and
moved when all are complete. If writing fails, existing files are unchanged. Must not know how meetings are found.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from headcount.batch.sessions import MEETINGS, PARTICIPANTS, Sessions
from headcount.errors import CannotWrite

FORMATS: Final = ("parquet", "csv", "ndjson", "daily")
REJECTED: Final = "rejected.ndjson"

_ROWS_AT_ONCE: Final = 1 << 17
_ENCODER: Final = msgspec.json.Encoder()


def write_sessions(sessions: Sessions, out_dir: str | Path, fmt: str = "parquet") -> list[Path]:
    """Write the sessions into a directory, which is created if necessary, and return the files.

    They are `meetings` and `participants` as .parquet, .csv or .ndjson, or one meetings.json in Daily's
    format, and the invalid rows that were skipped, if any. Raises `CannotWrite`.
    """
    with _temporary_directory(Path(out_dir)) as temporary:
        if fmt == "daily":
            _write_daily(sessions, temporary)
        else:
            with ThreadPoolExecutor(1) as pool:
                meetings = pool.submit(
                    _write_pieces, [sessions.meetings], MEETINGS, temporary / f"meetings.{fmt}"
                )
                _write_pieces(sessions.participant_pieces(), PARTICIPANTS, temporary / f"participants.{fmt}")
                meetings.result()
        if sessions.rejects is not None:
            sessions.rejects.write(temporary / REJECTED)
        return _move_files(temporary, Path(out_dir))


def write_table(pieces: Iterable[pa.Table], schema: pa.Schema, out_dir: Path, name: str) -> Path:
    """Write one table in pieces into a file of a directory, with the column names of the schema.

    Raises `CannotWrite`.
    """
    with _temporary_directory(out_dir) as temporary:
        if name.endswith(".csv"):
            with (temporary / name).open("wb") as file:
                stream_csv(pieces, schema, file, schema.names)
        else:
            _write_pieces(pieces, schema, temporary / name)
        return (temporary / name).replace(out_dir / name)


@contextmanager
def _temporary_directory(out_dir: Path) -> Iterator[Path]:
    """Create a temporary directory on the disk of the files, and delete it afterwards."""
    created = _missing(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".headcount-", dir=out_dir))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BaseException as error:
        for folder in created:
            _remove_if_empty(folder)
        if isinstance(error, OSError):
            raise CannotWrite(str(out_dir), error.strerror or str(error)) from error
        raise


def _missing(out_dir: Path) -> list[Path]:
    """Return the directories that do not exist yet, the innermost first."""
    return [folder for folder in (out_dir, *out_dir.parents) if not folder.exists()]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _move_files(temporary: Path, out_dir: Path) -> list[Path]:
    names = sorted(path.name for path in temporary.iterdir())
    placed = [(temporary / name).replace(out_dir / name) for name in names]
    if REJECTED not in names:
        # A file of an earlier run does not belong to these sessions.
        (out_dir / REJECTED).unlink(missing_ok=True)
    return placed


def _write_pieces(pieces: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write a table in pieces, each of which is in memory only until it is written."""
    if path.suffix == ".parquet":
        _write_parquet(pieces, schema, path)
        return
    with path.open("wb") as file:
        STREAMS[path.suffix.removeprefix(".")](pieces, schema, file)


def _write_parquet(pieces: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write Parquet, one piece while the next is computed."""
    with (
        pq.ParquetWriter(path, schema, **_parquet_options(schema)) as parquet,
        ThreadPoolExecutor(1) as pool,
    ):
        writing = None
        for piece in pieces:
            if writing is not None:
                writing.result()
            writing = pool.submit(parquet.write_table, piece)
        if writing is not None:
            writing.result()


def _parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Return the encodings of columns: repeated texts by number, numbers by their differences.

    Measured over a million entries: without this, Arrow first tries to number times and unique
    texts, too, which takes a third of the time of writing. Differences are smaller than
    numbers compressed by Snappy. Ids of meetings are random: trying to compress them takes
    twice as long as writing the rest of a meeting. Statistics of texts cost as much as
    writing them, and nobody searches for a range of ids.
    """
    numbers = [field.name for field in schema if _is_number(field.type)]
    dense = {*numbers, "id"}
    return {
        "use_dictionary": [field.name for field in schema if pa.types.is_dictionary(field.type)],
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        "compression": {name: "none" if name in dense else "snappy" for name in schema.names},
        "write_statistics": [*numbers, *(field.name for field in schema if pa.types.is_boolean(field.type))],
    }


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_integer(kind))


def _write_daily(sessions: Sessions, folder: Path) -> None:
    with (folder / "meetings.json").open("wb") as file:
        stream_daily(sessions, file)


def stream_csv(
    pieces: Iterable[pa.Table], schema: pa.Schema, file: IO[bytes], names: Sequence[str] | None = None
) -> None:
    """Write a table as CSV; the names of times end in _utc, unless `names` are given."""
    header = names or [
        f"{field.name}_utc" if pa.types.is_timestamp(field.type) else field.name for field in schema
    ]
    file.write((",".join(header) + "\n").encode())
    options = arrow_csv.WriteOptions(include_header=False)
    for batch in _batches(pieces):
        buffer = BytesIO()
        arrow_csv.write_csv(batch, buffer, options)
        file.write(buffer.getbuffer())


def stream_ndjson(pieces: Iterable[pa.Table], schema: pa.Schema, file: IO[bytes]) -> None:
    """Write a table as NDJSON, with its own names."""
    # A struct costs a fifth of a dictionary, and there may be millions of rows.
    row = msgspec.defstruct("Row", [(name, object) for name in schema.names])
    for batch in _batches(pieces):
        values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        file.write(_ENCODER.encode_lines([row(*value) for value in values]))


def stream_daily(sessions: Sessions, file: IO[bytes]) -> None:
    """Write the meetings as a response of Daily's `GET /meetings`, all on one page."""
    objects = sessions.to_daily()
    file.write(_ENCODER.encode({"total_count": len(objects), "data": objects}))
    file.write(b"\n")


_Stream = Callable[[Iterable[pa.Table], pa.Schema, IO[bytes]], None]

STREAMS: Final[dict[str, _Stream]] = {"csv": stream_csv, "ndjson": stream_ndjson}
"""Functions that write one table to a stream, by format."""


def _batches(pieces: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Yield some rows at a time, with codes as texts and times as RFC 3339."""
    for piece in pieces:
        for batch in piece.to_batches(_ROWS_AT_ONCE):
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

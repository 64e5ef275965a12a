"""Writing: meeting sessions as files, or on a stream.

Files are written aside, in a directory of their own beside their place, and put in place when all
of them are whole. Whatever goes wrong before that, what was there stays as it was.
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
    """Write the sessions into a directory, which is made if need be, and say which files they are.

    `meetings` and `participants` as .parquet, .csv or .ndjson, or as one meetings.json in Daily's
    form; beside them the rows that were left out, if any. Raises `CannotWrite`.
    """
    with _aside(Path(out_dir)) as aside:
        if fmt == "daily":
            _write_daily(sessions, aside)
        else:
            with ThreadPoolExecutor(1) as pool:
                meetings = pool.submit(
                    _write_pieces, [sessions.meetings], MEETINGS, aside / f"meetings.{fmt}"
                )
                _write_pieces(sessions.participant_pieces(), PARTICIPANTS, aside / f"participants.{fmt}")
                meetings.result()
        if sessions.rejects is not None:
            sessions.rejects.write(aside / REJECTED)
        return _put_in_place(aside, Path(out_dir))


def write_table(pieces: Iterable[pa.Table], schema: pa.Schema, out_dir: Path, name: str) -> Path:
    """Write one table that comes in pieces into a file of a directory, its columns named as in the schema.

    Raises `CannotWrite`.
    """
    with _aside(out_dir) as aside:
        if name.endswith(".csv"):
            with (aside / name).open("wb") as file:
                stream_csv(pieces, schema, file, schema.names)
        else:
            _write_pieces(pieces, schema, aside / name)
        return (aside / name).replace(out_dir / name)


@contextmanager
def _aside(out_dir: Path) -> Iterator[Path]:
    """A directory to write in, on the disk where the files will stand; gone afterwards."""
    made = _made(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".headcount-", dir=out_dir))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except BaseException as error:
        for folder in made:
            _remove_if_empty(folder)
        if isinstance(error, OSError):
            raise CannotWrite(str(out_dir), error.strerror or str(error)) from error
        raise


def _made(out_dir: Path) -> list[Path]:
    """The directories that do not exist yet, the innermost first."""
    return [folder for folder in (out_dir, *out_dir.parents) if not folder.exists()]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _put_in_place(aside: Path, out_dir: Path) -> list[Path]:
    names = sorted(path.name for path in aside.iterdir())
    placed = [(aside / name).replace(out_dir / name) for name in names]
    if REJECTED not in names:
        # What an earlier run left out has nothing to do with these sessions.
        (out_dir / REJECTED).unlink(missing_ok=True)
    return placed


def _write_pieces(pieces: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write a table that comes in pieces; none is held longer than it takes to write it."""
    if path.suffix == ".parquet":
        _write_parquet(pieces, schema, path)
        return
    with path.open("wb") as file:
        STREAMS[path.suffix.removeprefix(".")](pieces, schema, file)


def _write_parquet(pieces: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write Parquet, one piece while the next is being assembled."""
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
    """How columns are encoded: repeated words by number, numbers by their differences.

    Measured over a million entries: without this, Arrow first tries to number times and unique
    words, too, which takes a third of the time of writing. Differences are smaller than what
    Snappy makes of whole numbers. Ids of meetings are random letters: trying to compress them
    takes twice as long as writing all the rest of a meeting. Statistics of words cost as
    much as writing them, and nobody looks for a range of ids.
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
    # A struct costs a fifth of a dictionary, and there may be millions.
    row = msgspec.defstruct("Row", [(name, object) for name in schema.names])
    for batch in _batches(pieces):
        values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        file.write(_ENCODER.encode_lines([row(*value) for value in values]))


def stream_daily(sessions: Sessions, file: IO[bytes]) -> None:
    """Write the meetings as Daily's `GET /meetings` answers, all on one page."""
    objects = sessions.to_daily()
    file.write(_ENCODER.encode({"total_count": len(objects), "data": objects}))
    file.write(b"\n")


_Stream = Callable[[Iterable[pa.Table], pa.Schema, IO[bytes]], None]

STREAMS: Final[dict[str, _Stream]] = {"csv": stream_csv, "ndjson": stream_ndjson}
"""How to write one table on a stream, by format."""


def _batches(pieces: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Some rows at a time: codes as their words, times as RFC 3339."""
    for piece in pieces:
        for batch in piece.to_batches(_ROWS_AT_ONCE):
            columns = [_column_in_words(column) for column in batch.columns]
            yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _column_in_words(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        # Arrow looks up the zone of every single time; without one it is ten times as fast.
        naive = column.cast(pa.timestamp("ms")).cast(pa.string())
        return pc.binary_join_element_wise(pc.binary_replace_slice(naive, 10, 11, "T"), "Z", "")
    return column

"""Writers of meeting sessions to files.

Responsible for complete files: they are written to a temporary directory beside their place, and
moved when all are complete. If writing fails, existing files are unchanged. Must not know how meetings are found.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from headcount.batch.extra import batch_extra
from headcount.batch.io.streams import STREAMS, stream_csv, stream_daily
from headcount.batch.rows import Rows, Schema, Table
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, STAYS, Sessions
from headcount.errors import CannotWrite

FORMATS: Final = ("parquet", "csv", "ndjson", "daily")
REJECTED: Final = "rejected.ndjson"


def write_sessions(
    sessions: Sessions, out_dir: str | Path, fmt: str = "parquet", *, stays: bool = False
) -> list[Path]:
    """Write the sessions into a directory, which is created if necessary, and return the files.

    They are `meetings`, `participants` and, if asked for, `stays` as .parquet, .csv or .ndjson, or one meetings.json
    in Daily's format, and the invalid rows that were skipped, if any. Raises `CannotWrite`.
    """
    with _temporary_directory(Path(out_dir)) as temporary:
        if fmt == "daily":
            _write_daily(sessions, temporary)
        else:
            meetings = [sessions.found], MEETINGS, temporary / f"meetings.{fmt}"
            participants = sessions.participant_pieces(), PARTICIPANTS, temporary / f"participants.{fmt}"
            _write_both(meetings, participants, sessions.threads)
            if stays:
                _write_pieces(
                    sessions.stay_pieces(), STAYS, temporary / f"stays.{fmt}", threads=sessions.threads
                )
        if sessions.rejects is not None:
            sessions.rejects.write(temporary / REJECTED)
        return _move_files(temporary, Path(out_dir), [REJECTED, f"stays.{fmt}"])


def _write_both(meetings: tuple[Any, ...], participants: tuple[Any, ...], threads: int) -> None:
    """Write the two tables: the meetings in a thread of their own, which is worth it only where tables may be large."""
    if isinstance(meetings[0][0], Rows) or threads == 1:
        _write_pieces(*meetings, threads=threads)
        _write_pieces(*participants, threads=threads)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - small results need none

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write_pieces, *meetings, threads=threads)
        _write_pieces(*participants, threads=threads)
        writing.result()


def write_table(pieces: Iterable[Table], schema: Schema, out_dir: Path, name: str) -> Path:
    """Write one table in pieces into a file of a directory, with the column names of the schema.

    Raises `CannotWrite`.
    """
    with _temporary_directory(out_dir) as temporary:
        if name.endswith(".csv"):
            with (temporary / name).open("wb") as file:
                stream_csv(pieces, schema, file, [column.name for column in schema])
        else:
            _write_pieces(pieces, schema, temporary / name, threads=2)
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


def _move_files(temporary: Path, out_dir: Path, optional: Iterable[str]) -> list[Path]:
    names = sorted(path.name for path in temporary.iterdir())
    placed = [(temporary / name).replace(out_dir / name) for name in names]
    for name in {*optional} - {*names}:
        # A file of an earlier run does not belong to these sessions.
        (out_dir / name).unlink(missing_ok=True)
    return placed


def _write_pieces(pieces: Iterable[Table], schema: Schema, path: Path, *, threads: int) -> None:
    """Write a table in pieces, each of which is in memory only until it is written."""
    if path.suffix == ".parquet":
        with batch_extra():
            from headcount.batch.io.arrow_writers import write_parquet  # noqa: PLC0415 - only Parquet needs Arrow
        write_parquet(pieces, schema, path, threads)
        return
    with path.open("wb") as file:
        STREAMS[path.suffix.removeprefix(".")](pieces, schema, file)


def _write_daily(sessions: Sessions, folder: Path) -> None:
    with (folder / "meetings.json").open("wb") as file:
        stream_daily(sessions, file)

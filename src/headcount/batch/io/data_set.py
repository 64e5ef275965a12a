"""Data sets: meetings and participants in Parquet files by day, of which each export adds the changes as a revision.

    meetings/date=2026-03-02/000001.parquet
    participants/date=2026-03-02/000001.parquet
    _cursors/000001.json

The day is that of the start (UTC), and the name of a file is its revision. A file never changes. The newest revision of a
meeting counts: its row, unless that is `deleted`, and the participants of the same revision.

A revision is complete when its cursor is there. After a crash before that, some of its files may be: each meeting in them is
complete, because its participants are put in place first. The next revision has another number.

Responsible for files and revisions. Must not know where rows come from, nor what is in a cursor.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.batch.arrow_tables import lists_of
from headcount.batch.io.arrow_writers import write_parquet
from headcount.batch.rows import Column, Rows, Schema, Type
from headcount.batch.sessions import MEETINGS, PARTICIPANTS
from headcount.errors import BadInput, CannotWrite
from headcount.kernel.events import Ms

_REVISION: Final = (Column("revision", Type.LARGE), Column("exported_at", Type.TIME))
MEETING_REVISIONS: Final[Schema] = (*MEETINGS, *_REVISION, Column("deleted", Type.FLAG))
PARTICIPANT_REVISIONS: Final[Schema] = (*PARTICIPANTS, *_REVISION)
_TABLES: Final = {"meetings": MEETING_REVISIONS, "participants": PARTICIPANT_REVISIONS}
_CURSORS: Final = "_cursors"
_KEPT_CURSORS: Final = 30
_SYNCED_TOGETHER: Final = 16
_MEETING: Final = [column.name for column in MEETINGS]
_PARTICIPANT: Final = [column.name for column in PARTICIPANTS]

Row = tuple[Any, ...]


class Revised(NamedTuple):
    """The newest revision of a meeting: its row as in `MEETINGS`, and its participants as in `PARTICIPANTS`."""

    meeting: Row
    participants: list[Row]


def day_of(start: Ms) -> str:
    """Return the day of a partition."""
    return datetime.fromtimestamp(start // 1_000, UTC).date().isoformat()


class DataSet:
    """A data set in a directory, for one writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, dict[str, list[Path]]] = {table: {} for table in _TABLES}
        for table, days in self._files.items():
            for file in sorted(folder.glob(f"{table}/date=*/[0-9]*.parquet")):
                days.setdefault(file.parent.name.removeprefix("date="), []).append(file)
        self._written: dict[str, list[tuple[Path, Path]]] = {table: [] for table in _TABLES}

    @property
    def days(self) -> list[str]:
        """The days with meetings, in order."""
        return sorted(self._files["meetings"])

    def next_revision(self) -> int:
        """Return the number of the next revision. Incomplete ones have a number, too."""
        numbers = [_number(file) for days in self._files.values() for some in days.values() for file in some]
        return max([*numbers, *self.cursors()], default=0) + 1

    def cursors(self) -> list[int]:
        """Return the complete revisions whose cursors are there, in order."""
        return sorted(int(file.stem) for file in (self._folder / _CURSORS).glob("[0-9]*.json"))

    def cursor(self, revision: int) -> bytes:
        """Return the cursor of a revision."""
        return (self._folder / _CURSORS / f"{revision:06}.json").read_bytes()

    def newest(self, day: str, since: Mapping[str, Ms] | None) -> dict[str, Revised]:
        """Return the newest revisions of a day's meetings by id, without deleted ones.

        With `since`, they are those of these rooms that ended at this time or later, or are ongoing.
        """
        rows: dict[str, tuple[Row, int, bool]] = {}
        for file in reversed(self._files["meetings"].get(day, ())):
            names = (*_MEETING, "revision", "deleted")
            for *row, revision, deleted in zip(*lists_of(pq.ParquetFile(file).read(), *names), strict=True):
                rows.setdefault(row[0], (tuple(row), revision, deleted))
        found: dict[int, dict[str, Revised]] = {}
        for name, (meeting, revision, deleted) in rows.items():
            if not deleted and (since is None or is_since(since, meeting[2], meeting[4])):
                found.setdefault(revision, {})[name] = Revised(meeting, [])
        for file in self._files["participants"].get(day, ()):
            wanted = found.get(_number(file))
            if wanted:
                _add_participants(file, wanted)
        return {name: revised for some in found.values() for name, revised in some.items()}

    def write(self, day: str, meetings: Sequence[Row], participants: Sequence[Row], revision: int) -> None:
        """Write the rows of a day to temporary files. `finish` puts them in place."""
        for table, rows in (("participants", participants), ("meetings", meetings)):
            if rows:
                folder = self._folder / table / f"date={day}"
                temporary, target = folder / f".{revision:06}.tmp", folder / f"{revision:06}.parquet"
                with _can_write(folder):
                    folder.mkdir(parents=True, exist_ok=True)
                    write_parquet([Rows(_TABLES[table], rows)], _TABLES[table], temporary, 1)
                self._written[table].append((temporary, target))

    def finish(self, revision: int, cursor: bytes) -> list[Path]:
        """Put the written files in place, and the cursor last. Return the files."""
        written = [*self._written["participants"], *self._written["meetings"]]
        with _can_write(self._folder):
            _sync(temporary for temporary, _ in written)
            placed = [temporary.replace(target) for temporary, target in written]
            _sync(target.parent for target in placed)
        folder = self._folder / _CURSORS
        with _can_write(folder):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{revision:06}.tmp"
            temporary.write_bytes(cursor)
            _sync([temporary])
            temporary.replace(folder / f"{revision:06}.json")
            _sync([folder])
            for old in self.cursors()[:-_KEPT_CURSORS]:
                (folder / f"{old:06}.json").unlink()
        return sorted(placed)


@contextmanager
def locked(folder: Path) -> Iterator[DataSet]:
    """Give the data set in a directory, which is created if necessary, to one writer. Raise `BadInput` if there is another."""
    with _can_write(folder):
        (folder / _CURSORS).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _CURSORS, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(
                "another export writes into this directory: wait until it is done", where=str(folder)
            ) from error
        for left in folder.glob("*/date=*/.*.tmp"):
            left.unlink()
        yield DataSet(folder)
    finally:
        os.close(descriptor)


def is_since(since: Mapping[str, Ms], room: str, end: Ms | None) -> bool:
    """Return whether a meeting is in one of these rooms, and ended at its time or later, or is ongoing."""
    at = since.get(room)
    return at is not None and (end is None or end >= at)


def _add_participants(file: Path, wanted: dict[str, Revised]) -> None:
    table = pq.ParquetFile(file).read()
    ids = table["meeting_id"].cast(pa.string())
    rows = table.filter(pc.is_in(ids, value_set=pa.array(list(wanted), pa.string())))
    for row in zip(*lists_of(rows, *_PARTICIPANT), strict=True):
        wanted[row[0]].participants.append(row)


def _number(file: Path) -> int:
    return int(file.stem)


@contextmanager
def _can_write(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(str(place), error.strerror or str(error)) from error


def _sync(paths: Iterable[Path]) -> None:
    """Write files and directories to the disk, many at a time: the disk does that together."""
    with ThreadPoolExecutor(_SYNCED_TOGETHER) as pool:
        list(pool.map(_sync_one, paths))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Backups: all of a store in one file, while the service runs, and back.

A backup is a SQLite file. For PostgreSQL, its own tools are the better choice.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from headcount.errors import BadInput
from headcount.store.database import Database, StoreError
from headcount.store.sqlite import SqliteDatabase, companions, create_private, require_own_files, to_read

_PAGES_AT_ONCE: Final = 2_000
_ROWS_AT_ONCE: Final = 5_000
_COPYING_ENDS: Final = 0.5
_CHECKING_ENDS: Final = 0.6
_DIGEST_ENDS: Final = 0.8
_SEAL: Final = "headcount_backup"
"""The table in which a backup says what its log is. A store has none."""

Progress = Callable[[float, str], object]
"""Is told how much is done, from 0 to 1, and with what."""


def _silent(share: float, label: str) -> None:
    """Report no progress."""


class LogDigest(NamedTuple):
    """What a log is: the number of its entries, the position of the last one, and SHA-256 over all columns of all
    entries in the order of their positions.
    """

    entries: int
    end: int
    sha256: str


def backup(database: Database, file: str, progress: Progress = _silent) -> LogDigest:
    """Write all of the store, as it is at one moment, into a new file, and return the digest of its log.

    One read transaction holds the moment, so the time depends on the size of the store and not on what is written
    meanwhile. The backup is written aside first, and put in place when it is checked and on the disk.
    Raises `BadInput` if the file exists, `StoreError` if it cannot be written.
    """
    if not isinstance(database, SqliteDatabase):
        raise BadInput("a store on PostgreSQL is backed up with its own tools: pg_dump --format=custom")
    target = Path(file)
    if target.exists():
        raise BadInput("is there already: choose another name", where=file)
    aside = _aside(target)
    try:
        _copy(database.path, aside, progress)
        digest = _seal(aside, progress)
        _put_in_place(aside, target)
    finally:
        _remove(aside)
    return digest


def restore(
    file: str, url: str, check: Callable[[Path], None], progress: Progress = _silent
) -> LogDigest | None:
    """Make a store of a backup, and return the digest of its log; None if the file has none to compare with.

    Nothing is put in place before the copy is whole, its log is the one that was backed up, and `check`, which may
    repair the copy, has returned. Raises `BadInput` if there is a store or a part of one, or the file is no backup.
    """
    target = Path(url.removeprefix("sqlite:///").removeprefix("sqlite://"))
    if "://" in str(target):
        raise BadInput("a store on PostgreSQL is restored with its own tools: pg_restore")
    left = [path for path in (target, *companions(target)) if path.exists()]
    if left:
        raise BadInput(
            f"move {', '.join(path.name for path in left)} to another directory first, all of them together:"
            " nothing is overwritten, and a write-ahead log that stays behind would damage the restored file",
            where=str(target.parent),
        )
    if not Path(file).exists():
        raise BadInput("is not there", where=file)
    require_own_files(Path(file))
    aside = _aside(target)
    try:
        _copy(Path(file), aside, progress)
        digest = _break_seal(aside, file, progress)
        progress(_DIGEST_ENDS, "comparing the tables with the log")
        check(aside)
        _put_in_place(aside, target)
    finally:
        _remove(aside)
    return digest


def _copy(source: Path, aside: Path, progress: Progress) -> None:
    _remove(aside)
    try:
        create_private(aside)
        with (
            closing(sqlite3.connect(to_read(source), uri=True, isolation_level=None)) as one,
            closing(sqlite3.connect(aside, isolation_level=None)) as other,
        ):
            _begin(one, source)
            one.backup(
                other,
                pages=_PAGES_AT_ONCE,
                progress=lambda _, left, pages: progress(
                    _COPYING_ENDS * (1 - left / max(1, pages)), "copying"
                ),
            )
            other.execute("pragma journal_mode = delete")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the copy cannot be written: {error}", where=str(aside.parent)) from error
    _require_whole(aside, source, progress)


def _begin(connection: sqlite3.Connection, source: Path) -> None:
    """Hold one moment of a store. Without it, SQLite copies all over again whenever something is written."""
    try:
        connection.execute("begin")
        connection.execute("select count(*) from migrations").fetchone()
    except sqlite3.DatabaseError as error:
        raise BadInput(f"is no store of Headcount: {error}", where=str(source)) from error


def _require_whole(aside: Path, source: Path, progress: Progress) -> None:
    progress(_COPYING_ENDS, "checking the file")
    with closing(sqlite3.connect(to_read(aside), uri=True)) as copy:
        try:
            state = copy.execute("pragma integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            state = str(error)
    if state != "ok":
        raise BadInput(f"is damaged: {' '.join(state.split())}", where=str(source))


def _seal(aside: Path, progress: Progress) -> LogDigest:
    """Write down in the copy what its log is."""
    try:
        with closing(sqlite3.connect(aside, isolation_level=None)) as copy:
            digest = log_digest(copy, progress)
            copy.execute("begin")
            copy.execute(f"drop table if exists {_SEAL}")
            copy.execute(f"create table {_SEAL} (entries integer, last_position integer, sha256 text)")
            copy.execute(f"insert into {_SEAL} values (?, ?, ?)", digest)  # noqa: S608 - our own
            copy.execute("commit")
    except sqlite3.Error as error:
        raise StoreError(f"the backup cannot be written: {error}", where=str(aside.parent)) from error
    return digest


def _break_seal(aside: Path, file: str, progress: Progress) -> LogDigest | None:
    """The digest of the log, compared with what the backup says of it; None if it says nothing."""
    try:
        with closing(sqlite3.connect(aside, isolation_level=None)) as copy:
            if not copy.execute("select 1 from sqlite_master where name = ?", (_SEAL,)).fetchone():
                return None
            told = LogDigest(*copy.execute(f"select * from {_SEAL}").fetchone())  # noqa: S608 - our own
            found = log_digest(copy, progress)
            copy.execute(f"drop table {_SEAL}")
    except sqlite3.Error as error:
        raise StoreError(f"the copy cannot be read: {error}", where=str(aside.parent)) from error
    if found != told:
        raise BadInput(
            f"is damaged: its log has {found.entries:,} entries up to position {found.end:,}, and SHA-256 {found.sha256};"
            f" {told.entries:,} entries up to position {told.end:,} were backed up, with {told.sha256}."
            " Restore another backup",
            where=file,
        )
    return found


def log_digest(connection: sqlite3.Connection, progress: Progress = _silent) -> LogDigest:
    """What the log in a file is."""
    (end,) = connection.execute("select coalesce(max(position), 0) from entries").fetchone()
    digest, encoder, entries = sha256(), msgspec.json.Encoder(), 0
    rows = connection.execute("select * from entries order by position")
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        digest.update(encoder.encode_lines(some))
        entries += len(some)
        share = some[-1][0] / end
        progress(_CHECKING_ENDS + (_DIGEST_ENDS - _CHECKING_ENDS) * share, "computing the digest of the log")
    return LogDigest(entries, end, digest.hexdigest())


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _put_in_place(aside: Path, target: Path) -> None:
    """Rename what is on the disk. It is left without a write-ahead log, so that one of another database beside it is noticed."""
    try:
        with closing(sqlite3.connect(aside)) as copy:
            copy.execute("pragma journal_mode = delete")
        _sync(aside)
        aside.replace(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the file cannot be written: {error}", where=str(target)) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(aside: Path) -> None:
    for path in (*companions(aside), aside):
        with suppress(FileNotFoundError):
            path.unlink()

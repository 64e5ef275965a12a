"""Backups: a store in one file, written while the service runs, and restored.

A backup is a SQLite file. PostgreSQL has its own tools.

Responsible for copying, sealing and verifying the file. Must not know how tables are compared with the log. It uses
SQLite directly, because the files are not stores while it works on them.
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
_PAGE_SIZE: Final = 5_000
_COPYING_ENDS: Final = 0.5
_CHECKING_ENDS: Final = 0.6
_DIGEST_ENDS: Final = 0.8
_SEAL: Final = "headcount_backup"
"""The table of a backup that has the digest of its log. A store has no such table."""

Progress = Callable[[float, str], object]
"""Called with the share that is done, from 0 to 1, and a label of the current step."""


def _silent(share: float, label: str) -> None:
    """Report no progress."""


class LogDigest(NamedTuple):
    """The number of entries of a log, the last position, and the SHA-256 of all columns in the order of positions."""

    entries: int
    end: int
    sha256: str


def backup(database: Database, file: str, progress: Progress = _silent) -> LogDigest:
    """Write the store, as of one transaction, into a new file, and return the digest of its log.

    The duration depends on the size of the store and not on concurrent writes. The file is written under a temporary
    name, and renamed when it is verified and on the disk. Raise `BadInput` if the file exists, `StoreError` if it
    cannot be written.
    """
    if not isinstance(database, SqliteDatabase):
        raise BadInput("'backup' is for SQLite databases. Back up PostgreSQL with pg_dump --format=custom")
    target = Path(file)
    if target.exists():
        raise BadInput("the file exists. Choose another name", where=file)
    temporary = _temporary(target)
    try:
        _copy(database.path, temporary, progress)
        digest = _seal(temporary, progress)
        _put_in_place(temporary, target)
    finally:
        _remove(temporary)
    return digest


def restore(
    file: str, url: str, check: Callable[[Path], None], progress: Progress = _silent
) -> LogDigest | None:
    """Restore a store from a backup, and return the digest of its log, or None if the file has no digest to compare.

    The copy is renamed after its integrity and its log are verified and `check`, which may repair the copy, has
    returned. Raise `BadInput` if there is a store or a part of one, or the file is not a backup.
    """
    target = Path(url.removeprefix("sqlite:///").removeprefix("sqlite://"))
    if "://" in str(target):
        raise BadInput("'restore' is for SQLite databases. Restore PostgreSQL with pg_restore")
    if not Path(file).is_file():
        raise BadInput("there is no such backup file", where=file)
    require_own_files(Path(file))
    existing = [path for path in (target, *companions(target)) if path.exists()]
    if existing:
        names = ", ".join(path.name for path in existing)
        raise BadInput(
            f"the database exists, and 'restore' overwrites nothing. Move {names} to another directory, or restore to"
            " another path with --database. Move all files of a database together",
            where=str(target.absolute()),
        )
    temporary = _temporary(target)
    try:
        _copy(Path(file), temporary, progress)
        digest = _break_seal(temporary, file, progress)
        progress(_DIGEST_ENDS, "comparing the tables with the log")
        check(temporary)
        _note_restoration(temporary)
        _put_in_place(temporary, target)
    finally:
        _remove(temporary)
    return digest


def _copy(source: Path, temporary: Path, progress: Progress) -> None:
    _remove(temporary)
    try:
        create_private(temporary)
        with (
            closing(sqlite3.connect(to_read(source), uri=True, isolation_level=None)) as one,
            closing(sqlite3.connect(temporary, isolation_level=None)) as other,
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
        raise StoreError(f"the copy cannot be written: {error}", where=str(temporary.parent)) from error
    _require_intact(temporary, source, progress)


def _begin(connection: sqlite3.Connection, source: Path) -> None:
    """Begin a read transaction. Without it, SQLite starts the copy again at each write."""
    try:
        connection.execute("begin")
        connection.execute("select count(*) from migrations").fetchone()
    except sqlite3.DatabaseError as error:
        raise BadInput(f"is not a Headcount database: {error}", where=str(source)) from error


def _require_intact(temporary: Path, source: Path, progress: Progress) -> None:
    progress(_COPYING_ENDS, "checking the file")
    with closing(sqlite3.connect(to_read(temporary), uri=True)) as copy:
        try:
            state = copy.execute("pragma integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            state = str(error)
    if state != "ok":
        raise BadInput(f"is damaged: {' '.join(state.split())}", where=str(source))


def _seal(temporary: Path, progress: Progress) -> LogDigest:
    """Write the digest of the log into the copy."""
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            digest = log_digest(copy, progress)
            copy.execute("begin")
            copy.execute(f"drop table if exists {_SEAL}")
            copy.execute(f"create table {_SEAL} (entries integer, last_position integer, sha256 text)")
            copy.execute(f"insert into {_SEAL} values (?, ?, ?)", digest)  # noqa: S608 - our own
            copy.execute("commit")
    except sqlite3.Error as error:
        raise StoreError(f"the backup cannot be written: {error}", where=str(temporary.parent)) from error
    return digest


def _break_seal(temporary: Path, file: str, progress: Progress) -> LogDigest | None:
    """Return the digest of the log after comparing it with the one in the backup, or None if the backup has none."""
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            if not copy.execute("select 1 from sqlite_master where name = ?", (_SEAL,)).fetchone():
                return None
            sealed = LogDigest(*copy.execute(f"select * from {_SEAL}").fetchone())  # noqa: S608 - our own
            found = log_digest(copy, progress)
            copy.execute(f"drop table {_SEAL}")
    except sqlite3.Error as error:
        raise StoreError(f"the copy cannot be read: {error}", where=str(temporary.parent)) from error
    if found != sealed:
        raise BadInput(
            f"is damaged: its log has {found.entries:,} entries up to position {found.end:,}, and SHA-256 {found.sha256};"
            f" {sealed.entries:,} entries up to position {sealed.end:,} were backed up, with {sealed.sha256}."
            " Restore another backup",
            where=file,
        )
    return found


def log_digest(connection: sqlite3.Connection, progress: Progress = _silent) -> LogDigest:
    """Return the digest of the log in a file."""
    (end,) = connection.execute("select coalesce(max(position), 0) from entries").fetchone()
    digest, encoder, entries = sha256(), msgspec.json.Encoder(), 0
    rows = connection.execute("select * from entries order by position")
    while some := rows.fetchmany(_PAGE_SIZE):
        digest.update(encoder.encode_lines(some))
        entries += len(some)
        share = some[-1][0] / end
        progress(_CHECKING_ENDS + (_DIGEST_ENDS - _CHECKING_ENDS) * share, "computing the digest of the log")
    return LogDigest(entries, end, digest.hexdigest())


def _note_restoration(temporary: Path) -> None:
    """Record that the tables are those of an earlier time, so that an incremental export compares everything."""
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            copy.execute(f"update engine_state set generation = {SqliteDatabase.dialect['now_ms']}")  # noqa: S608 - our own
    except sqlite3.Error as error:
        raise StoreError(f"the copy cannot be written: {error}", where=str(temporary.parent)) from error


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _put_in_place(temporary: Path, target: Path) -> None:
    """Write the copy to the disk and rename it. It has no write-ahead log, so that one of another database is noticed."""
    try:
        with closing(sqlite3.connect(temporary)) as copy:
            copy.execute("pragma journal_mode = delete")
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the file cannot be written: {error}", where=str(target)) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    for path in (*companions(temporary), temporary):
        with suppress(FileNotFoundError):
            path.unlink()

"""SQLite: a store in a file, with one writer and any number of readers.

Responsible for connections, for the ownership of the file and for its errors. Must not know the tables.
"""

import errno
import fcntl
import os
import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from headcount.store.database import Encryption, StoreBusy, StoreError, StoreRejected
from headcount.store.encryption import Keyring
from headcount.store.statements import insert_many, is_insert, statement, with_keys

_BUSY_MS: Final = 30_000
_CACHE_KB: Final = 16_384
_READERS_CACHE_KB: Final = 2_048
"""There may be many readers, and the page cache of the system serves all of them."""
_INSERT_SIZES: Final = (200, 100, 50, 20, 10, 5, 2, 1)
"""Inserts of these sizes write any number of rows. Each size of each statement stays prepared, which takes 300 kB for
200 rows, so there are few sizes."""
_LOOKUPS: Final = 100
"""Keys that one statement looks up."""
_NEW_ROWS_LIMIT: Final = 64
_CHECKPOINT_PAGES: Final = 4_000
"""Most pages change again in the next commits. 16 MB of them are copied into the file at once."""
_SERVED_CHECKPOINT_PAGES: Final = 8_192
_TRUNCATIONS: Final = 20
_TRUNCATION_MS: Final = 20
_TRUNCATION_PAUSE_S: Final = 0.03
_PREPARED: Final = 400
_IDLE_S: Final = 30
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")
_HEADER_BYTES: Final = 100
_FORMAT: Final = slice(18, 20)
_WAL_FORMAT: Final = bytes([2, 2])
_LOCKED_BYTE: Final = 1 << 62


# The `sqlite3` module searches for an adapter of each value of these types, which takes longer than binding it.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]
sqlite3.register_adapter(bytes, bytes)


class SqliteConnection:
    """One connection to the file."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw
        self.used_s = 0.0

    def rows(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return self.raw.execute(statement(name), values).fetchall()

    def row(self, name: str, /, **values: Any) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.raw.execute(statement(name), values).fetchone()
        return found

    def query(self, text: str, values: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
        return self.raw.execute(text, values).fetchall()

    def run(self, name: str, /, **values: Any) -> int:
        return self.raw.execute(statement(name), values).rowcount

    def run_text(self, text: str) -> None:
        for part in text.split(";\n"):
            if part.strip():
                self.raw.execute(part)

    def lock_log(self) -> None:
        """Do nothing: a file has one writer at a time."""

    def lock_messages(self) -> None:
        """Do nothing: a file has one writer at a time."""

    def lock_sources(self) -> None:
        """Do nothing: a file has one writer at a time."""

    def lock_epoch(self) -> int:
        """Return the epoch, which nobody can change until this transaction ends: a file has one writer at a time."""
        _, epoch = self.row("select_cursor") or (0, 0)
        return int(epoch)

    def write(self, name: str, rows: Iterable[Sequence[Any]]) -> int:
        return self.write_text(statement(name), rows)

    def write_text(self, text: str, rows: Iterable[Sequence[Any]]) -> int:
        """Each statement releases the GIL and must get it back, so one statement inserts many rows."""
        rows = list(rows)
        if len(rows) < 2 or not is_insert(text):
            return self.raw.executemany(text, rows).rowcount
        written = start = 0
        for size in _INSERT_SIZES:
            while len(rows) - start >= size:
                values = list(chain.from_iterable(rows[start : start + size]))
                written += self.raw.execute(insert_many(text, size), values).rowcount
                start += size
        return written

    def lookup(self, text: str, keys: Sequence[Sequence[Any]], **values: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(keys), _LOOKUPS):
            query, named = with_keys(text, keys[start : start + _LOOKUPS])
            found += self.raw.execute(query, named | values).fetchall()
        return found


class SqliteDatabase:
    """A file in write-ahead mode.

    `durability` is `full` (each commit is on the disk before it is acknowledged) or `normal` (a power failure may lose
    the last commits, a crash of the process loses nothing).
    """

    system: Final = "sqlite"
    dialect: Final = {
        "position": "integer primary key autoincrement",
        "bytes": "blob",
        "random_bytes": "randomblob(32)",
        "erase_deleted": "pragma secure_delete = on",
        "clustered": "without rowid",
        "text": "text",
        "presence_columns": ", user_id, user_name, leave_ms",
        "has_migrations": "select 1 from sqlite_master where name = 'migrations'",
        "now_ms": "cast(round((julianday('now') - 2440587.5) * 86400000.0) as integer)",
        "time_of": "strftime('%Y-%m-%dT%H:%M:%fZ', (",
        "time_end": ") / 1000.0, 'unixepoch')",
        "json": "text",
        "least": "min",
        "greatest": "max",
    }

    reconnects: Final = 0

    def __init__(
        self,
        path: Path,
        *,
        durability: str = "full",
        read_only: bool = False,
        keyring: Encryption | None = None,
    ) -> None:
        self.path = path
        self.keyring: Encryption = keyring or Keyring()
        self.url = f"sqlite:///{path}"
        self._durability = durability
        self._read_only = read_only
        self._idle: list[SqliteConnection] = []
        self._writer_lock = threading.Lock()
        self._writer: SqliteConnection | None = None
        self._lock_file: int | None = None
        self._opened: tuple[int, int] | None = None
        self._opened_path = str(path)
        self._owns = False
        self._checkpoint_pages = _CHECKPOINT_PAGES
        require_own_files(path)
        if not read_only:
            create_private(path)
        with self.reading():
            pass

    def own(self) -> None:
        """Claim the file for the engine of this process. Raise `StoreError` if another process has it or it is read-only.

        The lock is on the file itself, because a lock file could be deleted.
        """
        if self._owns:
            return
        self.identify()
        assert self._lock_file is not None
        if not _lock(self._lock_file, fcntl.F_WRLCK):
            raise StoreError(
                f"the file is served by another process: stop it first ('fuser {self.path}' shows its id),"
                " or give this one a file of its own with --database",
                where=str(self.path),
            )
        self._owns = True
        # SQLite opens a read-only file without an error until something is written.
        with self.writing():
            pass

    def leave_checkpoints(self) -> None:
        """Let another process copy the write-ahead log into the file, unless that is far behind.

        A checkpoint takes as long as many commits, and requests would wait for it.
        """
        self._checkpoint_pages = _SERVED_CHECKPOINT_PAGES

    def identify(self) -> None:
        """Open the file, to notice that it was moved or replaced. Raise `StoreError` if it was."""
        if self._lock_file is None:
            try:
                self._lock_file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            except OSError as error:
                raise _not_writable(self.path, (error.strerror or str(error)).lower()) from error
            opened = os.fstat(self._lock_file)
            self._opened = opened.st_ino, opened.st_dev
        self._require_same_file()

    def disown(self) -> None:
        """Let another process own the file."""
        if self._owns and self._lock_file is not None:
            _lock(self._lock_file, fcntl.F_UNLCK)
        self._owns = False

    def owned(self) -> bool:
        """Return whether this process owns the file, and the path still leads to it."""
        return self._owns and self.is_same_file()

    def is_same_file(self) -> bool:
        """Return whether the path still leads to the file that was opened."""
        if self._opened is None:
            return True
        try:
            found = os.stat(self._opened_path)  # noqa: PTH116 - each commit asks, and a `Path` is slower
        except OSError:
            return False
        return (found.st_ino, found.st_dev) == self._opened

    def _require_same_file(self) -> None:
        """Raise `StoreError` if the path leads to another file now: writes to this one would be lost."""
        if not self.is_same_file():
            raise StoreError(
                "the file was moved or replaced while it was in use: stop this process, and start it again",
                where=str(self.path),
            )

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect(writing=False)
        with _translated_errors(self.path):
            yield connection
        self._put_back(connection)

    @contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        with self._writer_lock, _translated_errors(self.path):
            self._require_same_file()
            writer = self._writing()
            raw = writer.raw
            raw.execute("begin immediate")
            try:
                yield writer
                raw.execute("commit")
            except BaseException:
                if raw.in_transaction:
                    raw.execute("rollback")
                raise

    def write_new(self, name: str, rows: Sequence[Sequence[Any]]) -> int | None:
        """Insert rows by one statement, which is a commit of its own.

        Each call of SQLite releases the GIL, and under load getting it back takes longer than the call. This is one call
        where a transaction needs five.
        """
        if not 0 < len(rows) <= _NEW_ROWS_LIMIT:
            return None
        with self._writer_lock, _translated_errors(self.path):
            self._require_same_file()
            try:
                text = insert_many(statement(name), len(rows))
                return self._writing().raw.execute(text, list(chain.from_iterable(rows))).lastrowid
            except sqlite3.IntegrityError:
                return None

    def _put_back(self, connection: SqliteConnection) -> None:
        """Return a connection to the pool. The last one used is used next, and one that is idle for long is closed.

        Each has some megabytes of the file in memory.
        """
        connection.used_s = monotonic()
        self._idle.append(connection)
        with suppress(IndexError):  # other threads take from the list
            if connection.used_s - self._idle[0].used_s > _IDLE_S:
                self._idle.pop(0).raw.close()

    def forget_deleted(self) -> bool:
        """Copy the write-ahead log into the file and empty it: it has what was deleted. Return False if a reader needs it.

        The truncation blocks writers while it waits for readers, so it waits only briefly, and most is copied before.
        """
        with _translated_errors(self.path), closing(self._connect(writing=True).raw) as raw:
            raw.execute(f"pragma busy_timeout = {_TRUNCATION_MS}")
            for attempt in range(_TRUNCATIONS):
                if attempt:
                    sleep(_TRUNCATION_PAUSE_S)
                raw.execute("pragma wal_checkpoint(passive)")
                (is_busy, *_) = raw.execute("pragma wal_checkpoint(truncate)").fetchone()
                if not is_busy:
                    return True
        return False

    def vacuum(self) -> None:
        """Write the file again without the remains of what was deleted. Nothing else may use the file."""
        with self._writer_lock, _translated_errors(self.path):
            writer = self._writing().raw
            writer.execute("vacuum")
            writer.execute("pragma wal_checkpoint(truncate)")

    def damage(self) -> str | None:
        """Return what SQLite finds damaged, or None. This reads the whole file."""
        with self.reading() as connection:
            (found,) = connection.query("pragma quick_check(1)", {})[0]
        return None if found == "ok" else " ".join(found.split())

    def close(self) -> None:
        with self._writer_lock:
            while self._idle:
                self._idle.pop().raw.close()
            if self._writer is not None:
                self._writer.raw.close()
                self._writer = None
        self.disown()
        if self._lock_file is not None:
            # Last, because closing any descriptor of a file releases all locks that SQLite has on it.
            os.close(self._lock_file)
            self._lock_file = self._opened = None

    def _writing(self) -> SqliteConnection:
        if self._writer is None:
            self._writer = self._connect(writing=True)
        return self._writer

    def _connect(self, *, writing: bool) -> SqliteConnection:
        self._require_same_file()
        with _translated_errors(self.path):
            raw = sqlite3.connect(
                to_read(self.path) if self._read_only else f"file:{_quoted(self.path)}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=_BUSY_MS / 1_000,
                check_same_thread=False,
                cached_statements=_PREPARED,
            )
            if not self._read_only:
                raw.execute("pragma journal_mode = wal")
            raw.execute(f"pragma synchronous = {self._durability}")
            raw.execute(f"pragma wal_autocheckpoint = {self._checkpoint_pages}")
            raw.execute(f"pragma cache_size = -{_CACHE_KB if writing else _READERS_CACHE_KB}")
            if not writing:
                raw.execute("pragma query_only = on")
        return SqliteConnection(raw)


def companions(path: Path) -> list[Path]:
    """Return the existing files that SQLite stores beside a database."""
    real = path.resolve()
    return [file for suffix in _SIDE_FILES if (file := Path(f"{real}{suffix}")).exists()]


def require_own_files(path: Path) -> None:
    """Raise `StoreError` if the files beside a database belong to another one.

    SQLite would apply such a write-ahead log to the database and damage it. A missing database has no such files, and
    the header of a restored one records that it never had any.
    """
    beside = companions(path)
    names = " and ".join(file.name for file in beside)
    fix = f"move {names} to where the database is that they belong to, or move that database back"
    # Without one of these, a '-shm' means nothing: SQLite creates it again.
    filled = {suffix for suffix in ("-wal", "-journal") for file in beside if _has(file, suffix)}
    if not path.exists():
        if filled:
            raise StoreError(f"the database is missing, but {names} is there: {fix}", where=str(path))
        return
    if "-wal" not in filled:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if header[_FORMAT] != _WAL_FORMAT:
        raise StoreError(
            f"{names} belongs to another database and would damage this one: {fix}", where=str(path)
        )


def _has(file: Path, suffix: str) -> bool:
    return file.name.endswith(suffix) and file.stat().st_size > 0


def create_private(path: Path) -> None:
    """Create a file that only its owner may read, if there is none. SQLite gives its side files the same mode."""
    with suppress(FileExistsError):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            give_to_owner(descriptor, path)
            os.close(descriptor)
        except FileExistsError:
            raise
        except OSError as error:
            raise _not_writable(path, (error.strerror or str(error)).lower()) from error


def give_to_owner(descriptor: int, path: Path) -> None:
    """Give a new file to the owner of its directory if root created it.

    Otherwise the service could not open what a command of root wrote beside its database. SQLite does the same for its side files.
    A link stays as it is: the owner of the directory may have put it there.
    """
    if os.geteuid() == 0:
        directory, opened, found = path.absolute().parent.stat(), os.fstat(descriptor), path.lstat()
        is_this_file = (opened.st_ino, opened.st_dev, opened.st_nlink) == (found.st_ino, found.st_dev, 1)
        if is_this_file and (directory.st_uid, directory.st_gid) != (0, 0):
            os.fchown(descriptor, directory.st_uid, directory.st_gid)


def _lock(file: int, kind: int) -> bool:
    """Lock or unlock one byte of a file, far behind those that SQLite locks. Return False if another process has it.

    The lock belongs to the open file where the system supports that, because SQLite may close its own descriptors.
    """
    lock = struct.pack("@hhqqi0q", kind, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
    try:
        fcntl.fcntl(file, getattr(fcntl, "F_OFD_SETLK", fcntl.F_SETLK), lock)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def to_read(path: Path) -> str:
    """Return the URI by which SQLite opens a file for reading.

    In a read-only directory SQLite cannot create the files that it needs beside a writer. Where these are missing,
    there is no writer, and the file can be opened as immutable.
    """
    written = Path(f"{path}-wal").exists()
    is_immutable = not written and not os.access(path.absolute().parent, os.W_OK)
    return f"file:{_quoted(path)}?{'immutable=1' if is_immutable else 'mode=ro'}"


def _not_writable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{why}: check that the file and its directory can be written{_obstacle(path)}",
        where=str(path.absolute()),
    )


def _obstacle(path: Path) -> str:
    """Return what prevents writing a file, in parentheses; '' if that cannot be seen."""
    folder = path.absolute().parent
    for place in (path, folder):
        with suppress(OSError):
            if os.statvfs(place).f_flag & os.ST_RDONLY:
                return f" ({folder} is on a read-only file system)"
            if not os.access(place, os.W_OK):
                return f" ({place.absolute()} belongs to user {place.stat().st_uid}, and this process is user {os.geteuid()})"
    return "" if folder.exists() else f" ({folder} does not exist)"


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


_TRANSIENT: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
    }
)  # fmt: skip
_REJECTED: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
)
_NOT_WRITABLE: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY: Final = 0xFF
"""An extended result code has the primary one in its lowest byte."""


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors. Programming errors, such as wrong SQL, are raised unchanged."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code in _TRANSIENT:
            raise StoreBusy(f"{error}; nothing was stored, try again", where=str(path)) from error
        if code in _REJECTED or isinstance(error, sqlite3.DataError):
            raise StoreRejected(f"the database rejects a value: {error}", where=str(path)) from error
        if code in _NOT_WRITABLE:
            raise _not_writable(path, str(error)) from error
        if code in _DAMAGED:
            raise StoreError(
                f"{error}: stop the service, move this file and its -wal, -shm and -journal away, all that are there,"
                " and restore it from a backup",
                where=str(path),
            ) from error
        raise
    except (OverflowError, UnicodeEncodeError) as error:
        raise StoreRejected(f"the database cannot store a value: {error}", where=str(path)) from error

"""SQLite: a file beside you. One writer at a time, any number of readers."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, Final

from headcount.store.database import StoreBusy, StoreError, StoreRejected
from headcount.store.statements import inserts_rows, of_many_rows, statement

_BUSY_MS: Final = 30_000
_CACHE_KB: Final = 16_384
_READERS_CACHE_KB: Final = 2_048
"""There may be many readers, and the system keeps the file in memory for all of them."""
_ROWS_A_STATEMENT: Final = (200, 100, 50, 20, 10, 5, 2, 1)
"""Statements of these sizes write any number of rows. Each size of each statement stays prepared, which for 200
rows takes 300 kB: so there are few sizes."""
_ROWS_AT_ONCE: Final = 64
_PREPARED: Final = 400
_IDLE_S: Final = 30


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

    def rows_of(self, text: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.raw.execute(text, values).fetchall()

    def run(self, name: str, /, **values: Any) -> int:
        return self.raw.execute(statement(name), values).rowcount

    def run_text(self, text: str) -> None:
        for part in text.split(";\n"):
            if part.strip():
                self.raw.execute(part)

    def lock_log(self) -> None:
        """A file has one writer at a time anyway."""

    def write(self, name: str, rows: Iterable[Sequence[Any]]) -> int:
        return self.write_text(statement(name), rows)

    def write_text(self, text: str, rows: Iterable[Sequence[Any]]) -> int:
        """Each statement lets go of Python's lock and must get it back: so one of them takes many rows."""
        rows = list(rows)
        if len(rows) < 2 or not inserts_rows(text):
            return self.raw.executemany(text, rows).rowcount
        written = start = 0
        for size in _ROWS_A_STATEMENT:
            while len(rows) - start >= size:
                values = list(chain.from_iterable(rows[start : start + size]))
                written += self.raw.execute(of_many_rows(text, size), values).rowcount
                start += size
        return written


class SqliteDatabase:
    """A file in write-ahead mode.

    `synchronous` is `full` (each commit is on the disk before it is acknowledged) or `normal`
    (a power cut may take the last commits; a crash of the process takes nothing).
    """

    dialect: Final = {
        "position": "integer primary key autoincrement",
        "bytes": "blob",
        "clustered": "without rowid",
        "text": "text",
        "told_of_those_in": ", user_id, user_name, leave_ms",
    }

    reconnects: Final = 0

    def __init__(self, path: Path, *, synchronous: str = "full", read_only: bool = False) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._synchronous = synchronous
        self._read_only = read_only
        self._idle: list[SqliteConnection] = []
        self._writer_lock = threading.Lock()
        self._writer: SqliteConnection | None = None
        self._owner: int | None = None
        with self.reading():
            pass

    def own(self) -> None:
        """Claim the file for this process's engine. Raises `StoreError` if another one has it, or if it cannot be written."""
        if self._owner is not None:
            return
        try:
            owner = os.open(f"{self.path}.owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_writable(f"{self.path}.owner", (error.strerror or str(error)).lower()) from error
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.read(owner, 20).decode() or "?"
            os.close(owner)
            raise StoreError(
                f"{self.path} is served by another process (pid {pid.strip()}): stop it first,"
                " or give this one a file of its own with --database"
            ) from None
        os.ftruncate(owner, 0)
        os.write(owner, str(os.getpid()).encode())
        self._owner = owner
        # SQLite opens a file that it may not write, too, and says nothing of it until something is to be written.
        with self.writing():
            pass

    def disown(self) -> None:
        """Let another process have the file."""
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect(writing=False)
        with _told_plainly(self.path):
            yield connection
        self._put_back(connection)

    @contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        with self._writer_lock, _told_plainly(self.path):
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
        """Write rows by one statement, which is a commit of its own.

        Each call of SQLite lets go of Python's lock, and under load to win it back takes longer than
        the call. This is one call where a transaction is five.
        """
        if not 0 < len(rows) <= _ROWS_AT_ONCE:
            return None
        with self._writer_lock, _told_plainly(self.path):
            try:
                text = of_many_rows(statement(name), len(rows))
                return self._writing().raw.execute(text, list(chain.from_iterable(rows))).lastrowid
            except sqlite3.IntegrityError:
                return None

    def _put_back(self, connection: SqliteConnection) -> None:
        """The last one used is used next; one that was needed by many at once, and by nobody since, is closed.

        Each holds some megabytes of the file.
        """
        connection.used_s = monotonic()
        self._idle.append(connection)
        with suppress(IndexError):  # others take from the list meanwhile
            if connection.used_s - self._idle[0].used_s > _IDLE_S:
                self._idle.pop(0).raw.close()

    def damage(self) -> str | None:
        """What is wrong with the file, in SQLite's words; None if nothing is. It reads all of it."""
        with self.reading() as connection:
            (found,) = connection.rows_of("pragma quick_check(1)", {})[0]
        return None if found == "ok" else " ".join(found.split())

    def close(self) -> None:
        with self._writer_lock:
            while self._idle:
                self._idle.pop().raw.close()
            if self._writer is not None:
                self._writer.raw.close()
                self._writer = None
        self.disown()

    def _writing(self) -> SqliteConnection:
        if self._writer is None:
            self._writer = self._connect(writing=True)
        return self._writer

    def _connect(self, *, writing: bool) -> SqliteConnection:
        with _told_plainly(self.path):
            raw = sqlite3.connect(
                to_read(self.path) if self._read_only else f"file:{_quoted(self.path)}?mode=rwc",
                uri=True,
                isolation_level=None,
                timeout=_BUSY_MS / 1_000,
                check_same_thread=False,
                cached_statements=_PREPARED,
            )
            if not self._read_only:
                raw.execute("pragma journal_mode = wal")
            raw.execute(f"pragma synchronous = {self._synchronous}")
            raw.execute(f"pragma cache_size = -{_CACHE_KB if writing else _READERS_CACHE_KB}")
            if not writing:
                raw.execute("pragma query_only = on")
        return SqliteConnection(raw)


def to_read(path: Path) -> str:
    """The address by which SQLite opens a file only to read it.

    In a folder that cannot be written it cannot make the files that let it read beside a writer. Where
    these are not there, nobody writes, and the file can be read as it is.
    """
    written = Path(f"{path}-wal").exists()
    as_it_is = not written and not os.access(path.absolute().parent, os.W_OK)
    return f"file:{_quoted(path)}?{'immutable=1' if as_it_is else 'mode=ro'}"


def _not_writable(path: Path | str, why: str) -> StoreError:
    return StoreError(f"{why}: check that the file and its directory can be written", where=str(path))


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
def _told_plainly(path: Path) -> Iterator[None]:
    """Map SQLite's errors to ours. What is a mistake of ours, like wrong SQL, is raised as it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code in _TRANSIENT:
            raise StoreBusy(f"{error}; nothing was taken, try again", where=str(path)) from error
        if code in _REJECTED or isinstance(error, sqlite3.DataError):
            raise StoreRejected(f"the database rejects a value: {error}", where=str(path)) from error
        if code in _NOT_WRITABLE:
            raise _not_writable(path, str(error)) from error
        if code in _DAMAGED:
            raise StoreError(f"{error}: restore it from a backup", where=str(path)) from error
        raise
    except (OverflowError, UnicodeEncodeError) as error:
        raise StoreRejected(f"the database cannot store a value: {error}", where=str(path)) from error

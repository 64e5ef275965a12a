"""Database: the interface of the two databases, and its errors.

A `Connection` runs the statements of `sql/`. A `Database` provides connections for reading, and one at a time for writing.

Responsible for the interface that hides which database it is. Must not know the tables.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from headcount.errors import HeadcountError

T = TypeVar("T")


class StoreError(HeadcountError):
    """The store cannot do this. The message has the reason and how to fix it.

    `reason` may be shown to API clients. `where` is for operators only: the path of the file, or the address of the
    server and its message.
    """

    def __init__(self, reason: str, *, where: str = "") -> None:
        self.reason = reason
        super().__init__(f"{where}: {reason}" if where else reason)


class StoreBusy(StoreError):
    """The store is unavailable for now; a retry may succeed.

    For example: the database is locked, the connection is lost, the disk is full.
    """


class StoreRejected(StoreError):
    """The database rejects this statement with these values, and would reject it again.

    For example: a value is too large for an index or a column, or violates a constraint.
    """


class StoreTimeout(StoreBusy):
    """The store did not answer in time. Whether it did the work is unknown."""


class NoLogHere(StoreBusy):
    """A server without a log accepts no events. Another one may."""


class LeadershipLost(StoreError):
    """Another process runs the engine now, and nothing of this commit is stored."""


class Connection(Protocol):
    """One connection. Values are passed by name, and rows to write or keys to look up by position.

    `lookup` reads what a statement finds about many keys, which stand for `{keys}` in it. No value of a key is None.
    """

    def rows(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]: ...
    def row(self, name: str, /, **values: Any) -> tuple[Any, ...] | None: ...
    def query(self, text: str, values: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]: ...
    def run(self, name: str, /, **values: Any) -> int: ...
    def run_text(self, text: str) -> None: ...
    def lock_log(self) -> None: ...
    def lock_messages(self) -> None: ...
    def lock_sources(self) -> None: ...
    def lock_epoch(self) -> int: ...
    def write(self, name: str, rows: Iterable[Sequence[Any]]) -> int: ...
    def write_text(self, text: str, rows: Iterable[Sequence[Any]]) -> int: ...
    def lookup(self, text: str, keys: Sequence[Sequence[Any]], **values: Any) -> list[tuple[Any, ...]]: ...


class Encryption(Protocol):
    """Encrypts secrets. `Keyring` implements it."""

    def key_ids(self) -> list[str]: ...
    def encrypt(self, text: str, *place: str) -> str: ...
    def decrypt(self, stored: str, *place: str) -> str: ...
    def is_current(self, stored: str) -> bool: ...


class Database(Protocol):
    """Provides connections. `url` has no password, `system` is `sqlite` or `postgresql`. `writing` commits at its end, or rolls back.

    `keyring` has the keys that encrypt secrets.

    `write_new` inserts rows that are all new, in one commit, and returns the number of the last one. It returns None,
    and writes nothing, if one is a duplicate, or if the database or the number of rows is unsuitable. `vacuum` removes the
    remains of deleted rows from the files, and `forget_deleted` those that can be removed at once.
    """

    @property
    def url(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def dialect(self) -> dict[str, str]: ...
    @property
    def keyring(self) -> Encryption: ...
    @property
    def reconnects(self) -> int: ...
    def reading(self) -> AbstractContextManager[Connection]: ...
    def writing(self) -> AbstractContextManager[Connection]: ...
    def write_new(self, name: str, rows: Sequence[Sequence[Any]]) -> int | None: ...
    def forget_deleted(self) -> bool: ...
    def vacuum(self) -> None: ...
    def close(self) -> None: ...


_USER_AND_PASSWORD: Final = re.compile(r"(//[^:/@]*):.*@", re.DOTALL)
_PASSWORD: Final = re.compile(r"(password=)[^&\s]*", re.IGNORECASE)


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite database; None if it is on a server."""
    if "://" in url.removeprefix("sqlite://"):
        return None
    return Path(url.removeprefix("sqlite:///").removeprefix("sqlite://"))


def mask_password(url: str) -> str:
    """Return the URL of a database without its passwords."""
    return _PASSWORD.sub(r"\1***", _USER_AND_PASSWORD.sub(r"\1:***@", url))


@contextmanager
def consistent_read(database: Database) -> Iterator[Connection]:
    """Give a connection that reads from one transaction."""
    with database.reading() as connection:
        connection.run_text(database.dialect.get("snapshot", "begin"))
        yield connection
        connection.run_text("commit")


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Raise `StoreTimeout` if the work in the block takes longer than this.

    A statement in a thread is not interrupted, but its result is not waited for.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise StoreTimeout(f"the store has not answered within {seconds:g} s: try again later") from None


async def in_thread(seconds: float, work: Callable[..., T], *arguments: Any) -> T:
    """Call `work`, which uses the store, in a thread. Raise `StoreTimeout` if it takes longer than `seconds`."""
    async with time_limit(seconds):
        return await asyncio.to_thread(work, *arguments)

"""Database: the few things that the two databases are asked for, and what may go wrong.

A `Connection` runs statements from `queries/`; a `Database` hands out connections for reading
and one at a time for writing. Nothing above this knows which database it is.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, Protocol, TypeVar

from headcount.errors import HeadcountError

T = TypeVar("T")


class StoreError(HeadcountError):
    """The store cannot do what was asked. The message says which, why and what to do.

    `reason` is fit for API clients. `where` is for operators only: the path of the file, or the address of the
    server and its own words.
    """

    def __init__(self, reason: str, *, where: str = "") -> None:
        self.reason = reason
        super().__init__(f"{where}: {reason}" if where else reason)


class StoreBusy(StoreError):
    """The store cannot take anything just now; the same again may go through later.

    For example: the database is locked, the connection is lost, the disk is full.
    """


class StoreRejected(StoreError):
    """The database rejects this statement with these values, and would reject it again.

    For example: a value is too large for an index or a column, or violates a constraint.
    """


class StoreTimeout(StoreBusy):
    """The store has not answered for so long that nobody waits any more. Whether it did what was asked is not known."""


class LeadershipLost(StoreError):
    """Another process runs the engine now; what this one wanted to commit is void."""


class Connection(Protocol):
    """One connection. Values are given by name, rows to be written by place."""

    def rows(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]: ...
    def row(self, name: str, /, **values: Any) -> tuple[Any, ...] | None: ...
    def query(self, text: str, values: dict[str, Any]) -> list[tuple[Any, ...]]: ...
    def run(self, name: str, /, **values: Any) -> int: ...
    def run_text(self, text: str) -> None: ...
    def lock_log(self) -> None: ...
    def write(self, name: str, rows: Iterable[Sequence[Any]]) -> int: ...
    def write_text(self, text: str, rows: Iterable[Sequence[Any]]) -> int: ...


class Database(Protocol):
    """Where connections come from. `url` is fit to be shown: it holds no password. `writing` commits at its end, or undoes all of it.

    `write_new` writes rows that are all new, in one commit, and tells the last one's number; it is None, and
    nothing is written, if one is known already or this is not the database or the number of rows for it.
    """

    @property
    def url(self) -> str: ...
    @property
    def dialect(self) -> dict[str, str]: ...
    @property
    def reconnects(self) -> int: ...
    def reading(self) -> AbstractContextManager[Connection]: ...
    def writing(self) -> AbstractContextManager[Connection]: ...
    def write_new(self, name: str, rows: Sequence[Sequence[Any]]) -> int | None: ...
    def close(self) -> None: ...


_USER_AND_PASSWORD: Final = re.compile(r"(://[^:/@]*):.*@", re.DOTALL)
_PASSWORD: Final = re.compile(r"(password=)[^&\s]*", re.IGNORECASE)


def mask_password(url: str) -> str:
    """The URL of a database without passwords, wherever they may stand in it."""
    return _PASSWORD.sub(r"\1***", _USER_AND_PASSWORD.sub(r"\1:***@", url))


@contextmanager
def consistent_read(database: Database) -> Iterator[Connection]:
    """A connection that sees one moment, however much is committed meanwhile."""
    with database.reading() as connection:
        connection.run_text(database.dialect.get("snapshot", "begin"))
        yield connection
        connection.run_text("commit")


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Raise `StoreTimeout` if the work inside, in the event loop, takes longer than this.

    A statement that runs in a thread is not interrupted; only nobody waits for it any more.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise StoreTimeout(f"the store has not answered within {seconds:g} s: try again later") from None


async def in_thread(seconds: float, work: Callable[..., T], *given: Any) -> T:
    """Call what reads or writes the store, in a thread. Raise `StoreTimeout` if that takes longer than `seconds`."""
    async with time_limit(seconds):
        return await asyncio.to_thread(work, *given)

"""Leading: which of the processes on one store runs its engine. With a file it is the one that owns it."""

from typing import Protocol

from headcount.store.database import Database
from headcount.store.sqlite import SqliteDatabase
from headcount.store.tables import Tables


class Leadership(Protocol):
    """One process's part in it."""

    def try_lead(self) -> int | None:
        """The epoch in which this process leads from now on, or None while another one does."""

    def still_leads(self) -> bool:
        """Whether it still does; to be asked every second or so, which also says that it lives."""

    def give_up(self) -> None:
        """Let another one lead."""


class FileOwner:
    """A file has one owner, and a second process is refused rather than kept waiting."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._epoch: int | None = None

    def try_lead(self) -> int | None:
        """Raises `StoreError` if another process owns the file."""
        if self._epoch is None:
            self._database.own()
            self._epoch = Tables(self._database).take_over()
        return self._epoch

    def still_leads(self) -> bool:
        """It does not if the file was replaced, or if another process has begun an epoch in it."""
        if self._epoch is not None and not (
            self._database.owned() and Tables(self._database).cursor()[1] == self._epoch
        ):
            self.give_up()
        return self._epoch is not None

    def give_up(self) -> None:
        self._epoch = None
        self._database.disown()


def leadership(database: Database) -> Leadership:
    """How this process leads, or does not lead, the engine of a database."""
    if isinstance(database, SqliteDatabase):
        return FileOwner(database)
    from headcount.store.postgres import PostgresDatabase  # noqa: PLC0415 - only who has a server pays
    from headcount.store.postgres_leading import ServerLock  # noqa: PLC0415 - likewise

    assert isinstance(database, PostgresDatabase)
    return ServerLock(database.address)

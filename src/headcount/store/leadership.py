"""Leadership: which process runs the engine of a store.

Responsible for one leader at a time, and for leadership of a file by its owner. Must not know what the engine does.
"""

from typing import Protocol

from headcount.store.database import Database
from headcount.store.projections import Projections
from headcount.store.sqlite import SqliteDatabase


class Leadership(Protocol):
    """The part of one process in the election of a leader."""

    def try_lead(self) -> int | None:
        """Return the epoch in which this process leads, or None while another one does."""

    def still_leads(self) -> bool:
        """Return whether this process still leads. Call it every second or so: it also renews the heartbeat."""

    def give_up(self) -> None:
        """Let another process lead."""


class FileLeadership:
    """The owner of a file leads. A second process is refused and does not wait."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._epoch: int | None = None

    def try_lead(self) -> int | None:
        """Return the epoch. Raise `StoreError` if another process owns the file."""
        if self._epoch is None:
            self._database.own()
            self._epoch = Projections(self._database).take_over()
        return self._epoch

    def still_leads(self) -> bool:
        """Return False if the file was replaced, or if another process has begun an epoch in it."""
        if self._epoch is not None and not (
            self._database.owned() and Projections(self._database).cursor()[1] == self._epoch
        ):
            self.give_up()
        return self._epoch is not None

    def give_up(self) -> None:
        """Let another process own the file."""
        self._epoch = None
        self._database.disown()


class EpochLeadership:
    """Leads in a file that another process of the same service owns."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._epoch: int | None = None

    def try_lead(self) -> int | None:
        """Return the epoch. Raise `StoreError` if the file was replaced."""
        if self._epoch is None:
            self._database.identify()
            self._epoch = Projections(self._database).take_over()
        return self._epoch

    def still_leads(self) -> bool:
        """Return False if the file was replaced, or if another process has begun an epoch in it."""
        if not (self._database.is_same_file() and Projections(self._database).cursor()[1] == self._epoch):
            self.give_up()
        return self._epoch is not None

    def give_up(self) -> None:
        """End the epoch of this process."""
        self._epoch = None


def service_leadership(database: Database) -> Leadership:
    """Return the part in the leadership that the engine process of a service has. The service owns a file."""
    return EpochLeadership(database) if isinstance(database, SqliteDatabase) else leadership(database)


def leadership(database: Database, *, begins_epoch: bool = True) -> Leadership:
    """Return this process's part in the leadership of a database.

    Without `begins_epoch`, it leads everything but the engine, which runs on a cluster; a file cannot be led so.
    """
    if isinstance(database, SqliteDatabase):
        return FileLeadership(database)
    from headcount.store.postgres import PostgresDatabase  # noqa: PLC0415 - an optional dependency
    from headcount.store.postgres_leadership import PostgresLeadership  # noqa: PLC0415 - likewise

    assert isinstance(database, PostgresDatabase)
    return PostgresLeadership(database.address, begins_epoch=begins_epoch)

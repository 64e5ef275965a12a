"""Leading: which of the processes on one store runs its engine. With a file it is the one that owns it."""

from contextlib import suppress
from time import monotonic
from typing import Any, Final, Protocol

import psycopg

from headcount.store.database import Database, StoreBusy
from headcount.store.postgres import GONE_AFTER
from headcount.store.projections import Projections
from headcount.store.sqlite import SqliteDatabase
from headcount.store.statements import for_postgres, statement


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
            self._epoch = Projections(self._database).take_over()
        return self._epoch

    def still_leads(self) -> bool:
        """It does not if the file was replaced, or if another process has begun an epoch in it."""
        if self._epoch is not None and not (
            self._database.owned() and Projections(self._database).cursor()[1] == self._epoch
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
    from headcount.store.leadership import ServerLock  # noqa: PLC0415 - likewise
    from headcount.store.postgres import PostgresDatabase  # noqa: PLC0415 - only who has a server pays

    assert isinstance(database, PostgresDatabase)
    return ServerLock(database.address)


_BEAT_S: Final = 2
_GONE_S: Final = 6
"""Without a sign of life for so long, a leader is one no more."""
_LEADERS_LOCK: Final = 7_205_759_404


class ServerLock:
    """On a server, who holds a lock leads. Who holds it and gives no sign of life is put out.

    The lock is that of a session of its own. A process that was paused has lost it when it wakes up;
    that it can commit nothing more is the epoch's doing: see `Projections.commit`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: psycopg.Connection[Any] | None = None
        self._epoch: int | None = None
        self._beaten = 0.0

    def try_lead(self) -> int | None:
        try:
            return self._tried()
        except psycopg.Error as error:
            self.give_up()
            raise StoreBusy(
                "which process leads cannot be decided now; trying again", where=str(error).strip()
            ) from error

    def still_leads(self) -> bool:
        if self._session is None or self._epoch is None:
            return False
        if monotonic() - self._beaten < _BEAT_S:
            return True
        try:
            beaten = self._session.execute(_sql("update_heartbeat"), {"epoch": self._epoch}).rowcount
        except psycopg.Error:
            beaten = 0
        self._beaten = monotonic()
        if beaten != 1:
            self.give_up()
        return beaten == 1

    def give_up(self) -> None:
        session, self._session, self._epoch = self._session, None, None
        if session is not None:
            # Another one may lead at once, and need not wait until the server has noticed.
            with suppress(psycopg.Error):
                session.execute(_sql("release_leader_lock"), {"lock": _LEADERS_LOCK})
            session.close()

    def _tried(self) -> int | None:
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(
                self._url, autocommit=True, **{**GONE_AFTER, "connect_timeout": _GONE_S}
            )
        session = self._session
        row = session.execute(_sql("try_leader_lock"), {"lock": _LEADERS_LOCK}).fetchone()
        if row is None or not row[0]:
            session.execute(_sql("terminate_silent_leader"), {"timeout_ms": _GONE_S * 1_000})
            return None
        if self._epoch is None:
            row = session.execute(_sql("take_leadership")).fetchone()
            self._epoch = int(row[0]) if row is not None else None
            self._beaten = monotonic()
        return self._epoch


def _sql(name: str) -> bytes:
    return for_postgres(statement(name)).encode()

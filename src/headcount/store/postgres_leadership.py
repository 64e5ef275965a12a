"""Leadership on a PostgreSQL server, by an advisory lock in a session of its own.

Responsible for the lock and the heartbeat. A leader without a heartbeat is terminated by the process that wants to
lead. A paused process has lost the lock when it resumes, and the epoch prevents its commits: see `Projections.commit`.
"""

from contextlib import suppress
from time import monotonic
from typing import Any, Final

import psycopg

from headcount.store.database import StoreBusy
from headcount.store.postgres import CONNECTION_TIMEOUTS, AdvisoryLock
from headcount.store.shard_sink import QUERY_TIMEOUT_MS
from headcount.store.statements import for_postgres, statement

_HEARTBEAT_S: Final = 2
_TIMEOUT_S: Final = 6
"""A leader without a heartbeat for this time is terminated."""


class PostgresLeadership:
    """The process with the lock leads. Without `begins_epoch`, it leads in the epoch of the engine that runs elsewhere."""

    def __init__(self, url: str, *, begins_epoch: bool = True) -> None:
        self._url = url
        self._statement = "take_leadership" if begins_epoch else "take_part_of_leadership"
        self._session: psycopg.Connection[Any] | None = None
        self._epoch: int | None = None
        self._last_heartbeat_s = 0.0

    def try_lead(self) -> int | None:
        """Return the epoch, or None while another process leads. Raise `StoreBusy` if the server cannot be reached."""
        try:
            return self._try_lock()
        except psycopg.Error as error:
            self.give_up()
            raise StoreBusy(
                "which process leads cannot be decided now; trying again", where=str(error).strip()
            ) from error

    def still_leads(self) -> bool:
        """Return whether this process still leads, and renew the heartbeat."""
        if self._session is None or self._epoch is None:
            return False
        if monotonic() - self._last_heartbeat_s < _HEARTBEAT_S:
            return True
        try:
            updated = self._session.execute(_sql("update_heartbeat"), {"epoch": self._epoch}).rowcount
        except psycopg.Error:
            updated = 0
        self._last_heartbeat_s = monotonic()
        if updated != 1:
            self.give_up()
        return updated == 1

    def give_up(self) -> None:
        """Release the lock at once, so that another process need not wait for the server to notice."""
        session, self._session, self._epoch = self._session, None, None
        if session is not None:
            with suppress(psycopg.Error):
                session.execute(_sql("release_lock"), {"lock": AdvisoryLock.LEADER})
            session.close()

    def _try_lock(self) -> int | None:
        if self._session is None or self._session.closed:
            timeouts = {**CONNECTION_TIMEOUTS, "connect_timeout": _TIMEOUT_S}
            self._session = psycopg.connect(self._url, autocommit=True, **timeouts)
        session = self._session
        row = session.execute(_sql("try_lock"), {"lock": AdvisoryLock.LEADER}).fetchone()
        if row is None or not row[0]:
            session.execute(_sql("terminate_silent_leader"), {"timeout_ms": _TIMEOUT_S * 1_000})
            return None
        if self._epoch is None:
            row = session.execute(_sql(self._statement), {"query_timeout_ms": QUERY_TIMEOUT_MS}).fetchone()
            if row is None:
                self.give_up()
                raise StoreBusy(
                    "a live query on a cluster processes the events of this database: set --engine off, or stop the query"
                )
            self._epoch = int(row[0])
            self._last_heartbeat_s = monotonic()
        return self._epoch


def _sql(name: str) -> bytes:
    return for_postgres(statement(name)).encode()

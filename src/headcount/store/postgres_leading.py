"""Leading on a server: one of its sessions holds a lock, and gives a sign of life."""

from contextlib import suppress
from time import monotonic
from typing import Any, Final

import psycopg

from headcount.store.database import StoreBusy
from headcount.store.postgres import GONE_AFTER
from headcount.store.statements import for_postgres, statement

_BEAT_S: Final = 2
_GONE_S: Final = 6
"""Without a sign of life for so long, a leader is one no more."""
_LEADERS_LOCK: Final = 7_205_759_404


class ServerLock:
    """On a server, who holds a lock leads. Who holds it and gives no sign of life is put out.

    The lock is that of a session of its own. A process that was paused has lost it when it wakes up;
    that it can commit nothing more is the epoch's doing: see `Tables.commit`.
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
            beaten = self._session.execute(_sql("postgres_beat"), {"epoch": self._epoch}).rowcount
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
                session.execute("select pg_advisory_unlock(%s)", (_LEADERS_LOCK,))
            session.close()

    def _tried(self) -> int | None:
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(
                self._url, autocommit=True, **{**GONE_AFTER, "connect_timeout": _GONE_S}
            )
        session = self._session
        row = session.execute("select pg_try_advisory_lock(%s)", (_LEADERS_LOCK,)).fetchone()
        if row is None or not row[0]:
            session.execute(_sql("postgres_put_out"), {"gone_ms": _GONE_S * 1_000})
            return None
        if self._epoch is None:
            row = session.execute(_sql("postgres_lead")).fetchone()
            self._epoch = int(row[0]) if row is not None else None
            self._beaten = monotonic()
        return self._epoch


def _sql(name: str) -> bytes:
    return for_postgres(statement(name)).encode()

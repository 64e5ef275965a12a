"""Deferred rooms: rooms with entries that the engine has passed but not processed yet.

A room is deferred because its turn was over, or because its processing failed. Then it is quarantined with the
reason and retried later. Its projections stay as of `position` and its entries stay in the log, so nothing is lost.

Responsible for when a room is retried. Must not know SQL or the kernel.
"""

from collections.abc import Iterable
from typing import Final

from headcount.kernel.events import Ms
from headcount.store.database import StoreError
from headcount.store.records import DeferredRoom, RoomKey

_FIRST_RETRY_MS: Final[Ms] = 60_000
_LAST_RETRY_MS: Final[Ms] = 6 * 3_600_000
_REASON_LENGTH: Final = 500


class DeferredRooms:
    """The deferred rooms by key, those served least recently first."""

    def __init__(self, rows: Iterable[DeferredRoom], release: str) -> None:
        """Start from the rows of the store. A room that another release quarantined is retried at once."""
        self._release = release
        self._rows = {(row.domain, row.room): _renewed(row, release) for row in rows}

    def __contains__(self, key: RoomKey) -> bool:
        return key in self._rows

    def __getitem__(self, key: RoomKey) -> DeferredRoom:
        return self._rows[key]

    def due(self, now: Ms) -> list[RoomKey]:
        """Return the rooms that are due at `now`, those served least recently first."""
        return [key for key, row in self._rows.items() if row.retry <= now]

    def next_retry(self) -> Ms | None:
        """Return when the next room is due, or None."""
        return min((row.retry for row in self._rows.values()), default=None)

    def skip_to(self, key: RoomKey, position: int) -> None:
        """Note that a room has no entries up to `position`. This needs no commit."""
        row = self._rows[key]
        if row.position < position:
            self._rows[key] = row._replace(position=position)

    def deferred(self, key: RoomKey, position: int, now: Ms) -> DeferredRoom:
        """Return the row of a room whose turn is over, with its entries processed up to `position`."""
        known = self._rows.get(key)
        since = now if known is None else known.since
        return DeferredRoom(*key, position, None, 0, since, now, self._release)

    def failed(self, key: RoomKey, position: int, error: Exception, now: Ms) -> DeferredRoom:
        """Return the row of a room that failed after `position`."""
        known = self._rows.get(key)
        attempts = 1 if known is None else known.attempts + 1
        since = now if known is None or known.reason is None else known.since
        wait = min(_FIRST_RETRY_MS * 2 ** min(attempts - 1, 16), _LAST_RETRY_MS)
        return DeferredRoom(*key, position, _reason(error), attempts, since, now + wait, self._release)

    def apply(self, changes: Iterable[tuple[RoomKey, DeferredRoom | None]]) -> None:
        """Apply committed changes: None removes a room that has caught up."""
        for key, row in changes:
            self._rows.pop(key, None)
            if row is not None:
                self._rows[key] = row


def _renewed(row: DeferredRoom, release: str) -> DeferredRoom:
    return row if row.reason is None or row.release == release else row._replace(retry=0)


def _reason(error: Exception) -> str:
    # The location of a store is for operators, who find it in the log.
    message = error.reason if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    text = message.replace("\0", "").encode("utf-8", "replace").decode()
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}…"

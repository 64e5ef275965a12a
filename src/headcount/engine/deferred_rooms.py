"""Rooms that are behind: their part of the log waits, while the engine goes on with everybody else's.

A room falls behind because its turn was over (it waits for the next one), or because its work failed: then it is
quarantined with the reason, and tried again later. Its tables stay as they were at `position`, its entries stay in
the log, and nothing is lost. This module decides when a room is tried again; it knows no SQL and no kernel.
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
    """The rooms that are behind, in the order in which it is their turn."""

    def __init__(self, rows: Iterable[DeferredRoom], release: str) -> None:
        """`rows` come from the store. One that another release quarantined is tried at once: it may work now."""
        self._release = release
        self._rows = {(row.domain, row.room): _renewed(row, release) for row in rows}

    def __contains__(self, key: RoomKey) -> bool:
        return key in self._rows

    def __getitem__(self, key: RoomKey) -> DeferredRoom:
        return self._rows[key]

    def quarantined(self) -> int:
        """How many rooms failed, and wait to be tried again."""
        return sum(row.reason is not None for row in self._rows.values())

    def due(self, now: Ms) -> list[RoomKey]:
        """Whose turn it is at `now`, in order: those that were served least recently come first."""
        return [key for key, row in self._rows.items() if row.retry <= now]

    def next_retry(self) -> Ms | None:
        """When the next of them is to be tried, or None."""
        return min((row.retry for row in self._rows.values()), default=None)

    def skip_to(self, key: RoomKey, position: int) -> None:
        """Note that a room that waits has no entries up to `position`. Nothing is to be committed for that."""
        row = self._rows[key]
        if row.position < position:
            self._rows[key] = row._replace(position=position)

    def deferred(self, key: RoomKey, position: int, now: Ms) -> DeferredRoom:
        """The row of a room whose turn is over: it has worked in its entries up to `position`."""
        known = self._rows.get(key)
        since = now if known is None else known.since
        return DeferredRoom(*key, position, None, 0, since, now, self._release)

    def failed(self, key: RoomKey, position: int, error: Exception, now: Ms) -> DeferredRoom:
        """The row of a room whose work after `position` failed."""
        known = self._rows.get(key)
        attempts = 1 if known is None else known.attempts + 1
        since = now if known is None or known.reason is None else known.since
        wait = min(_FIRST_RETRY_MS * 2 ** min(attempts - 1, 16), _LAST_RETRY_MS)
        return DeferredRoom(*key, position, _reason(error), attempts, since, now + wait, self._release)

    def apply(self, changes: Iterable[tuple[RoomKey, DeferredRoom | None]]) -> None:
        """Take over what was committed: a row that is None has caught up."""
        for key, row in changes:
            self._rows.pop(key, None)
            if row is not None:
                self._rows[key] = row


def _renewed(row: DeferredRoom, release: str) -> DeferredRoom:
    return row if row.reason is None or row.release == release else row._replace(retry=0)


def _reason(error: Exception) -> str:
    # What the store says of a file or a server is for its operators, who find it in the log.
    words = error.reason if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
    text = words.replace("\0", "").encode("utf-8", "replace").decode()
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}…"

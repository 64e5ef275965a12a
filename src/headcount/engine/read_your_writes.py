"""Read your writes: waiting until the entries of a request are visible (`?wait=true`).

Responsible for waiting until the engine has processed the entries, in whichever process it runs.
Must not know HTTP.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.store.open import Store
from headcount.store.records import SNAPSHOT, AppendResult, LogEntry, Origin, StoredEntry

_POLL_S: Final = 0.005


class RoomQuarantinedError(HeadcountError):
    """The events are stored, but their room is quarantined: they become visible when it is released."""


class ReadYourWrites:
    """Waits for the engine. `hurry` wakes the engine of this process, `cursor` returns the engine's position."""

    def __init__(
        self, store: Store, hurry: Callable[[], None], cursor: Callable[[], int], now: Callable[[], Ms]
    ) -> None:
        self._store = store
        self._hurry = hurry
        self._cursor = cursor
        self._now = now

    async def wait_until_visible(self, result: AppendResult, entries: Sequence[LogEntry]) -> None:
        """Wait until the engine has passed the result's position and the projections include these entries before it.

        Entries in the future are not waited for. Raise `RoomQuarantinedError` if a room is quarantined.
        """
        position = result.position
        if (
            result.duplicates
        ):  # one without a time of its own has now that of its arrival, which no stored entry has
            entries = await asyncio.to_thread(self._store.log.with_stored_times, entries)
        await self._until(lambda: self._cursor() >= position)
        expected: list[LogEntry | StoredEntry] = [entry for entry in entries if entry.kind != SNAPSHOT]
        if len(expected) < len(entries):
            inferred = await asyncio.to_thread(self._inferred_after, position)
            end = inferred[-1].position if inferred else position
            await self._until(lambda: self._cursor() >= end)
            expected += inferred
        now = self._now()
        last = {
            (entry.domain, entry.room): entry.at for entry in sorted(expected, key=_at) if entry.at <= now
        }
        for key, at in last.items():
            await self._until(partial(self._is_visible, *key, at, position))

    def _is_visible(self, domain: str, room: str, at: Ms, position: int) -> bool:
        deferred = self._store.projections.deferred_room(domain, room)
        if deferred is not None and deferred.reason is not None:
            raise RoomQuarantinedError(f"room '{room}' is quarantined since an error: {deferred.reason}")
        if deferred is not None and deferred.position < position:
            return False
        row = self._store.projections.room(domain, room)
        return row is not None and row.finalized >= at

    def _inferred_after(self, position: int) -> list[StoredEntry]:
        """Return the entries inferred from snapshots. The commit that passed `position` appended them."""
        end, _ = self._store.log.end()
        following = self._store.log.after(position, end - position)
        return [entry for entry in following if entry.origin == Origin.INFERRED]

    async def _until(self, is_done: Callable[[], bool]) -> None:
        while not await asyncio.to_thread(is_done):
            self._hurry()
            await asyncio.sleep(_POLL_S)


def _at(entry: LogEntry | StoredEntry) -> Ms:
    return entry.at

"""Passing: for whoever sent events and waits until what they say shows."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.store.open import Store
from headcount.store.records import SNAPSHOT, LogEntry, Origin, StoredEntry

_AGAIN_S: Final = 0.005


class RoomQuarantinedError(HeadcountError):
    """What was sent is stored, but its room is quarantined: it will not show before that is over."""


class ReadYourWrites:
    """Waits for the engine, whichever process runs it. `hurry` wakes ours, `cursor` says how far it is."""

    def __init__(
        self, store: Store, hurry: Callable[[], None], cursor: Callable[[], int], now: Callable[[], Ms]
    ) -> None:
        self._store = store
        self._hurry = hurry
        self._cursor = cursor
        self._now = now

    async def passed(self, position: int, entries: Sequence[LogEntry]) -> None:
        """Wait until the engine has passed `position`, and the tables show what these entries up to it say.

        What is said of the future does not show before it comes, and is not waited for. Raises
        `RoomQuarantinedError` if a room failed.
        """
        await self._until(lambda: self._cursor() >= position)
        said: list[LogEntry | StoredEntry] = [entry for entry in entries if entry.kind != SNAPSHOT]
        if len(said) < len(entries):
            inferred = await asyncio.to_thread(self._inferred_after, position)
            worked_in = inferred[-1].position if inferred else position
            await self._until(lambda: self._cursor() >= worked_in)
            said += inferred
        now = self._now()
        last = {(entry.domain, entry.room): entry.at for entry in sorted(said, key=_at) if entry.at <= now}
        for key, at in last.items():
            await self._until(partial(self._shows, *key, at, position))

    def _shows(self, domain: str, room: str, at: Ms, position: int) -> bool:
        behind = self._store.projections.deferred_room(domain, room)
        if behind is not None and behind.reason is not None:
            raise RoomQuarantinedError(f"room '{room}' is quarantined since an error: {behind.reason}")
        if behind is not None and behind.position < position:
            return False
        row = self._store.projections.room(domain, room)
        return row is not None and row.settled >= at

    def _inferred_after(self, position: int) -> list[StoredEntry]:
        """What followed from lists of those present. It stands in the log since the same commit."""
        end, _ = self._store.log.end()
        followed = self._store.log.after(position, end - position)
        return [entry for entry in followed if entry.origin == Origin.INFERRED]

    async def _until(self, done: Callable[[], bool]) -> None:
        while not await asyncio.to_thread(done):
            self._hurry()
            await asyncio.sleep(_AGAIN_S)


def _at(entry: LogEntry | StoredEntry) -> Ms:
    return entry.at

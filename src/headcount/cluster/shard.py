"""Shard: the rooms of one part of a cell, and the engine that works them.

Each call of `work` is a round: entries and the time in, batches out. The state that the round changed is saved in
the same call, and a shard in memory is only a cache of it: it is used again if nobody else has saved a round since.

Responsible for one round of one shard. Must not know what stores the state, or where entries come from.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from headcount.cluster.shard_room import KeyedEntry, RoomPast
from headcount.cluster.shard_state import Chunks, Head, restored, save
from headcount.cluster.shard_store import ShardStore
from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.records import BatchChanges, LogEntry

_UNLIMITED: Final = 2**62
_CURRENT_MS: Final[Ms] = 2_000
"""A shard whose newest entry is not older than this is not behind."""


class ShardSettings(NamedTuple):
    """What is the same for all shards of a cell. See `Engine`."""

    rules: Rules = Rules()
    stale_after: Ms | None = None
    reorder_window: Ms = REORDER_WINDOW_MS
    retention: Ms = 86_400_000
    """How long a shard knows the past of a room that is over: an entry that is older is late for good."""
    release: str = ""


class Shard:
    """One shard in memory, as of `version`."""

    def __init__(self, settings: ShardSettings, head: Head, chunks: Chunks) -> None:
        self._store: Final = restored(head, chunks)
        self.version = head.version
        self._retention = settings.retention
        self._engine: Final = Engine(
            self._store,
            settings.rules,
            self._store.take_over(),
            stale_after=settings.stale_after,
            reorder_window=settings.reorder_window,
            batch_size=_UNLIMITED,
            release=settings.release,
            stopwatch=None,
        )

    @property
    def store(self) -> ShardStore:
        """What the shard has stored."""
        return self._store

    @property
    def deadline(self) -> Ms:
        """When something is due next that needs no further entry, or NEVER."""
        return self._engine.deadline

    def take_late(self) -> list[LogEntry]:
        """Return the entries of the last round that are older than what the shard knows of their rooms."""
        return self._store.take_late()

    def work(
        self,
        head: Head,
        chunks: Chunks,
        entries: Sequence[LogEntry],
        now: Ms,
        *,
        next_offset: int | None = None,
        pasts: Sequence[RoomPast] = (),
    ) -> list[BatchChanges]:
        """Process entries at the time `now`, save what that changes, and return the committed batches.

        The time does not go back: it is at least that of the last round. `next_offset` is that of the record after the
        last one. `pasts` are pasts of rooms that the shard has forgotten, in which some entries may be.
        """
        assert self.version == head.version, "a shard works on the state that it was restored from"
        now = self._store.time = max(now, head.time)
        remembered = [past for past in pasts if self._store.remember(past)]
        appended, batches = self.process(entries, now)
        next_offset = head.next_offset if next_offset is None else next_offset
        if appended or batches or remembered or next_offset != head.next_offset:
            head.time, head.next_offset = now, next_offset
            forgotten = self._store.old_pasts(self._retention, head.version + 1)
            self._store.forget(forgotten)
            save(head, chunks, self._store, appended, batches, forgotten, remembered)
            self.version = head.version
        return batches

    def process(self, entries: Sequence[LogEntry], now: Ms) -> tuple[list[KeyedEntry], list[BatchChanges]]:
        """Process entries at the time `now`, and return those that were new, and the committed batches."""
        self._store.time = now
        self._store.append([entries])
        while self._engine.step(now):
            pass
        return self._store.take_changes()


def derive(settings: ShardSettings, entries: Sequence[LogEntry], now: Ms) -> list[BatchChanges]:
    """Return what a shard that has received these entries until `now` would have committed."""
    _, batches = Shard(settings, Head(), _NoChunks()).process(entries, now)
    return batches


class _NoChunks:
    """The chunks of a shard that has saved nothing."""

    def get(self, number: int) -> bytes:
        raise KeyError(number)

    def put(self, number: int, value: bytes) -> None:
        raise NotImplementedError

    def remove(self, number: int) -> None:
        raise KeyError(number)


def round_time(newest: Ms, now: Ms) -> Ms:
    """Return the engine's time of a round at `now` whose newest entry was received at `newest`.

    A shard that is behind has not read what follows, so its time stops there: unread entries are not late.
    """
    return now if newest >= now - _CURRENT_MS else newest

"""Engine: the loop that reads the log, updates rooms and commits their projections.

Each batch takes the entries after the cursor, passes each to its room, wakes the rooms whose deadline has come, and
commits all changes together with the cursor. A crash before the commit loses nothing, and one after it repeats
nothing. A batch that fails is discarded, and the rooms are replayed from the store.

No room blocks another. Rooms take turns, those of different domains alternating, and a batch lasts a bounded time: a
room whose turn is over is deferred to a later batch. A room that fails is quarantined: the batch is committed without
it, and it is retried later (`deferred_rooms.py`).

Rooms finalize events after the reorder window, so that what R14 decides is visible within a second. Later events
refold the past, and only those later than the late grace period are corrections.

Responsible for batches: which rooms have a turn, and the commit. Must not know the clock, SQL or HTTP.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from time import perf_counter
from typing import Final

import structlog

from headcount.engine.batch_parts import BatchPart, Replace, commit_parts, is_contained
from headcount.engine.deferred_rooms import DeferredRooms
from headcount.engine.engine_store import EngineErasures, EngineStore
from headcount.engine.notifications import publish
from headcount.engine.room_cache import RoomCache
from headcount.engine.room_turn import RoomTurn, TurnSettings, time_limit_after
from headcount.kernel.changes import Change, EventIgnored, MeetingsCorrected, Reason
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules
from headcount.store.outbox import MeetingState
from headcount.store.records import BatchChanges, PendingNotification, RoomKey, StoredEntry

REORDER_WINDOW_MS: Final = 200
"""Default delay before events become visible, so that events out of order can be sorted."""
_NOTIFICATION_LIMIT: Final = 1_000
_BATCH_S: Final = 0.4
"""Batches take as many entries as fit into this time, and start no further turn after twice this time."""
_MIN_BATCH_SIZE: Final = 50
_WINDOW: Final = 50_000
"""Entries of the log that are searched for those of deferred rooms, at a time."""
_NOTIFICATION_RETRY_MS: Final[Ms] = 600_000
_CLOCK_JUMP_MS: Final[Ms] = 5 * 60_000
"""If the clock goes back by more than this, it was wrong before; if by less, the rooms' time waits for it."""

NewEraser = Callable[[int, Callable[[RoomKey], None]], EngineErasures]

log = structlog.get_logger("headcount.engine")


@dataclass(slots=True)
class EngineStats:
    """Counters since the engine started."""

    entries: int = 0
    batches: int = 0
    late: int = 0
    corrections: int = 0
    duplicate_joins: int = 0
    orphan_leaves: int = 0
    commit_s: float = 0.0
    expired: int = 0


class Engine:
    """The engine of all domains of one store. `step` processes a batch; nothing here waits or knows the clock.

    `rules` are those in force. Stays without a leave end after `stale_after` ms, if given. Events become visible after
    `reorder_window` ms. A batch has at most `batch_size` entries. Without `publishes`, nothing is written to the
    outbox. `release` is the version of this program. `eraser` returns what erases people between batches, and is given a
    function that removes a room from memory. `stopwatch` returns seconds since any moment; with None, a batch
    may last as long as it takes.
    """

    def __init__(
        self,
        store: EngineStore,
        rules: Rules,
        epoch: int,
        *,
        stale_after: Ms | None = None,
        reorder_window: Ms = REORDER_WINDOW_MS,
        batch_size: int = 5_000,
        publishes: bool = True,
        release: str = "",
        stopwatch: Callable[[], float] | None = perf_counter,
        eraser: NewEraser | None = None,
    ) -> None:
        self._store = store
        self._publishes = publishes
        self._settings = TurnSettings(rules.late_grace_ms, reorder_window, stale_after, publishes)
        self._release = release
        self._stopwatch = stopwatch or _stopped
        self._batch_start = 0.0
        self._max_batch_size = batch_size
        self._batch_size = batch_size
        self._epoch = epoch
        room_rules = Rules(rules.min_stay_ms, rules.start_alone_ms, rules.reset_alone_ms, reorder_window)
        self._cache = RoomCache(store.projections, room_rules, watched=publishes)
        self._deadlines: list[tuple[Ms, RoomKey]] = []
        self._queued: set[tuple[Ms, RoomKey]] = set()
        self._time: Ms = 0
        self._served: dict[str, int] = {}
        """The batch in which the deferred rooms of a domain last had a turn. Domains served least recently come first."""
        self.stats = EngineStats()
        self.cursor = 0
        self._eraser = None if eraser is None else eraser(epoch, self._cache.evict)
        self.is_erasing = False
        """Whether the last step has done a part of an erasure, after which others may use the database."""
        self._reload()

    @property
    def deadline(self) -> Ms:
        """When a room or a notification is due next, or NEVER."""
        retry = self._deferred.next_retry()
        wake = self._deadlines[0][0] if self._deadlines else NEVER
        return min(wake, self._next_notification, NEVER if retry is None else retry)

    @property
    def deadline_count(self) -> int:
        """The number of queued deadlines of rooms."""
        return len(self._deadlines)

    @property
    def room_count(self) -> int:
        """The number of rooms in memory."""
        return len(self._cache)

    @property
    def epoch(self) -> int:
        """The epoch in which this engine may commit."""
        return self._epoch

    def evict(self, key: RoomKey) -> None:
        """Remove a room from memory, because its rows were changed between two batches."""
        self._cache.evict(key)

    def step(self, now: Ms) -> bool:
        """Process one batch at the clock time `now`. Return whether there is more to do at once.

        Raise what the store raises if it is unavailable; then nothing of the batch is committed.
        """
        entries = self._store.log.after(self.cursor, self._batch_size)
        is_full = len(entries) == self._batch_size
        if self._eraser is not None:
            self._eraser.refresh()
            entries = self._eraser.redacted(entries, self.cursor)
        if self._time > now + _CLOCK_JUMP_MS:
            self._time = now
        self._time = max(self._time, min(now, time_limit_after(entries[-1])) if is_full else now)
        try:
            is_busy = self._process(entries, now) or self._notify(now) or is_full
            self.is_erasing = self._eraser is not None and self._eraser.step(self.cursor, now)
        except BaseException:
            self._reload()
            raise
        return is_busy or self.is_erasing

    def _reload(self) -> None:
        """Discard everything in memory and read it from the store."""
        self._cache.clear()
        self.cursor, _ = self._store.projections.cursor()
        self._deferred = DeferredRooms(self._store.projections.deferred_rooms(), self._release)
        self._deadlines = [
            (deadline, (domain, room)) for deadline, domain, room in self._store.projections.deadlines()
        ]
        heapify(self._deadlines)
        self._queued = set(self._deadlines)
        self._next_notification = self._store.notifications.next_due() if self._publishes else NEVER

    # Notifications.

    def _notify(self, now: Ms) -> bool:
        """Publish the notifications that are due. Return whether there may be more."""
        if self._next_notification > self._time:
            return False
        due: dict[tuple[str, str], list[PendingNotification]] = {}
        for notification in self._store.notifications.due(self._time, _NOTIFICATION_LIMIT):
            due.setdefault((notification.domain, notification.id), []).append(notification)
        if due:
            states = self._store.notifications.states(due, self._horizon)
            batch = BatchChanges(self.cursor)
            parts = [
                self._publish(batch, key, of_meeting, states[key], now) for key, of_meeting in due.items()
            ]
            self._commit(
                batch,
                parts,
                lambda batch, part, error: self._retry_notifications(batch, part, error, due, now),
            )
        self._next_notification = self._store.notifications.next_due()
        return self._next_notification <= self._time

    @property
    def _horizon(self) -> Ms:
        """What happened after this time is not published yet."""
        return self._time - self._settings.late_grace

    def _publish(
        self,
        batch: BatchChanges,
        key: tuple[str, str],
        notifications: Sequence[PendingNotification],
        state: MeetingState,
        now: Ms,
    ) -> BatchPart:
        """Publish the notifications of one meeting. If that fails, they are retried later."""
        part = BatchPart(key, batch.sizes(), self.cursor, self.cursor)
        batch.handled.extend(notifications)
        try:
            for notification in notifications:
                publication = publish(notification, state, self._horizon, now)
                batch.messages.extend(publication.messages)
                if publication.published is not None:
                    batch.published[key] = publication.published
                    state = state._replace(published=publication.published)
        except Exception as error:
            if not is_contained(error):
                raise
            batch.truncate(part.start)
            self._retry_notifications(batch, part, error, {key: notifications}, now)
        return part

    def _retry_notifications(
        self,
        batch: BatchChanges,
        part: BatchPart,
        error: Exception,
        due: Mapping[tuple[str, str], Sequence[PendingNotification]],
        now: Ms,
    ) -> None:
        notifications = due[part.key]
        first = notifications[0]
        log.error(
            "notifications of a meeting failed; will retry",
            domain=first.domain, room=first.room, meeting=first.id, exc_info=error,
        )  # fmt: skip
        later = max(now, self._time) + _NOTIFICATION_RETRY_MS
        batch.handled.extend(notifications)
        for one in notifications:
            batch.notifications[one.domain, one.id, later] = one._replace(due=later)

    # Batches.

    def _process(self, entries: Sequence[StoredEntry], now: Ms) -> bool:
        self._batch_start = self._stopwatch()
        cursor = entries[-1].position if entries else self.cursor
        batch = BatchChanges(cursor)
        parts: dict[RoomKey, BatchPart] = {}
        with_entries, due = dict(self._by_room(entries)), self._due()
        self._cache.read_rows([*with_entries, *due])
        for key, of_room in with_entries.items():
            parts[key] = self._turn(batch, key, of_room, now, may_defer=bool(parts))
        for key in due:
            if key not in parts and key not in self._deferred:
                if parts and self._is_over():
                    self._wake_at(self._time, key)
                else:
                    parts[key] = self._turn(batch, key, (), now)
        self._catch_up(batch, parts, now)
        has_inferred = bool(batch.inferred)
        found = list(parts.values())
        if entries or batch.rooms or batch.inferred or batch.deferred:
            batch = self._commit(
                batch, found, lambda batch, part, error: self._quarantine(batch, part, error, now)
            )
        self._committed(batch, found)
        self.stats.entries += len(entries)
        self.stats.batches += 1
        self._adapt_batch_size()
        return has_inferred or bool(self._deferred.due(max(now, self._time)))

    def _adapt_batch_size(self) -> None:
        """Let the next batch last as long as it should."""
        duration = self._stopwatch() - self._batch_start
        if duration > _BATCH_S:
            self._batch_size = max(_MIN_BATCH_SIZE, self._batch_size // 2)
        elif duration < _BATCH_S / 3:
            self._batch_size = min(self._max_batch_size, self._batch_size * 2)

    def _by_room(self, entries: Sequence[StoredEntry]) -> Iterator[tuple[RoomKey, list[StoredEntry]]]:
        """Yield new entries by room, rooms with few first and domains alternating. Deferred rooms are skipped."""
        rooms: defaultdict[RoomKey, list[StoredEntry]] = defaultdict(list)
        for entry in entries:
            rooms[entry.domain, entry.room].append(entry)
        for key in _alternating(sorted(rooms, key=lambda key: len(rooms[key]))):
            if key not in self._deferred:
                yield key, rooms[key]

    def _is_over(self) -> bool:
        """Return whether this batch has lasted long enough."""
        return self._stopwatch() - self._batch_start > 2 * _BATCH_S

    def _turn(
        self,
        batch: BatchChanges,
        key: RoomKey,
        entries: Sequence[StoredEntry],
        now: Ms,
        *,
        may_defer: bool = False,
    ) -> BatchPart:
        """Give a room its turn in a batch, and return its part."""
        part = BatchPart(key, batch.sizes(), self.cursor, self.cursor)
        if may_defer and self._is_over():
            batch.deferred[key] = self._deferred.deferred(key, self.cursor, now)
            return part
        self._process_room(batch, part, entries, batch.cursor, self._time, now)
        if part.cached is not None and part.position != batch.cursor:
            batch.deferred[key] = self._deferred.deferred(key, part.position, now)
        return part

    # Deferred rooms.

    def _catch_up(self, batch: BatchChanges, parts: dict[RoomKey, BatchPart], now: Ms) -> None:
        """Give turns to deferred rooms: one at least, and more until the batch is over."""
        domains: dict[str, list[RoomKey]] = {}
        began = False
        for key in _alternating(self._deferred.due(max(now, self._time))):
            if key in parts:
                continue
            if self._deferred[key].reason is None:
                domains.setdefault(key[0], []).append(key)
            elif not (began and self._is_over()):
                parts[key] = self._retry(batch, key, now)
                began = True
        served = {domain: self._served.get(domain, 0) for domain in domains}
        for domain in sorted(served, key=lambda domain: served[domain]):
            if not (began and self._is_over()):
                self._catch_up_domain(batch, domain, domains[domain], parts, now)
                served[domain] = self.stats.batches + 1
                began = True
        self._served = served

    def _catch_up_domain(
        self, batch: BatchChanges, domain: str, keys: list[RoomKey], parts: dict[RoomKey, BatchPart], now: Ms
    ) -> None:
        """Give turns to the deferred rooms of a domain. Their entries are read together, the earliest first."""
        first = min(self._deferred[key].position for key in keys)
        until = min(first + _WINDOW, batch.cursor)
        entries = self._store.log.in_domain(domain, first, until, self._batch_size)
        if len(entries) == self._batch_size:
            until = entries[-1].position
        rooms: dict[RoomKey, list[StoredEntry]] = {key: [] for key in keys}
        for entry in entries:
            key = (entry.domain, entry.room)
            if key in rooms and entry.position > self._deferred[key].position:
                rooms[key].append(entry)
        began = False
        for key, of_room in rooms.items():
            if not of_room and until < batch.cursor:
                self._deferred.skip_to(key, until)
            elif not (began and self._is_over()):
                parts[key] = self._deferred_turn(batch, key, of_room, until, now)
                began = True

    def _retry(self, batch: BatchChanges, key: RoomKey, now: Ms) -> BatchPart:
        """Give a quarantined room a turn with its next entries, and return its part."""
        position = self._deferred[key].position
        until = min(position + _WINDOW, batch.cursor)
        entries = self._store.log.in_domain(key[0], position, until, self._max_batch_size, room=key[1])
        if len(entries) == self._max_batch_size:
            until = entries[-1].position
        return self._deferred_turn(batch, key, entries, until, now)

    def _deferred_turn(
        self, batch: BatchChanges, key: RoomKey, entries: Sequence[StoredEntry], until: int, now: Ms
    ) -> BatchPart:
        """Give a deferred room a turn with its entries up to the position `until`, and return its part."""
        before = self._deferred[key]
        part = BatchPart(key, batch.sizes(), before.position, before.position)
        time = self._time
        if until < batch.cursor:
            if not entries:
                batch.deferred[key] = self._deferred.deferred(key, until, now)
                return part
            time = min(time, time_limit_after(entries[-1]))
        self._process_room(batch, part, entries, until, time, now)
        if part.cached is not None:
            is_done = part.position == batch.cursor
            batch.deferred[key] = None if is_done else self._deferred.deferred(key, part.position, now)
            if before.reason is not None:
                log.info("room left quarantine", domain=key[0], room=key[1])
        return part

    def _process_room(
        self,
        batch: BatchChanges,
        part: BatchPart,
        entries: Sequence[StoredEntry],
        until: int,
        time: Ms,
        now: Ms,
    ) -> None:
        """Process entries of a room, up to the position `until`. If that fails because of the room, quarantine it."""
        try:
            cached = self._cache.get(part.key, part.before)
            turn = RoomTurn(self._settings, cached, batch, time, now)
            done = turn.process(entries, self._is_over)
        except Exception as error:
            if not is_contained(error):
                raise
            batch.truncate(part.start)
            self._quarantine(batch, part, error, now)
            return
        self._count(turn.others)
        self.stats.expired += turn.expired
        part.position = until if done == len(entries) else entries[done - 1].position
        part.cached = cached

    def _quarantine(self, batch: BatchChanges, part: BatchPart, error: Exception, now: Ms) -> None:
        """Write what is committed instead of a part that failed: the quarantine of its room."""
        key = part.key
        self._cache.evict(key)
        row = self._deferred.failed(key, part.before, error, now)
        is_known = key in self._deferred and self._deferred[key].reason == row.reason
        (log.debug if is_known else log.error)(
            "room failed and is quarantined; other rooms continue",
            domain=key[0], room=key[1], position=part.before, retry_ms=row.retry, exc_info=error,
        )  # fmt: skip
        batch.deferred[key] = row
        part.position, part.cached = part.before, None

    # The commit.

    def _commit(self, batch: BatchChanges, parts: Sequence[BatchPart], replace: Replace) -> BatchChanges:
        """Commit the batch, and return what was committed: see `commit_parts`."""
        batch, seconds = commit_parts(self._store.projections, self._epoch, batch, parts, replace)
        self.stats.commit_s += seconds
        return batch

    def _committed(self, batch: BatchChanges, parts: Iterable[BatchPart]) -> None:
        self.cursor = batch.cursor
        self._deferred.apply(batch.deferred.items())
        self._next_notification = min([self._next_notification, *(due for _, _, due in batch.notifications)])
        self.stats.corrections += len(batch.corrections)
        for part in parts:
            cached = part.cached
            if cached is not None:
                cached.journal.committed(cached.room.finalized, part.position)
                self._cache.release(part.key)
                self._wake_at(cached.deadline, part.key)

    def _wake_at(self, deadline: Ms, key: RoomKey) -> None:
        """Queue a deadline of a room once, however often it is reported."""
        entry = (deadline, key)
        if deadline != NEVER and entry not in self._queued:
            self._queued.add(entry)
            heappush(self._deadlines, entry)

    def _due(self) -> list[RoomKey]:
        """Return the rooms whose deadline has come."""
        due: dict[RoomKey, None] = {}
        while self._deadlines and self._deadlines[0][0] <= self._time:
            entry = heappop(self._deadlines)
            self._queued.discard(entry)
            due[entry[1]] = None
        return list(due)

    def _count(self, changes: Sequence[Change]) -> None:
        stats = self.stats
        for change in changes:
            if isinstance(change, EventIgnored):
                stats.duplicate_joins += change.reason is Reason.DUPLICATE_JOIN
                stats.orphan_leaves += change.reason is Reason.LEAVE_WITHOUT_JOIN
            elif isinstance(change, MeetingsCorrected) and change.late_ms > self._settings.late_grace:
                stats.late += 1


def _stopped() -> float:
    return 0.0


def _alternating(keys: Iterable[RoomKey]) -> list[RoomKey]:
    """Return the first room of each domain, then the second of each, and so on."""
    ranks: Counter[str] = Counter()
    ranked = []
    for key in keys:
        ranked.append((ranks[key[0]], key))
        ranks[key[0]] += 1
    return [key for _, key in sorted(ranked, key=lambda pair: pair[0])]

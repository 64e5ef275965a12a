"""Engine: the one loop. Log in, kernel, tables out, and a cursor that says how far it has come.

Each round takes the entries after the cursor, hands each to its room, wakes the rooms whose
time has come, and commits all that follows together with the cursor: dead before the commit,
nothing was said; dead after it, all of it was. A round that fails is forgotten whole, and the
rooms come back from the store.

No room stops another. Rooms take turns, those of different domains by turns, and a round lasts a
bounded time: a room whose turn is over falls behind, and goes on in a later round. A room whose work
fails is quarantined: the round is committed without it, and it is tried again later (`behind.py`).

Rooms here settle a moment after the fact, so that what rule 14 decides is shown within a second;
what comes later than that is folded anew. Only what comes after `settling_ms` is a correction.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from time import perf_counter
from typing import Any, Final, NamedTuple

import structlog

from headcount.engine.deferred_rooms import DeferredRooms
from headcount.engine.notifications import tell
from headcount.engine.room_cache import CachedRoom, RoomCache
from headcount.engine.room_turn import RoomTurn, TurnSettings, readable_time
from headcount.kernel.changes import Because, Change, EventIgnored, MeetingsCorrected
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER, Rules
from headcount.store.database import StoreError, StoreRejected
from headcount.store.open import Store
from headcount.store.records import BatchChanges, PendingNotification, PublishedMeeting, RoomKey, StoredEntry

REORDER_WINDOW_MS: Final = 200
"""So long is waited for what was said at the same time before it is shown, unless the settings say otherwise."""
_MOST_TOLD: Final = 1_000
_ROUND_S: Final = 0.4
"""Rounds take as many entries as they can work in within so long, and begin no further turn after twice that."""
_LEAST_BATCH: Final = 50
_TOO_MANY: Final = 8
_WINDOW: Final = 50_000
"""So many entries of the log are looked at for those of rooms that are behind."""
_TELL_AGAIN_MS: Final[Ms] = 600_000
_CLOCK_WAS_WRONG_MS: Final[Ms] = 5 * 60_000
"""A clock that goes back by more than this was wrong before; by less, the rooms' time waits for it."""

log = structlog.get_logger("headcount.engine")


class BatchPart(NamedTuple):
    """One room's part of a round. `before` and `position`: up to where its entries were, and are, worked in."""

    key: Any
    round: BatchChanges
    before: int
    position: int
    kept: CachedRoom | None = None


@dataclass(slots=True)
class EngineStats:
    """What the engine has seen since it started."""

    entries: int = 0
    rounds: int = 0
    late: int = 0
    corrections: int = 0
    repeated: int = 0
    orphans: int = 0
    commit_s: float = 0.0


class Engine:
    """Works for all domains of one store. `step` is a round; nothing here waits or knows a clock.

    `rules` are those in force; `max_stay` (ms) closes stays that nobody ever closed, if given.
    `shown_after` (ms) is how long is waited for what was said at the same time. `batch` bounds how
    many entries a round takes. One that does not tell the world (`tells`) writes nothing into the outbox.
    `release` is this program's version. `stopwatch` gives seconds since any moment; None where nobody waits for
    another room, so that rounds may take as long as they do.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        epoch: int,
        *,
        max_stay: Ms | None = None,
        shown_after: Ms = REORDER_WINDOW_MS,
        batch: int = 5_000,
        tells: bool = True,
        release: str = "",
        stopwatch: Callable[[], float] | None = perf_counter,
    ) -> None:
        self._store = store
        self._tells = tells
        self._terms = TurnSettings(rules.settling_ms, shown_after, max_stay, tells)
        self._release = release
        self._stopwatch = stopwatch or _timeless
        self._began = 0.0
        self._most = batch
        self._batch = batch
        self._epoch = epoch
        shown = Rules(rules.min_stay_ms, rules.start_alone_ms, rules.reset_alone_ms, shown_after)
        self._keeper = RoomCache(store.projections, shown, watched=tells)
        self._deadlines: list[tuple[Ms, RoomKey]] = []
        self._queued: set[tuple[Ms, RoomKey]] = set()
        self._time: Ms = 0
        self._served: dict[str, int] = {}
        """In which round the rooms of a domain that wait had a turn: those served least recently come first."""
        self.tally = EngineStats()
        self.cursor = 0
        self._start_again()

    @property
    def deadline(self) -> Ms:
        """When a room wants to be woken next, or something is to be told, or NEVER."""
        retry = self._behind.next_retry()
        alarm = self._deadlines[0][0] if self._deadlines else NEVER
        return min(alarm, self._tell_next, NEVER if retry is None else retry)

    @property
    def alarms(self) -> int:
        """How many times rooms are still to be woken."""
        return len(self._deadlines)

    @property
    def rooms(self) -> int:
        """How many rooms are in memory."""
        return len(self._keeper)

    def people(self) -> int:
        """How many stays last in them."""
        return self._keeper.people()

    def busy_rooms(self) -> int:
        """In how many of them somebody is."""
        return self._keeper.busy()

    def quarantined_rooms(self) -> int:
        """How many rooms failed, and wait to be tried again."""
        return self._behind.quarantined()

    def step(self, now: Ms) -> bool:
        """One round at the clock time `now`. Whether there is more to do at once.

        Raises what the store raises if it cannot be used; then nothing of the round has happened.
        """
        logged = self._store.log.after(self.cursor, self._batch)
        behind = len(logged) == self._batch
        if self._time > now + _CLOCK_WAS_WRONG_MS:
            self._time = now
        self._time = max(self._time, min(now, readable_time(logged[-1])) if behind else now)
        try:
            return self._round(logged, now) or self._tell(now) or behind
        except BaseException:
            self._start_again()
            raise

    def _start_again(self) -> None:
        """Forget all that is not in the store."""
        self._keeper.forget_all()
        self.cursor, _ = self._store.projections.cursor()
        self._behind = DeferredRooms(self._store.projections.deferred_rooms(), self._release)
        self._deadlines = [
            (deadline, (domain, room)) for deadline, domain, room in self._store.projections.deadlines()
        ]
        heapify(self._deadlines)
        self._queued = set(self._deadlines)
        self._tell_next = self._store.notifications.first() if self._tells else NEVER

    # What is told of meetings.

    def _tell(self, now: Ms) -> bool:
        """Tell what is due of meetings; whether there may be more."""
        if self._tell_next > self._time:
            return False
        due: dict[tuple[str, str], list[PendingNotification]] = {}
        for about in self._store.notifications.due(self._time, _MOST_TOLD):
            due.setdefault((about.domain, about.id), []).append(about)
        parts = [self._publish(key, abouts, now) for key, abouts in due.items()]
        if parts:
            self._commit(self.cursor, parts, lambda part, error: self._tell_later(part, error, now))
        self._tell_next = self._store.notifications.first()
        return self._tell_next <= self._time

    def _publish(self, key: tuple[str, str], abouts: Sequence[PendingNotification], now: Ms) -> BatchPart:
        """What is to be told of one meeting. If it cannot be worked out, it is tried again later."""
        part = BatchPart(key, BatchChanges(self.cursor, told_of=list(abouts)), self.cursor, self.cursor)
        horizon = self._time - self._terms.published_ms
        known: PublishedMeeting | None = None
        try:
            for about in abouts:
                seen = self._store.notifications.seen(about, horizon)
                told = tell(about, seen if known is None else seen._replace(told=known), horizon, now)
                part.round.messages.extend(told.messages)
                if told.known is not None:
                    part.round.told[key] = known = told.known
        except Exception as error:
            if not _is_its_own(error):
                raise
            return self._tell_later(part, error, now)
        return part

    def _tell_later(self, part: BatchPart, error: Exception, now: Ms) -> BatchPart:
        abouts = part.round.told_of
        log.error(
            "what is to be published of a meeting failed; it is tried again later",
            domain=abouts[0].domain, room=abouts[0].room, meeting=abouts[0].id, exc_info=error,
        )  # fmt: skip
        due = max(now, self._time) + _TELL_AGAIN_MS
        later = {(about.domain, about.id, due): about._replace(due=due) for about in abouts}
        return part._replace(round=BatchChanges(self.cursor, told_of=abouts, to_tell=later))

    # Rounds.

    def _round(self, logged: Sequence[StoredEntry], now: Ms) -> bool:
        self._began = self._stopwatch()
        cursor = logged[-1].position if logged else self.cursor
        parts: dict[RoomKey, BatchPart] = {}
        for key, entries in self._in_turn(logged):
            parts[key] = self._turn(key, entries, cursor, now, may_wait=bool(parts))
        for key in self._due():
            if key not in parts and key not in self._behind:
                if parts and self._is_over():
                    self._wake_at(self._time, key)
                else:
                    parts[key] = self._turn(key, (), cursor, now)
        self._catch_up(parts, cursor, now)
        found = list(parts.values())
        inferred = any(part.round.inferred for part in found)
        if logged or any(part.round.rooms or part.round.inferred or part.round.behind for part in found):
            found = self._commit(cursor, found, lambda part, error: self._quarantined(part, error, now))
        self._committed(cursor, found)
        self.tally.entries += len(logged)
        self.tally.rounds += 1
        self._fit_batch()
        return inferred or bool(self._behind.due(max(now, self._time)))

    def _fit_batch(self) -> None:
        """Let the next round take as long as it should."""
        lasted = self._stopwatch() - self._began
        if lasted > _ROUND_S:
            self._batch = max(_LEAST_BATCH, self._batch // 2)
        elif lasted < _ROUND_S / 3:
            self._batch = min(self._most, self._batch * 2)

    def _in_turn(self, logged: Sequence[StoredEntry]) -> Iterator[tuple[RoomKey, list[StoredEntry]]]:
        """New entries by room, small ones first and domains by turns; those of rooms that are behind wait."""
        rooms: dict[RoomKey, list[StoredEntry]] = {}
        for entry in logged:
            rooms.setdefault((entry.domain, entry.room), []).append(entry)
        for key in _by_turns(sorted(rooms, key=lambda key: len(rooms[key]))):
            if key not in self._behind:
                yield key, rooms[key]

    def _is_over(self) -> bool:
        """Whether this round has lasted long enough."""
        return self._stopwatch() - self._began > 2 * _ROUND_S

    def _turn(
        self, key: RoomKey, entries: Sequence[StoredEntry], cursor: int, now: Ms, *, may_wait: bool = False
    ) -> BatchPart:
        """One room's turn, in a round that moves the cursor from where it is to `cursor`."""
        part = BatchPart(key, BatchChanges(cursor), self.cursor, self.cursor)
        if may_wait and self._is_over():
            part.round.behind[key] = self._behind.deferred(key, self.cursor, now)
            return part
        worked = self._work(part, entries, self._time, now)
        if worked.kept is None or worked.position == cursor:
            return worked
        worked.round.behind[key] = self._behind.deferred(key, worked.position, now)
        return worked

    def _catch_up(self, parts: dict[RoomKey, BatchPart], cursor: int, now: Ms) -> None:
        """Turns of rooms that are behind: one at least, and more until the round is over."""
        domains: dict[str, list[RoomKey]] = {}
        began = False
        for key in _by_turns(self._behind.due(max(now, self._time))):
            if key in parts:
                continue
            if self._behind[key].reason is None:
                domains.setdefault(key[0], []).append(key)
            elif not (began and self._is_over()):
                parts[key] = self._try_again(key, cursor, now)
                began = True
        served = {domain: self._served.get(domain, 0) for domain in domains}
        for domain in sorted(served, key=lambda domain: served[domain]):
            if not (began and self._is_over()):
                self._catch_up_domain(domain, domains[domain], parts, cursor, now)
                served[domain] = self.tally.rounds + 1
                began = True
        self._served = served

    def _catch_up_domain(
        self, domain: str, keys: list[RoomKey], parts: dict[RoomKey, BatchPart], cursor: int, now: Ms
    ) -> None:
        """Turns of the rooms of a domain that wait: their entries are read together, from the earliest on."""
        first = min(self._behind[key].position for key in keys)
        until = min(first + _WINDOW, cursor)
        logged = self._store.log.after_in_domain(domain, first, until, self._batch)
        if len(logged) == self._batch:
            until = logged[-1].position
        rooms: dict[RoomKey, list[StoredEntry]] = {key: [] for key in keys}
        for entry in logged:
            key = (entry.domain, entry.room)
            if key in rooms and entry.position > self._behind[key].position:
                rooms[key].append(entry)
        worked = False
        for key, entries in rooms.items():
            if not entries and until < cursor:
                self._behind.skip_to(key, until)
            elif not (worked and self._is_over()):
                parts[key] = self._advanced(key, entries, until, cursor, now)
                worked = True

    def _try_again(self, key: RoomKey, cursor: int, now: Ms) -> BatchPart:
        """A turn of a room that failed: its next entries up to `cursor`, or all of them."""
        position = self._behind[key].position
        until = min(position + _WINDOW, cursor)
        entries = self._store.log.after_in_room(*key, position, until, self._most)
        if len(entries) == self._most:
            until = entries[-1].position
        return self._advanced(key, entries, until, cursor, now)

    def _advanced(
        self, key: RoomKey, entries: Sequence[StoredEntry], until: int, cursor: int, now: Ms
    ) -> BatchPart:
        """A turn of a room that is behind, with its entries up to the position `until`."""
        before = self._behind[key]
        part = BatchPart(key, BatchChanges(until), before.position, before.position)
        time = self._time
        if until < cursor:
            if not entries:
                part.round.behind[key] = self._behind.deferred(key, until, now)
                return part
            time = min(time, readable_time(entries[-1]))
        worked = self._work(part, entries, time, now)
        if worked.kept is not None:
            is_done = worked.position == cursor
            worked.round.behind[key] = None if is_done else self._behind.deferred(key, worked.position, now)
            if before.reason is not None:
                log.info("a room has left quarantine", domain=key[0], room=key[1])
        return worked

    def _work(self, part: BatchPart, entries: Sequence[StoredEntry], time: Ms, now: Ms) -> BatchPart:
        """Let a room work; if that fails for a reason of its own, quarantine it."""
        try:
            kept = self._keeper.get(part.key, part.before)
            turn = RoomTurn(self._terms, kept, part.round, time, now)
            done = turn.work(entries, self._is_over)
        except Exception as error:
            if not _is_its_own(error):
                raise
            return self._quarantined(part, error, now)
        self._count(turn.changes)
        position = part.round.cursor if done == len(entries) else entries[done - 1].position
        return part._replace(kept=kept, position=position)

    def _quarantined(self, part: BatchPart, error: Exception, now: Ms) -> BatchPart:
        """What is committed in place of a part that failed: that its room waits, and why."""
        key = part.key
        self._keeper.forget(key)
        row = self._behind.failed(key, part.before, error, now)
        known = key in self._behind and self._behind[key].reason == row.reason
        (log.debug if known else log.error)(
            "a room failed and is quarantined; other rooms go on",
            domain=key[0], room=key[1], position=part.before, retry_ms=row.retry, exc_info=error,
        )  # fmt: skip
        return BatchPart(key, BatchChanges(part.round.cursor, behind={key: row}), part.before, part.before)

    def _commit(
        self, cursor: int, parts: list[BatchPart], instead: Callable[[BatchPart, Exception], BatchPart]
    ) -> list[BatchPart]:
        """Commit all parts together; `instead` says what to commit in place of one that the store rejects.

        If it rejects all of many, that is not their fault.
        """
        try:
            self.tally.commit_s += self._store.projections.commit(_together(cursor, parts), self._epoch)
        except Exception as error:
            if not _is_its_own(error):
                raise
            rejected = {part.key: why for part, why in self._rejected(parts)}
            if not rejected or len(rejected) == len(parts) > _TOO_MANY:
                raise
            parts = [instead(part, rejected[part.key]) if part.key in rejected else part for part in parts]
            self.tally.commit_s += self._store.projections.commit(_together(cursor, parts), self._epoch)
        return parts

    def _rejected(self, parts: Sequence[BatchPart]) -> Iterator[tuple[BatchPart, Exception]]:
        """The parts that the store rejects, and why, found by halves."""
        error = self._store.projections.rejection(_together(self.cursor, parts))
        if error is not None and len(parts) == 1:
            yield parts[0], error
        elif error is not None:
            half = len(parts) // 2
            yield from self._rejected(parts[:half])
            yield from self._rejected(parts[half:])

    def _committed(self, cursor: int, parts: Iterable[BatchPart]) -> None:
        self.cursor = cursor
        for part in parts:
            self._behind.apply(part.round.behind.items())
            self._tell_next = min([self._tell_next, *(due for _, _, due in part.round.to_tell)])
            self.tally.corrections += len(part.round.corrections)
            kept = part.kept
            if kept is not None:
                kept.journal.committed(kept.room.finalized, part.position)
                self._keeper.done_with(part.key)
                self._wake_at(kept.wakes_at, part.key)

    def _wake_at(self, moment: Ms, key: RoomKey) -> None:
        """A room that is touched a hundred times before it is to be woken is to be woken once."""
        entry = (moment, key)
        if moment != NEVER and entry not in self._queued:
            self._queued.add(entry)
            heappush(self._deadlines, entry)

    def _due(self) -> list[RoomKey]:
        """The rooms whose time has come."""
        due: dict[RoomKey, None] = {}
        while self._deadlines and self._deadlines[0][0] <= self._time:
            entry = heappop(self._deadlines)
            self._queued.discard(entry)
            due[entry[1]] = None
        return list(due)

    def _count(self, changes: Sequence[Change]) -> None:
        tally = self.tally
        for change in changes:
            if isinstance(change, EventIgnored):
                tally.repeated += change.because is Because.REPEATED_JOIN
                tally.orphans += change.because is Because.ORPHAN_LEAVE
            elif isinstance(change, MeetingsCorrected) and change.late_ms > self._terms.published_ms:
                tally.late += 1


def _timeless() -> float:
    return 0.0


def _is_its_own(error: Exception) -> bool:
    """Whether what failed is the fault of one room's work. Otherwise the store cannot be used just now."""
    return isinstance(error, StoreRejected) or not isinstance(error, StoreError)


def _together(cursor: int, parts: Iterable[BatchPart]) -> BatchChanges:
    done = BatchChanges(cursor)
    for part in parts:
        done.add(part.round)
    return done


def _by_turns(keys: Iterable[RoomKey]) -> list[RoomKey]:
    """The first room of each domain, then the second of each, and so on."""
    ranks: Counter[str] = Counter()
    ranked = []
    for key in keys:
        ranked.append((ranks[key[0]], key))
        ranks[key[0]] += 1
    return [key for _, key in sorted(ranked, key=lambda one: one[0])]

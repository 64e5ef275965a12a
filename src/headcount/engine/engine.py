"""Engine: the one loop. Log in, kernel, tables out, and a cursor that says how far it has come.

Each round takes the entries after the cursor, hands each to its room, wakes the rooms whose
time has come, and commits all that follows together with the cursor: dead before the commit,
nothing was said; dead after it, all of it was. A round that fails is forgotten whole, and the
rooms come back from the store.

Rooms here settle a moment after the fact, so that what rule 14 decides is shown within a second;
what comes later than that is folded anew. Only what comes after `settling_ms` is a correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import Final

from headcount.engine.inferring import from_snapshot, longest_stay_ends, overstayed
from headcount.engine.keeping import Keeper, Kept
from headcount.engine.projecting import Projection
from headcount.engine.telling import door_messages, note, tell
from headcount.kernel.changes import Because, Change, EventIgnored, Revised
from headcount.kernel.doors import Door
from headcount.kernel.events import Event, Ms
from headcount.kernel.rules import NEVER, Rules
from headcount.store.opening import Store
from headcount.store.rows import Logged, Origin, RoomKey, Round

SHOWN_AFTER_MS: Final = 200
"""So long is waited for what was said at the same time before it is shown, unless the settings say otherwise."""
_MOST_TOLD: Final = 1_000
_CLOCK_WAS_WRONG_MS: Final[Ms] = 5 * 60_000
"""A clock that goes back by more than this was wrong before; by less, the rooms' time waits for it."""
_IMPORTED: Final = int(Origin.IMPORTED)


@dataclass(slots=True)
class Tally:
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
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        epoch: int,
        *,
        max_stay: Ms | None = None,
        shown_after: Ms = SHOWN_AFTER_MS,
        batch: int = 5_000,
        tells: bool = True,
    ) -> None:
        self._store = store
        self._tells = tells
        self._published_ms = rules.settling_ms
        self._max_stay = max_stay
        self._shown_after = shown_after
        self._batch = batch
        self._epoch = epoch
        shown = Rules(rules.min_stay_ms, rules.start_alone_ms, rules.reset_alone_ms, shown_after)
        self._keeper = Keeper(store.tables, shown, watched=tells)
        self._deadlines: list[tuple[Ms, RoomKey]] = []
        self._queued: set[tuple[Ms, RoomKey]] = set()
        self._time: Ms = 0
        self.tally = Tally()
        self.cursor = 0
        self._start_again()

    @property
    def deadline(self) -> Ms:
        """When a room wants to be woken next, or something is to be told, or NEVER."""
        return min(self._deadlines[0][0] if self._deadlines else NEVER, self._tell_next)

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

    def step(self, now: Ms) -> bool:
        """One round at the clock time `now`. Whether there is more to do at once.

        Raises what the store raises; then nothing of the round has happened.
        """
        logged = self._store.log.after(self.cursor, self._batch)
        behind = len(logged) == self._batch
        if self._time > now + _CLOCK_WAS_WRONG_MS:
            self._time = now
        self._time = max(self._time, min(now, _read_until(logged[-1])) if behind else now)
        try:
            return self._round(logged, now) or self._tell(now) or behind
        except BaseException:
            self._start_again()
            raise

    def _start_again(self) -> None:
        """Forget all that is not in the store."""
        self._keeper.forget_all()
        self.cursor, _ = self._store.tables.cursor()
        self._deadlines = [
            (deadline, (domain, room)) for deadline, domain, room in self._store.tables.deadlines()
        ]
        heapify(self._deadlines)
        self._queued = set(self._deadlines)
        self._tell_next = self._store.outbox.first() if self._tells else NEVER

    def _tell(self, now: Ms) -> bool:
        """Tell what is due of meetings; whether there may be more."""
        if self._tell_next > self._time:
            return False
        due = self._store.outbox.due(self._time, _MOST_TOLD)
        horizon = self._time - self._published_ms
        round_ = Round(self.cursor, told_of=due)
        for about in due:
            seen = self._store.outbox.seen(about, horizon)
            known = round_.told.get((about.domain, about.id))
            told = tell(about, seen if known is None else seen._replace(told=known), horizon, now)
            round_.messages.extend(told.messages)
            if told.known is not None:
                round_.told[about.domain, about.id] = told.known
        if due:
            self.tally.commit_s += self._store.tables.commit(round_, self._epoch)
        self._tell_next = self._store.outbox.first()
        return self._tell_next <= self._time

    def _round(self, logged: Sequence[Logged], now: Ms) -> bool:
        round_ = Round(logged[-1].position if logged else self.cursor)
        touched: dict[RoomKey, Kept] = {}
        for key, entries in groupby(sorted(logged, key=_by_room), key=_by_room):
            touched[key] = self._keeper.get(key, self.cursor)
            self._take(touched[key], list(entries), round_, now)
        for key in self._due():
            if key not in touched:
                touched[key] = self._keeper.get(key, self.cursor)
                self._take(touched[key], [], round_, now)
        if logged or round_.rooms or round_.inferred:
            self.tally.commit_s += self._store.tables.commit(round_, self._epoch)
        self._committed(round_, touched)
        self.tally.entries += len(logged)
        self.tally.rounds += 1
        self.tally.corrections += len(round_.corrections)
        return bool(round_.inferred)

    def _committed(self, round_: Round, touched: dict[RoomKey, Kept]) -> None:
        self.cursor = round_.cursor
        self._tell_next = min([self._tell_next, *(due for _, _, due in round_.to_tell)])
        for key, kept in touched.items():
            kept.journal.committed(kept.room.settled, self.cursor)
            self._keeper.done_with(key)
            self._wake_at(kept.wakes_at, key)

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

    def _take(self, kept: Kept, entries: Sequence[Logged], round_: Round, now: Ms) -> None:
        """Hand entries to their room, let its clock move on, and write down what follows."""
        room = kept.room
        changes = self._handled(kept, entries, round_)
        changes.extend(room.advance(self._time))
        if self._max_stay is not None:
            round_.inferred.extend(overstayed(room, self._max_stay, self._time - self._shown_after))
        wakes_at = self._wakes_at(kept)
        leaves = room.known_leaves()
        doors = room.take_doors()
        if entries or changes or wakes_at != kept.wakes_at or leaves or doors:
            key = (room.domain, room.name)
            round_.rooms[key] = (room.settled, None if wakes_at == NEVER else wakes_at)
            imported = _all_imported(entries)
            if imported:
                kept.history_until = max(kept.history_until, *(entry.at for entry in entries))
            projection = Projection(round_, room, self._time, self._published_ms)
            projection.apply(changes, leaves, imported=imported)
            if self._tells:
                self._tell_of(kept, doors, [] if imported else changes, round_, now)
            kept.shown_most = projection.show_most(kept.shown_most)
            round_.marks.extend(kept.journal.take_changes())
            self._keep_checkpoint(kept, key, changes, round_)
            self._count(changes)
        kept.wakes_at = wakes_at

    def _tell_of(
        self, kept: Kept, doors: Sequence[Door], changes: Sequence[Change], round_: Round, now: Ms
    ) -> None:
        """Write into the outbox what is news: what follows from imported history alone is none."""
        room, history = kept.room, kept.history_until
        seen = [door for door in doors if door.at > history]
        round_.messages.extend(door_messages(room, seen, now, round_.cursor))
        decided_by = history + room.rules.reset_alone_ms
        fresh = [change for change in changes if isinstance(change, Revised) or change.at > decided_by]
        note(round_, room, fresh, self._time, self._published_ms)

    def _handled(self, kept: Kept, entries: Sequence[Logged], round_: Round) -> list[Change]:
        """Hand over the events; a list of those present is compared with all that came before it."""
        changes: list[Change] = []
        events: list[Event] = []
        for entry in entries:
            if entry.event is not None:
                events.append(entry.event)
            else:
                changes.extend(self._hand_over(kept, events))
                events = []
                round_.inferred.extend(from_snapshot(kept.room, entry))
        changes.extend(self._hand_over(kept, events))
        return changes

    def _hand_over(self, kept: Kept, events: list[Event]) -> list[Change]:
        room = kept.room
        kept.events += len(events)
        late = [event for event in events if event.at <= room.settled]
        changes = room.handle_late(late, self._time) if late else []
        for event in sorted(events, key=_at) if len(events) > 1 else events:
            if event.at > room.settled:
                room.handle(event, self._time)
        return list(changes)

    def _wakes_at(self, kept: Kept) -> Ms:
        if self._max_stay is None:
            return kept.room.deadline
        ends = longest_stay_ends(kept.room, self._max_stay)
        return kept.room.deadline if ends is None else min(kept.room.deadline, ends + self._shown_after)

    def _keep_checkpoint(self, kept: Kept, key: RoomKey, changes: Sequence[Change], round_: Round) -> None:
        corrected = any(isinstance(change, Revised) for change in changes)
        checkpoint = kept.checkpoint(corrected=corrected)
        if checkpoint is not None:
            round_.checkpoints[key] = checkpoint[0]

    def _count(self, changes: Sequence[Change]) -> None:
        tally = self.tally
        for change in changes:
            if isinstance(change, EventIgnored):
                tally.repeated += change.because is Because.REPEATED_JOIN
                tally.orphans += change.because is Because.ORPHAN_LEAVE
            elif isinstance(change, Revised) and change.late_ms > self._published_ms:
                tally.late += 1


def _all_imported(entries: Sequence[Logged]) -> bool:
    # The first one decides nearly always: they come by hundreds of rooms in a round.
    return (
        bool(entries)
        and entries[0].origin == _IMPORTED
        and all(entry.origin == _IMPORTED for entry in entries)
    )


def _read_until(last: Logged) -> Ms:
    """The rooms' time with more to read: what is still unread is not late, imported history least of all."""
    return min(last.at, last.received) if last.origin == _IMPORTED else last.received


def _by_room(entry: Logged) -> RoomKey:
    return entry.domain, entry.room


def _at(event: Event) -> Ms:
    return event.at

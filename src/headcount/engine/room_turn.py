"""Turn of one room in a batch: new entries in, changes out.

Responsible for passing the entries to the room and for writing what follows into the room's part of the batch.
Must not know the log, the commit, or whose turn is next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from headcount.engine.inference import infer_from_snapshot, infer_timeouts, next_timeout
from headcount.engine.notifications import PresenceMessages, schedule_notifications
from headcount.engine.projection import Projection
from headcount.engine.room_cache import CachedRoom, since
from headcount.kernel.changes import Change, MeetingsCorrected
from headcount.kernel.events import Event, Ms
from headcount.kernel.presence import Move, PresenceChange
from headcount.kernel.rules import NEVER
from headcount.store.records import SNAPSHOT, BatchChanges, Origin, StoredEntry

_CHUNK_SIZE: Final = 500
"""Events between two looks at whether the turn is over."""
_IMPORTED: Final = int(Origin.IMPORTED)
_ALWAYS: Final = -NEVER


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Settings that are the same for all rooms, in ms: see `Engine`."""

    late_grace: Ms
    reorder_window: Ms
    stale_after: Ms | None
    publishes: bool


class RoomTurn:
    """Passes entries to a room at the engine's `time`; `now` is the clock's time.

    `batch` receives the rows that follow, and `others` the changes that are not about single stays.
    """

    def __init__(
        self,
        settings: TurnSettings,
        cached: CachedRoom,
        batch: BatchChanges,
        time: Ms,
        now: Ms,
    ) -> None:
        self._settings = settings
        self._cached = cached
        self._batch = batch
        self._time = time
        self._now = now
        self._changes: list[Change] = []
        self._first: Ms = NEVER
        """The time of the earliest event."""
        self.others: list[Change] = []
        self.expired = 0
        """How many entries are of a time that has expired."""

    def process(self, entries: Sequence[StoredEntry], is_over: Callable[[], bool]) -> int:
        """Process entries until the turn is over, one at least, and return how many.

        The remaining entries are not late (R15): the room's time stops at the last one that was read.
        """
        done = self._handle_entries(entries, is_over)
        if done < len(entries):
            self._time = min(self._time, time_limit_after(entries[done - 1]))
        self._advance(entries[:done])
        return done

    def _handle_entries(self, entries: Sequence[StoredEntry], is_over: Callable[[], bool]) -> int:
        """A snapshot is compared with all entries before it, so the entries are handled in their order."""
        done = 0
        while done < len(entries) and not (done and is_over()):
            if entries[done].kind == SNAPSHOT:
                if entries[done].at <= self._cached.frozen:
                    self.expired += 1
                else:
                    self._first = min(self._first, entries[done].at)
                    self._infer(entries[done])
                done += 1
            else:
                events = []
                for entry in entries[done : done + _CHUNK_SIZE]:
                    if entry.kind == SNAPSHOT:
                        break
                    events.append(entry.to_event())
                done += len(events)
                self._handle_events(events)
        return done

    def _infer(self, snapshot: StoredEntry) -> None:
        """Infer what a snapshot reveals. It becomes part of the log, and is read behind entries that are there already."""
        cached = self._cached
        unread = cached.unread_before(snapshot.position)
        inferred = list(infer_from_snapshot(cached.room, snapshot, unread))
        self._batch.inferred.extend(inferred)
        unread.update(dict.fromkeys(entry.to_event() for entry in inferred))

    def _handle_events(self, events: list[Event]) -> None:
        self._cached.read(events)
        if self._cached.frozen > _ALWAYS:
            known = len(events)
            events = since(events, self._cached.frozen)
            self.expired += known - len(events)
            if not events:
                return
        self._cached.events += len(events)
        first = min([event.at if event.joined_at is None else event.joined_at for event in events])
        self._first = min(self._first, first)
        self._changes.extend(self._cached.room.handle_all(events, self._time))

    def _advance(self, entries: Sequence[StoredEntry]) -> None:
        """Advance the room's time and record what follows.

        If nothing is due, the time stays as it is stored, so that a restart changes nothing.
        """
        cached, room, batch, settings = self._cached, self._cached.room, self._batch, self._settings
        if not entries and self._deadline() > self._time:
            cached.deadline = self._deadline()
            return
        self._changes.extend(room.advance(self._time))
        if settings.stale_after is not None:
            batch.inferred.extend(
                infer_timeouts(room, settings.stale_after, self._time - settings.reorder_window)
            )
        deadline = self._deadline()
        leaves = room.undecided_leaves()
        presence = room.take_presence_changes()
        if entries or self._changes or deadline != cached.deadline or leaves or presence:
            key = (room.domain, room.name)
            batch.rooms[key] = (
                room.finalized,
                None if deadline == NEVER else deadline,
                None if self._first == NEVER else self._first,
            )
            imported_at = [entry.at for entry in entries if entry.origin == _IMPORTED]
            imported = bool(entries) and len(imported_at) == len(entries)
            cached.imported_until = max([cached.imported_until, *imported_at])
            projection = Projection(batch, room, self._time, settings.late_grace)
            self.others = projection.apply(self._changes, leaves, imported=imported)
            if settings.publishes:
                self._publish(presence, [] if imported else self.others)
            projection.withdraw_leaves(cached.stored_leaves, leaves)
            cached.stored_leaves = leaves
            cached.stored_peak = projection.update_peak(cached.stored_peak)
            cached.stored_pending = projection.update_pending(cached.stored_pending)
            marks = cached.journal.take_changes()
            if marks:
                batch.marks.extend(marks)
            checkpoint = cached.checkpoint()
            if checkpoint is not None:
                batch.checkpoints[key] = checkpoint[0]
        cached.deadline = deadline

    def _publish(self, presence: Sequence[Move | PresenceChange], changes: Sequence[Change]) -> None:
        """Write messages and notifications. Changes that follow from imported history alone are not published."""
        room, imported_until, batch = self._cached.room, self._cached.imported_until, self._batch
        if presence:
            batch.presence.append(
                PresenceMessages(room.domain, room.name, presence, imported_until, self._now)
            )
        if changes:
            decided_by = imported_until + room.rules.reset_alone_ms
            fresh = [one for one in changes if isinstance(one, MeetingsCorrected) or one.at > decided_by]
            schedule_notifications(batch, room, fresh, self._time, self._settings.late_grace)

    def _deadline(self) -> Ms:
        room, stale_after = self._cached.room, self._settings.stale_after
        if stale_after is None:
            return room.deadline
        timeout = next_timeout(room, stale_after)
        return (
            room.deadline if timeout is None else min(room.deadline, timeout + self._settings.reorder_window)
        )


def time_limit_after(last: StoredEntry) -> Ms:
    """Return how far a room's time may advance while the entries after `last` are unread.

    Unread entries are not late, imported history least of all.
    """
    return min(last.at, last.received) if last.origin == _IMPORTED else last.received

"""One room's turn in a round: its new entries handed to its room, and what follows written into its part.

Knows one room at a time. It does not know the log, the commit, or whose turn is next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from headcount.engine.inference import infer_from_snapshot, infer_timeouts, next_timeout
from headcount.engine.notifications import arrival_messages, note
from headcount.engine.projection import Projection
from headcount.engine.room_cache import CachedRoom
from headcount.kernel.changes import Change, MeetingsCorrected
from headcount.kernel.events import Event, Ms
from headcount.kernel.presence import PresenceChange
from headcount.kernel.rules import NEVER
from headcount.store.records import SNAPSHOT, BatchChanges, Origin, StoredEntry, decode_event

_AT_ONCE: Final = 500
"""So many events are handed over before somebody looks whether the turn is over."""
_IMPORTED: Final = int(Origin.IMPORTED)


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """What is the same for all rooms: see `Engine`."""

    published_ms: Ms
    shown_after: Ms
    max_stay: Ms | None
    tells: bool


class RoomTurn:
    """Hands entries to a room at the engine's time `time`; `now` is the clock's. `part` receives what follows."""

    def __init__(self, terms: TurnSettings, kept: CachedRoom, part: BatchChanges, time: Ms, now: Ms) -> None:
        self._terms = terms
        self._kept = kept
        self._part = part
        self._time = time
        self._now = now
        self.changes: list[Change] = []

    def work(self, entries: Sequence[StoredEntry], is_over: Callable[[], bool]) -> int:
        """Hand over entries until the turn is over, one at least, and return how many.

        What is left is not late (R15): then the room's clock stands still at what it has read.
        """
        done = self._hand_over_all(entries, is_over)
        if done < len(entries):
            self._time = min(self._time, readable_time(entries[done - 1]))
        self._let_time_pass(entries[:done])
        return done

    def _hand_over_all(self, entries: Sequence[StoredEntry], is_over: Callable[[], bool]) -> int:
        """A list of those present is compared with all that came before it."""
        done = 0
        while done < len(entries) and not (done and is_over()):
            if entries[done].kind == SNAPSHOT:
                self._part.inferred.extend(infer_from_snapshot(self._kept.room, entries[done]))
                done += 1
            else:
                ahead = entries[done : done + _AT_ONCE]
                events = [
                    decode_event(entry.room, entry.kind, entry.at, *entry.fields)
                    for entry in takewhile(_is_event, ahead)
                ]
                self._hand_over(events)
                done += len(events)
        return done

    def _hand_over(self, events: list[Event]) -> None:
        room = self._kept.room
        self._kept.events += len(events)
        late = [event for event in events if event.at <= room.finalized]
        if late:
            self.changes.extend(room.handle_late(late, self._time))
        for event in sorted(events, key=_at) if len(events) > 1 else events:
            if event.at > room.finalized:
                room.handle(event, self._time)

    def _let_time_pass(self, entries: Sequence[StoredEntry]) -> None:
        """Let the room's clock move on, and write down what follows."""
        kept, room, part, terms = self._kept, self._kept.room, self._part, self._terms
        self.changes.extend(room.advance(self._time))
        if terms.max_stay is not None:
            part.inferred.extend(infer_timeouts(room, terms.max_stay, self._time - terms.shown_after))
        wakes_at = self._wakes_at()
        leaves = room.undecided_leaves()
        doors = room.take_presence_changes()
        if entries or self.changes or wakes_at != kept.wakes_at or leaves or doors:
            key = (room.domain, room.name)
            part.rooms[key] = (room.finalized, None if wakes_at == NEVER else wakes_at)
            imported = _all_imported(entries)
            if imported:
                kept.history_until = max(kept.history_until, *(entry.at for entry in entries))
            projection = Projection(part, room, self._time, terms.published_ms)
            projection.apply(self.changes, leaves, imported=imported)
            if terms.tells:
                self._publish(doors, [] if imported else self.changes)
            kept.shown_most = projection.show_most(kept.shown_most)
            part.marks.extend(kept.journal.take_changes())
            checkpoint = kept.checkpoint()
            if checkpoint is not None:
                part.checkpoints[key] = checkpoint[0]
        kept.wakes_at = wakes_at

    def _publish(self, doors: Sequence[PresenceChange], changes: Sequence[Change]) -> None:
        """Write into the outbox what is news: what follows from imported history alone is none."""
        room, history, part = self._kept.room, self._kept.history_until, self._part
        seen = [door for door in doors if door.at > history]
        part.messages.extend(arrival_messages(room, seen, self._now, part.cursor))
        decided_by = history + room.rules.reset_alone_ms
        fresh = [
            change for change in changes if isinstance(change, MeetingsCorrected) or change.at > decided_by
        ]
        note(part, room, fresh, self._time, self._terms.published_ms)

    def _wakes_at(self) -> Ms:
        room, max_stay = self._kept.room, self._terms.max_stay
        if max_stay is None:
            return room.deadline
        ends = next_timeout(room, max_stay)
        return room.deadline if ends is None else min(room.deadline, ends + self._terms.shown_after)


def readable_time(last: StoredEntry) -> Ms:
    """The rooms' time with more to read: what is still unread is not late, imported history least of all."""
    return min(last.at, last.received) if last.origin == _IMPORTED else last.received


def _all_imported(entries: Sequence[StoredEntry]) -> bool:
    # The first one decides nearly always: they come by hundreds of rooms in a round.
    return (
        bool(entries)
        and entries[0].origin == _IMPORTED
        and all(entry.origin == _IMPORTED for entry in entries)
    )


def _is_event(entry: StoredEntry) -> bool:
    return entry.kind != SNAPSHOT


def _at(event: Event) -> Ms:
    return event.at

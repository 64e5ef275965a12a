"""Keeping: the rooms that the engine has in memory, and how one that it has not comes back.

A room in which somebody is stays here. One in which nobody is may be let go at any time: all
that it remembers is in its row and in the log. A room that never empties leaves a checkpoint
now and then, so that to recall it costs no more than to have kept it.
"""

from collections import OrderedDict
from typing import Any, Final

import msgspec

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.store.journal import StoredJournal
from headcount.store.projections import Projections
from headcount.store.records import RoomKey

_DAWN: Final = -NEVER
_LEAST_EVENTS: Final = 1_000
"""So few events are read again faster than a checkpoint is written each time."""


class CachedRoom:
    """A room in memory, with what the engine needs to know of it."""

    __slots__ = ("events", "has_checkpoint", "history_until", "journal", "room", "shown_most", "wakes_at")

    def __init__(self, room: Room, journal: StoredJournal, *, has_checkpoint: bool) -> None:
        self.room = room
        self.journal = journal
        self.has_checkpoint = has_checkpoint
        self.wakes_at: Ms = NEVER
        self.shown_most: tuple[str, int] | None = None
        self.events = 0
        self.history_until: Ms = _DAWN
        """When the last happened of what was imported."""

    def checkpoint(self) -> tuple[str | None] | None:
        """The checkpoint to write now, or None if none is due. One from before the room was folded again is of no use."""
        room = self.room
        refolded, room.refolded = room.refolded, False
        if room.is_idle():
            self.events = 0
            if not self.has_checkpoint:
                return None
            self.has_checkpoint = False
            return (None,)
        due = self.events > _LEAST_EVENTS and self.events > 2 * room.stay_count()
        if not due and not (refolded and self.has_checkpoint):
            return None
        self.events = 0
        self.has_checkpoint = True
        return (msgspec.json.encode({**room.snapshot(), "tail": []}).decode(),)


class RoomCache:
    """Rooms by domain and name. `most_idle` rooms in which nobody is are kept for the next who comes.

    `watched`: their doors are watched, for those who are told who comes and goes.
    """

    def __init__(
        self, projections: Projections, rules: Rules, most_idle: int = 20_000, *, watched: bool = True
    ) -> None:
        self._projections = projections
        self._rules = rules
        self._most_idle = most_idle
        self._watched = watched
        self._rooms: dict[RoomKey, CachedRoom] = {}
        self._idle: OrderedDict[RoomKey, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def people(self) -> int:
        """How many are in all the rooms in memory."""
        return sum(kept.room.open_stay_count() for kept in list(self._rooms.values()))

    def busy(self) -> int:
        """How many rooms somebody is in."""
        return len(self._rooms) - len(self._idle)

    def get(self, key: RoomKey, cursor: int) -> CachedRoom:
        """The room, recalled from the store as of the position `cursor` if it is not here."""
        kept = self._rooms.get(key)
        if kept is None:
            kept = self._recalled(key, cursor)
            if self._watched:
                kept.room.watch_presence()
            self._rooms[key] = kept
        self._idle.pop(key, None)
        return kept

    def done_with(self, key: RoomKey) -> None:
        """The round is over for this room; if nobody is in, it may be let go."""
        if self._rooms[key].room.is_idle():
            self._idle[key] = None
            if len(self._idle) > self._most_idle:
                del self._rooms[self._idle.popitem(last=False)[0]]

    def forget(self, key: RoomKey) -> None:
        """Let a room go, whatever it holds: it comes back from the store."""
        self._rooms.pop(key, None)
        self._idle.pop(key, None)

    def forget_all(self) -> None:
        """Let everything go that is not in the store."""
        self._rooms.clear()
        self._idle.clear()

    def _recalled(self, key: RoomKey, cursor: int) -> CachedRoom:
        row = self._projections.room(*key)
        settled = _DAWN if row is None else row.settled
        journal = self._projections.journal(*key, settled, cursor)
        if row is None:
            return CachedRoom(Room(*key, self._rules, journal), journal, has_checkpoint=False)
        since, after = _where_to_begin(row.checkpoint, journal.mark_before(settled + 1))
        events = self._projections.events_after(*key, after, cursor)
        room = Room.replay(*key, self._rules, journal, since, settled, events)
        journal.committed(settled, cursor)
        kept = CachedRoom(room, journal, has_checkpoint=row.checkpoint is not None)
        kept.events = len(events)
        return kept


def _where_to_begin(checkpoint: str | None, mark: Mark) -> tuple[Mark | dict[str, Any], Ms]:
    """The later of the two moments from which a room can be worked out again."""
    if checkpoint is not None:
        snapshot: dict[str, Any] = msgspec.json.decode(checkpoint)
        if snapshot["finalized"] > mark.at:
            return snapshot, snapshot["finalized"]
    return mark, mark.at

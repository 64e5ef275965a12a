"""Room cache: the rooms in memory, and their replay from the store.

An occupied room stays in memory. An empty one may be evicted at any time, because its row and the log hold all
that it remembers. A room that never empties writes a checkpoint from time to time, which bounds the cost of its replay.

Responsible for which rooms are in memory. Must not know what happens to a room in its turn.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from headcount.engine.engine_store import EngineJournal, EngineProjections
from headcount.engine.projection import PendingStays, pending_stays
from headcount.kernel.changes import ParticipantLeft
from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import Mark
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.store.records import RoomKey, RoomRow

_ALWAYS: Final = -NEVER
_CHECKPOINT_EVENTS: Final = 1_000
"""Replaying fewer events costs less than writing checkpoints."""


class CachedRoom:
    """A room in memory, with what the engine needs to know of it."""

    __slots__ = (
        "_load_unread",
        "_unread",
        "deadline",
        "events",
        "frozen",
        "has_checkpoint",
        "imported_until",
        "journal",
        "room",
        "stored_leaves",
        "stored_peak",
        "stored_pending",
    )

    def __init__(
        self,
        room: Room,
        journal: EngineJournal,
        *,
        has_checkpoint: bool,
        load_unread: Callable[[int], Iterable[Event]] | None = None,
    ) -> None:
        self.room = room
        self.journal = journal
        self.has_checkpoint = has_checkpoint
        self.deadline: Ms = NEVER
        self.stored_peak: tuple[str, int] | None = None
        """Id and peak participants of the ongoing meeting, as stored."""
        self.stored_leaves: Sequence[ParticipantLeft] = room.undecided_leaves()
        """The leaves that are not decided yet, as stored."""
        self.stored_pending: PendingStays = pending_stays(room)
        """The stays that are too young to count, as stored: a room is replayed as of its last commit."""
        self.events = 0
        """Events since the last checkpoint."""
        self.imported_until: Ms = _ALWAYS
        """The time of the latest imported event."""
        self.frozen: Ms = _ALWAYS
        """The rows of the room up to this time are given, and its events up to then do not exist."""
        self._load_unread = load_unread
        self._unread: dict[Event, None] = {}
        """What snapshots revealed, until it is read from the log."""

    def unread_before(self, position: int) -> dict[Event, None]:
        """Return what was inferred from snapshots before a position, and is not read yet. The caller may add to it."""
        if self._load_unread is not None:
            self._unread.update(dict.fromkeys(self._load_unread(position)))
            self._load_unread = None
        return self._unread

    def read(self, events: Iterable[Event]) -> None:
        """Note that these events are read."""
        if self._unread:
            for event in events:
                self._unread.pop(event, None)

    def checkpoint(self) -> tuple[str | None] | None:
        """Return the checkpoint to write, or None if none is due; `(None,)` removes one.

        A checkpoint from before the room was refolded is useless.
        """
        room = self.room
        refolded, room.refolded = room.refolded, False
        if room.is_idle():
            self.events = 0
            if not self.has_checkpoint:
                return None
            self.has_checkpoint = False
            return (None,)
        due = self.events > _CHECKPOINT_EVENTS and self.events > 2 * room.stay_count()
        if not due and not (refolded and self.has_checkpoint):
            return None
        self.events = 0
        self.has_checkpoint = True
        return (msgspec.json.encode({**room.snapshot(), "tail": []}).decode(),)


class RoomCache:
    """Rooms by domain and name. Up to `idle_limit` empty rooms stay in memory.

    With `watched`, rooms report presence changes.
    """

    def __init__(
        self, projections: EngineProjections, rules: Rules, idle_limit: int = 20_000, *, watched: bool = True
    ) -> None:
        self._projections = projections
        self._rules = rules
        self._idle_limit = idle_limit
        self._watched = watched
        self._rooms: dict[RoomKey, CachedRoom] = {}
        self._idle: OrderedDict[RoomKey, None] = OrderedDict()
        self._rows: dict[RoomKey, RoomRow | None] = {}
        self._frozen: dict[RoomKey, Ms] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def read_rows(self, keys: Iterable[RoomKey]) -> None:
        """Read the stored states of rooms that have a turn in the next batch, unless they are in memory."""
        missing = list({key: None for key in keys if key not in self._rooms})
        self._rows = dict.fromkeys(missing) | self._projections.room_rows(missing) if missing else {}
        self._frozen = self._projections.frozen(missing) if missing else {}

    def get(self, key: RoomKey, cursor: int) -> CachedRoom:
        """Return the room, replayed from the store as of the position `cursor` if it is not in memory."""
        cached = self._rooms.get(key)
        if cached is None:
            cached = self._replayed(key, cursor)
            if self._watched:
                cached.room.watch_presence()
            self._rooms[key] = cached
        self._idle.pop(key, None)
        return cached

    def release(self, key: RoomKey) -> None:
        """End the room's turn. If the room is empty, it may be evicted."""
        if self._rooms[key].room.is_idle():
            self._idle[key] = None
            if len(self._idle) > self._idle_limit:
                del self._rooms[self._idle.popitem(last=False)[0]]

    def evict(self, key: RoomKey) -> None:
        """Remove a room from memory with its uncommitted state."""
        self._rooms.pop(key, None)
        self._idle.pop(key, None)

    def clear(self) -> None:
        """Remove all rooms from memory."""
        self._rooms.clear()
        self._idle.clear()
        self._rows.clear()
        self._frozen.clear()

    def _replayed(self, key: RoomKey, cursor: int) -> CachedRoom:
        is_read = key in self._rows
        row = self._rows[key] if is_read else self._projections.room(*key)
        frozen = (self._frozen if is_read else self._projections.frozen([key])).get(key, _ALWAYS)
        finalized = _ALWAYS if row is None else row.finalized
        journal = self._projections.journal(*key, finalized, cursor)
        journal.frozen = frozen
        if row is None:
            new = CachedRoom(Room(*key, self._rules, journal), journal, has_checkpoint=False)
            new.frozen = frozen
            return new
        start, after = _replay_start(row.checkpoint, journal.mark_before(finalized + 1))
        after = max(after, frozen)
        events = since(self._projections.events_after(*key, after, cursor), frozen)
        room = Room.replay(*key, self._rules, journal, start, finalized, events)
        journal.committed(finalized, cursor)
        load = partial(self._projections.inferred_after, *key, after)
        cached = CachedRoom(room, journal, has_checkpoint=row.checkpoint is not None, load_unread=load)
        cached.frozen = frozen
        cached.events = len(events)
        # What earlier imported events decided was decided before the room was empty.
        imported_until = self._projections.imported_until(*key, after - self._rules.reset_alone_ms, cursor)
        if imported_until is not None:
            cached.imported_until = imported_until
        return cached


def since(events: Sequence[Event], frozen: Ms) -> list[Event]:
    """Return the events after a time. A leave after it that knows an earlier join does not know it any more."""
    found = [event for event in events if event.at > frozen]
    return [
        replace(event, joined_at=None) if event.joined_at is not None and event.joined_at <= frozen else event
        for event in found
    ]


def _replay_start(checkpoint: str | None, mark: Mark) -> tuple[Mark | dict[str, Any], Ms]:
    """Return the later of the checkpoint and the mark, and its time in ms."""
    if checkpoint is not None:
        snapshot: dict[str, Any] = msgspec.json.decode(checkpoint)
        if snapshot["finalized"] > mark.at:
            return snapshot, snapshot["finalized"]
    return mark, mark.at

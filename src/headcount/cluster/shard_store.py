"""Shard store: what an engine reads and writes, in memory.

A shard has the rooms of one part of the domains' names. Its engine runs on this store. The batches that it commits
are also what the shard saves (`shard_state.py`) and what PostgreSQL receives.

Responsible for the engine's side of the store, without a database. Must not know where entries come from or where
batches go.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from headcount.cluster.shard_room import Forgotten, KeyedEntry, RoomPast, ShardRoom
from headcount.kernel.events import Event, Ms, with_implied_join
from headcount.kernel.journal import Mark
from headcount.kernel.rules import NEVER
from headcount.store.database import LeadershipLost
from headcount.store.journal import StoredJournal
from headcount.store.outbox import MeetingState
from headcount.store.records import (
    SNAPSHOT,
    AppendResult,
    BatchChanges,
    DeferredRoom,
    LogEntry,
    MarkChange,
    MeetingRow,
    Origin,
    PendingNotification,
    RoomKey,
    RoomRow,
    StoredEntry,
)

_at = attrgetter("at")
_position = attrgetter("position")
_MeetingKey = tuple[str, str]
"""Domain and id."""
_UNKNOWN = RoomRow(-NEVER, None, None)
_NOTHING = (-NEVER, 0)


class ShardStore:
    """The store of one shard. It is all three parts that an engine needs: log, projections and notifications."""

    def __init__(self) -> None:
        self.rooms: dict[RoomKey, ShardRoom] = {}
        self._rows: dict[RoomKey, RoomRow] = {}
        self._forgotten: dict[RoomKey, tuple[Ms, int]] = {}
        """Until when the past of a room is forgotten, and in which round it was."""
        self._examined: dict[RoomKey, Ms] = {}
        """When a room was last examined for a past to forget, the longest ago first."""
        self.time: Ms = 0
        """The time of the current round."""
        self.position = 0
        self._cursor = 0
        self._epoch = 0
        self._unread: list[StoredEntry] = []
        self._deferred: dict[RoomKey, DeferredRoom] = {}
        self._meetings: dict[_MeetingKey, MeetingRow] = {}
        self._pending: dict[tuple[str, str, Ms], PendingNotification] = {}
        self._appended: list[KeyedEntry] = []
        self._committed: list[BatchChanges] = []
        self._late: list[LogEntry] = []

    @property
    def log(self) -> "ShardStore":
        return self

    @property
    def projections(self) -> "ShardStore":
        return self

    @property
    def notifications(self) -> "ShardStore":
        return self

    # The log.

    def append(self, groups: Sequence[Sequence[LogEntry]]) -> list[AppendResult]:
        """Append entries, and return how many of each group were new. An entry is known by its key and its room."""
        accepted = [sum(self._add(entry) for entry in group) for group in groups]
        return [
            AppendResult(new, len(group) - new, self.position)
            for new, group in zip(accepted, groups, strict=True)
        ]

    def _add(self, entry: LogEntry) -> bool:
        key = (entry.domain, entry.room)
        if entry.first_at <= self._forgotten.get(key, _NOTHING)[0]:
            self._late.append(entry)
            return False
        if entry.key in self._room(key).keys:
            return False
        stored = _stored(self.position + 1, entry)
        self.restore(entry.key, stored)
        self._appended.append((entry.key, stored))
        return True

    def restore(self, key: bytes, entry: StoredEntry) -> None:
        """Append an entry at its position. Those of one room must come in their order."""
        self._room((entry.domain, entry.room)).add(key, entry)
        insort(self._unread, entry, key=_position)
        self.position = max(self.position, entry.position)

    def after(self, position: int, limit: int) -> list[StoredEntry]:
        """Return the entries after `position`, which is not before the cursor, up to `limit`."""
        low = bisect_right(self._unread, position, key=_position)
        return self._unread[low : low + limit]

    def in_domain(
        self, domain: str, after: int, until: int, limit: int, *, room: str | None = None
    ) -> list[StoredEntry]:
        """Return the entries of deferred rooms of a domain, or of one room, in (after, until], up to `limit`."""
        keys = [key for key in self._deferred if key[0] == domain] if room is None else [(domain, room)]
        found = [
            entry
            for key in keys
            for entry in self._room(key).entries[
                bisect_right(self._room(key).entries, after, key=_position) :
            ]
            if entry.position <= until
        ]
        return sorted(found, key=_position)[:limit]

    # The projections.

    def cursor(self) -> tuple[int, int]:
        """Return the last position that is processed, and the current epoch."""
        return self._cursor, self._epoch

    def take_over(self) -> int:
        """Begin a new epoch and return it."""
        self._epoch += 1
        return self._epoch

    def deadlines(self) -> list[tuple[Ms, str, str]]:
        """Return (deadline, domain, room) of all rooms with a deadline."""
        return [(row.deadline, *key) for key, row in self._rows.items() if row.deadline is not None]

    def deferred_rooms(self) -> list[DeferredRoom]:
        """Return all deferred rooms, those due first first."""
        return sorted(self._deferred.values(), key=lambda row: (row.retry, row.domain, row.room))

    def room(self, domain: str, room: str) -> RoomRow | None:
        """Return the state of a room, or None."""
        return self._rows.get((domain, room))

    def room_rows(self, keys: Sequence[RoomKey]) -> dict[RoomKey, RoomRow]:
        """Return the states of those of the rooms that have one."""
        return {key: self._rows[key] for key in keys if key in self._rows}

    def frozen(self, keys: Sequence[RoomKey]) -> dict[RoomKey, Ms]:  # noqa: ARG002 - the engine's interface
        """Return nothing: retention does not delete what a shard has."""
        return {}

    def journal(self, domain: str, room: str, finalized: Ms, position: int) -> StoredJournal:
        """Return the journal of a room, up to what is committed."""
        return StoredJournal(self, domain, room, finalized, position)

    def events_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]:
        """Return the events of a room after a time, up to a position, by time and as they were reported."""
        return [entry.to_event() for entry in self._events(domain, room, after, position)]

    def inferred_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]:
        """Return the inferred events of a room after a time and after a position."""
        entries = self._room((domain, room)).entries
        later = entries[bisect_right(entries, position, key=_position) :]
        return [e.to_event() for e in later if e.origin == Origin.INFERRED and e.at > after]

    def imported_until(self, domain: str, room: str, after: Ms, position: int) -> Ms | None:
        """Return the time of the latest imported event of a room, if that is after a time, up to a position."""
        entries = self._events(domain, room, after, position)
        return max((entry.at for entry in entries if entry.origin == Origin.IMPORTED), default=None)

    def mark_before(self, domain: str, room: str, at: Ms) -> Mark | None:
        """Return the latest mark of a room strictly before `at`, or None."""
        marks = self._room((domain, room)).marks
        index = bisect_left(marks, at, key=_at)
        return marks[index - 1] if index else None

    def marks_after(self, domain: str, room: str, at: Ms) -> list[Mark]:
        """Return the marks of a room after `at`, the earliest first."""
        marks = self._room((domain, room)).marks
        return marks[bisect_right(marks, at, key=_at) :]

    def events_between(
        self, domain: str, room: str, after: Ms, until: Ms, finalized: Ms, position: int
    ) -> list[Event]:
        """Return the events in (after, until] that follow from entries up to `finalized` and `position`, by time."""
        known = (entry for entry in self._events(domain, room, after, position) if entry.at <= finalized)
        events = [event for entry in known for event in with_implied_join(entry.to_event())]
        return sorted((event for event in events if after < event.at <= until), key=_at)

    def _events(self, domain: str, room: str, after: Ms, position: int) -> Iterator[StoredEntry]:
        events = self._room((domain, room)).events
        later = events[bisect_right(events, after, key=_at) :]
        return (entry for entry in later if entry.position <= position)

    def rejection(self, part: BatchChanges) -> Exception | None:
        """Return None: memory accepts every value."""

    def commit(self, batch: BatchChanges, epoch: int) -> float:
        """Commit one batch, and keep it for `take_changes`. Raise `LeadershipLost` for an engine of an earlier epoch."""
        if epoch != self._epoch:
            raise LeadershipLost("another engine runs this shard now")
        self.apply(batch)
        self.append([batch.inferred])
        self._committed.append(batch)
        return 0.0

    def take_changes(self) -> tuple[list[KeyedEntry], list[BatchChanges]]:
        """Return the entries that were appended and the batches that were committed since the last call."""
        entries, self._appended = self._appended, []
        batches, self._committed = self._committed, []
        return entries, batches

    def take_late(self) -> list[LogEntry]:
        """Return the entries since the last call that are older than what is known of their rooms."""
        late, self._late = self._late, []
        return late

    # Forgetting.

    def keys(self) -> list[RoomKey]:
        """Return all rooms of which anything is known."""
        return list(dict.fromkeys([*self._rows, *self.rooms]))

    def forgotten(self, keys: Iterable[RoomKey]) -> list[Forgotten]:
        """Return until when the past of these rooms is forgotten."""
        return [(*key, *self._forgotten[key]) for key in keys if key in self._forgotten]

    def old_pasts(self, retention: Ms, number: int) -> list[Forgotten]:
        """Return the pasts to forget in the round `number`: those that ended `retention` ms ago. A room is examined four times in this time.

        A past ends where nobody was in the room and no inferred leave was unconfirmed: nothing later can change it.
        """
        found: list[Forgotten] = []
        pending = {(row.domain, row.room) for row in self._pending.values()}
        while self._examined:
            key, examined = next(iter(self._examined.items()))
            if examined > self.time - retention // 4:
                break
            del self._examined[key]
            at = self._end_of_past(key, self.time - retention)
            if at is not None and key not in pending and key not in self._deferred:
                found.append((*key, at, number))
            if key in self.rooms:
                self._examined[key] = self.time
        return found

    def _end_of_past(self, key: RoomKey, before: Ms) -> Ms | None:
        marks = self._room(key).marks
        ends = (
            mark.at for mark in reversed(marks[: bisect_left(marks, before, key=_at)]) if not mark.unconfirmed
        )
        return next(ends, None)

    def forget(self, forgotten: Iterable[Forgotten]) -> None:
        """Drop the pasts of rooms. Entries of that time are late from then on."""
        for domain, name, at, number in forgotten:
            key = (domain, name)
            self._forgotten[key] = (at, number)
            room = self._room(key)
            for meeting in [m for m in room.meetings.values() if m.end is not None and m.end <= at]:
                self._put_meeting((meeting.domain, meeting.id), None)
            room.forget(at)
            if not room.entries and not room.stays and not room.meetings:
                del self.rooms[key]
                self._examined.pop(key, None)

    def recover(
        self, entries: Iterable[KeyedEntry], rows: BatchChanges, forgotten: Iterable[Forgotten]
    ) -> None:
        """Fill an empty store with the rows of its rooms and their entries after what is forgotten."""
        for key, entry in entries:
            if key not in self._room((entry.domain, entry.room)).keys:
                self.restore(key, entry._replace(position=self.position + 1))
        rows.cursor = self.position
        self.apply(rows)
        pending = {(row.domain, row.room) for row in self._pending.values()}
        for domain, room, at, number in forgotten:
            if (domain, room) in pending:
                self._forgotten[domain, room] = (at, number)
                self._room((domain, room)).drop_marks(at)
            else:
                self.forget([(domain, room, at, number)])

    def remember(self, past: RoomPast) -> bool:
        """Add the past of a room that was forgotten, and return whether there was anything to add.

        Rows that are older than the round in which it was forgotten may have changed since, so they are not used.
        """
        key = (past.domain, past.room)
        until, number = self._forgotten.get(key, _NOTHING)
        if past.since >= until or past.round < number:
            return False
        self._forgotten[key] = (past.since, past.round)
        self._room(key).remember(past, until)
        for meeting in past.rows.meetings.values():
            if meeting is not None and meeting.end is not None and meeting.end <= until:
                self._put_meeting((meeting.domain, meeting.id), meeting)
        return True

    def everything(self, keys: Iterable[RoomKey]) -> tuple[list[KeyedEntry], BatchChanges]:
        """Return all entries of some rooms, and a batch that writes all rows of these rooms into an empty store."""
        batch = BatchChanges(self._cursor)
        entries: list[KeyedEntry] = []
        wanted = dict.fromkeys(keys)
        batch.notifications.update(
            (key, row) for key, row in self._pending.items() if (row.domain, row.room) in wanted
        )
        for key in wanted:
            if key in self._rows:
                finalized, deadline, checkpoint = self._rows[key]
                batch.rooms[key] = (finalized, deadline, None)
                if checkpoint is not None:
                    batch.checkpoints[key] = checkpoint
            if key in self.rooms:
                room = self.rooms[key]
                entries.extend(zip(room.keys, room.entries, strict=True))
                self._add_rows(batch, key, room)
        return sorted(entries, key=lambda keyed: keyed[1].position), batch

    def _add_rows(self, batch: BatchChanges, key: RoomKey, room: ShardRoom) -> None:
        if room.marks:
            batch.marks.append(MarkChange(*key, room.marks[0].at, room.marks[0].at, tuple(room.marks)))
        batch.stays.update(((*key, *stay_key), row) for stay_key, row in room.stays.items())
        for row in room.meetings.values():
            batch.meetings[row.domain, row.id] = row
        for published in room.published.values():
            batch.published[published.domain, published.id] = published
        if key in self._deferred:
            batch.deferred[key] = self._deferred[key]

    def apply(self, batch: BatchChanges) -> None:
        """Write what a batch changes. Its inferred entries are appended separately."""
        for key, (finalized, deadline, _) in batch.rooms.items():
            self._rows[key] = self._rows.get(key, _UNKNOWN)._replace(finalized=finalized, deadline=deadline)
        for key, checkpoint in batch.checkpoints.items():
            self._rows[key] = self._rows.get(key, _UNKNOWN)._replace(checkpoint=checkpoint)
        for change in batch.marks:
            self._room((change.domain, change.room)).replace_marks(change)
        self._apply_rows(batch)
        self._apply_notifications(batch)
        for key, deferred in batch.deferred.items():
            if deferred is None:
                self._deferred.pop(key, None)
            else:
                self._deferred[key] = deferred
        self._cursor = batch.cursor
        self.position = max(self.position, batch.cursor)  # the entries before it may be forgotten
        del self._unread[: bisect_right(self._unread, batch.cursor, key=_position)]

    def _apply_rows(self, batch: BatchChanges) -> None:
        for (domain, name, join, participant_id), stay in batch.stays.items():
            stays = self._room((domain, name)).stays
            if stay is None:
                stays.pop((join, participant_id), None)
            else:
                stays[stay.join, stay.participant_id] = stay
        for key, meeting in batch.meetings.items():
            self._put_meeting(key, meeting)
        for key, (end, most) in batch.progress.items():
            self._change_meeting(key, end=end, max_participants=most)
        for key, (carried_join, carried_id) in batch.carried.items():
            self._change_meeting(key, carried_join=carried_join, carried_participant_id=carried_id)

    def _put_meeting(self, key: _MeetingKey, meeting: MeetingRow | None) -> None:
        before = self._meetings.pop(key, None)
        if before is not None:
            del self._room((before.domain, before.room)).meetings[before.id]
        if meeting is not None:
            self._meetings[key] = self._room((meeting.domain, meeting.room)).meetings[meeting.id] = meeting

    def _change_meeting(self, key: _MeetingKey, **changes: Any) -> None:
        if key in self._meetings:
            self._put_meeting(key, self._meetings[key]._replace(**changes))

    def _apply_notifications(self, batch: BatchChanges) -> None:
        for handled in batch.handled:
            self._pending.pop((handled.domain, handled.id, handled.due), None)
        for key, row in batch.notifications.items():
            known = self._pending.get(key)
            reason = row.reason or (None if known is None else known.reason)
            self._pending[key] = row._replace(reason=reason)
        for published in batch.published.values():
            self._room((published.domain, published.room)).published[published.id] = published

    # The notifications.

    def next_due(self) -> Ms:
        """Return when the next notification is due, or NEVER."""
        return min((row.due for row in self._pending.values()), default=NEVER)

    def due(self, now: Ms, limit: int) -> list[PendingNotification]:
        """Return the notifications that are due at `now`, up to `limit`."""
        due = [row for row in self._pending.values() if row.due <= now]
        return sorted(due, key=lambda row: (row.due, row.start, row.domain, row.id))[:limit]

    def states(
        self, due: Mapping[_MeetingKey, Sequence[PendingNotification]], horizon: Ms
    ) -> dict[_MeetingKey, MeetingState]:
        """Return the state of each meeting, by domain and id, up to `horizon`, inclusive."""
        return {key: self._state(key, about[0], horizon) for key, about in due.items()}

    def _state(self, key: _MeetingKey, about: PendingNotification, horizon: Ms) -> MeetingState:
        room = self._room((about.domain, about.room))
        published, current = room.published.get(about.id), self._meetings.get(key)
        if current is None:
            replacement = None if published is None else room.meeting_at(about.start)
            participants = 0 if replacement is None else room.participants(replacement, horizon + 1)
            return MeetingState(published, None, replacement, participants, ended_by_reset=False)
        ended = current.end is not None and current.end <= horizon
        is_counted = ended or (published is not None and published.end is not None)
        participants = room.participants(current, horizon + 1) if is_counted else 0
        by_reset = ended and any(other.start == current.end for other in room.meetings.values())
        return MeetingState(published, current, None, participants, ended_by_reset=by_reset)

    # Rows.

    def _room(self, key: RoomKey) -> ShardRoom:
        room = self.rooms.get(key)
        if room is None:
            room = self.rooms[key] = ShardRoom()
            self._examined[key] = self.time
        return room


def keyed(entry: LogEntry) -> KeyedEntry:
    """Return an entry with its key, without a position."""
    return entry.key, _stored(0, entry)


def _stored(position: int, entry: LogEntry) -> StoredEntry:
    is_snapshot = entry.kind == SNAPSHOT
    return StoredEntry(
        position, entry.domain, entry.received, entry.origin, entry.snapshot, entry.sender if is_snapshot else None,
        entry.digest if is_snapshot else None, entry.key if is_snapshot else None, entry.room, entry.kind, entry.at, entry.participant_id, entry.user_id,
        entry.user_name, entry.source_session, entry.joined_at, entry.inferred, entry.attributes,
    )  # fmt: skip

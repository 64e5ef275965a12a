"""Projections: the tables that the engine derives from the log, and its cursor.

Responsible for committing batches of the engine, and for the reads that the engine needs. Must not know how the
changes of a batch were found. Only the engine writes these tables.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter
from time import perf_counter
from typing import Any, Final

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import Mark
from headcount.store.database import Connection, Database, LeadershipLost, StoreBusy
from headcount.store.journal import StoredJournal
from headcount.store.log import append_rows, events_after, events_between, rows_of
from headcount.store.meeting_attributes import AttributeIndexUpdate, write_attribute_keys
from headcount.store.meeting_counts import CountChanges, write_differences
from headcount.store.pseudonyms import Pseudonymizer, pseudonyms_of
from headcount.store.records import (
    BatchChanges,
    DeferredRoom,
    MarkChange,
    NewMessage,
    Origin,
    RepeatableMessage,
    RoomKey,
    RoomRow,
    StayRow,
    decode_event,
    decode_mark,
    encode_unconfirmed,
)
from headcount.store.room_rows import frozen_rooms

_ROOMS: Final = """
with wanted (domain, room) as ({keys})
select r.domain, r.room, r.finalized_ms, r.deadline_ms, r.checkpoint
from wanted as w
cross join rooms as r
where r.domain = w.domain and r.room = w.room
"""
_PUBLISHED: Final = """
with wanted (domain, id) as ({keys})
select w.domain, w.id, m.id
from wanted as w
cross join messages as m
where m.domain = w.domain and m.id >= w.id and m.id < w.id || '.'
"""
"""The ids `ID`, `ID-2`, `ID-3` of each wanted one: a full stop follows a hyphen in the order of texts. Served by `messages_by_id`."""
_STAYS: Final = 400
_stay_key = itemgetter(0, 1, 2, 3)


class _RollbackError(Exception):
    """Raised to roll back a trial."""


class Projections:
    """The engine's side of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def _pseudonyms(self) -> Pseudonymizer:
        return pseudonyms_of(self._database)

    def cursor(self) -> tuple[int, int]:
        """Return the last position that is processed, and the current epoch."""
        with self._database.reading() as connection:
            cursor, epoch = connection.row("select_cursor") or (0, 0)
            return cursor, epoch

    def take_over(self) -> int:
        """Begin a new epoch and return it: from then on no engine of an earlier epoch can commit."""
        with self._database.writing() as connection:
            connection.run("increment_epoch")
            _, epoch = connection.row("select_cursor") or (0, 0)
            return int(epoch)

    def require_writable(self) -> None:
        """Commit a change without effect. Raise `StoreError` if that fails, as with a full disk."""
        with self._database.writing() as connection:
            connection.run("touch_engine_state")

    def frozen(self, keys: Sequence[RoomKey]) -> dict[RoomKey, Ms]:
        """Return up to when those of these rooms are frozen that are: their rows up to then are given."""
        with self._database.reading() as connection:
            return frozen_rooms(connection, keys)

    def journal(self, domain: str, room: str, finalized: Ms, position: int) -> StoredJournal:
        """Return the journal of a room, up to what is committed."""
        return StoredJournal(self, domain, room, finalized, position)

    def mark_before(self, domain: str, room: str, at: Ms) -> Mark | None:
        """Return the latest mark of a room strictly before `at`, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_mark_before", domain=domain, room=room, at=at)
            return None if row is None else decode_mark(*row)

    def marks_after(self, domain: str, room: str, at: Ms) -> list[Mark]:
        """Return the marks of a room after `at`, the earliest first."""
        with self._database.reading() as connection:
            return [
                decode_mark(*row)
                for row in connection.rows("select_marks_after", domain=domain, room=room, at=at)
            ]

    def events_between(
        self, domain: str, room: str, after: Ms, until: Ms, finalized: Ms, position: int
    ) -> list[Event]:
        """Return the events in (after, until] that follow from entries up to `finalized` and `position`, by time."""
        with self._database.reading() as connection:
            return events_between(connection, domain, room, after, until, finalized, position)

    def events_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]:
        """Return the events of a room after a time, up to a position of the log, by time."""
        with self._database.reading() as connection:
            return events_after(connection, domain, room, after, position)

    def inferred_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]:
        """Return the inferred events of a room after a time and after a position of the log."""
        values = {"domain": domain, "room": room, "after": after, "position": position}
        with self._database.reading() as connection:
            rows = connection.rows("select_inferred_after", **values, inferred=int(Origin.INFERRED))
            return [decode_event(room, *row) for row in rows]

    def imported_until(self, domain: str, room: str, after: Ms, position: int) -> Ms | None:
        """Return the time of the latest imported event of a room, if that is after a time, up to a position of the log."""
        with self._database.reading() as connection:
            values = {"domain": domain, "room": room, "after": after, "position": position}
            (latest,) = connection.row("select_imported_until", **values, imported=int(Origin.IMPORTED)) or (
                None,
            )
            return None if latest is None else int(latest)

    def rules(self) -> str | None:
        """Return the thresholds that the projections follow, or None before the first batch."""
        with self._database.reading() as connection:
            row = connection.row("select_rules")
            return None if row is None else row[0]

    def set_rules(self, rules: str) -> None:
        """Record the thresholds that the projections follow."""
        with self._database.writing() as connection:
            connection.run("update_rules", rules=rules)

    def deadlines(self) -> list[tuple[Ms, str, str]]:
        """Return (deadline, domain, room) of all rooms with a deadline."""
        with self._database.reading() as connection:
            return [
                (deadline, domain, room) for deadline, domain, room in connection.rows("select_deadlines")
            ]

    def room(self, domain: str, room: str) -> RoomRow | None:
        """Return the state of a room, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_room", domain=domain, room=room)
            return None if row is None else RoomRow(*row)

    def room_rows(self, keys: Sequence[RoomKey]) -> dict[RoomKey, RoomRow]:
        """Return the states of those of the rooms that have one."""
        with self._database.reading() as connection:
            rows = connection.lookup(_ROOMS, keys)
            return {(domain, room): RoomRow(*row) for domain, room, *row in rows}

    def deferred_rooms(self) -> list[DeferredRoom]:
        """Return all deferred rooms, those due first first."""
        with self._database.reading() as connection:
            return [DeferredRoom(*row) for row in connection.rows("select_deferred_rooms")]

    def processed_until(self, domain: str, cursor: int, now: Ms) -> Ms:
        """Return the time before which everything that was received of a domain is processed, at most `now`.

        The log is processed up to `cursor`, except for rooms that are deferred.
        """
        with self._database.reading() as connection:
            (deferred,) = connection.row("select_first_deferred_position", domain=domain) or (None,)
            position = cursor if deferred is None else min(cursor, deferred)
            unprocessed = connection.row("select_received_after", position=position)
            overdue = connection.row("select_overdue_deadline", domain=domain, now=now)
        moments: list[Ms] = [now, *(row[0] for row in (unprocessed, overdue) if row is not None)]
        return min(moments)

    def deferred_room(self, domain: str, room: str) -> DeferredRoom | None:
        """Return a deferred room, or None if the room is not deferred."""
        with self._database.reading() as connection:
            row = connection.row("select_deferred_room", domain=domain, room=room)
            return None if row is None else DeferredRoom(*row)

    def rejection(self, part: BatchChanges) -> Exception | None:
        """Return why the database rejects a part of a batch, or None if it accepts it. Nothing is changed."""
        try:
            with self._database.writing() as connection:
                _write(connection, part, self._pseudonyms)
                raise _RollbackError  # noqa: TRY301 - it rolls the transaction back
        except _RollbackError:
            return None
        except StoreBusy:
            raise
        except Exception as error:  # noqa: BLE001 - any error is the reason
            return error

    def commit(self, batch: BatchChanges, epoch: int) -> float:
        """Commit one batch atomically and return how long it took, in seconds.

        Raise `LeadershipLost` if another engine is the leader now.
        """
        began = perf_counter()
        with self._database.writing() as connection:
            if connection.run("advance_cursor", cursor=batch.cursor, epoch=epoch) != 1:
                raise LeadershipLost("another process runs the engine now")
            _write(connection, batch, self._pseudonyms)
        return perf_counter() - began


def _write(connection: Connection, batch: BatchChanges, pseudonyms: Pseudonymizer) -> None:
    """Write all of a batch in the current transaction."""
    write_rows(connection, batch)
    if batch.inferred:
        append_rows(connection, [rows_of(batch.inferred, pseudonyms)])
    write_messages(connection, [batch])


def write_rows(connection: Connection, *batches: BatchChanges) -> None:
    """Write the changes of batches in the current transaction, except their messages and what they inferred.

    The shards of a cluster write different rooms at the same time, and share rows of four tables. Every transaction
    locks these rows in one order, so that none waits for another in a circle: new attribute keys first, the counts
    last, each table by its key. `write_messages` follows.
    """
    counts = CountChanges()
    counts_by_attribute: Counter[tuple[str, str, str, int]] = Counter()
    write_attribute_keys(connection, batches)
    for batch in batches:
        attribute_index = AttributeIndexUpdate(connection, batch)
        _write_meetings(connection, batch, counts)
        counts_by_attribute.update(attribute_index.finish())
        _write_consequences(connection, batch)
    counts.write(connection)
    write_differences(connection, "add_meeting_attribute_count", counts_by_attribute)


def _write_meetings(connection: Connection, batch: BatchChanges, counts: CountChanges) -> None:
    """Write the rooms of a batch with their stays and meetings."""
    _put(connection, "upsert_room", [(*key, *row) for key, row in batch.rooms.items()])
    _put(connection, "update_checkpoint", [(text, *key) for key, text in batch.checkpoints.items()])
    _write_marks(connection, batch.marks)
    _put(connection, "delete_stay", [key for key, row in batch.stays.items() if row is None])
    _write_stays(connection, [row for row in batch.stays.values() if row is not None])
    _put(connection, "delete_pending_stay", [key for key, row in batch.pending_stays.items() if row is None])
    _put(
        connection,
        "upsert_pending_stay",
        [row for row in batch.pending_stays.values() if row is not None],
    )
    counts.add(connection, batch)
    _put(connection, "delete_meeting", [key for key, row in batch.meetings.items() if row is None])
    _put(connection, "upsert_meeting", [row for row in batch.meetings.values() if row is not None])
    _put(connection, "update_meeting_progress", [(*row, *key) for key, row in batch.progress.items()])
    _put(connection, "update_carried_stay", [(*row, *key) for key, row in batch.carried.items()])


def _write_consequences(connection: Connection, batch: BatchChanges) -> None:
    """Write what follows from the changes of the meetings, and which rooms wait."""
    superseded = {row[:2]: row for row in batch.superseded}
    _put(connection, "upsert_superseded_meeting", list(superseded.values()))
    _put(connection, "insert_correction", batch.corrections)
    _put(connection, "insert_pending_rollup", [(*key, *span) for key, span in batch.pending_rollups.items()])
    _put(connection, "delete_pending_notification", [(row.domain, row.id, row.due) for row in batch.handled])
    _put(connection, "upsert_pending_notification", list(batch.notifications.values()))
    _put(connection, "upsert_published_meeting", list(batch.published.values()))
    _put(connection, "delete_deferred_room", [key for key, row in batch.deferred.items() if row is None])
    _put(connection, "upsert_deferred_room", [row for row in batch.deferred.values() if row is not None])


def write_messages(connection: Connection, batches: Sequence[BatchChanges]) -> None:
    """Write the messages of batches, the last of a transaction: their positions are in the order of the commits.

    Joins and leaves are messages in domains that have subscribers now. Who subscribes touches the engine's state
    first, and so waits for this transaction, or this one for it.
    """
    presence = [messages for batch in batches for messages in batch.presence]
    domains = {domain for (domain,) in connection.rows("select_subscribed_domains")} if presence else set()
    found = [message for of_domain in presence if of_domain.domain in domains for message in of_domain]
    messages = _numbered(connection, found)
    messages += [message for batch in batches for message in batch.messages]
    if messages:
        connection.lock_messages()
        connection.write("insert_message", messages)


def _numbered(connection: Connection, messages: list[NewMessage]) -> list[NewMessage]:
    """Give each message about a change that was published before the number of times that it is published."""
    repeatable = {message[:2] for message in messages if isinstance(message, RepeatableMessage)}
    if not repeatable:
        return messages
    published = dict.fromkeys(repeatable, 0)
    for domain, name, known in connection.lookup(_PUBLISHED, sorted(repeatable)):
        number = int(known[len(name) + 1 :] or 1)
        published[domain, name] = max(published[domain, name], number)
    numbered = []
    for message in messages:
        key = message[:2]
        if key in published:
            published[key] += 1
            if published[key] > 1:
                message = message._replace(id=f"{message.id}-{published[key]}")  # noqa: PLW2901
        numbered.append(message)
    return numbered


def _write_stays(connection: Connection, rows: list[StayRow]) -> None:
    """Write stays in the order of their key, which takes half the time: rows that follow each other are on one page.

    Nearly all have no user or the one that is stored. If one of them has another user, its rows are written in full.
    """
    rows.sort(key=_stay_key)
    for start in range(0, len(rows), _STAYS):
        some = rows[start : start + _STAYS]
        if connection.write("upsert_stay", some) != len(some):
            connection.write("upsert_stay_and_user", some)


def _write_marks(connection: Connection, changes: Sequence[MarkChange]) -> None:
    """Write the changes in their order. Marks that are only added, which most are, share a statement."""
    added: dict[tuple[str, str, Ms], tuple[Any, ...]] = {}
    for change in changes:
        key = (change.domain, change.room)
        if change.after < change.to:
            _put(connection, "upsert_mark", list(added.values()))
            added = {}
            connection.write("delete_marks", [(*key, change.after, change.to)])
        added.update({(*key, mark.at): (*key, mark.at, encode_unconfirmed(mark)) for mark in change.marks})
    _put(connection, "upsert_mark", list(added.values()))


def _put(connection: Connection, name: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        connection.write(name, rows)

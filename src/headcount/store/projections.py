"""Tables: what the engine has worked out, and how far it has come. It alone writes here."""

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from headcount.kernel.events import Event, Ms
from headcount.store.database import Connection, Database, LeadershipLost, StoreBusy
from headcount.store.journal import StoredJournal
from headcount.store.log import append_to, events_after
from headcount.store.records import (
    DAY_MS,
    BatchChanges,
    DeferredRoom,
    MarkChange,
    MeetingRow,
    RoomRow,
    encode_unconfirmed,
)


class _UndoError(Exception):
    """Raised to roll back what was only tried."""


class Projections:
    """The engine's side of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self) -> tuple[int, int]:
        """The last position that was worked in, and the epoch of the engine that did it."""
        with self._database.reading() as connection:
            cursor, epoch = connection.row("select_cursor") or (0, 0)
            return cursor, epoch

    def take_over(self) -> int:
        """Begin a new epoch: from now on no engine of an earlier one can commit anything."""
        with self._database.writing() as connection:
            connection.run("increment_epoch")
            _, epoch = connection.row("select_cursor") or (0, 0)
            return int(epoch)

    def require_writable(self) -> None:
        """Commit something that changes nothing. Raises `StoreError` if that fails, as with a full disk."""
        with self._database.writing() as connection:
            connection.run("touch_engine_state")

    def journal(self, domain: str, room: str, settled: Ms, position: int) -> StoredJournal:
        """The past of a room up to what is committed."""
        return StoredJournal(self._database, domain, room, settled, position)

    def events_after(self, domain: str, room: str, after: Ms, position: int) -> list[Event]:
        """The events of a room after a moment, up to a position of the log, in order of time."""
        with self._database.reading() as connection:
            return events_after(connection, domain, room, after, position)

    def rules(self) -> str | None:
        """The numbers of the rules by which the tables were worked out; None if nothing was yet."""
        with self._database.reading() as connection:
            row = connection.row("select_rules")
            return None if row is None else row[0]

    def set_rules(self, rules: str) -> None:
        with self._database.writing() as connection:
            connection.run("update_rules", rules=rules)

    def deadlines(self) -> list[tuple[Ms, str, str]]:
        """When which rooms want to be woken."""
        with self._database.reading() as connection:
            return [
                (deadline, domain, room) for deadline, domain, room in connection.rows("select_deadlines")
            ]

    def room(self, domain: str, room: str) -> RoomRow | None:
        with self._database.reading() as connection:
            row = connection.row("select_room", domain=domain, room=room)
            return None if row is None else RoomRow(*row)

    def deferred_rooms(self) -> list[DeferredRoom]:
        """All rooms that are behind, those first that are to be tried first."""
        with self._database.reading() as connection:
            return [DeferredRoom(*row) for row in connection.rows("select_deferred_rooms")]

    def deferred_room(self, domain: str, room: str) -> DeferredRoom | None:
        with self._database.reading() as connection:
            row = connection.row("select_deferred_room", domain=domain, room=room)
            return None if row is None else DeferredRoom(*row)

    def rejection(self, part: BatchChanges) -> Exception | None:
        """Why the database does not take a part of a round; None if it does. Nothing is changed."""
        try:
            with self._database.writing() as connection:
                _write(connection, part)
                raise _UndoError  # noqa: TRY301 - it undoes the transaction
        except _UndoError:
            return None
        except StoreBusy:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's
            return error

    def commit(self, done: BatchChanges, epoch: int) -> float:
        """Commit one round of the engine, all of it or nothing, and tell how long it took, in seconds.

        Raises `LeadershipLost` if another engine has taken over.
        """
        began = perf_counter()
        with self._database.writing() as connection:
            if connection.run("advance_cursor", cursor=done.cursor, epoch=epoch) != 1:
                raise LeadershipLost("another process has taken over the engine")
            _write(connection, done)
        return perf_counter() - began


def _write(connection: Connection, done: BatchChanges) -> None:
    _put(connection, "upsert_room", [(*key, *row) for key, row in done.rooms.items()])
    _put(connection, "update_checkpoint", [(text, *key) for key, text in done.checkpoints.items()])
    _write_marks(connection, done.marks)
    _put(connection, "delete_stay", [key for key, row in done.stays.items() if row is None])
    _put(connection, "upsert_stay", [row for row in done.stays.values() if row is not None])
    _write_meetings(connection, done.meetings)
    _put(connection, "update_meeting_progress", [(*row, *key) for key, row in done.progress.items()])
    _put(connection, "update_carried_stay", [(*row, *key) for key, row in done.carried.items()])
    _put(connection, "upsert_superseded_meeting", list({row[:2]: row for row in done.superseded}.values()))
    _put(connection, "insert_correction", done.corrections)
    _put(connection, "insert_pending_rollup", [(*key, *span) for key, span in done.to_tally.items()])
    _put(connection, "delete_pending_notification", [(row.domain, row.id, row.due) for row in done.told_of])
    _put(connection, "upsert_pending_notification", list(done.to_tell.values()))
    _put(connection, "upsert_published_meeting", list(done.told.values()))
    _put(connection, "insert_message", done.messages)
    _put(connection, "delete_deferred_room", [key for key, row in done.behind.items() if row is None])
    _put(connection, "upsert_deferred_room", [row for row in done.behind.values() if row is not None])
    if done.inferred:
        append_to(connection, [done.inferred])


def _write_meetings(connection: Connection, meetings: dict[tuple[str, str], MeetingRow | None]) -> None:
    """The meetings, and how many of them began on each day: those that were there are counted anew."""
    kept = [row for row in meetings.values() if row is not None]
    _put(connection, "decrement_meeting_count", [(domain, domain, name) for domain, name in meetings])
    _put(connection, "delete_meeting", [key for key, row in meetings.items() if row is None])
    _put(connection, "upsert_meeting", kept)
    days = Counter((row.domain, row.start // DAY_MS) for row in kept)
    _put(connection, "add_meeting_counts", [(*day, number) for day, number in days.items()])


def _put(connection: Connection, name: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        connection.write(name, rows)


def _write_marks(connection: Connection, changes: Sequence[MarkChange]) -> None:
    """The changes in their order; marks that are only added, by far the most, go together."""
    added: dict[tuple[str, str, Ms], tuple[Any, ...]] = {}
    for change in changes:
        key = (change.domain, change.room)
        if change.after < change.to:
            _put(connection, "upsert_mark", list(added.values()))
            added = {}
            connection.write("delete_marks", [(*key, change.after, change.to)])
        added.update({(*key, mark.at): (*key, mark.at, encode_unconfirmed(mark)) for mark in change.marks})
    _put(connection, "upsert_mark", list(added.values()))

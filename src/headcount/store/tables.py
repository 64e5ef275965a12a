"""Tables: what the engine has worked out, and how far it has come. It alone writes here."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.store.database import Connection, Database, LeadershipLost
from headcount.store.log import append_to
from headcount.store.rows import MarkChange, RoomRow, Round


class Tables:
    """The engine's side of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self) -> tuple[int, int]:
        """The last position that was worked in, and the epoch of the engine that did it."""
        with self._database.reading() as connection:
            cursor, epoch = connection.row("engine_row") or (0, 0)
            return cursor, epoch

    def take_over(self) -> int:
        """Begin a new epoch: from now on no engine of an earlier one can commit anything."""
        with self._database.writing() as connection:
            connection.run("raise_epoch")
            _, epoch = connection.row("engine_row") or (0, 0)
            return int(epoch)

    def deadlines(self) -> list[tuple[Ms, str, str]]:
        """When which rooms want to be woken."""
        with self._database.reading() as connection:
            return [(deadline, domain, room) for deadline, domain, room in connection.rows("deadlines")]

    def room(self, domain: str, room: str) -> RoomRow | None:
        with self._database.reading() as connection:
            row = connection.row("room_row", domain=domain, room=room)
            return None if row is None else RoomRow(*row)

    def commit(self, done: Round, epoch: int) -> None:
        """Commit one round of the engine: all of it, or nothing.

        Raises `LeadershipLost` if another engine has taken over.
        """
        with self._database.writing() as connection:
            if connection.run("advance_cursor", cursor=done.cursor, epoch=epoch) != 1:
                raise LeadershipLost("another process has taken over the engine")
            _write(connection, done)


def _write(connection: Connection, done: Round) -> None:
    _put(connection, "keep_room", [(*key, *row) for key, row in done.rooms.items()])
    _put(connection, "keep_checkpoint", [(text, *key) for key, text in done.checkpoints.items()])
    for change in done.marks:
        _write_marks(connection, change)
    _put(connection, "drop_stay", [key for key, row in done.stays.items() if row is None])
    _put(connection, "keep_stay", [row for row in done.stays.values() if row is not None])
    _put(connection, "drop_meeting", [key for key, row in done.meetings.items() if row is None])
    _put(connection, "keep_meeting", [row for row in done.meetings.values() if row is not None])
    _put(connection, "keep_superseded", done.superseded)
    _put(connection, "keep_correction", done.corrections)
    if done.inferred:
        append_to(connection, [done.inferred])


def _put(connection: Connection, name: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        connection.write(name, rows)


def _write_marks(connection: Connection, change: MarkChange) -> None:
    key = (change.domain, change.room)
    if change.after < change.to:
        connection.write("drop_marks", [(*key, change.after, change.to)])
    _put(connection, "keep_mark", [(*key, mark.at, packed_doubts(mark)) for mark in change.marks])


def packed_doubts(mark: Mark) -> str | None:
    return msgspec.json.encode(mark.doubts).decode() if mark.doubts else None


def mark_of(at: Ms, doubts: str | None) -> Mark:
    return Mark(at, _deep_tuple(msgspec.json.decode(doubts)) if doubts else ())


def _deep_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_deep_tuple(value) if isinstance(value, list) else value for value in values)

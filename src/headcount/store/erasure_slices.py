"""Slices of a room: the rows between two moments that an erasure rewrites in one transaction.

A slice ends when nobody is in the room, so that what is derived from it does not depend on the rest of the room.

Responsible for reading a slice, and for writing it back at once. Must not know who is erased, or what is removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.kernel.journal import FIRST_MARK, Mark
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, LeadershipLost
from headcount.store.erasures import ErasedParticipant, Erasure, write_participants, write_progress
from headcount.store.projections import write_rows
from headcount.store.records import BatchChanges, PendingStayRow, StayRow, StoredEntry, decode_mark
from headcount.store.sources import ExcludedParticipant
from headcount.store.statements import with_lists

SCANNED: Final = 10_000
"""Entries of a room that one slice reads."""


class SliceEntry(NamedTuple):
    """An entry of a slice. Field order is column order."""

    position: int
    kind: int
    at: Ms
    participant_id: str | None
    user_id: str | None
    user_name: str | None
    source_session: str | None
    joined_at: Ms | None
    inferred: str | None
    event_id: str | None
    key: bytes
    origin: int
    snapshot: str | None
    attributes: Attributes | None
    digest: bytes | None
    salt: bytes | None
    commitment: bytes | None

    @property
    def first_at(self) -> Ms:
        """The earliest moment that the entry is about: a leave may know its join."""
        return self.at if self.joined_at is None else min(self.at, self.joined_at)

    def replaced(self, entry: StoredEntry) -> StoredEntry:
        """Return an entry as the engine reads it, without what was redacted in this one."""
        return entry._replace(
            participant_id=self.participant_id, user_id=self.user_id, user_name=self.user_name, attributes=self.attributes,
            snapshot=self.snapshot,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoomSlice:
    """What a room has in (after, until]. `carried` are id, join and participant of meetings that a reset started (R7)."""

    domain: str
    room: str
    after: Ms
    until: Ms
    entries: list[SliceEntry]
    stays: list[StayRow]
    pending_stays: list[PendingStayRow]
    carried: list[tuple[str, Ms, str]]
    marks: list[Mark]
    excluded: list[ExcludedParticipant]


@dataclass(slots=True)
class Rewrite:
    """What replaces rows of a slice. `entries` and `excluded` are pairs of the old and the new row; a new one may be None."""

    batch: BatchChanges
    entries: list[tuple[SliceEntry, SliceEntry | None]] = field(default_factory=list)
    excluded: list[tuple[ExcludedParticipant, ExcludedParticipant]] = field(default_factory=list)
    progress: list[ErasedParticipant] = field(default_factory=list)


class Slices:
    """The slices of all rooms."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self, domain: str, room: str, after: Ms, entries: int = SCANNED, limit: Ms = NEVER) -> Ms:
        """Return where a slice ends that has about this number of entries: at a mark, at `limit` or, without a mark, at NEVER."""
        with self._database.reading() as connection:
            row = connection.row("select_entry_times", domain=domain, room=room, after=after, offset=entries)
            if row is None:
                return limit
            mark = connection.row("select_first_mark_from", domain=domain, room=room, at=row[0])
        return limit if mark is None else min(int(mark[0]), limit)

    def entry(self, position: int) -> SliceEntry:
        """Return the entry at a position."""
        with self._database.reading() as connection:
            (row,) = connection.rows("select_entry_at", position=position)
        return SliceEntry(*_plain(row))

    def mark_before(self, domain: str, room: str, at: Ms) -> Ms:
        """Return the last moment before `at` at which nobody was in a room; one before all events if there is none."""
        with self._database.reading() as connection:
            mark = connection.row("select_mark_before", domain=domain, room=room, at=at)
        return FIRST_MARK.at if mark is None else int(mark[0])

    def mark_from(self, domain: str, room: str, at: Ms) -> Ms | None:
        """Return the first moment from `at` on at which nobody was in a room, or None."""
        with self._database.reading() as connection:
            mark = connection.row("select_first_mark_from", domain=domain, room=room, at=at)
        return None if mark is None else int(mark[0])

    def read(
        self, domain: str, room: str, after: Ms, until: Ms, participants: Sequence[str] | None
    ) -> RoomSlice:
        """Return what a slice has about some participants, or about everybody: also all snapshots, ends, marks and open stays."""
        place = {"domain": domain, "room": room, "after": after, "until": until}
        with self._database.reading() as connection:
            if participants is None:
                entries = connection.rows("select_all_slice_entries", **place)
                stays = connection.rows("select_all_slice_stays", **place)
            else:
                some = {**place, "participants": list(participants)}
                entries = connection.query(*with_lists("select_slice_entries", some))
                stays = connection.query(*with_lists("select_slice_stays", some))
            pending = connection.rows("select_room_pending_stays", domain=domain, room=room)
            carried = connection.rows("select_carried_meetings", **place)
            marks = connection.rows("select_unconfirmed_marks", domain=domain, room=room, after=after)
            excluded = connection.rows("select_slice_excluded_participants", **place)
        return RoomSlice(
            domain, room, after, until,
            [SliceEntry(*_plain(row)) for row in entries],
            [StayRow(*row) for row in stays],
            [row for row in map(PendingStayRow._make, pending) if after < row.join <= until],
            [(name, join, who) for name, join, who in carried],
            [decode_mark(*row) for row in marks],
            [ExcludedParticipant(domain, *row) for row in excluded],
        )  # fmt: skip

    def write(self, rewrites: Sequence[Rewrite], erasures: Iterable[Erasure], epoch: int) -> None:
        """Write what replaces rows of slices of different rooms, and the progress of requests, in one transaction.

        Raise `LeadershipLost` if another engine leads.
        """
        with self._database.writing() as connection:
            if connection.run("advance_cursor", cursor=rewrites[0].batch.cursor, epoch=epoch) != 1:
                raise LeadershipLost("another process runs the engine now")
            erase_deleted = self._database.dialect.get("erase_deleted")
            if erase_deleted is not None:
                connection.run_text(erase_deleted)
            write_entries(connection, [pair for one in rewrites for pair in one.entries])
            write_rows(connection, *(one.batch for one in rewrites))
            excluded = [pair for one in rewrites for pair in one.excluded]
            if excluded:
                keys = [(old.domain, old.room, old.at, old.participant_id, old.kind) for old, _ in excluded]
                connection.write("delete_excluded_participant", keys)
                connection.write("insert_excluded_participant", [new for _, new in excluded])
            connection.write(
                "update_erased_participant",
                [
                    (one.state, one.erased, one.closed, one.texts, *one[:3])
                    for rewrite in rewrites
                    for one in rewrite.progress
                ],
            )
            for erasure in erasures:
                write_progress(connection, erasure)

    def redact(
        self,
        entries: Sequence[tuple[SliceEntry, SliceEntry | None]],
        found: Sequence[ErasedParticipant],
        closed: Sequence[tuple[Ms, str, str, str]],
    ) -> None:
        """Write entries that arrived after an erasure, new participants to erase, and when visits were over."""
        with self._database.writing() as connection:
            write_entries(connection, entries)
            write_participants(connection, found)
            if closed:
                connection.write("close_erased_participant", closed)

    def visit_entries(
        self, domain: str, room: str, participant: str, after: Ms, until: Ms
    ) -> list[tuple[int, Ms, str | None, str | None]]:
        """Return kind, time, participant and session of the entries of a participant, and of the ends of the room."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_visit_entries",
                domain=domain,
                room=room,
                participant=participant,
                after=after,
                until=until,
            )
        return [(kind, at, who, session) for kind, at, who, session in rows]


def write_entries(connection: Connection, entries: Iterable[tuple[SliceEntry, SliceEntry | None]]) -> None:
    """Replace or delete entries of the log in the current transaction."""
    changed = [
        (new.participant_id, new.user_id, new.user_name, new.attributes, new.event_id, new.key, new.snapshot, new.digest,
         new.salt, new.commitment, new.position)
        for _, new in entries
        if new is not None
    ]  # fmt: skip
    deleted = [(old.position,) for old, new in entries if new is None]
    if changed:
        connection.write("rewrite_entry", changed)
    if deleted:
        connection.write("delete_entry", deleted)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with bytes, which PostgreSQL may give as views of memory."""
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)

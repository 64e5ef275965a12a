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


_NEXT: Final = 100


class Happened(NamedTuple):
    """What a visit follows from: an event of one participant, or the end of the room."""

    kind: int
    at: Ms
    first_at: Ms
    session: str | None
    inferred: str | None

    @classmethod
    def of(
        cls, kind: int, at: Ms, joined_at: Ms | None, session: str | None, inferred: str | None
    ) -> "Happened":
        """Return what an event means for a visit: a leave may know its join."""
        return cls(kind, at, at if joined_at is None else min(at, joined_at), session, inferred)


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

    @property
    def happened(self) -> Happened:
        """What a visit follows from."""
        return Happened.of(self.kind, self.at, self.joined_at, self.source_session, self.inferred)


@dataclass(frozen=True, slots=True)
class RoomSlice:
    """What a room has in (after, until]. `carried` are id, join and participant of meetings that a reset started (R7).

    `empty` are moments at which nobody was in the room, and `unconfirmed` have an inferred leave before that may not count (R3a).
    """

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
    empty: list[Ms]
    unconfirmed: frozenset[str]

    @classmethod
    def of_entry(cls, domain: str, room: str, entry: SliceEntry) -> "RoomSlice":
        """Return a slice with one entry alone."""
        return cls(domain, room, entry.at - 1, entry.at, [entry], [], [], [], [], [], [], frozenset())


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
            empty = connection.rows("select_empty_moments", **place)
        return RoomSlice(
            domain, room, after, until,
            [SliceEntry(*_plain(row)) for row in entries],
            [StayRow(*row) for row in stays],
            [row for row in map(PendingStayRow._make, pending) if after < row.join <= until],
            [(name, join, who) for name, join, who in carried],
            [decode_mark(*row) for row in marks],
            [ExcludedParticipant(domain, *row) for row in excluded],
            [at for (at,) in empty],
            self.unconfirmed_at(domain, room, after),
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
            progress = [
                (one.state, one.until, one.erased, one.progress, one.closed, one.texts, *one[:3])
                for rewrite in rewrites
                for one in rewrite.progress
            ]
            if progress:
                connection.write("update_erased_participant", progress)
            for erasure in erasures:
                write_progress(connection, erasure)

    def redact(
        self,
        entries: Sequence[tuple[SliceEntry, SliceEntry | None]],
        found: Sequence[ErasedParticipant],
        changes: Sequence[ErasedParticipant],
    ) -> list[ErasedParticipant]:
        """Write entries that arrived after an erasure, new participants to erase, and what is known of visits.

        Return these participants as they are stored.
        """
        with self._database.writing() as connection:
            write_entries(connection, entries)
            if changes:
                connection.write(
                    "update_erased_visit", [(one.until, one.closed, *one[:3]) for one in changes]
                )
            return [*changes, *write_participants(connection, found)]

    def visit(
        self, domain: str, room: str, participant: str, after: Ms, until: Ms
    ) -> tuple[list[Happened], list[Ms]]:
        """Return what happened to a participant and to the room in (after, until], and when nobody was in the room."""
        place = {"domain": domain, "room": room, "after": after, "until": until}
        with self._database.reading() as connection:
            rows = connection.rows("select_visit_entries", participant=participant, **place)
            empty = connection.rows("select_empty_moments", **place)
        return [
            Happened.of(kind, at, joined_at, session, inferred)
            for kind, at, joined_at, session, inferred in rows
        ], [at for (at,) in empty]

    def unconfirmed_at(self, domain: str, room: str, at: Ms) -> frozenset[str]:
        """Return the participants with an inferred leave before a mark that may not count (R3a)."""
        with self._database.reading() as connection:
            row = connection.row("select_mark_at", domain=domain, room=room, at=at)
        return (
            frozenset() if row is None else frozenset(leave[0][0] for leave in decode_mark(*row).unconfirmed)
        )

    def next_entries(
        self, domain: str, room: str, after: Ms, participants: Sequence[str]
    ) -> list[tuple[str | None, Happened]]:
        """Return the next events of a participant by any of these ids, and the ends of the room, after a moment."""
        values = {"domain": domain, "room": room, "after": after, "participants": list(participants)}
        with self._database.reading() as connection:
            rows = connection.query(*with_lists("select_next_entries", {**values, "limit": _NEXT}))
        return [
            (who, Happened.of(kind, at, joined_at, session, inferred))
            for kind, at, joined_at, session, inferred, who in rows
        ]


def write_entries(connection: Connection, entries: Iterable[tuple[SliceEntry, SliceEntry | None]]) -> None:
    """Replace or delete entries of the log in the current transaction.

    One with a key that another entry has is deleted: the same was inferred of the pseudonym, too.
    """
    entries = [
        (old, None if new is not None and new.key != old.key and _is_stored(connection, new) else new)
        for old, new in entries
    ]
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


def _is_stored(connection: Connection, entry: SliceEntry) -> bool:
    """Return whether another entry of the domain has the same key."""
    return connection.row("select_same_key", key=entry.key, position=entry.position) is not None

"""Expired names: a room's past without the data of any person, when retention removes them.

Every participant has a pseudonym from then on, as after an erasure, so meetings, counts and ids stay as they are. Attributes by
which usage is counted stay, too. Events of that time that arrive later are redacted when the engine reads them.

Responsible for everybody in a slice of a room. Must not know when names expire, nor what is removed from a row.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from headcount.engine.redaction import Redacted, redact_slice
from headcount.kernel.events import Ms
from headcount.store.database import Database
from headcount.store.erasure_slices import RoomSlice, SliceEntry, Slices
from headcount.store.expiry import Expiry
from headcount.store.pseudonyms import pseudonyms_of
from headcount.store.records import SNAPSHOT, RoomKey, StoredEntry, listed_in
from headcount.store.usage.queries import usage_attributes

_ENTRIES: Final = 150
"""About as many entries are rewritten in one transaction, so that nobody waits for it."""


class ExpiredNames:
    """Removes the names of a time from rooms, and from events of that time that arrive later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slices = Slices(database)
        self._expiry = Expiry(database)
        self._pseudonyms = pseudonyms_of(database)

    def remove(self, key: RoomKey, after: Ms, until: Ms, *, cursor: int, epoch: int) -> Ms:
        """Rewrite a slice of a room that begins at `after`, and return where it ends: at `until` or before it.

        Nobody is in the room at either moment.
        """
        end = self._slices.end(*key, after, _ENTRIES, until)
        part = self._slices.read(*key, after, end, None)
        rewrite, _, _ = redact_slice(part, self._everybody(part), self._pseudonyms, cursor)
        batch = rewrite.batch
        if batch.stays or batch.marks or rewrite.entries:
            batch.checkpoints[key] = None
        if batch.stays or batch.marks or rewrite.entries or rewrite.excluded:
            self._slices.write([rewrite], [], epoch)
        self._expiry.redact_corrections(
            key, (after, end), lambda who: self._pseudonyms.participant(*key, who), cursor=cursor, epoch=epoch
        )
        return end

    def redacted(self, entries: Sequence[StoredEntry]) -> Sequence[StoredEntry]:
        """Return new entries of the log without names that have expired. They are replaced in the log, too.

        A later leave does not know a join of that time any more: it would name its participant.
        """
        expired = self._expiry.names_until({(entry.domain, entry.room): None for entry in entries})
        if not expired:
            return entries
        changed: dict[int, StoredEntry] = {}
        rows: list[tuple[SliceEntry, SliceEntry | None]] = []
        unknown: list[int] = []
        for entry in entries:
            until = expired.get((entry.domain, entry.room))
            if until is None:
                continue
            if entry.at > until:
                if entry.joined_at is not None and entry.joined_at <= until:
                    changed[entry.position] = entry._replace(joined_at=None)
                    unknown.append(entry.position)
                continue
            own = self._slices.entry(entry.position)
            part = RoomSlice.of_entry(entry.domain, entry.room, own)
            rewrite, _, _ = redact_slice(part, self._everybody(part), self._pseudonyms, 0)
            for _, new in rewrite.entries:
                assert new is not None
                changed[entry.position] = new.replaced(entry)
            rows += rewrite.entries
        if rows:
            self._slices.redact(rows, [], [])
        if unknown:
            self._expiry.forget_joins(unknown)
        return [changed.get(entry.position, entry) for entry in entries]

    def _everybody(self, part: RoomSlice) -> dict[str, Redacted]:
        with self._database.reading() as connection:
            counted = set(usage_attributes(connection))
        return {
            who: Redacted(
                self._pseudonyms.participant(part.domain, part.room, who),
                _covers_all,
                None,
                part.until,
                counted,
            )
            for who in set(_participants(part))
        }


def _participants(part: RoomSlice) -> Iterator[str]:
    """Yield all participants in a slice."""
    for entry in part.entries:
        if entry.kind == SNAPSHOT:
            yield from (one["participant_id"] for one in listed_in(entry.snapshot))
        elif entry.participant_id is not None:
            yield entry.participant_id
    yield from (stay.participant_id for stay in part.stays)
    yield from (row.participant_id for row in part.excluded)
    yield from (pack[0] for mark in part.marks for leave in mark.unconfirmed for pack in leave)


def _covers_all(_: str | None) -> bool:
    return True

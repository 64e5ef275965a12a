"""Shard room: what a shard stores of one room, in memory.

Responsible for the order of its entries and rows, and for what is forgotten and remembered of its past. Must not know
the other rooms.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.journal import Mark
from headcount.store.records import (
    SNAPSHOT,
    BatchChanges,
    MarkChange,
    MeetingRow,
    PublishedMeeting,
    StayRow,
    StoredEntry,
)

_at = attrgetter("at")
KeyedEntry = tuple[bytes, StoredEntry]
"""An entry and the key by which it is recognized."""
Forgotten = tuple[str, str, Ms, int]
"""A domain, a room, the time until which its past is forgotten, and the round in which it was."""


class RoomPast(NamedTuple):
    """The past of a room after `since`, where nobody was in it: its entries, and its rows as of a round of the shard."""

    domain: str
    room: str
    since: Ms
    round: int
    entries: Sequence[KeyedEntry]
    rows: BatchChanges


class ShardRoom:
    """What is stored of one room, besides its row."""

    __slots__ = ("entries", "events", "keys", "marks", "meetings", "published", "stays")

    def __init__(self) -> None:
        self.entries: list[StoredEntry] = []
        """By position."""
        self.events: list[StoredEntry] = []
        """The entries that are events, by time, those of one moment by position."""
        self.keys: dict[bytes, None] = {}
        """The keys of the entries, by position."""
        self.marks: list[Mark] = []
        self.stays: dict[tuple[Ms, str], StayRow] = {}
        self.meetings: dict[str, MeetingRow] = {}
        self.published: dict[str, PublishedMeeting] = {}

    def add(self, key: bytes, entry: StoredEntry) -> None:
        """Add an entry, which has a later position than all before."""
        self.keys[key] = None
        self.entries.append(entry)
        if entry.kind != SNAPSHOT:
            insort(self.events, entry, key=_at)

    def replace_marks(self, change: MarkChange) -> None:
        """Replace the marks in (after, to]; a mark at the moment of another one replaces that one."""
        if change.after < change.to:
            low = bisect_right(self.marks, change.after, key=_at)
            self.marks[low : bisect_right(self.marks, change.to, key=_at)] = ()
        for mark in change.marks:
            index = bisect_left(self.marks, mark.at, key=_at)
            is_known = index < len(self.marks) and self.marks[index].at == mark.at
            self.marks[index : index + is_known] = [mark]

    def drop_marks(self, before: Ms) -> None:
        """Drop the marks before a moment."""
        del self.marks[: bisect_left(self.marks, before, key=_at)]

    def forget(self, at: Ms) -> None:
        """Drop what ended at `at` or before, where nobody was in the room. The mark there is the first one then."""
        kept = [(key, e) for key, e in zip(self.keys, self.entries, strict=True) if e.at > at]
        self.keys = dict.fromkeys(key for key, _ in kept)
        self.entries = [entry for _, entry in kept]
        del self.events[: bisect_right(self.events, at, key=_at)]
        self.drop_marks(at)
        self.stays = {key: stay for key, stay in self.stays.items() if stay.leave is None or stay.leave > at}
        self.published = {m.id: m for m in self.published.values() if m.end is None or m.end > at}

    def remember(self, past: RoomPast, until: Ms) -> None:
        """Add what `forget` has dropped: what is in `past` up to `until`."""
        entries = {
            key: entry._replace(position=0)
            for key, entry in past.entries
            if past.since < entry.at <= until and key not in self.keys
        }
        self.keys = dict.fromkeys(entries) | self.keys
        self.entries = [*entries.values(), *self.entries]
        events = sorted((entry for entry in entries.values() if entry.kind != SNAPSHOT), key=_at)
        self.events = [*events, *self.events]
        rows = past.rows
        self.marks = [
            *(mark for change in rows.marks for mark in change.marks if mark.at < until), *self.marks
        ]  # fmt: skip
        self.stays |= {
            (row.join, row.participant_id): row
            for row in rows.stays.values()
            if row is not None and row.leave is not None and row.leave <= until
        }
        self.published |= {
            row.id: row for row in rows.published.values() if row.end is not None and row.end <= until
        }

    def meeting_at(self, at: Ms) -> MeetingRow | None:
        """Return the meeting that covers a moment, or None."""
        covering = (m for m in self.meetings.values() if m.start <= at and (m.end is None or at < m.end))
        return next(covering, None)

    def participants(self, meeting: MeetingRow, until: Ms) -> int:
        """Return how many stays are in a meeting before `until`."""
        end = until if meeting.end is None else min(until, meeting.end)
        stays = self.stays.values()
        return sum(stay.join < end and (stay.leave is None or stay.leave > meeting.start) for stay in stays)

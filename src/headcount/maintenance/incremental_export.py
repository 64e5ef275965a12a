"""Incremental export: the changes of a domain's meetings since an earlier export, added to a data set.

The rows of rooms that may have changed are compared with the newest revisions in the data set, and differences are written.
So a revision is written for each change, whatever its cause, and a repeated export writes nothing twice.

Responsible for the comparison. Must not know files, nor why a room has changed.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from headcount.batch.io.data_set import DataSet, Revised, Row, day_of, is_since, locked
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.maintenance.export import meeting_row
from headcount.store.changed_rooms import (
    Point,
    Since,
    all_meetings,
    changed_rooms,
    identity,
    meetings_of,
    read_point,
)
from headcount.store.database import Connection, consistent_read
from headcount.store.meeting_entries import entries_of
from headcount.store.open import Store
from headcount.store.records import MeetingRow

START: Final = "start"
LAST: Final = "last"
_LIST_SIZE: Final = 2_000


class _Cursor(msgspec.Struct, frozen=True):
    """What `_cursors/` has of a revision."""

    format: int
    domain: str
    point: Point


class Exported(NamedTuple):
    """The result of an export. `meetings` and `participants` are numbers of rows, `deleted` is one of meetings."""

    revision: int
    compared_all: bool
    meetings: int
    participants: int
    deleted: int
    files: list[Path]


def export_changes(store: Store, domain: str, folder: Path, since: str, now: Ms) -> Exported:
    """Add the changes since a cursor to the data set in a directory. Ongoing meetings last until `now`.

    `since` is the number of an earlier revision, `last`, or `start` to compare everything. Raise `BadInput`, `CannotWrite`.
    """
    database = identity(store.database)
    with locked(folder) as data_set:
        before = _earlier(data_set, domain, since, str(folder))
        with consistent_read(store.database) as connection:
            point = read_point(connection, database, domain)
            rooms = None if before is None else changed_rooms(connection, domain, before, point)
            export = _Export(data_set, connection, domain, now)
            if rooms is None:
                export.compare_all()
            else:
                export.compare(rooms)
        files = data_set.finish(export.revision, msgspec.json.encode(_Cursor(1, domain, point)))
        return Exported(
            export.revision, rooms is None, export.meetings, export.participants, export.deleted, files
        )


def _earlier(data_set: DataSet, domain: str, since: str, where: str) -> Point | None:
    """Return the point of the cursor, or None to compare everything."""
    cursors = data_set.cursors()
    if not cursors and since in (START, LAST):
        return None
    if since not in (START, LAST) and (not since.isdecimal() or int(since) not in cursors):
        known = f"{cursors[0]} to {cursors[-1]}" if cursors else "none"
        raise BadInput(
            f"--since: expected 'start', 'last' or the cursor of an export into this directory ({known}), got '{since}'",
            where=where,
        )
    newest = msgspec.json.decode(data_set.cursor(cursors[-1]), type=_Cursor)
    if newest.domain != domain:
        raise BadInput(
            f"has the export of the domain '{newest.domain}', not of '{domain}': choose another directory",
            where=where,
        )
    if since == START:
        return None
    if since == LAST:
        return newest.point
    return msgspec.json.decode(data_set.cursor(int(since)), type=_Cursor).point


class _Export:
    """One revision of a data set."""

    def __init__(self, data_set: DataSet, connection: Connection, domain: str, now: Ms) -> None:
        self._data_set = data_set
        self._connection = connection
        self._domain = domain
        self._now = now
        self.revision = data_set.next_revision()
        self.meetings = self.participants = self.deleted = 0

    def compare_all(self) -> None:
        """Compare all meetings, day by day."""
        days = self._data_set.days
        rows = (row for page in all_meetings(self._connection, self._domain) for row in page)
        for day, some in groupby(rows, key=lambda row: day_of(row.start)):
            while days and days[0] < day:
                self._compare_day(days.pop(0), [], None)
            if days and days[0] == day:
                days.pop(0)
            self._compare_day(day, list(some), None)
        for day in days:
            self._compare_day(day, [], None)

    def compare(self, since: Since) -> None:
        """Compare the meetings of rooms from a time on."""
        if not since:
            return
        by_day: dict[str, list[MeetingRow]] = {}
        for row in sorted(
            meetings_of(self._connection, self._domain, since), key=lambda row: (row.start, row.id)
        ):
            if is_since(since, row.room, row.end):
                by_day.setdefault(day_of(row.start), []).append(row)
        first = day_of(max(0, min(since.values())))
        for day in sorted({*by_day, *(day for day in self._data_set.days if day >= first)}):
            self._compare_day(day, by_day.get(day, []), since)

    def _compare_day(self, day: str, rows: list[MeetingRow], since: Since | None) -> None:
        """Write the meetings of a day that differ from their newest revision."""
        known = self._data_set.newest(day, since)
        stamp = (self.revision, self._now)
        meetings: list[Row] = []
        participants: list[Row] = []
        for current in self._current(rows):
            name = current.meeting[0]
            if known.pop(name, None) != current:
                meetings.append((*current.meeting, *stamp, False))
                participants += [(*row, *stamp) for row in current.participants]
        self.meetings += len(meetings)
        self.participants += len(participants)
        self.deleted += len(known)
        meetings += [(*one.meeting, *stamp, True) for one in known.values()]
        if meetings:
            self._data_set.write(day, meetings, participants, self.revision)

    def _current(self, rows: list[MeetingRow]) -> Iterator[Revised]:
        for start in range(0, len(rows), _LIST_SIZE):
            some = rows[start : start + _LIST_SIZE]
            entries = entries_of(self._connection, some)
            for row in some:
                yield _revised(row, entries[row.id], self._now)


def _revised(row: MeetingRow, entries: list[Entry], now: Ms) -> Revised:
    participants: list[Row] = [(row.id, row.room, *entry) for entry in entries]
    return Revised(meeting_row(row, entries, now), participants)

"""Journal: what a room asks of its past, answered from the log and the marks in the store.

What is settled in a round but not committed yet is kept here until it is.
"""

from collections.abc import Sequence

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import FIRST_MARK, Mark
from headcount.store.database import Database
from headcount.store.log import events_between
from headcount.store.records import MarkChange, decode_mark


class StoredJournal:
    """The settled past of one room: the store's up to what is committed, and what came since.

    The log holds more than is settled, so the store's part is that up to `settled` and `position`.
    """

    __slots__ = ("_changes", "_database", "_domain", "_events", "_position", "_room", "_settled")

    def __init__(self, database: Database, domain: str, room: str, settled: Ms, position: int) -> None:
        self._database = database
        self._domain = domain
        self._room = room
        self._settled = settled
        self._position = position
        self._events: list[Event] = []
        self._changes: list[MarkChange] = []

    def take_changes(self) -> list[MarkChange]:
        """What is to be committed of the marks."""
        return self._changes

    def committed(self, settled: Ms, position: int) -> None:
        """All that was told is in the store now."""
        self._settled = settled
        self._position = position
        if self._events:
            self._events = []
        if self._changes:
            self._changes = []

    def record(self, events: Sequence[Event]) -> None:
        self._events.extend(events)

    def insert(self, event: Event) -> None:
        self._events.append(event)

    def mark(self, mark: Mark) -> None:
        self._changes.append(MarkChange(self._domain, self._room, mark.at, mark.at, (mark,)))

    def replace_marks(self, after: Ms, to: Ms, marks: Sequence[Mark]) -> None:
        self._changes.append(MarkChange(self._domain, self._room, after, to, tuple(marks)))

    def mark_before(self, at: Ms) -> Mark:
        with self._database.reading() as connection:
            row = connection.row("select_mark_before", domain=self._domain, room=self._room, at=at)
        if not self._changes:
            return FIRST_MARK if row is None else decode_mark(*row)
        marks = self._marks_after(FIRST_MARK.at)
        return next((mark for mark in reversed(marks) if mark.at < at), FIRST_MARK)

    def marks_after(self, at: Ms) -> Sequence[Mark]:
        return self._marks_after(at)

    def _marks_after(self, at: Ms) -> list[Mark]:
        """The marks after `at`, with what this round has changed of them."""
        with self._database.reading() as connection:
            rows = connection.rows("select_marks_after", domain=self._domain, room=self._room, at=at)
        marks = {row[0]: decode_mark(*row) for row in rows}
        for change in self._changes:
            for gone in [m for m in marks if change.after < m <= change.to]:
                del marks[gone]
            marks.update((mark.at, mark) for mark in change.marks if mark.at > at)
        return [marks[moment] for moment in sorted(marks)]

    def between(self, after: Ms, to: Ms) -> Sequence[Event]:
        with self._database.reading() as connection:
            known = events_between(
                connection, self._domain, self._room, after, to, self._settled, self._position
            )
        own = [event for event in self._events if after < event.at <= to]
        return sorted([*known, *own], key=lambda event: event.at)

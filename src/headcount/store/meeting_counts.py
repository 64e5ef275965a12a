"""Counts of ended meetings by size: how many, by their start, their duration and their peak of participants.

A list that is filtered by size has an exact total. The counts answer for whole periods and whole minutes, and an index
answers for the rest. Ongoing meetings have no row here: they are few, and their duration grows with the clock.

Responsible for the tables `ended_meeting_counts` and `meeting_counts` (meetings by day): their update with each commit of
the engine, and the sums of the former. Must not know other filters.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.database import Connection
from headcount.store.records import DAY_MS, BatchChanges

PERIOD_MS: Final[Ms] = 30 * DAY_MS
"""A period in which a meeting starts. A domain has about as many rows for each as meetings differ in size."""
MINUTE_MS: Final[Ms] = 60_000
_MEETINGS: Final = """
with wanted (domain, id) as ({keys})
select m.domain, m.id, m.start_ms, m.end_ms, m.max_participants
from wanted as w
cross join meetings as m
where m.domain = w.domain and m.id = w.id
"""

_Cell = tuple[str, int, int, int]
"""The key of a row: domain, period, minutes, peak participants."""


class Size(NamedTuple):
    """The minimum of a meeting's peak participants, and of its duration in ms."""

    participants: int
    duration: Ms


class _Meeting(NamedTuple):
    """What is counted of a meeting."""

    domain: str
    start: Ms
    end: Ms | None
    max_participants: int


class CountChanges:
    """The differences that the batches of a transaction make. Rooms share these rows: see `projections.write_rows`."""

    def __init__(self) -> None:
        self._days: Counter[tuple[str, int]] = Counter()
        self._sizes: Counter[_Cell] = Counter()

    def add(self, connection: Connection, batch: BatchChanges) -> None:
        """Add the differences that a batch makes. Call it before the meetings of the batch are written."""
        before, after = _before_and_after(connection, batch)
        self._days.update(_days(after))
        self._days.subtract(_days(before))
        self._sizes.update(_cells(after))
        self._sizes.subtract(_cells(before))

    def write(self, connection: Connection) -> None:
        """Write the differences, rows in the order of their key."""
        write_differences(connection, "add_meeting_counts", self._days)
        write_differences(connection, "add_ended_meeting_counts", self._sizes)


def write_differences(connection: Connection, name: str, changes: Counter[Any]) -> None:
    """Add differences to the rows of a table of counts, in the order of their key: a tuple."""
    rows = [(*key, number) for key, number in sorted(changes.items()) if number]
    if rows:
        connection.write(name, rows)


def _before_and_after(
    connection: Connection, batch: BatchChanges
) -> tuple[Iterable[_Meeting], Iterable[_Meeting]]:
    """Return the meetings that a batch writes, as stored and as they will be."""
    keys = sorted({*batch.meetings, *batch.progress})
    before = {
        (domain, name): _Meeting(domain, *counted)
        for domain, name, *counted in connection.lookup(_MEETINGS, keys)
    }
    after = before.copy()
    for key, row in batch.meetings.items():
        if row is None:
            after.pop(key, None)
        else:
            after[key] = _Meeting(row.domain, row.start, row.end, row.max_participants)
    for key, progress in batch.progress.items():
        if key in after:
            after[key] = _Meeting(key[0], after[key].start, *progress)
    return before.values(), after.values()


def _days(meetings: Iterable[_Meeting]) -> Iterable[tuple[str, int]]:
    return ((meeting.domain, meeting.start // DAY_MS) for meeting in meetings)


def _cells(meetings: Iterable[_Meeting]) -> Iterable[_Cell]:
    for domain, start, end, participants in meetings:
        if end is not None:
            yield domain, start // PERIOD_MS, (end - start) // MINUTE_MS, participants


def count_ended(connection: Connection, domain: str, first: int, until: int, size: Size) -> int:
    """Return how many ended meetings of a minimum size started from one period to another, which is excluded."""
    values = {"domain": domain, "max_participants": size.participants}
    minutes, rest = divmod(size.duration, MINUTE_MS)
    (total,) = connection.row(
        "count_ended_meetings", **values, first=first, until=until, minutes=minutes + bool(rest)
    ) or (0,)
    if not rest:
        return int(total)
    (within,) = connection.row(
        "count_meetings_within_minute", **values, first=first * PERIOD_MS, until=until * PERIOD_MS,
        shortest=size.duration, longest=(minutes + 1) * MINUTE_MS,
    ) or (0,)  # fmt: skip
    return int(total) + int(within)

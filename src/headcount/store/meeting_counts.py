"""Counts of ended meetings by size: how many, by their start, their duration and their peak of participants.

A list that is filtered by size has an exact total. The counts answer for whole periods and whole minutes, and an index
answers for the rest. Ongoing meetings have no row here: they are few, and their duration grows with the clock.

Responsible for the table `ended_meeting_counts`: its update with each commit of the engine, and its sums. Must not know
other filters.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.database import Connection
from headcount.store.records import DAY_MS, BatchChanges
from headcount.store.statements import with_rows

PERIOD_MS: Final[Ms] = 30 * DAY_MS
"""A period in which a meeting starts. A domain has about as many rows for each as meetings differ in size."""
MINUTE_MS: Final[Ms] = 60_000
_LOOKUPS: Final = 100
"""Meetings that one statement looks up."""
_ENDED: Final = """
with wanted (domain, id) as (values {rows})
select m.domain, m.start_ms, m.end_ms, m.max_participants
from wanted as w
cross join meetings as m
where m.domain = w.domain and m.id = w.id and m.end_ms is not null
"""

_Cell = tuple[str, int, int, int]
"""The key of a row: domain, period, minutes, peak participants."""


class Size(NamedTuple):
    """The minimum of a meeting's peak participants, and of its duration in ms."""

    participants: int
    duration: Ms


class EndedCountUpdate:
    """The update of the counts for one batch. Create it before the meetings are written, and call `finish` after that."""

    def __init__(self, connection: Connection, batch: BatchChanges) -> None:
        self._connection = connection
        self._keys = sorted({*batch.meetings, *batch.progress})
        self._changes: Counter[_Cell] = Counter()
        self._changes.subtract(self._stored())

    def finish(self) -> None:
        """Write the differences."""
        self._changes.update(self._stored())
        rows = [(*cell, number) for cell, number in sorted(self._changes.items()) if number]
        if rows:
            self._connection.write("add_ended_meeting_counts", rows)

    def _stored(self) -> Iterable[_Cell]:
        for start in range(0, len(self._keys), _LOOKUPS):
            text, values = with_rows(_ENDED, self._keys[start : start + _LOOKUPS])
            for domain, begun, end, participants in self._connection.query(text, values):
                yield domain, begun // PERIOD_MS, (end - begun) // MINUTE_MS, participants


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

"""Archive history: the log of a cluster, read from its archive.

A room is in one partition of the topic, and the archive is divided by partition and day of receipt. So few files are
read for a room, and of these only the parts that may have it. What was logged before the archive began is in the table.

Responsible for reading entries of rooms and domains. Must not know who writes the archive.
"""

from collections.abc import Container, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Final

import pyarrow.compute as pc

from headcount.ingest.topic_records import partition_of, record_key
from headcount.kernel.events import Event
from headcount.kernel.rules import NEVER
from headcount.store.archive import Archive, ArchivedEntry, ArchiveState, time_value
from headcount.store.history import History, Span
from headcount.store.provenance import LoggedEvent
from headcount.store.records import DAY_MS

_EVENTS_PER_PAGE: Final = 50_000
_PLACE_BITS: Final = 22
"""How much of a position distinguishes entries of one millisecond."""
_COPIES: Final = 8
"""How often an entry may be in the archive: a batch that is repeated after a failure, and events that are sent again."""
_IS_EVENT: Final = pc.field("kind") != "snapshot"


class ArchiveHistory:
    """The archive at a location, after the table of a store."""

    is_delayed: Final = True

    def __init__(self, location: str, table: History) -> None:
        self._archive = Archive(location)
        self._table = table

    def in_room(self, span: Span, limit: int) -> list[LoggedEvent] | None:
        """Return the events of a span by time: see `History`."""
        logged = self._table.in_room(span, limit)
        if logged is None:
            return None
        archived = self._read(span, _COPIES * limit + 1)
        known = {one.event for one in logged}
        found = logged + [_logged(one) for one in _first_of_each(archived) if not _is_in_table(one, known)]
        if len(found) > limit or len(archived) > _COPIES * limit:
            return None
        return sorted(found, key=lambda one: (one.event.at, one.position))

    def _read(self, span: Span, limit: int) -> list[ArchivedEntry]:
        state = self._archive.state()
        if state is None:
            return []
        try:
            return list(islice(self._in_room(state, span), limit))
        except FileNotFoundError:  # it was merged with others after it was listed
            return list(islice(self._in_room(state, span), limit))

    def _in_room(self, state: ArchiveState, span: Span) -> Iterator[ArchivedEntry]:
        partition = partition_of(record_key(span.domain, span.room), state.partitions)
        at, joined = pc.field("at"), pc.field("joined_at")
        after, until = time_value(span.after), time_value(span.until)
        within = (at > after) & (at <= until)
        later = (joined > after) & (joined <= until) & (at > until)
        is_of_room = (pc.field("domain") == span.domain) & (pc.field("room") == span.room)
        # The clock of a source may be ahead of that of the brokers.
        since = max(0, span.after - DAY_MS)
        until_received = None if span.received_until >= NEVER else span.received_until + 1
        condition = is_of_room & _IS_EVENT & (within | later)
        return self._archive.entries(partition, condition, since=since, until=until_received)

    def in_domain(self, domain: str) -> Iterator[list[Event]]:
        """Yield all events of a domain, each once: see `History`."""
        inferred: set[Event] = set()
        for events in self._table.in_domain(domain):
            inferred.update(event for event in events if event.inferred is not None)
            yield events
        state = self._archive.require_state()
        condition = _IS_EVENT & (pc.field("domain") == domain)
        for partition in range(state.partitions):
            found = _first_of_each(self._archive.entries(partition, condition))
            new = (one.entry.to_event() for one in found if not _is_in_table(one, inferred))
            while page := list(islice(new, _EVENTS_PER_PAGE)):
                yield page


def _is_in_table(one: ArchivedEntry, known: Container[Event]) -> bool:
    """Return whether the table has an entry, too: what shards infer is in both."""
    return one.is_inferred and one.entry.to_event() in known


def _first_of_each(entries: Iterable[ArchivedEntry]) -> Iterator[ArchivedEntry]:
    """Yield the entries in their order, each once."""
    known: set[bytes] = set()
    for one in sorted(entries, key=attrgetter("order")):
        if one.entry.key not in known:
            known.add(one.entry.key)
            yield one


def _logged(one: ArchivedEntry) -> LoggedEvent:
    """Return an entry of the archive. Its position begins with its time of receipt, as that of a table grows with it."""
    entry = one.entry
    place = (one.offset << 1 | one.is_inferred) % (1 << _PLACE_BITS)
    position = entry.received << _PLACE_BITS | place
    return LoggedEvent(entry.to_event(), position, entry.received, entry.event_id, entry.sender, entry.digest)

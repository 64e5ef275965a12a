"""History: the events of rooms and domains as they were logged, for explanations and exports.

The log is a table, or the archive of a cluster (`ingest/archive_history.py`).

Responsible for what is read from a log, and for reading it from the table. Must not know what an event means.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from headcount.kernel.events import Event, Ms
from headcount.store.database import Database, consistent_read
from headcount.store.log import Log
from headcount.store.provenance import LoggedEvent, logged_event

_EVENTS_PER_PAGE: Final = 50_000


class Span(NamedTuple):
    """The events of a room in (after, until]. Those that were received after `received_until` may be absent."""

    domain: str
    room: str
    after: Ms
    until: Ms
    received_until: Ms


class History(Protocol):
    """The log as it is read back."""

    @property
    def is_delayed(self) -> bool:
        """Whether events may be processed before they can be read here."""
        ...

    def in_room(self, span: Span, limit: int) -> list[LoggedEvent] | None:
        """Return the events of a span by time, and the later leaves that know a join there (R1).

        Return None if they are more than `limit`.
        """
        ...

    def in_domain(self, domain: str) -> Iterator[list[Event]]:
        """Yield all events of a domain, each once. Those of a room are in the order in which they were received."""
        ...


class StoredHistory:
    """The log in the table. It `is_delayed` if events are processed that it does not have."""

    def __init__(self, database: Database, *, is_delayed: bool = False) -> None:
        self._database = database
        self.is_delayed: Final = is_delayed

    def in_room(self, span: Span, limit: int) -> list[LoggedEvent] | None:
        """Return the events of a span: see `History`."""
        within = {"domain": span.domain, "room": span.room, "after": span.after, "until": span.until}
        with consistent_read(self._database) as connection:
            if connection.rows("count_room_events", **within)[0][0] > limit:
                return None
            rows = connection.rows("select_logged_events", **within)
        return [logged_event(span.room, *row) for row in rows]

    def in_domain(self, domain: str) -> Iterator[list[Event]]:
        """Yield all events of a domain, in the order of the log."""
        log, position = Log(self._database), 0
        while logged := log.after(position, _EVENTS_PER_PAGE):
            position = logged[-1].position
            yield [entry.event for entry in logged if entry.event is not None and entry.domain == domain]

"""Export of a domain as files: events, meetings and participants.

Responsible for the rows of each file. Must not know file formats: `batch.io` does. Who delivered an event is not exported:
the token of a source is a secret of this server.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from headcount.batch.io.writers import write_sessions, write_table
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, TIME, WORD, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import Store
from headcount.store.records import MeetingRow

EVENTS: Final = pa.schema(
    [
        pa.field("room", WORD, nullable=False),
        pa.field("kind", WORD, nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("participant_id", pa.string()),
        pa.field("user_id", WORD),
        pa.field("user_name", WORD),
        pa.field("source_session", WORD),
        pa.field("joined_at", TIME),
        pa.field("inferred", WORD),
        pa.field("id", pa.string()),
        pa.field("domain", WORD, nullable=False),
        pa.field("attributes", WORD),
    ]
)
_MEETINGS_PER_PAGE: Final = 500
_EVENTS_PER_PAGE: Final = 50_000


def export_domain(store: Store, domain: str, out: str, fmt: str, now: Ms) -> list[Path]:
    """Write events, meetings and participants of a domain to a directory, and return the files.

    Ongoing meetings have no end. Raise `CannotWrite`.
    """
    meetings = pa.Table.from_pylist(list(_meetings(store, domain, now)), schema=MEETINGS)
    sessions = Sessions(meetings, lambda: _participants(store, domain, now), now, Summary())
    paths = write_sessions(sessions, out, fmt)
    return sorted([*paths, write_table(_events(store, domain), EVENTS, Path(out), f"events.{fmt}")])


def _pages(store: Store, domain: str, now: Ms) -> Iterator[list[tuple[MeetingRow, list[Entry]]]]:
    """All meetings by start, in pages, with their participants."""
    after: MeetingRow | None = None
    while True:
        page = Page(limit=_MEETINGS_PER_PAGE, after=after, ascending=True)
        rows = store.meetings.page(domain, MeetingFilter(), page, now)
        if not rows:
            return
        entries = store.meetings.entries(rows)
        yield [(row, entries[row.id]) for row in rows]
        after = rows[-1]


def _meetings(store: Store, domain: str, now: Ms) -> Iterator[dict[str, Any]]:
    for page in _pages(store, domain, now):
        for row, entries in page:
            participant_ms = sum(
                (now if entry.leave is None else entry.leave) - entry.join for entry in entries
            )
            yield {
                "id": row.id,
                "domain": row.domain,
                "room": row.room,
                "start": row.start,
                "end": row.end,
                "ongoing": row.end is None,
                "max_participants": row.max_participants,
                "participants": len(entries),
                "participant_ms": participant_ms,
            }


def _participants(store: Store, domain: str, now: Ms) -> Iterator[pa.Table]:
    for page in _pages(store, domain, now):
        rows = [
            {"meeting_id": row.id, "room": row.room, **entry._asdict()}
            for row, entries in page
            for entry in entries
        ]
        yield pa.Table.from_pylist(rows, schema=PARTICIPANTS)


def _events(store: Store, domain: str) -> Iterator[pa.Table]:
    """All events, in the order of the log. Snapshots are included as the events that were inferred from them."""
    position = 0
    while logged := store.log.after(position, _EVENTS_PER_PAGE):
        position = logged[-1].position
        rows = []
        for entry in logged:
            event = entry.event
            if event is not None and entry.domain == domain:
                rows.append({name: getattr(event, name, None) for name in EVENTS.names} | {"domain": domain})
        yield pa.Table.from_pylist(rows, schema=EVENTS)

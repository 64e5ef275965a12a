"""Export of a domain as files: events, meetings and participants.

Responsible for the rows of each file. Must not know file formats: `batch.io` does. Who delivered an event is not exported:
the token of a source is a secret of this server.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from headcount.batch.io.writers import write_sessions, write_table
from headcount.batch.rows import Column, Rows, Schema, Type
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import Store
from headcount.store.records import MeetingRow

EVENTS: Final[Schema] = (
    Column("room", Type.WORD),
    Column("kind", Type.WORD),
    Column("at", Type.TIME),
    Column("participant_id", Type.TEXT, is_optional=True),
    Column("user_id", Type.WORD, is_optional=True),
    Column("user_name", Type.WORD, is_optional=True),
    Column("source_session", Type.WORD, is_optional=True),
    Column("joined_at", Type.TIME, is_optional=True),
    Column("inferred", Type.WORD, is_optional=True),
    Column("id", Type.TEXT, is_optional=True),
    Column("domain", Type.WORD),
    Column("attributes", Type.WORD, is_optional=True),
)
_MEETINGS_PER_PAGE: Final = 500


def export_domain(store: Store, domain: str, out: str, fmt: str, now: Ms) -> list[Path]:
    """Write events, meetings and participants of a domain to a directory, and return the files.

    Ongoing meetings have no end. Raise `CannotWrite`.
    """
    meetings = Rows(MEETINGS, list(_meetings(store, domain, now)))
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


def meeting_row(row: MeetingRow, entries: list[Entry], now: Ms) -> tuple[Any, ...]:
    """Return a meeting with these entries as a row of `MEETINGS`. What is ongoing lasts until `now`."""
    participant_ms = sum((now if entry.leave is None else entry.leave) - entry.join for entry in entries)
    ongoing = row.end is None
    return (
        row.id, row.domain, row.room, row.start, row.end, ongoing, row.max_participants, len(entries), participant_ms,
    )  # fmt: skip


def _meetings(store: Store, domain: str, now: Ms) -> Iterator[tuple[Any, ...]]:
    for page in _pages(store, domain, now):
        for row, entries in page:
            yield meeting_row(row, entries, now)


def _participants(store: Store, domain: str, now: Ms) -> Iterator[Rows]:
    for page in _pages(store, domain, now):
        yield Rows(PARTICIPANTS, [(row.id, row.room, *entry) for row, entries in page for entry in entries])


def _events(store: Store, domain: str) -> Iterator[Rows]:
    """All events, as the log has them. Snapshots are included as the events that were inferred from them."""
    names = [column.name for column in EVENTS]
    for events in store.history.in_domain(domain):
        yield Rows(
            EVENTS,
            [[domain if name == "domain" else getattr(event, name) for name in names] for event in events],
        )

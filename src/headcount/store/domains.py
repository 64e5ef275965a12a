"""Removal of a domain.

Responsible for deleting all rows of a domain. Must not know who asks for it.
"""

from typing import Final

from headcount.store.database import Database

_TABLES: Final = (
    "entries", "rooms", "deferred_rooms", "marks", "stays", "pending_stays", "meetings", "meeting_counts",
    "ended_meeting_counts", "meeting_attributes", "meeting_attribute_counts", "attribute_keys", "superseded_meetings",
    "corrections", "excluded_participants", "room_quarters", "domain_quarters", "domain_steps", "room_totals",
    "value_totals", "long_values", "pending_rollups", "messages", "stream_domains", "published_meetings", "pending_notifications", "endpoints", "deliveries", "attempts",
    "sources", "api_keys", "access_tokens", "share_participants", "access_log",
    "retention_rules", "legal_holds", "room_retention", "given_quarters",
    "minimal_domains",
)  # fmt: skip


def remove_domain(database: Database, domain: str) -> None:
    """Delete all rows of a domain: events, projections, sources, webhooks and credentials."""
    with database.writing() as connection:
        for table in _TABLES:
            # Built here, because a table cannot be a value.
            connection.write_text(f"delete from {table} where domain = ?", [(domain,)])  # noqa: S608 - our own

"""Removing: all of a domain, for good."""

from typing import Final

from headcount.store.database import Database

_TABLES: Final = (
    "meetings", "meeting_tallies", "stays", "marks", "rooms", "superseded", "corrections", "entries", "api_keys",
    "sources", "bystanders", "messages", "told_meetings", "to_tell", "to_tally", "room_quarters", "domain_quarters",
    "domain_steps", "room_sums", "endpoints", "deliveries", "attempts", "passes", "share_people",
)  # fmt: skip


def remove_domain(database: Database, domain: str) -> None:
    """Take all that is a domain's out of the store: events, what was made of them, and keys."""
    with database.writing() as connection:
        for table in _TABLES:
            connection.write_text(f"delete from {table} where domain = ?", [(domain,)])  # noqa: S608 - our own

"""Presence that polls are compared with: who is in the rooms of a source, and what was reported there.

Responsible for these reads and for the rooms of each polled source. Must not know how a poll is made.
"""

from collections.abc import Collection
from typing import NamedTuple

from headcount.kernel.events import Kind, Ms
from headcount.store.database import Database
from headcount.store.records import KINDS


class RecentEvent(NamedTuple):
    """One event of a room in the log. Field order is column order."""

    participant_id: str | None
    kind: Kind
    at: Ms
    received: Ms
    inferred: str | None
    source_session: str | None


class Presence:
    """Presence as pollers need it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_rooms(self, token: str, rooms: Collection[str]) -> None:
        """Record that a source has reported these rooms: its lists may close stays there."""
        with self._database.writing() as connection:
            connection.write("insert_source_room", [(token, room) for room in sorted(rooms)])

    def open_joins(self, domain: str, token: str, also: Collection[str] = ()) -> dict[tuple[str, str], Ms]:
        """Return the joins of open stays by (room, participant), in the rooms of a source and in those of `also`.

        These are stays that count, up to the engine's cursor.
        """
        with self._database.reading() as connection:
            rows = connection.rows("select_source_presence", domain=domain, token=token)
            for room in also:
                stays = connection.rows("select_room_open_stays", domain=domain, room=room)
                rows += [(stay[1], stay[3], stay[2]) for stay in stays]
        return {(room, participant): join for room, participant, join in rows}

    def joined_before(self, before: Ms, domain: str | None, limit: int) -> list[tuple[str, str, Ms]]:
        """Return domain, room and join of the open stays of a domain, or of all, that began before a time, the oldest first."""
        values = {
            "before": before,
            "all_domains": int(domain is None),
            "domain": domain or "",
            "limit": limit,
        }
        with self._database.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.rows("select_oldest_open_stays", **values)]

    def events_since(self, domain: str, room: str, since: Ms) -> list[RecentEvent]:
        """Return the events of a room since a time, by time."""
        with self._database.reading() as connection:
            rows = connection.rows("select_events_since", domain=domain, room=room, since=since)
        return [RecentEvent(row[0], KINDS[row[1]], *row[2:]) for row in rows]

"""Polls: what the store knows that a list of those present is compared with."""

from collections.abc import Collection
from typing import NamedTuple

from headcount.kernel.events import Kind, Ms
from headcount.store.database import Database
from headcount.store.records import KINDS


class RecentEvent(NamedTuple):
    """One entry of the log about a room. Field order is column order."""

    participant_id: str | None
    kind: Kind
    at: Ms
    received: Ms
    inferred: str | None
    source_session: str | None


class Presence:
    """What pollers ask of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_rooms(self, token: str, rooms: Collection[str]) -> None:
        """A source has spoken of these rooms: its lists may close those who are in them."""
        with self._database.writing() as connection:
            connection.write("insert_source_room", [(token, room) for room in sorted(rooms)])

    def inside(self, domain: str, token: str, also: Collection[str] = ()) -> dict[tuple[str, str], Ms]:
        """Who is in the rooms that a source has spoken of, and in some others: joins by room and participant.

        As far as the engine has come, and those who count already.
        """
        with self._database.reading() as connection:
            rows = connection.rows("select_source_presence", domain=domain, token=token)
            for room in also:
                stays = connection.rows("select_room_open_stays", domain=domain, room=room)
                rows += [(stay[1], stay[3], stay[2]) for stay in stays]
        return {(room, participant): join for room, participant, join in rows}

    def said(self, domain: str, room: str, since: Ms) -> list[RecentEvent]:
        """All that the log says of a room since a moment."""
        with self._database.reading() as connection:
            rows = connection.rows("select_events_since", domain=domain, room=room, since=since)
        return [RecentEvent(row[0], KINDS[row[1]], *row[2:]) for row in rows]

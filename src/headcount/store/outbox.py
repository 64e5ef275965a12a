"""Outbox: the messages to webhooks and streams, and the notifications that will become messages.

The engine writes both in the commit of the change that they report. Consumers read messages after a position, so a
missed wake-up costs time but no message.

Responsible for reading messages and pending notifications. Must not know the payload formats of subscribers.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.records import MeetingRow, PendingNotification, PublishedMeeting
from headcount.store.statements import with_lists

PAGE_SIZE: Final = 1_000
_WRITTEN_WITHIN_MS: Final[Ms] = 86_400_000


class MessageType(StrEnum):
    """The event that a message reports, by Daily's name. `MEETING_UPDATED` is a Headcount extension."""

    MEETING_STARTED = "meeting.started"
    MEETING_ENDED = "meeting.ended"
    MEETING_UPDATED = "meeting.updated"
    PARTICIPANT_JOINED = "participant.joined"
    PARTICIPANT_LEFT = "participant.left"


class Message(NamedTuple):
    """A stored message: `at` is when the change happened, `created` when the engine wrote the message.

    `id` never changes. `payload` is the change as JSON; `headcount.outbound.payloads` converts it for subscribers.
    """

    position: int
    domain: str
    id: str
    type: str
    room: str
    at: Ms
    created: Ms
    payload: str


class Messages:
    """The messages of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(
        self,
        position: int,
        *,
        domain: str | None = None,
        types: Sequence[str] = (),
        limit: int = PAGE_SIZE,
    ) -> list[Message]:
        """Return messages after `position` in their order: all, or those of a domain and of some types."""
        with self._database.reading() as connection:
            if domain is None:
                rows = connection.rows("select_messages", position=position, limit=limit)
            else:
                values = {
                    "position": position,
                    "domain": domain,
                    "types": list(types or MessageType),
                    "limit": limit,
                }
                rows = connection.query(*with_lists("select_domain_messages", values))
        return [Message(*row) for row in rows]

    def count_after(self, position: int, domain: str, types: Sequence[str], limit: int = PAGE_SIZE) -> int:
        """Return how many messages of a domain and of some types follow `position`, counted up to `limit`."""
        values = {"position": position, "domain": domain, "types": list(types), "limit": limit}
        with self._database.reading() as connection:
            return int(connection.query(*with_lists("count_domain_messages", values))[0][0])

    def in_room(self, domain: str, room: str, start: Ms, last: Ms, limit: int) -> list[Message]:
        """Return the messages about a room from `start` to `last` that were written within a day, in order."""
        values = {"domain": domain, "room": room, "start": start, "last": last}
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_room_messages", **values, since=start, until=last + _WRITTEN_WITHIN_MS, limit=limit
            )
            return [Message(*row) for row in rows]

    def by_id(self, domain: str, name: str) -> Message | None:
        """Return the message with an id, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_message", domain=domain, id=name)
            return None if row is None else Message(*row)

    def end(self) -> int:
        """Return the last position, or 0 if there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("select_messages_end") or (0,)
            return int(position)

    def first(self) -> int:
        """Return the first position that is not deleted, or 0 if there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("select_messages_start") or (0,)
            return int(position)

    def prune(self, before: Ms) -> int:
        """Delete messages that were written before a time, except the last one, and return how many."""
        with self._database.writing() as connection:
            return connection.run("delete_old_messages", before=before)


class MeetingState(NamedTuple):
    """The published state of a meeting, and its current one: None if it does not exist.

    `replacement` is the meeting that covers the start of one that no longer exists. `participants` counts the entries
    of the meeting or of its replacement, and is 0 while only the start is to be published.
    """

    published: PublishedMeeting | None
    current: MeetingRow | None
    replacement: MeetingRow | None
    participants: int
    ended_by_reset: bool


class PendingNotifications:
    """The notifications about meetings that are not published yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_due(self) -> Ms:
        """Return when the next notification is due, or NEVER."""
        with self._database.reading() as connection:
            (due,) = connection.row("select_next_notification_time") or (None,)
            return NEVER if due is None else int(due)

    def due(self, now: Ms, limit: int) -> list[PendingNotification]:
        """Return the notifications that are due at `now`, up to `limit`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_due_notifications", now=now, limit=limit)
            return [PendingNotification(*row) for row in rows]

    def state(self, about: PendingNotification, horizon: Ms) -> MeetingState:
        """Return the state of a meeting up to `horizon`, inclusive."""
        with self._database.reading() as connection:
            row = connection.row("select_published_meeting", domain=about.domain, id=about.id)
            published = None if row is None else PublishedMeeting(*row)
            current = _meeting(connection, "select_meeting", domain=about.domain, id=about.id)
            replacement = None
            if current is None:
                replacement = _meeting(
                    connection, "select_meeting_at", domain=about.domain, room=about.room, at=about.start
                )
            meeting = current or replacement
            has_ended = meeting is not None and meeting.end is not None and meeting.end <= horizon
            starts = current is not None and not has_ended and (published is None or published.end is None)
            participants = 0 if meeting is None or starts else _participants(connection, meeting, horizon + 1)
            is_reset = meeting is not None and has_ended and _is_reset(connection, meeting)
        return MeetingState(published, current, replacement, participants, is_reset)


def _meeting(connection: Connection, name: str, **values: str | Ms) -> MeetingRow | None:
    row = connection.row(name, **values)
    return None if row is None else MeetingRow(*row)


def _participants(connection: Connection, meeting: MeetingRow, until: Ms) -> int:
    end = until if meeting.end is None else min(until, meeting.end)
    (number,) = connection.row(
        "count_meeting_stays", domain=meeting.domain, room=meeting.room, start=meeting.start, until=end
    ) or (0,)
    return int(number)


def _is_reset(connection: Connection, meeting: MeetingRow) -> bool:
    """Return whether another meeting starts where this one ends, because the room was reset (R7)."""
    assert meeting.end is not None
    following = _meeting(
        connection, "select_meeting_at", domain=meeting.domain, room=meeting.room, at=meeting.end
    )
    return following is not None and following.start == meeting.end

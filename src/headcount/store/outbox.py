"""Messages: the outbox. What is to be told to the world, in the order in which it is told.

The engine writes them in the commit of the fact; whoever delivers them reads on from a position, so
that a wake-up that is missed costs time and not a message.
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
_TOLD_WITHIN: Final[Ms] = 86_400_000


class MessageType(StrEnum):
    """What a message tells. The names are Daily's, but for `REVISED`, which is ours."""

    MEETING_STARTED = "meeting.started"
    MEETING_ENDED = "meeting.ended"
    MEETING_REVISED = "meeting.revised"
    PARTICIPANT_JOINED = "participant.joined"
    PARTICIPANT_LEFT = "participant.left"


class Message(NamedTuple):
    """A message as it is stored.

    `id` is the same for ever, `at` when it happened, `created` when the engine wrote it. `payload` is what
    happened, as JSON in our own words; `headcount.wording` puts it into the words of those who receive it.
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

    def count_after(self, position: int, domain: str, types: Sequence[str], most: int = PAGE_SIZE) -> int:
        """How many of a domain, of some types, follow `position`; they are counted up to `most`."""
        values = {"position": position, "domain": domain, "types": list(types), "limit": most}
        with self._database.reading() as connection:
            return int(connection.rows_of(*with_lists("count_domain_messages", values))[0][0])

    def after(
        self,
        position: int,
        *,
        domain: str | None = None,
        types: Sequence[str] = (),
        most: int = PAGE_SIZE,
    ) -> list[Message]:
        """Those after `position` in their order, at most so many; of a domain, of some types only if asked."""
        with self._database.reading() as connection:
            if domain is None:
                rows = connection.rows("select_messages", position=position, limit=most)
            else:
                values = {
                    "position": position,
                    "domain": domain,
                    "types": list(types or MessageType),
                    "limit": most,
                }
                rows = connection.rows_of(*with_lists("select_domain_messages", values))
        return [Message(*row) for row in rows]

    def in_room(self, domain: str, room: str, start: Ms, last: Ms, most: int) -> list[Message]:
        """Those about what happened in a room from `start` to `last`, and were written within the day after, in order."""
        values = {"domain": domain, "room": room, "start": start, "last": last}
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_room_messages", **values, since=start, until=last + _TOLD_WITHIN, limit=most
            )
            return [Message(*row) for row in rows]

    def by_id(self, domain: str, name: str) -> Message | None:
        with self._database.reading() as connection:
            row = connection.row("select_message", domain=domain, id=name)
            return None if row is None else Message(*row)

    def end(self) -> int:
        """The last position; 0 while there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("select_messages_end") or (0,)
            return int(position)

    def first(self) -> int:
        """The first position that is still kept; 0 while there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("select_messages_start") or (0,)
            return int(position)

    def prune(self, before: Ms) -> int:
        """Forget those that were written before a moment; how many they were. The last one stays."""
        with self._database.writing() as connection:
            return connection.run("delete_old_messages", before=before)


class MeetingState(NamedTuple):
    """A meeting that something is to be told of: what was told, what is so now (None: there is none).

    `covering` is the meeting that covers the start of one that is no more. `people` are the entries of the one
    of these two that there is, and 0 as long as its start is all that there is to tell; `reset` says that it ended
    by being reset.
    """

    told: PublishedMeeting | None
    now: MeetingRow | None
    covering: MeetingRow | None
    people: int
    reset: bool


class PendingNotifications:
    """What is to be told of meetings, and when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self) -> Ms:
        """When the next is due, or NEVER."""
        with self._database.reading() as connection:
            (due,) = connection.row("select_next_notification_time") or (None,)
            return NEVER if due is None else int(due)

    def due(self, now: Ms, most: int) -> list[PendingNotification]:
        """What is due at `now`, at most so many."""
        with self._database.reading() as connection:
            return [
                PendingNotification(*row)
                for row in connection.rows("select_due_notifications", now=now, limit=most)
            ]

    def seen(self, about: PendingNotification, horizon: Ms) -> MeetingState:
        """What is known of a meeting up to `horizon`, that included."""
        with self._database.reading() as connection:
            row = connection.row("select_published_meeting", domain=about.domain, id=about.id)
            told = None if row is None else PublishedMeeting(*row)
            now = _meeting(connection, "select_meeting", domain=about.domain, id=about.id)
            covering = None
            if now is None:
                covering = _meeting(
                    connection, "select_meeting_at", domain=about.domain, room=about.room, at=about.start
                )
            there = now or covering
            ended = there is not None and there.end is not None and there.end <= horizon
            starts = now is not None and not ended and (told is None or told.end is None)
            people = 0 if there is None or starts else _people(connection, there, horizon + 1)
            reset = there is not None and ended and _goes_on(connection, there)
        return MeetingState(told, now, covering, people, reset)


def _meeting(connection: Connection, query: str, **values: str | Ms) -> MeetingRow | None:
    row = connection.row(query, **values)
    return None if row is None else MeetingRow(*row)


def _people(connection: Connection, meeting: MeetingRow, until: Ms) -> int:
    end = until if meeting.end is None else min(until, meeting.end)
    (number,) = connection.row(
        "count_meeting_stays", domain=meeting.domain, room=meeting.room, start=meeting.start, until=end
    ) or (0,)
    return int(number)


def _goes_on(connection: Connection, meeting: MeetingRow) -> bool:
    """Whether another one begins where this one ends: then it was reset (R7)."""
    assert meeting.end is not None
    following = _meeting(
        connection, "select_meeting_at", domain=meeting.domain, room=meeting.room, at=meeting.end
    )
    return following is not None and following.start == meeting.end

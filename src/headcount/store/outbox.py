"""Messages: the outbox. What is to be told to the world, in the order in which it is told.

The engine writes them in the commit of the fact; whoever delivers them reads on from a position, so
that a wake-up that is missed costs time and not a message.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.records import MeetingRow, ToldMeeting, ToTell

MOST_AT_ONCE: Final = 1_000
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

    `id` is the same for ever, `at` when it happened, `created` when the engine wrote it. `said` is what
    happened, as JSON in our own words; `headcount.wording` puts it into the words of those who receive it.
    """

    position: int
    domain: str
    id: str
    type: str
    room: str
    at: Ms
    created: Ms
    said: str


class Messages:
    """The messages of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_after(self, position: int, domain: str, types: Sequence[str], most: int = MOST_AT_ONCE) -> int:
        """How many of a domain, of some types, follow `position`; they are counted up to `most`."""
        known = {f"type_{n}": type_ for n, type_ in enumerate(types)}
        text = (
            "select count(*) from (select position from messages"  # noqa: S608 - our own
            " where position > :position and domain = :domain"
            f" and type in ({', '.join(f':{name}' for name in known)}) limit :most) as following"
        )
        values = {"position": position, "domain": domain, "most": most} | known
        with self._database.reading() as connection:
            return int(connection.rows_of(text, values)[0][0])

    def after(
        self,
        position: int,
        *,
        domain: str | None = None,
        types: Sequence[str] = (),
        most: int = MOST_AT_ONCE,
    ) -> list[Message]:
        """Those after `position` in their order, at most so many; of a domain, of some types only if asked."""
        values: dict[str, Any] = {"position": position, "most": most}
        known = {f"type_{n}": type_ for n, type_ in enumerate(types)}
        conditions = ["position > :position"]
        if domain is not None:
            conditions.append("domain = :domain")
            values["domain"] = domain
        if known:
            conditions.append(f"type in ({', '.join(f':{name}' for name in known)})")
        text = (
            "select position, domain, id, type, room, at_ms, created_ms, said from messages"  # noqa: S608 - our own
            f" where {' and '.join(conditions)} order by position limit :most"
        )
        with self._database.reading() as connection:
            return [Message(*row) for row in connection.rows_of(text, values | known)]

    def of_room(self, domain: str, room: str, start: Ms, last: Ms, most: int) -> list[Message]:
        """Those about what happened in a room from `start` to `last`, and were written within the day after, in order."""
        values = {"domain": domain, "room": room, "start": start, "last": last}
        with self._database.reading() as connection:
            rows = connection.rows(
                "messages_of_room", **values, since=start, until=last + _TOLD_WITHIN, most=most
            )
            return [Message(*row) for row in rows]

    def by_id(self, domain: str, name: str) -> Message | None:
        with self._database.reading() as connection:
            row = connection.row("message_by_id", domain=domain, id=name)
            return None if row is None else Message(*row)

    def end(self) -> int:
        """The last position; 0 while there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("messages_end") or (0,)
            return int(position)

    def first(self) -> int:
        """The first position that is still kept; 0 while there is none."""
        with self._database.reading() as connection:
            (position,) = connection.row("messages_first") or (0,)
            return int(position)

    def prune(self, before: Ms) -> int:
        """Forget those that were written before a moment; how many they were. The last one stays."""
        with self._database.writing() as connection:
            return connection.run("prune_messages", before=before)


class Seen(NamedTuple):
    """A meeting that something is to be told of: what was told, what is so now (None: there is none).

    `covering` is the meeting that covers the start of one that is no more. `people` are the entries of the one
    of these two that there is, and 0 as long as its start is all that there is to tell; `reset` says that it ended
    by being reset.
    """

    told: ToldMeeting | None
    now: MeetingRow | None
    covering: MeetingRow | None
    people: int
    reset: bool


class Outbox:
    """What is to be told of meetings, and when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self) -> Ms:
        """When the next is due, or NEVER."""
        with self._database.reading() as connection:
            (due,) = connection.row("first_to_tell") or (None,)
            return NEVER if due is None else int(due)

    def due(self, now: Ms, most: int) -> list[ToTell]:
        """What is due at `now`, at most so many."""
        with self._database.reading() as connection:
            return [ToTell(*row) for row in connection.rows("due_to_tell", now=now, most=most)]

    def seen(self, about: ToTell, horizon: Ms) -> Seen:
        """What is known of a meeting up to `horizon`, that included."""
        with self._database.reading() as connection:
            row = connection.row("told_meeting", domain=about.domain, id=about.id)
            told = None if row is None else ToldMeeting(*row)
            now = _meeting(connection, "meeting_by_id", domain=about.domain, id=about.id)
            covering = None
            if now is None:
                covering = _meeting(
                    connection, "meeting_covering", domain=about.domain, room=about.room, at=about.start
                )
            there = now or covering
            ended = there is not None and there.end is not None and there.end <= horizon
            starts = now is not None and not ended and (told is None or told.end is None)
            people = 0 if there is None or starts else _people(connection, there, horizon + 1)
            reset = there is not None and ended and _goes_on(connection, there)
        return Seen(told, now, covering, people, reset)


def _meeting(connection: Connection, query: str, **values: str | Ms) -> MeetingRow | None:
    row = connection.row(query, **values)
    return None if row is None else MeetingRow(*row)


def _people(connection: Connection, meeting: MeetingRow, until: Ms) -> int:
    end = until if meeting.end is None else min(until, meeting.end)
    (number,) = connection.row(
        "count_stays", domain=meeting.domain, room=meeting.room, start=meeting.start, until=end
    ) or (0,)
    return int(number)


def _goes_on(connection: Connection, meeting: MeetingRow) -> bool:
    """Whether another one begins where this one ends: then it was reset (R7)."""
    assert meeting.end is not None
    following = _meeting(
        connection, "meeting_covering", domain=meeting.domain, room=meeting.room, at=meeting.end
    )
    return following is not None and following.start == meeting.end

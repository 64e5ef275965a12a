"""Outbox: the engine's side of what is told to the world.

What is due to be told of a meeting is worked out when it is due, from what the tables say then and what was
told before; so whatever came late meanwhile needs no case of its own.
"""

from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.rows import MeetingRow, ToldMeeting, ToTell


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

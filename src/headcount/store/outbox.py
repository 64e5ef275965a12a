"""Outbox: the messages to webhooks and streams, and the notifications that will become messages.

The engine writes both in the commit of the change that they report. Consumers read messages after a position, so a
missed wake-up costs time but no message.

Responsible for reading messages and pending notifications. Must not know the payload formats of subscribers.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.records import MeetingRow, PendingNotification, PublishedMeeting
from headcount.store.statements import with_lists

PAGE_SIZE: Final = 1_000
_WRITTEN_WITHIN_MS: Final[Ms] = 86_400_000
_STATES: Final = """
with due (domain, id) as ({keys})
select d.domain, d.id,
  p.domain, p.id, p.room, p.start_ms, p.end_ms, p.max_participants, p.participants, p.revisions,
  m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants, m.carried_join_ms, m.carried_participant_id,
  case when m.end_ms <= :horizon or p.end_ms is not null then (
    select count(*) from stays as s
    where s.domain = m.domain and s.room = m.room and s.join_ms >= m.start_ms
      and s.join_ms < case when m.end_ms <= :horizon then m.end_ms else :horizon + 1 end
      and (s.leave_ms is null or s.leave_ms > m.start_ms)
  ) + (
    select count(*) from stays as c
    where c.domain = m.domain and c.room = m.room and c.join_ms = m.carried_join_ms
      and c.participant_id = m.carried_participant_id and c.join_ms < m.start_ms
      and (c.leave_ms is null or c.leave_ms > m.start_ms)
  ) else 0 end,
  m.end_ms <= :horizon and exists (
    select 1 from meetings as f
    where f.domain = m.domain and f.room = m.room
      and f.start_ms / 1000 >= m.end_ms / 1000 and f.start_ms / 1000 <= m.end_ms / 1000 and f.start_ms = m.end_ms
  )
from due as d
left join published_meetings as p on p.domain = d.domain and p.id = d.id
left join meetings as m on m.domain = d.domain and m.id = d.id
"""
"""What was published of meetings, and what they are now: a start needs no participants, and a reset starts another one.

The participants are the stays that began within the meeting, and the one that a reset carried into it if they still
overlap: the room may have a long history.

Served by primary keys and, in a range of one second, by `meetings_by_room`: SQLite does not use it for an equality of
expressions.
"""
STREAM_RETENTION_MS: Final[Ms] = 86_400_000
"""How long a stream can be resumed without a gap after it was closed. Any later it may have one."""
_SEEN_EVERY_MS: Final[Ms] = 3_600_000


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

    def stream_opened(self, domain: str, now: Ms) -> int:
        """Record that a stream of a domain is open, and return the position after which the outbox is complete for it.

        From then on, joins and leaves of the domain are messages until no stream was open for `STREAM_RETENTION_MS`.
        """
        with self._database.reading() as connection:
            row = connection.row("select_stream_domain", domain=domain)
        if row is not None and now - row[1] < _SEEN_EVERY_MS:
            return int(row[0])
        with self._database.writing() as connection:
            connection.run(
                "touch_engine_state"
            )  # so that a commit of the engine comes before this or after it
            connection.run("upsert_stream_domain", domain=domain, now=now)
            row = connection.row("select_stream_domain", domain=domain)
        return int(row[0]) if row is not None else 0

    def forget_streams(self, before: Ms) -> None:
        """Stop the messages about joins and leaves for streams in domains without a stream since `before`."""
        with self._database.writing() as connection:
            connection.run("delete_stream_domains", before=before)

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

    def states(
        self, due: Mapping[tuple[str, str], Sequence[PendingNotification]], horizon: Ms
    ) -> dict[tuple[str, str], MeetingState]:
        """Return the state of each meeting, by domain and id, up to `horizon`, inclusive."""
        with self._database.reading() as connection:
            rows = connection.lookup(_STATES, list(due), horizon=horizon)
            states = {(row[0], row[1]): _state(row) for row in rows}
            for key, state in states.items():
                if state.current is None and state.published is not None:
                    states[key] = _replaced(connection, state, due[key][0], horizon)
        return states


def _state(row: tuple[Any, ...]) -> MeetingState:
    published = None if row[2] is None else PublishedMeeting(*row[2:10])
    current = None if row[10] is None else MeetingRow(*row[10:18])
    return MeetingState(published, current, None, row[18], bool(row[19]))


def _replaced(
    connection: Connection, state: MeetingState, about: PendingNotification, horizon: Ms
) -> MeetingState:
    """Return the state of a meeting that no longer exists, with the one that covers its start, if there is one."""
    replacement = _meeting(
        connection, "select_meeting_at", domain=about.domain, room=about.room, at=about.start
    )
    if replacement is None:
        return state
    participants = _participants(connection, replacement, horizon + 1)
    return state._replace(replacement=replacement, participants=participants)


def _meeting(connection: Connection, name: str, **values: str | Ms) -> MeetingRow | None:
    row = connection.row(name, **values)
    return None if row is None else MeetingRow(*row)


def _participants(connection: Connection, meeting: MeetingRow, until: Ms) -> int:
    end = until if meeting.end is None else min(until, meeting.end)
    (number,) = connection.row(
        "count_meeting_stays", domain=meeting.domain, room=meeting.room, start=meeting.start, until=end
    ) or (0,)
    return int(number)

"""Rows of rooms: everything that the tables have of some rooms from a moment on, as the batch that would write it.

It is the inverse of `projections.write_rows`, for the rows that a shard of a cluster continues from.

Responsible for reading these rows. Must not know why they are read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from headcount.kernel.events import Ms
from headcount.store.database import Connection
from headcount.store.records import (
    BatchChanges,
    DeferredRoom,
    MarkChange,
    MeetingRow,
    PendingNotification,
    PublishedMeeting,
    RoomKey,
    StayRow,
    StoredEntry,
    decode_mark,
)

_PAGE: Final = 50_000
_LAST_MARKS: Final = """
with wanted (domain, room, at) as ({keys})
select w.domain, w.room, (
  select max(m.at_ms) from marks as m
  where m.domain = w.domain and m.room = w.room and m.at_ms < w.at and m.unconfirmed is null
)
from wanted as w
"""
_ROOMS: Final = """
with wanted (domain, room, at) as ({keys})
select r.domain, r.room, r.finalized_ms, r.deadline_ms, r.checkpoint
from wanted as w
cross join rooms as r
where r.domain = w.domain and r.room = w.room
"""
_MARKS: Final = """
with wanted (domain, room, at) as ({keys})
select m.domain, m.room, m.at_ms, m.unconfirmed
from wanted as w
cross join marks as m
where m.domain = w.domain and m.room = w.room and m.at_ms >= w.at
order by m.domain, m.room, m.at_ms
"""
_STAYS: Final = """
with wanted (domain, room, at) as ({keys})
select s.domain, s.room, s.join_ms, s.participant_id, s.leave_ms, s.left_by, s.user_id, s.user_name, s.attributes
from wanted as w
cross join stays as s
where s.domain = w.domain and s.room = w.room and s.join_ms >= w.at
"""
_MEETINGS: Final = """
with wanted (domain, room, at) as ({keys})
select m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants, m.carried_join_ms, m.carried_participant_id
from wanted as w
cross join meetings as m
where m.domain = w.domain and m.room = w.room and m.start_ms / 1000 >= w.at / 1000 and m.start_ms >= w.at
"""
_SUPERSEDED: Final = """
with wanted (domain, room, at) as ({keys})
select s.domain, s.id
from wanted as w
cross join superseded_meetings as s
where s.domain = w.domain and s.room = w.room and s.start_ms >= w.at
"""
_PUBLISHED: Final = """
with wanted (domain, id) as ({keys})
select p.domain, p.id, p.room, p.start_ms, p.end_ms, p.max_participants, p.participants, p.revisions
from wanted as w
cross join published_meetings as p
where p.domain = w.domain and p.id = w.id
"""
_NOTIFICATIONS: Final = """
with wanted (domain, room, at) as ({keys})
select n.domain, n.id, n.due_ms, n.room, n.start_ms, n.reason
from wanted as w
cross join pending_notifications as n
where n.domain = w.domain and n.room = w.room
"""
_DEFERRED: Final = """
with wanted (domain, room, at) as ({keys})
select d.domain, d.room, d.position, d.reason, d.attempts, d.since_ms, d.retry_ms, d.release
from wanted as w
cross join deferred_rooms as d
where d.domain = w.domain and d.room = w.room
"""
_ENTRIES: Final = """
with wanted (domain, room, at) as ({keys})
select e.event_key, e.position, e.domain, e.received_ms, e.origin, e.snapshot, e.sender, e.digest,
  case when e.kind = 4 then e.event_key end, e.room, e.kind, e.at_ms,
  e.participant_id, e.user_id, e.user_name, e.source_session, e.joined_ms, e.inferred, e.attributes
from wanted as w
cross join entries as e
where e.domain = w.domain and e.room = w.room and e.at_ms > w.at
order by e.position
"""

_FROZEN: Final = """
with wanted (domain, room) as ({keys})
select r.domain, r.room, r.frozen_ms
from wanted as w
cross join room_retention as r
where r.domain = w.domain and r.room = w.room and r.frozen_ms is not null
"""

_room: Final = itemgetter(0, 1)


def last_marks(connection: Connection, before: Mapping[RoomKey, Ms]) -> dict[RoomKey, Ms]:
    """Return the last mark without unconfirmed leaves before a moment of each room that has one.

    What happens later than it changes nothing at or before it.
    """
    rows = connection.lookup(_LAST_MARKS, _keys(before))
    return {(domain, room): at for domain, room, at in rows if at is not None}


def frozen_rooms(connection: Connection, keys: Sequence[RoomKey]) -> dict[RoomKey, Ms]:
    """Return up to when those of these rooms are frozen that are: their rows up to then are given."""
    if not keys or connection.row("select_room_retentions_exist") is None:
        return {}
    return {(domain, room): frozen for domain, room, frozen in connection.lookup(_FROZEN, keys)}


def rows_since(connection: Connection, since: Mapping[RoomKey, Ms]) -> BatchChanges:
    """Return all rows of rooms from a moment on at which nobody was in the room, as a batch."""
    batch, keys = BatchChanges(0), _keys(since)
    for domain, room, finalized, deadline, checkpoint in connection.lookup(_ROOMS, keys):
        batch.rooms[domain, room] = (finalized, deadline, None)
        if checkpoint is not None:
            batch.checkpoints[domain, room] = checkpoint
    for (domain, room), rows in groupby(connection.lookup(_MARKS, keys), key=_room):
        marks = tuple(decode_mark(at, unconfirmed) for _, _, at, unconfirmed in rows)
        batch.marks.append(MarkChange(domain, room, marks[0].at, marks[0].at, marks))
    for stay in map(StayRow._make, connection.lookup(_STAYS, keys)):
        batch.stays[stay[:4]] = stay
    for meeting in map(MeetingRow._make, connection.lookup(_MEETINGS, keys)):
        batch.meetings[meeting.domain, meeting.id] = meeting
    known = [*batch.meetings, *connection.lookup(_SUPERSEDED, keys)]
    for published in map(PublishedMeeting._make, connection.lookup(_PUBLISHED, known)):
        batch.published[published.domain, published.id] = published
    for notification in map(PendingNotification._make, connection.lookup(_NOTIFICATIONS, keys)):
        batch.notifications[notification.domain, notification.id, notification.due] = notification
    for deferred in map(DeferredRoom._make, connection.lookup(_DEFERRED, keys)):
        batch.deferred[deferred.domain, deferred.room] = deferred
    return batch


def given_rows(connection: Connection, key: RoomKey, until: Ms) -> BatchChanges:
    """Return the rows of a room up to a moment at which nobody was in it, as a batch."""
    domain, room = key
    values = {"domain": domain, "room": room, "until": until}
    batch = BatchChanges(0)
    for finalized, created in connection.rows("select_given_room", domain=domain, room=room):
        batch.rooms[key] = (min(finalized, until), None, created)
    for stay in map(StayRow._make, connection.rows("select_given_stays", **values)):
        batch.stays[stay[:4]] = stay
    for meeting in map(MeetingRow._make, connection.rows("select_given_meetings", **values)):
        batch.meetings[meeting.domain, meeting.id] = meeting
    marks = [decode_mark(*row) for row in connection.rows("select_given_marks", **values)]
    batch.marks += [MarkChange(domain, room, mark.at, mark.at, (mark,)) for mark in marks]
    return batch


def entries_since(connection: Connection, since: Mapping[RoomKey, Ms]) -> list[tuple[bytes, StoredEntry]]:
    """Return the entries of rooms after a moment, each with its key. In the database of a cluster, they are inferred."""
    rows = connection.lookup(_ENTRIES, _keys(since))
    return [(bytes(key), StoredEntry._make(values)) for key, *values in rows]


def pending_since(connection: Connection, rooms: Iterable[RoomKey]) -> dict[RoomKey, Ms]:
    """Return when the first meeting began that a notification of a room is pending about."""
    found: dict[RoomKey, Ms] = {}
    rows = connection.lookup(_NOTIFICATIONS, _keys(dict.fromkeys(rooms, 0)))
    for row in map(PendingNotification._make, rows):
        key = (row.domain, row.room)
        found[key] = min(row.start, found.get(key, row.start))
    return found


def room_keys(connection: Connection) -> Iterator[RoomKey]:
    """Yield all rooms of all domains, in pages."""
    key: RoomKey = ("", "")
    while rows := connection.rows("select_room_keys", domain=key[0], room=key[1], limit=_PAGE):
        yield from rows
        key = rows[-1][0], rows[-1][1]


def _keys(moments: Mapping[RoomKey, Ms]) -> Sequence[tuple[str, str, Ms]]:
    return [(*key, at) for key, at in moments.items()]

"""Changed rooms: which rooms of a domain have changed since an earlier moment, and from when on.

Nothing is recorded for this while events are processed. Meetings change because of entries of the log, because time passes,
because people are erased, because something expires, or because the tables are replaced. A `Point` has what an answer needs:
how far the log was processed, which rooms time alone could change, and the progress of erasures and of retention. A room
changes from its last moment at which nobody was in it, without inferred leaves that may still be overridden.

An answer may name too much, and never too little. The caller compares the rows.

Responsible for finding the rooms. Must not know what is done with their meetings.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database
from headcount.store.meeting_lists import MeetingFilter, Page, select_page
from headcount.store.records import MeetingRow
from headcount.store.room_rows import last_marks
from headcount.store.statements import with_lists
from headcount.store.stored_secrets import store_secret

_ALWAYS: Final[Ms] = -1
"""Before all meetings."""
_PAGE: Final = 2_000
_MEETINGS: Final = """
with wanted (domain, room, at) as ({keys})
select m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants, m.carried_join_ms, m.carried_participant_id
from wanted as w
cross join meetings as m
where m.domain = w.domain
  and m.room = w.room
  and m.start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000)
    from meetings as k
    where k.domain = w.domain
      and k.room = w.room
      and k.start_ms / 1000 < w.at / 1000
  ), 0)
  and (m.end_ms is null or m.end_ms >= w.at)
"""

Since = Mapping[str, Ms]
"""From when on the meetings of rooms may have changed: all those that ended then or later, or are ongoing."""


class Point(msgspec.Struct, frozen=True):
    """A moment of a database, from which changes are found. `position` and `received` are those of an entry of the log."""

    database: str
    position: int
    received: Ms | None
    rules: str | None
    generation: int
    unsettled: dict[str, Ms]
    """Rooms that time alone can change, and from when on."""
    retention: dict[str, tuple[Ms | None, Ms | None, Ms | None]]
    erasures: dict[str, tuple[str, Ms | None]]
    released_holds: int


def identity(database: Database) -> str:
    """Return the identity of a database: a digest of its secret."""
    return sha256(b"export" + store_secret(database)).hexdigest()[:16]


def read_point(connection: Connection, database: str, domain: str) -> Point:
    """Return the current point of a domain."""
    cursor, deferred, rules, generation = connection.row("select_processed_until", domain=domain) or (
        0, None, None, 0,
    )  # fmt: skip
    position = cursor if deferred is None else min(cursor, deferred)
    entry = connection.row("select_entry_before", position=position)
    return Point(
        database,
        position if entry is None else entry[0],
        None if entry is None else entry[1],
        rules,
        generation,
        _unsettled(connection, domain),
        {room: tuple(row) for room, *row in connection.rows("select_all_room_retentions", domain=domain)},
        {
            str(number): (state, finished)
            for number, state, finished in connection.rows("select_erasure_states", domain=domain)
        },
        (connection.row("count_released_holds", domain=domain) or (0,))[0],
    )


def changed_rooms(connection: Connection, domain: str, before: Point, now: Point) -> Since | None:
    """Return the rooms that may have changed between two points; None if all may have, because nobody knows.

    So it is if the tables were replaced, if the database is another one or an older copy, and if a cluster writes it.
    """
    if (before.database, before.rules, before.generation) != (now.database, now.rules, now.generation):
        return None
    if before.position > now.position or connection.row("select_any_shard") is not None:
        return None
    if before.received is not None and not _is_same_log(connection, before):
        return None
    found: dict[str, Ms] = {}
    rows = connection.rows(
        "select_rooms_with_entries", domain=domain, after=before.position, until=now.position
    )
    for room, since in (
        *_marks_before(connection, domain, dict(rows)).items(),
        *before.unsettled.items(),
        *_expired(before, now),
        *((room, _ALWAYS) for room in _erased(connection, domain, before, now)),
    ):
        found[room] = min(since, found.get(room, since))
    return found


def meetings_of(connection: Connection, domain: str, since: Since) -> list[MeetingRow]:
    """Return the meetings of rooms from a moment on, those that ended later than it included."""
    keys = [(domain, room, at) for room, at in since.items()]
    return [MeetingRow(*row) for row in connection.lookup(_MEETINGS, keys)]


def all_meetings(connection: Connection, domain: str) -> Iterator[list[MeetingRow]]:
    """Yield all meetings of a domain by whole second of their start, in pages."""
    after: MeetingRow | None = None
    while rows := select_page(
        connection, domain, MeetingFilter(), Page(limit=_PAGE, after=after, ascending=True), 0
    ):
        yield rows
        after = rows[-1]


def _is_same_log(connection: Connection, before: Point) -> bool:
    """Return whether the entry at the position of a point is still there, or has expired.

    Otherwise the database is an older copy, in which other entries took the positions after it.
    """
    row = connection.row("select_entry_received", position=before.position)
    if row is None:
        return connection.row("select_events_have_expired") is not None
    return bool(row[0] == before.received)


def _unsettled(connection: Connection, domain: str) -> dict[str, Ms]:
    rooms = {room for (room,) in connection.rows("select_rooms_with_deadline", domain=domain)}
    rooms |= {room for room, _ in connection.rows("select_ongoing_meeting_ids", domain=domain)}
    return _marks_before(connection, domain, dict.fromkeys(rooms, NEVER))


def _marks_before(connection: Connection, domain: str, moments: Mapping[str, Ms]) -> dict[str, Ms]:
    marks = last_marks(connection, {(domain, room): at for room, at in moments.items()})
    return {room: marks.get((domain, room), _ALWAYS) for room in moments}


def _expired(before: Point, now: Point) -> Iterator[tuple[str, Ms]]:
    """Yield the rooms of which names, events or meetings have expired, from what had expired before."""
    # What a hold protected expires from the beginning.
    restarted = before.released_holds != now.released_holds
    for room, until in now.retention.items():
        known = before.retention.get(room, (None, None, None))
        if restarted:
            yield room, _ALWAYS
        for old, new in zip(known, until, strict=True):
            if old != new:
                yield room, _ALWAYS if old is None or new is None else min(old, new)


def _erased(connection: Connection, domain: str, before: Point, now: Point) -> Iterable[str]:
    """Yield the rooms of people whose erasure was requested, went on or was done in between."""
    changed = [
        int(number)
        for number, state in now.erasures.items()
        if state != before.erasures.get(number) or state[1] is None
    ]
    rows = connection.query(*with_lists("select_rooms_of_erasures", {"domain": domain, "erasures": changed}))
    return [room for (room,) in rows]

"""Meetings: the reads of the API and the dashboard. Each is about one domain.

Responsible for meetings, their participants, and who is present. Must not know the clock: an ongoing meeting has no
end here, and callers who show a duration pass the time.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final

from headcount.kernel.attributes import AttributeFilter, Attributes
from headcount.kernel.events import Ms
from headcount.kernel.journal import FIRST_MARK, Mark
from headcount.kernel.meetings import Entry
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, consistent_read
from headcount.store.meeting_entries import entries_of, few_entries_of
from headcount.store.meeting_lists import MeetingFilter, Page, count_meetings, select_page
from headcount.store.paging import entries_in_pages, entries_page, matching_page
from headcount.store.records import (
    Correction,
    DeferredRoom,
    KnownRoom,
    MeetingRow,
    StayRow,
    SupersededMeeting,
    decode_mark,
)
from headcount.store.retention import RoomRetention
from headcount.store.statements import with_lists

_LIST_SIZE: Final = 500
_PAGE_SIZE: Final = 5_000

PresenceRow = tuple[str, Ms, str, str | None, str | None]
"""A present participant: room, join, participant_id, user_id, user_name; with attributes they are a sixth part.

A plain tuple, as there may be very many.
"""


@dataclass(frozen=True, slots=True)
class MeetingList:
    """A page of meetings, the total, and the entries of each meeting: None if they are more than a few.

    `user_entries` are those of the user, if the filter names one. `entry_pages` yields the entries of a meeting in
    pages, while the read transaction lasts.
    """

    total: int
    meetings: list[MeetingRow]
    entries: dict[str, list[Entry]] | None
    user_entries: dict[str, list[Entry]]
    entry_pages: Callable[[MeetingRow], Iterator[list[Entry]]]


class Meetings:
    """The reads of the API and the dashboard."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Lists of meetings.

    def count(self, domain: str, wanted: MeetingFilter, now: Ms) -> int:
        """Return how many meetings match."""
        with self._database.reading() as connection:
            return count_meetings(connection, domain, wanted, now)

    def page(self, domain: str, wanted: MeetingFilter, page: Page, now: Ms) -> list[MeetingRow]:
        """Return a page of meetings, the newest first (by whole second, then id).

        With `before`, it has the meetings nearest to it, in the order of the list.
        """
        with self._database.reading() as connection:
            return select_page(connection, domain, wanted, page, now)

    def page_with_total(
        self, domain: str, wanted: MeetingFilter, page: Page, now: Ms
    ) -> tuple[int, list[MeetingRow]]:
        """Return how many meetings match and a page of them, from one transaction."""
        with consistent_read(self._database) as connection:
            total = count_meetings(connection, domain, wanted, now)
            return total, select_page(connection, domain, wanted, page, now)

    @contextmanager
    def page_with_participants(
        self, domain: str, wanted: MeetingFilter, page: Page, now: Ms, few: int
    ) -> Iterator[MeetingList]:
        """Give the same with entries, if they are at most `few`, from one transaction, which lasts for the block."""
        with consistent_read(self._database) as connection:
            rows = select_page(connection, domain, wanted, page, now)
            user = wanted.user_id
            yield MeetingList(
                count_meetings(connection, domain, wanted, now),
                rows,
                few_entries_of(connection, rows, few) if few else None,
                {} if user is None else entries_of(connection, rows, user),
                lambda meeting: entries_in_pages(connection, meeting, _PAGE_SIZE),
            )

    # One meeting.

    def meeting(self, domain: str, meeting_id: str) -> MeetingRow | None:
        """Return the meeting with an id, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_meeting", domain=domain, id=meeting_id)
            return None if row is None else MeetingRow(*row)

    def superseded(self, domain: str, meeting_id: str) -> SupersededMeeting | None:
        """Return the replaced meeting with an id, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_superseded_meeting", domain=domain, id=meeting_id)
            return None if row is None else SupersededMeeting(*row)

    def meeting_at(self, domain: str, room: str, at: Ms) -> MeetingRow | None:
        """Return the meeting of a room at a time, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_meeting_at", domain=domain, room=room, at=at)
            return None if row is None else MeetingRow(*row)

    def superseded_ids(self, meeting: MeetingRow) -> list[str]:
        """Return the replaced ids that lead to this meeting (R16)."""
        until = NEVER if meeting.end is None else meeting.end
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_superseded_ids",
                domain=meeting.domain,
                room=meeting.room,
                start=meeting.start,
                until=until,
            )
            return [name for (name,) in rows if name != meeting.id]

    def entries(self, meetings: Sequence[MeetingRow]) -> dict[str, list[Entry]]:
        """Return the entries of each meeting by id, in order of join, then participant_id (R11)."""
        with self._database.reading() as connection:
            return entries_of(connection, meetings)

    def participants(
        self,
        meeting: MeetingRow,
        limit: int,
        *,
        after: str | None = None,
        before: str | None = None,
        attributes: Sequence[AttributeFilter] = (),
    ) -> list[Entry] | None:
        """Return a page of the entries of one meeting: the first ones, or those next to a participant.

        With conditions on `attributes`, it is a page of the entries that fulfill all of them.

        Return None if `after` or `before` is no participant of this meeting. `store/paging.py` decides where a page ends
        if a participant has several entries.
        """
        with consistent_read(self._database) as connection:
            if attributes:
                return matching_page(connection, meeting, attributes, limit, after, before)
            return entries_page(connection, meeting, limit, after, before)

    def source_span(self, meeting: MeetingRow) -> tuple[Ms, Ms]:
        """Return the times (after, until] of the events that a meeting follows from: from one mark to the next one."""
        key = {"domain": meeting.domain, "room": meeting.room}
        with consistent_read(self._database) as connection:
            after = _mark_before(connection, meeting.domain, meeting.room, meeting.start)
            mark = None
            if meeting.end is not None:
                mark = connection.row("select_marks_after", **key, at=meeting.end - 1)
            return after.at, NEVER if mark is None else mark[0]

    # Rooms and users.

    def has_events(self, domain: str) -> bool:
        """Return whether the domain has any events."""
        with self._database.reading() as connection:
            return connection.row("select_any_entry", domain=domain) is not None

    def has_room(self, domain: str, room: str) -> bool:
        """Return whether a room has any events."""
        return self.rooms_by_prefix(domain, room, 1) == [room]

    def room(self, domain: str, name: str) -> KnownRoom | None:
        """Return a room, or None if it has no events."""
        with self._database.reading() as connection:
            row = connection.row("select_known_room", domain=domain, room=name)
            return None if row is None else KnownRoom(*row)

    def rooms(
        self,
        domain: str,
        limit: int,
        *,
        after: KnownRoom | None = None,
        before: KnownRoom | None = None,
        oldest: bool = False,
    ) -> tuple[int, list[KnownRoom]]:
        """Return the number of rooms and a page of them, the newest first (by first event, then name).

        With `before` or `oldest`, it has the rooms nearest to that place, in the order of the list.
        """
        backwards = before is not None or oldest
        place = before or after or KnownRoom("", -NEVER if backwards else NEVER)
        name = "select_rooms_before" if backwards else "select_rooms_after"
        with consistent_read(self._database) as connection:
            (total,) = connection.row("count_rooms", domain=domain) or (0,)
            rows = connection.rows(name, domain=domain, created=place.created, room=place.name, limit=limit)
        return int(total), [KnownRoom(*row) for row in (reversed(rows) if backwards else rows)]

    def rooms_by_prefix(self, domain: str, prefix: str, limit: int) -> list[str]:
        """Return rooms by the beginning of their names, in order, up to `limit`."""
        values = {"domain": domain, "prefix": prefix, "prefix_end": prefix + "\U0010ffff", "limit": limit}
        with self._database.reading() as connection:
            return [str(room) for (room,) in connection.rows("select_rooms_by_prefix", **values)]

    def users_by_prefix(self, domain: str, prefix: str, limit: int) -> list[str]:
        """Return user ids by their beginning, in order, up to `limit`."""
        values = {"domain": domain, "prefix": prefix, "prefix_end": prefix + "\U0010ffff", "limit": limit}
        with self._database.reading() as connection:
            return [str(user) for (user,) in connection.rows("select_users_by_prefix", **values)]

    def attribute_keys(self, domain: str, limit: int) -> list[str]:
        """Return the keys of attributes that stays of the domain have had, in order, up to `limit`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_attribute_keys", domain=domain, limit=limit)
            return [str(key) for (key,) in rows]

    def users(self, domain: str, limit: int) -> list[tuple[str, str | None]]:
        """Return user ids in order, each with the latest name, up to `limit`."""
        with self._database.reading() as connection:
            return [
                (str(user), name)
                for user, name in connection.rows("select_users", domain=domain, limit=limit)
            ]

    def stays_of_user(self, domain: str, user_id: str, since: Ms, limit: int) -> list[StayRow]:
        """Return the stays of a user that began since a time, in order, up to `limit`."""
        values = {"domain": domain, "user_id": user_id, "since": since, "limit": limit}
        with self._database.reading() as connection:
            return [StayRow(*row) for row in connection.rows("select_user_stays", **values)]

    def quarantined_rooms(self, domain: str, limit: int) -> list[DeferredRoom]:
        """Return the quarantined rooms of a domain, the longest quarantined first, up to `limit`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_quarantined_rooms", domain=domain, limit=limit)
            return [DeferredRoom(*row) for row in rows]

    def events_expired(self, row: MeetingRow) -> bool:
        """Return whether retention has deleted the events of a time that includes the start of a meeting."""
        with self._database.reading() as connection:
            found = connection.row("select_room_retention", domain=row.domain, room=row.room)
        until = None if found is None else RoomRetention(*found).events_until
        return until is not None and row.start <= until

    def stays_between(self, domain: str, room: str, start: Ms, until: Ms) -> list[StayRow]:
        """Return the stays of a room that overlap [start, until), those that are pending now included (R14)."""
        with self._database.reading() as connection:
            after = _mark_before(connection, domain, room, start + 1)
            rows = connection.rows(
                "select_overlapping_stays", domain=domain, room=room, after=after.at, start=start, until=until
            )
            return [StayRow(*row) for row in rows]

    def corrections(self, domain: str, room: str, start: Ms, until: Ms) -> list[Correction]:
        """Return the corrections of [start, until) in a room, in their order."""
        with self._database.reading() as connection:
            rows = connection.rows("select_corrections", domain=domain, room=room, start=start, until=until)
            return [Correction(*row) for row in rows]

    # Presence.

    def open_stays(self, domain: str, room: str | None = None) -> list[StayRow]:
        """Return the open stays that count, of a room or of all rooms, by room, then join."""
        name = "select_open_stays" if room is None else "select_room_open_stays"
        values = {"domain": domain} if room is None else {"domain": domain, "room": room}
        with self._database.reading() as connection:
            return [StayRow(*row) for row in connection.rows(name, **values)]

    def presence(
        self, domain: str, room: str | None = None, *, with_attributes: bool = False
    ) -> tuple[list[PresenceRow], dict[str, str]]:
        """Return present participants of a room or of all rooms, by room, then join, and ongoing meetings by room.

        They include pending participants, whose stay is too young to count (R14).
        """
        if room is None:
            with self.presence_pages(domain, _PAGE_SIZE, with_attributes=with_attributes) as (pages, ids):
                return list(chain.from_iterable(pages)), ids
        with consistent_read(self._database) as connection:
            latest = connection.row("select_meeting_at", domain=domain, room=room, at=NEVER)
            ids = {} if latest is None else {room: MeetingRow(*latest).id}
            name = "select_room_presence_with_attributes" if with_attributes else "select_room_presence"
            return connection.rows(name, domain=domain, room=room), ids

    @contextmanager
    def presence_pages(
        self, domain: str, size: int, *, with_attributes: bool = False
    ) -> Iterator[tuple[Iterator[list[PresenceRow]], dict[str, str]]]:
        """Give present participants of all rooms in pages, and ongoing meetings by room.

        They come from one transaction, which lasts for the block.
        """
        with consistent_read(self._database) as connection:
            yield (
                _presence_pages(connection, domain, size, with_attributes=with_attributes),
                dict(connection.rows("select_ongoing_meeting_ids", domain=domain)),
            )

    def attributes_of_present(
        self, domain: str, participants: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], Attributes]:
        """Return the attributes of some present participants, by room and participant id; those without any are absent.

        A page that shows few of very many participants needs no others.
        """
        if not participants:
            return {}
        values = {
            "domain": domain,
            "rooms": sorted({room for room, _ in participants}),
            "participant_ids": sorted({participant_id for _, participant_id in participants}),
        }
        with self._database.reading() as connection:
            rows = connection.query(*with_lists("select_attributes_of_present", values))
        return {(room, participant_id): attributes for room, participant_id, attributes in rows}

    def ongoing_ids(self, domain: str) -> dict[str, str]:
        """Return the ids of ongoing meetings by room."""
        with self._database.reading() as connection:
            return dict(connection.rows("select_ongoing_meeting_ids", domain=domain))

    def count_active_rooms(self, domain: str, limit: int) -> int:
        """Return how many rooms have open stays, counted up to `limit`."""
        with self._database.reading() as connection:
            (number,) = connection.row("count_active_rooms", domain=domain, limit=limit) or (0,)
            return int(number)

    def active_among(self, domain: str, rooms: Collection[str]) -> set[str]:
        """Return those of these rooms that are or may be active: unprocessed entries count, too."""
        found: set[str] = set()
        names = list(rooms)
        with self._database.reading() as connection:
            for start in range(0, len(names), _LIST_SIZE):
                values = {"domain": domain, "rooms": names[start : start + _LIST_SIZE]}
                rows = connection.query(*with_lists("select_active_rooms_among", values))
                found |= {room for (room,) in rows}
        return found


def _presence_pages(
    connection: Connection, domain: str, size: int, *, with_attributes: bool
) -> Iterator[list[PresenceRow]]:
    name = "select_presence_with_attributes" if with_attributes else "select_presence"
    place: tuple[str, Ms, str] = ("", -1, "")
    while True:
        after = {"after_room": place[0], "after_join": place[1], "after_participant": place[2]}
        page: list[PresenceRow] = connection.rows(name, domain=domain, limit=size, **after)
        yield page
        if len(page) < size:
            return
        place = page[-1][:3]


def _mark_before(connection: Connection, domain: str, room: str, at: Ms) -> Mark:
    row = connection.row("select_mark_before", domain=domain, room=room, at=at)
    return FIRST_MARK if row is None else decode_mark(*row)

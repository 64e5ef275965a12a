"""Meetings: what the API and the dashboard ask of the tables. Reads only; every answer is of one domain.

What is ongoing has no end here: whoever shows a duration knows what time it is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import FIRST_MARK, Mark
from headcount.kernel.meetings import Entry, clip_stay
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection, Database, consistent_read
from headcount.store.log import events_between
from headcount.store.paging import entries_in_pages, entries_page, in_order, stay_of
from headcount.store.records import (
    DAY_MS,
    Correction,
    DeferredRoom,
    MeetingRow,
    StayRow,
    SupersededMeeting,
    decode_event,
    decode_mark,
)
from headcount.store.statements import with_lists

# Lists of meetings are selected by statements that are built here: a condition that does not apply must be absent,
# or neither database finds the index that serves the others.
_COLUMNS: Final = (
    "m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants,"
    " m.carried_join_ms, m.carried_participant_id"
)
_OF_A_USER: Final = """(
  select distinct n.id
  from (
    select domain, room, join_ms, participant_id from stays
    where domain = :domain and user_id = :user_id and join_ms >= 0
  ) as mine
  cross join stays as s
  cross join meetings as n
  where s.domain = mine.domain and s.room = mine.room
    and s.join_ms = mine.join_ms and s.participant_id = mine.participant_id
    and n.domain = s.domain and n.room = s.room
    and n.start_ms / 1000 <= coalesce(s.leave_ms, :never) / 1000
    and n.start_ms / 1000 >= coalesce((
      select max(k.start_ms / 1000) from meetings as k
      where k.domain = s.domain and k.room = s.room and k.start_ms / 1000 < s.join_ms / 1000
    ), 0)
    and n.start_ms < coalesce(s.leave_ms, :never) and (n.end_ms is null or n.end_ms > s.join_ms)
) as took_part cross join meetings as m"""
"""Meetings that overlap a stay of the user. The one that a stay began in is the last that began before it did.

SQLite goes through cross joins in the order in which they stand: first what the user's index knows.
"""

_LIST_SIZE: Final = 500
_PAGE: Final = 5_000

Present = tuple[str, Ms, str, str | None, str | None]
"""Who is in a room: room, join, participant_id, user_id, user_name. Plain, since there may be very many."""


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """Which meetings are asked for; None asks for all. Times are ms, ends exclusive.

    `starts_from` and `starts_before` look at the start only; `runs_from` and `runs_before` at
    all of the meeting. `shortest` is a length in ms; `min_participants` looks at the largest head count.
    """

    room: str | None = None
    starts_from: Ms | None = None
    starts_before: Ms | None = None
    ongoing: bool | None = None
    user_id: str | None = None
    min_participants: int | None = None
    shortest: Ms | None = None
    runs_from: Ms | None = None
    runs_before: Ms | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted: what follows `after`, or leads up to `before`, or the `oldest` of all.

    A cursor is a place in the order; a meeting that was replaced still has one.
    """

    limit: int = 100
    after: MeetingRow | SupersededMeeting | None = None
    before: MeetingRow | SupersededMeeting | None = None
    oldest: bool = False
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class MeetingList:
    """A page of meetings, how many there are in all, and who took part: None if those are more than a few.

    `own` are the entries of the user, if one was asked for. `pages` gives the entries of a meeting some at a time, as
    long as the moment lasts of which all this is.
    """

    total: int
    meetings: list[MeetingRow]
    entries: dict[str, list[Entry]] | None
    own: dict[str, list[Entry]]
    pages: Callable[[MeetingRow], Iterator[list[Entry]]]


class Meetings:
    """What may be asked about one domain."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page_with_total(
        self, domain: str, wanted: MeetingFilter, page: Page, now: Ms
    ) -> tuple[int, list[MeetingRow]]:
        """How many of the wanted meetings there are, and a page of them, all of one moment."""
        with consistent_read(self._database) as connection:
            return _count(connection, domain, wanted, now), _page(connection, domain, wanted, page, now)

    @contextmanager
    def page_with_participants(
        self, domain: str, wanted: MeetingFilter, page: Page, now: Ms, few: int
    ) -> Iterator[MeetingList]:
        """The same, and who took part, if they are at most `few`; of one moment, which lasts as long as the block."""
        with consistent_read(self._database) as connection:
            rows = _page(connection, domain, wanted, page, now)
            user = wanted.user_id
            yield MeetingList(
                _count(connection, domain, wanted, now),
                rows,
                _few_entries(connection, rows, few) if few else None,
                {} if user is None else _entries(connection, rows, user),
                lambda meeting: entries_in_pages(connection, meeting, _PAGE),
            )

    def has_events(self, domain: str) -> bool:
        """Whether anything was ever said in a domain."""
        with self._database.reading() as connection:
            return connection.row("select_any_entry", domain=domain) is not None

    def rooms_by_prefix(self, domain: str, beginning: str, most: int) -> list[str]:
        """Rooms whose names begin so, of which anything was ever said; at most so many, in order."""
        values = {
            "domain": domain,
            "prefix": beginning,
            "prefix_end": beginning + "\U0010ffff",
            "limit": most,
        }
        with self._database.reading() as connection:
            return [str(room) for (room,) in connection.rows("select_rooms_by_prefix", **values)]

    def has_room(self, domain: str, room: str) -> bool:
        """Whether anything was ever said of a room."""
        return self.rooms_by_prefix(domain, room, 1) == [room]

    def users_by_prefix(self, domain: str, beginning: str, most: int) -> list[str]:
        """Ids of users that begin so; at most so many, in order."""
        values = {
            "domain": domain,
            "prefix": beginning,
            "prefix_end": beginning + "\U0010ffff",
            "limit": most,
        }
        with self._database.reading() as connection:
            return [str(user) for (user,) in connection.rows("select_users_by_prefix", **values)]

    def users(self, domain: str, most: int) -> list[tuple[str, str | None]]:
        """The ids of users, at most so many, each with the name that they had last."""
        with self._database.reading() as connection:
            return [
                (str(user), name) for user, name in connection.rows("select_users", domain=domain, limit=most)
            ]

    def count(self, domain: str, wanted: MeetingFilter, now: Ms) -> int:
        """How many meetings there are of those wanted."""
        with self._database.reading() as connection:
            return _count(connection, domain, wanted, now)

    def page(self, domain: str, wanted: MeetingFilter, page: Page, now: Ms) -> list[MeetingRow]:
        """The wanted meetings, newest first (by whole second, then id), as far as they are on this page.

        With `before`, those nearest to it. The order is that of the list, whichever way was gone.
        """
        with self._database.reading() as connection:
            return _page(connection, domain, wanted, page, now)

    def meeting(self, domain: str, meeting_id: str) -> MeetingRow | None:
        with self._database.reading() as connection:
            row = connection.row("select_meeting", domain=domain, id=meeting_id)
            return None if row is None else MeetingRow(*row)

    def superseded(self, domain: str, meeting_id: str) -> SupersededMeeting | None:
        with self._database.reading() as connection:
            row = connection.row("select_superseded_meeting", domain=domain, id=meeting_id)
            return None if row is None else SupersededMeeting(*row)

    def meeting_at(self, domain: str, room: str, at: Ms) -> MeetingRow | None:
        """The meeting of a room that holds the moment `at`."""
        with self._database.reading() as connection:
            row = connection.row("select_meeting_at", domain=domain, room=room, at=at)
            return None if row is None else MeetingRow(*row)

    def superseded_ids(self, meeting: MeetingRow) -> list[str]:
        """The ids that lead to this meeting now."""
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
        """Who took part in each of these meetings, by join, then participant_id (R11)."""
        with self._database.reading() as connection:
            return _entries(connection, meetings)

    def participants(
        self, meeting: MeetingRow, limit: int, *, after: str | None = None, before: str | None = None
    ) -> list[Entry] | None:
        """A page of the entries of one meeting, in order: the first ones, or those next after or before somebody.

        None if `after` or `before` names nobody of this meeting. See `store/paging.py` for how a page
        ends if a connection came again.
        """
        with consistent_read(self._database) as connection:
            return entries_page(connection, meeting, limit, after, before)

    def present(self, domain: str, room: str | None = None) -> list[StayRow]:
        """Who is in now, in one room or in all: by room, then join."""
        name = "select_open_stays" if room is None else "select_room_open_stays"
        values = {"domain": domain} if room is None else {"domain": domain, "room": room}
        with self._database.reading() as connection:
            return [StayRow(*row) for row in connection.rows(name, **values)]

    def stays_of_user(self, domain: str, user_id: str, since: Ms, most: int) -> list[StayRow]:
        """The stays of a user that began since a moment, in order; at most so many."""
        values = {"domain": domain, "user_id": user_id, "since": since, "limit": most}
        with self._database.reading() as connection:
            return [StayRow(*row) for row in connection.rows("select_user_stays", **values)]

    def quarantined_rooms(self, domain: str, most: int) -> list[DeferredRoom]:
        """The rooms of a domain whose events could not be processed, those first that failed first; at most so many."""
        with self._database.reading() as connection:
            return [
                DeferredRoom(*row)
                for row in connection.rows("select_quarantined_rooms", domain=domain, limit=most)
            ]

    def ongoing_ids(self, domain: str) -> dict[str, str]:
        """The ids of the meetings that go on now, by room."""
        with self._database.reading() as connection:
            return dict(connection.rows("select_ongoing_meeting_ids", domain=domain))

    def count_active_rooms(self, domain: str, most: int) -> int:
        """How many rooms somebody is in; they are counted up to `most`."""
        with self._database.reading() as connection:
            (number,) = connection.row("count_active_rooms", domain=domain, limit=most) or (0,)
            return int(number)

    def active_among(self, domain: str, rooms: Collection[str]) -> set[str]:
        """Those of these rooms in which somebody may be, by the tables or by what they have not caught up with."""
        found: set[str] = set()
        names = list(rooms)
        with self._database.reading() as connection:
            for start in range(0, len(names), _LIST_SIZE):
                values = {"domain": domain, "rooms": names[start : start + _LIST_SIZE]}
                rows = connection.query(*with_lists("select_active_rooms_among", values))
                found |= {room for (room,) in rows}
        return found

    @contextmanager
    def presence_pages(
        self, domain: str, size: int
    ) -> Iterator[tuple[Iterator[list[Present]], dict[str, str]]]:
        """Who is in now, in all rooms, by room, then join, up to `size` at a time; and the ids of the meetings that go on there.

        All of one moment, which lasts as long as the block.
        """
        with consistent_read(self._database) as connection:
            yield (
                _presence_pages(connection, domain, size),
                dict(connection.rows("select_ongoing_meeting_ids", domain=domain)),
            )

    def presence(self, domain: str, room: str | None = None) -> tuple[list[Present], dict[str, str]]:
        """Who is in now, in one room or in all, by room, then join, and the ids of the meetings that go on there."""
        if room is None:
            with self.presence_pages(domain, _PAGE) as (pages, ids):
                return list(chain.from_iterable(pages)), ids
        with consistent_read(self._database) as connection:
            latest = connection.row("select_meeting_at", domain=domain, room=room, at=NEVER)
            ids = {} if latest is None else {room: MeetingRow(*latest).id}
            return connection.rows("select_room_presence", domain=domain, room=room), ids

    def stays_between(self, domain: str, room: str, start: Ms, until: Ms) -> list[StayRow]:
        """The stays of a room that overlap [start, until)."""
        with self._database.reading() as connection:
            after = _mark_before(connection, domain, room, start + 1)
            rows = connection.rows(
                "select_overlapping_stays", domain=domain, room=room, after=after.at, start=start, until=until
            )
            return [StayRow(*row) for row in rows]

    def corrections(self, domain: str, room: str, start: Ms, until: Ms) -> list[Correction]:
        """What was corrected in the time [start, until) of a room, in the order in which it was."""
        with self._database.reading() as connection:
            rows = connection.rows("select_corrections", domain=domain, room=room, start=start, until=until)
            return [Correction(*row) for row in rows]

    def sitting_events(self, domain: str, room: str, start: Ms, until: Ms) -> list[Event]:
        """The events of the sittings that hold [start, until], from when nobody was in."""
        with self._database.reading() as connection:
            after = _mark_before(connection, domain, room, start)
            return events_between(connection, domain, room, after.at, until, until, NEVER)

    def source_events(self, meeting: MeetingRow, most: int) -> list[Event] | None:
        """The events that a meeting follows from, as they were said, by time; None if there are more than `most`.

        From when nobody was in before it to when nobody was in after it, and the leaves that know of a join then.
        """
        key = {"domain": meeting.domain, "room": meeting.room}
        with consistent_read(self._database) as connection:
            after = _mark_before(connection, meeting.domain, meeting.room, meeting.start)
            mark = (
                None
                if meeting.end is None
                else connection.row("select_marks_after", **key, at=meeting.end - 1)
            )
            until = NEVER if mark is None else mark[0]
            within = key | {"after": after.at, "until": until}
            if connection.rows("count_room_events", **within)[0][0] > most:
                return None
            rows = connection.rows("select_room_events", **within, position=NEVER)
            rows += connection.rows("select_joins_of_later_leaves", **within, finalized=NEVER, position=NEVER)
        return sorted((decode_event(meeting.room, *row) for row in rows), key=lambda event: event.at)


def _presence_pages(connection: Connection, domain: str, size: int) -> Iterator[list[Present]]:
    place: tuple[str, Ms, str] = ("", -1, "")
    while True:
        after = {"after_room": place[0], "after_join": place[1], "after_participant": place[2]}
        page: list[Present] = connection.rows("select_presence", domain=domain, limit=size, **after)
        yield page
        if len(page) < size:
            return
        place = page[-1][:3]


def _count(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    """How many are wanted. Whole days are tallied; what few are left over are counted one by one."""
    wanted = _narrowed(connection, domain, wanted)
    began = MeetingFilter(starts_from=wanted.starts_from, starts_before=wanted.starts_before)
    if wanted == began:
        return _count_by_day(connection, domain, began, now)
    if wanted == replace(began, ongoing=False):
        ongoing = _count_each(connection, domain, replace(began, ongoing=True), now)
        return _count_by_day(connection, domain, began, now) - ongoing
    return _count_each(connection, domain, wanted, now)


def _narrowed(connection: Connection, domain: str, wanted: MeetingFilter) -> MeetingFilter:
    """The same filter with a bound on the start: what ran into a time began no longer before it than any lasted."""
    if wanted.runs_from is None:
        return wanted
    longest = connection.row("select_longest_meeting", domain=domain) or (0,)
    ongoing = connection.row("select_first_ongoing_meeting", domain=domain) or (NEVER,)
    earliest = min(wanted.runs_from - longest[0], ongoing[0]) // 1_000 * 1_000
    return replace(wanted, starts_from=max(earliest, wanted.starts_from or earliest))


def _count_by_day(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    first, until = wanted.starts_from, wanted.starts_before
    first_day = 0 if first is None else -(-first // DAY_MS)
    until_day = NEVER if until is None else until // DAY_MS
    if first_day >= until_day:
        return _count_each(connection, domain, wanted, now)
    whole = connection.row("count_meetings_by_day", domain=domain, first=first_day, until=until_day) or (0,)
    ahead = first is not None and MeetingFilter(starts_from=first, starts_before=first_day * DAY_MS)
    behind = until is not None and MeetingFilter(starts_from=until_day * DAY_MS, starts_before=until)
    return int(whole[0]) + sum(_count_each(connection, domain, part, now) for part in (ahead, behind) if part)


def _count_each(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    clauses, values = _clauses(domain, wanted, now)
    text = f"select count(*) from {_source(wanted)} where {' and '.join(clauses)}"  # noqa: S608 - our own
    return int(connection.query(text, values)[0][0])


def _page(
    connection: Connection, domain: str, wanted: MeetingFilter, page: Page, now: Ms
) -> list[MeetingRow]:
    clauses, values = _clauses(domain, _narrowed(connection, domain, wanted), now)
    backwards = page.before is not None or (page.oldest and not page.ascending)
    way = "desc" if page.ascending is backwards else "asc"
    for name, cursor, further in (
        ("after", page.after, page.ascending),
        ("before", page.before, not page.ascending),
    ):
        if cursor is not None:
            sign = ">" if further else "<"
            # SQLite finds its way to the place in the index by the first of these only.
            clauses.append(f"m.start_ms / 1000 {sign}= :{name}_s")
            clauses.append(f"(m.start_ms / 1000, m.id) {sign} (:{name}_s, :{name}_id)")
            values |= {f"{name}_s": cursor.start // 1_000, f"{name}_id": cursor.id}
    text = (
        f"select {_COLUMNS} from {_source(wanted)} where {' and '.join(clauses)}"  # noqa: S608 - our own
        f" order by m.start_ms / 1000 {way}, m.id {way} limit :limit"
    )
    rows = [MeetingRow(*row) for row in connection.query(text, values | {"limit": page.limit})]
    return rows[::-1] if backwards else rows


def _mark_before(connection: Connection, domain: str, room: str, at: Ms) -> Mark:
    row = connection.row("select_mark_before", domain=domain, room=room, at=at)
    return FIRST_MARK if row is None else decode_mark(*row)


def _clauses(domain: str, wanted: MeetingFilter, now: Ms) -> tuple[list[str], dict[str, Any]]:
    """What `where` says for a filter, and the values in it."""
    length = "coalesce(m.end_ms, :now) - m.start_ms"
    parts: Iterable[tuple[str, Any, str]] = (
        ("room", wanted.room, "m.room = :room"),
        ("starts_from", _seconds_up(wanted.starts_from), "m.start_ms / 1000 >= :starts_from"),
        ("starts_before", _seconds_up(wanted.starts_before), "m.start_ms / 1000 < :starts_before"),
        ("user_id", wanted.user_id, "m.id = took_part.id"),
        ("min_participants", wanted.min_participants, "m.max_participants >= :min_participants"),
        ("shortest", wanted.shortest, f"{length} >= :shortest"),
        ("runs_from", wanted.runs_from, "(m.end_ms is null or m.end_ms > :runs_from)"),
        (
            "runs_before",
            wanted.runs_before,
            "m.start_ms / 1000 <= :runs_before / 1000 and m.start_ms < :runs_before",
        ),
    )
    clauses, values = ["m.domain = :domain"], {"domain": domain, "now": now, "never": NEVER}
    for name, value, clause in parts:
        if value is not None:
            clauses.append(clause)
            values[name] = value
    if wanted.ongoing is not None:
        clauses.append(f"m.end_ms is {'' if wanted.ongoing else 'not '}null")
    if wanted.ongoing:
        # Always so; without it SQLite passes over the index of those that last.
        clauses.append("m.start_ms / 1000 >= 0")
    return clauses, values


def _source(wanted: MeetingFilter) -> str:
    return "meetings as m" if wanted.user_id is None else _OF_A_USER


def _seconds_up(at: Ms | None) -> int | None:
    return None if at is None else -(-at // 1_000)


def _few_entries(
    connection: Connection, meetings: Sequence[MeetingRow], few: int
) -> dict[str, list[Entry]] | None:
    """The entries of each meeting; None if they are more than `few`."""
    if not meetings:
        return {}
    rows = _stays(connection, meetings, None, few + 1)
    return _entries_of(meetings, rows) if len(rows) <= few else None


def _entries(
    connection: Connection, meetings: Sequence[MeetingRow], user_id: str | None = None
) -> dict[str, list[Entry]]:
    """The entries of each meeting: all of them, or those of one user."""
    return _entries_of(meetings, _stays(connection, meetings, user_id, NEVER) if meetings else [])


def _stays(
    connection: Connection, meetings: Sequence[MeetingRow], user_id: str | None, most: int
) -> list[tuple[Any, ...]]:
    values = {
        "domain": meetings[0].domain,
        "ids": [meeting.id for meeting in meetings],
        "never": NEVER,
        "limit": most,
    }
    if user_id is None:
        return connection.query(*with_lists("select_meeting_stays", values))
    return connection.query(*with_lists("select_meeting_stays_of_user", values | {"user_id": user_id}))


def _entries_of(meetings: Sequence[MeetingRow], rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {meeting.id: [] for meeting in meetings}
    bounds = {meeting.id: (meeting.start, meeting.end) for meeting in meetings}
    for name, *columns in rows:
        entry = clip_stay(stay_of(*columns), *bounds[name])
        if entry is not None:
            found[name].append(entry)
    for entries in found.values():
        entries.sort(key=in_order)
    return found

"""Answers: what the API and the dashboard ask of the tables. Reads only; every answer is of one domain.

What is ongoing has no end here: whoever shows a duration knows what time it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import DAWN, Mark
from headcount.kernel.meetings import Entry, Stay, clipped
from headcount.kernel.rules import NEVER
from headcount.kernel.stays import LeftBy
from headcount.store.database import Connection, Database
from headcount.store.log import facts_between
from headcount.store.rows import Correction, MeetingRow, StayRow, Superseded, mark_of

_COLUMNS: Final = (
    "m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants,"
    " m.carried_join_ms, m.carried_participant_id"
)
_STAY: Final = "s.domain, s.room, s.join_ms, s.participant_id, s.leave_ms, s.left_by, s.user_id, s.user_name"


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """Which meetings are asked for; None asks for all. Times are ms, ends exclusive.

    `starts_from` and `starts_before` look at the start only; `runs_from` and `runs_before` at
    all of the meeting. `shortest` is a length in ms.
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
    """Which part of a list is wanted. `after` and `before` are meetings of it, `oldest` its end."""

    limit: int = 100
    after: MeetingRow | None = None
    before: MeetingRow | None = None
    oldest: bool = False
    ascending: bool = False


class Answers:
    """What may be asked about one domain."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, domain: str, wanted: MeetingFilter, now: Ms) -> int:
        """How many meetings there are of those wanted."""
        clauses, values = _clauses(domain, wanted, now)
        with self._database.reading() as connection:
            text = f"select count(*) from meetings as m where {' and '.join(clauses)}"  # noqa: S608 - our own
            return int(connection.rows_of(text, values)[0][0])

    def page(self, domain: str, wanted: MeetingFilter, page: Page, now: Ms) -> list[MeetingRow]:
        """The wanted meetings, newest first (by whole second, then id), as far as they are on this page.

        With `before`, those nearest to it. The order is that of the list, whichever way was gone.
        """
        clauses, values = _clauses(domain, wanted, now)
        backwards = page.before is not None or page.oldest
        descending = page.ascending is backwards
        for cursor, further in ((page.after, page.ascending), (page.before, not page.ascending)):
            if cursor is not None:
                name = "after" if cursor is page.after else "before"
                sign = ">" if further else "<"
                clauses.append(f"(m.start_ms / 1000, m.id) {sign} (:{name}_s, :{name}_id)")
                values |= {f"{name}_s": cursor.start // 1_000, f"{name}_id": cursor.id}
        way = "desc" if descending else "asc"
        text = (
            f"select {_COLUMNS} from meetings as m where {' and '.join(clauses)}"  # noqa: S608 - our own
            f" order by m.start_ms / 1000 {way}, m.id {way} limit :most"
        )
        with self._database.reading() as connection:
            rows = [MeetingRow(*row) for row in connection.rows_of(text, values | {"most": page.limit})]
        return rows[::-1] if backwards else rows

    def meeting(self, domain: str, meeting_id: str) -> MeetingRow | None:
        with self._database.reading() as connection:
            row = connection.row("meeting_by_id", domain=domain, id=meeting_id)
            return None if row is None else MeetingRow(*row)

    def superseded(self, domain: str, meeting_id: str) -> Superseded | None:
        with self._database.reading() as connection:
            row = connection.row("superseded_by_id", domain=domain, id=meeting_id)
            return None if row is None else Superseded(*row)

    def covering(self, domain: str, room: str, at: Ms) -> MeetingRow | None:
        """The meeting of a room that holds the moment `at`."""
        with self._database.reading() as connection:
            row = connection.row("meeting_covering", domain=domain, room=room, at=at)
            return None if row is None else MeetingRow(*row)

    def superseded_ids(self, meeting: MeetingRow) -> list[str]:
        """The ids that lead to this meeting now."""
        until = NEVER if meeting.end is None else meeting.end
        with self._database.reading() as connection:
            rows = connection.rows(
                "superseded_by", domain=meeting.domain, room=meeting.room, start=meeting.start, until=until
            )
            return [name for (name,) in rows if name != meeting.id]

    def entries(self, meetings: Sequence[MeetingRow]) -> dict[str, list[Entry]]:
        """Who took part in each of these meetings, by join, then participant_id (R11)."""
        found: dict[str, list[Entry]] = {meeting.id: [] for meeting in meetings}
        by_id = {meeting.id: meeting for meeting in meetings}
        if meetings:
            with self._database.reading() as connection:
                rows = connection.rows_of(*_entries_query(meetings))
            for name, *columns in rows:
                entry = _entry(StayRow(*columns), by_id[name])
                if entry is not None:
                    found[name].append(entry)
        for entries in found.values():
            entries.sort(key=_in_order)
        return found

    def entries_page(
        self, meeting: MeetingRow, limit: int, after: Entry | None = None, before: Entry | None = None
    ) -> list[Entry]:
        """Some entries of one meeting: those next after `after`, or next before `before`, in order."""
        with self._database.reading() as connection:
            carried = _carried(connection, meeting)
            rows = _stays_page(connection, meeting, limit, after, before)
        entries = [entry for row in (*carried, *rows) if (entry := _entry(row, meeting)) is not None]
        entries.sort(key=_in_order)
        if after is not None:
            entries = [entry for entry in entries if _in_order(entry) > _in_order(after)]
        if before is not None:
            entries = [entry for entry in entries if _in_order(entry) < _in_order(before)]
            return entries[-limit:]
        return entries[:limit]

    def entries_of(self, meeting: MeetingRow, participant_id: str) -> list[Entry]:
        """The entries of one participant in a meeting; a connection that came again has several."""
        with self._database.reading() as connection:
            until = NEVER if meeting.end is None else meeting.end
            joins = [
                join
                for (join,) in connection.rows(
                    "stays_of_participant", domain=meeting.domain, room=meeting.room,
                    start=meeting.start, until=until, participant_id=participant_id,
                )
            ]  # fmt: skip
            if meeting.carried_participant_id == participant_id and meeting.carried_join is not None:
                joins.insert(0, meeting.carried_join)
            rows = [_stay(connection, meeting, join, participant_id) for join in joins]
        return [entry for row in rows if row is not None and (entry := _entry(row, meeting)) is not None]

    def present(self, domain: str, room: str | None = None) -> list[StayRow]:
        """Who is in now, in one room or in all: by room, then join."""
        name = "present_everywhere" if room is None else "present_in_room"
        values = {"domain": domain} if room is None else {"domain": domain, "room": room}
        with self._database.reading() as connection:
            return [StayRow(*row) for row in connection.rows(name, **values)]

    def ongoing_ids(self, domain: str) -> dict[str, str]:
        """The ids of the meetings that go on now, by room."""
        with self._database.reading() as connection:
            return dict(connection.rows("ongoing_ids", domain=domain))

    def in_room(self, domain: str, room: str, start: Ms, until: Ms) -> list[StayRow]:
        """The stays of a room that overlap [start, until)."""
        with self._database.reading() as connection:
            after = _mark_before(connection, domain, room, start + 1)
            rows = connection.rows(
                "stays_overlapping", domain=domain, room=room, after=after.at, start=start, until=until
            )
            return [StayRow(*row) for row in rows]

    def corrections(self, domain: str, room: str, start: Ms, until: Ms) -> list[Correction]:
        """What was corrected in the time [start, until) of a room, in the order in which it was."""
        with self._database.reading() as connection:
            rows = connection.rows("corrections_between", domain=domain, room=room, start=start, until=until)
            return [Correction(*row) for row in rows]

    def history(self, domain: str, room: str, start: Ms, until: Ms) -> list[Event]:
        """The events of the sittings that hold [start, until], from when nobody was in."""
        with self._database.reading() as connection:
            after = _mark_before(connection, domain, room, start)
            return facts_between(connection, domain, room, after.at, until, until, NEVER)


def _mark_before(connection: Connection, domain: str, room: str, at: Ms) -> Mark:
    row = connection.row("mark_before", domain=domain, room=room, at=at)
    return DAWN if row is None else mark_of(*row)


def _clauses(domain: str, wanted: MeetingFilter, now: Ms) -> tuple[list[str], dict[str, Any]]:
    """What `where` says for a filter, and the values in it."""
    length = "coalesce(m.end_ms, :now) - m.start_ms"
    people = (
        "(select count(*) from stays as s where s.domain = m.domain and s.room = m.room"
        " and s.join_ms >= m.start_ms and s.join_ms < coalesce(m.end_ms, :never))"
        " + case when m.carried_join_ms is null then 0 else 1 end"
    )
    user = (
        "(exists (select 1 from stays as s where s.domain = m.domain and s.user_id = :user_id"
        " and s.room = m.room and s.join_ms >= m.start_ms and s.join_ms < coalesce(m.end_ms, :never))"
        " or exists (select 1 from stays as s where s.domain = m.domain and s.room = m.room"
        " and s.join_ms = m.carried_join_ms and s.participant_id = m.carried_participant_id"
        " and s.user_id = :user_id))"
    )
    parts: Iterable[tuple[str, Any, str]] = (
        ("room", wanted.room, "m.room = :room"),
        ("starts_from", _seconds_up(wanted.starts_from), "m.start_ms / 1000 >= :starts_from"),
        ("starts_before", _seconds_up(wanted.starts_before), "m.start_ms / 1000 < :starts_before"),
        ("user_id", wanted.user_id, user),
        ("min_participants", wanted.min_participants, f"{people} >= :min_participants"),
        ("shortest", wanted.shortest, f"{length} >= :shortest"),
        ("runs_from", wanted.runs_from, "(m.end_ms is null or m.end_ms > :runs_from)"),
        ("runs_before", wanted.runs_before, "m.start_ms < :runs_before"),
    )
    clauses, values = ["m.domain = :domain"], {"domain": domain, "now": now, "never": NEVER}
    for name, value, clause in parts:
        if value is not None:
            clauses.append(clause)
            values[name] = value
    if wanted.ongoing is not None:
        clauses.append(f"m.end_ms is {'' if wanted.ongoing else 'not '}null")
    return clauses, values


def _seconds_up(at: Ms | None) -> int | None:
    return None if at is None else -(-at // 1_000)


def _entries_query(meetings: Sequence[MeetingRow]) -> tuple[str, dict[str, Any]]:
    """The stays that began within each of these meetings, and those that a reset carried into one."""
    values: dict[str, Any] = {f"id_{n}": meeting.id for n, meeting in enumerate(meetings)}
    ids = ", ".join(f":{name}" for name in values)
    of_these = f"where m.domain = :domain and m.id in ({ids})"
    text = (
        f"select m.id, {_STAY} from meetings as m join stays as s"  # noqa: S608 - our own text
        " on s.domain = m.domain and s.room = m.room and s.join_ms >= m.start_ms"
        f" and s.join_ms < coalesce(m.end_ms, :never) {of_these}"
        f" union all select m.id, {_STAY} from meetings as m join stays as s"
        " on s.domain = m.domain and s.room = m.room and s.join_ms = m.carried_join_ms"
        f" and s.participant_id = m.carried_participant_id {of_these}"
    )
    return text, values | {"domain": meetings[0].domain, "never": NEVER}


def _carried(connection: Connection, meeting: MeetingRow) -> list[StayRow]:
    if meeting.carried_join is None or meeting.carried_participant_id is None:
        return []
    row = _stay(connection, meeting, meeting.carried_join, meeting.carried_participant_id)
    return [] if row is None else [row]


def _stay(connection: Connection, meeting: MeetingRow, join: Ms, participant_id: str) -> StayRow | None:
    row = connection.row(
        "stay_by_key", domain=meeting.domain, room=meeting.room, join=join, participant_id=participant_id
    )
    return None if row is None else StayRow(*row)


def _stays_page(
    connection: Connection, meeting: MeetingRow, limit: int, after: Entry | None, before: Entry | None
) -> list[StayRow]:
    until = NEVER if meeting.end is None else meeting.end
    within = {"domain": meeting.domain, "room": meeting.room, "start": meeting.start, "until": until}
    if before is not None:
        rows = connection.rows(
            "stays_within_before", **within, most=limit,
            before_join=before.join, before_participant=before.participant_id,
        )  # fmt: skip
    else:
        join, who = (-1, "") if after is None else (after.join, after.participant_id)
        rows = connection.rows("stays_within", **within, most=limit, after_join=join, after_participant=who)
    return [StayRow(*row) for row in rows]


def _entry(row: StayRow, meeting: MeetingRow) -> Entry | None:
    return clipped(stay_of(row), meeting.start, meeting.end)


def stay_of(row: StayRow) -> Stay:
    """The kernel's stay of a row."""
    left_by = None if row.left_by is None else LeftBy(row.left_by)
    return Stay(row.participant_id, row.join, row.leave, left_by, row.user_id, row.user_name)


def _in_order(entry: Entry) -> tuple[Ms, str]:
    return entry.join, entry.participant_id

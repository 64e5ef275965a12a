"""Lists of meetings: filters, pages and counts.

Responsible for the statements that select filtered meetings. They are built here, because a condition that does not
apply must be absent: otherwise neither database finds the index that serves the others. Must not know participants.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection
from headcount.store.records import DAY_MS, MeetingRow, SupersededMeeting

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
"""Meetings that overlap a stay of the user, served by `stays_by_user` and `meetings_by_room`.

The meeting in which a stay began is the last one that started before it. SQLite evaluates cross joins in their order.
"""


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """Which meetings to list. A field that is None does not filter. Times are ms, ends exclusive.

    `starts_from` and `starts_before` apply to the start; `runs_from` and `runs_before` apply to the whole meeting.
    `min_duration` is in ms; `min_participants` applies to the peak.
    """

    room: str | None = None
    starts_from: Ms | None = None
    starts_before: Ms | None = None
    ongoing: bool | None = None
    user_id: str | None = None
    min_participants: int | None = None
    min_duration: Ms | None = None
    runs_from: Ms | None = None
    runs_before: Ms | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list to return: the meetings after `after`, those before `before`, or the `oldest`.

    A cursor is a place in the order, so a replaced meeting is one, too.
    """

    limit: int = 100
    after: MeetingRow | SupersededMeeting | None = None
    before: MeetingRow | SupersededMeeting | None = None
    oldest: bool = False
    ascending: bool = False


def select_page(
    connection: Connection, domain: str, wanted: MeetingFilter, page: Page, now: Ms
) -> list[MeetingRow]:
    """Return a page of meetings by whole second of their start, then id."""
    clauses, values = _clauses(domain, _bounded(connection, domain, wanted), now)
    backwards = page.before is not None or (page.oldest and not page.ascending)
    direction = "desc" if page.ascending is backwards else "asc"
    for name, cursor, is_forward in (
        ("after", page.after, page.ascending),
        ("before", page.before, not page.ascending),
    ):
        if cursor is not None:
            sign = ">" if is_forward else "<"
            # SQLite seeks in the index by the first of these only.
            clauses.append(f"m.start_ms / 1000 {sign}= :{name}_s")
            clauses.append(f"(m.start_ms / 1000, m.id) {sign} (:{name}_s, :{name}_id)")
            values |= {f"{name}_s": cursor.start // 1_000, f"{name}_id": cursor.id}
    text = (
        f"select {_COLUMNS} from {_source(wanted)} where {' and '.join(clauses)}"  # noqa: S608 - our own
        f" order by m.start_ms / 1000 {direction}, m.id {direction} limit :limit"
    )
    rows = [MeetingRow(*row) for row in connection.query(text, values | {"limit": page.limit})]
    return rows[::-1] if backwards else rows


def count_meetings(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    """Return how many meetings match. Whole days have stored counts; the rest is counted one by one."""
    if (split := _split_by_start(wanted)) is not None:
        started, running = split
        running = _bounded(connection, domain, running)
        return _count_by_day(connection, domain, started, now) + _count_each(connection, domain, running, now)
    wanted = _bounded(connection, domain, wanted)
    started = MeetingFilter(starts_from=wanted.starts_from, starts_before=wanted.starts_before)
    if wanted == started:
        return _count_by_day(connection, domain, started, now)
    if wanted == replace(started, ongoing=False):
        ongoing = _count_each(connection, domain, replace(started, ongoing=True), now)
        return _count_by_day(connection, domain, started, now) - ongoing
    return _count_each(connection, domain, wanted, now)


def _split_by_start(wanted: MeetingFilter) -> tuple[MeetingFilter, MeetingFilter] | None:
    """Return the meetings that start in a range of whole seconds, and those that run into it; None for other filters."""
    first, until = wanted.runs_from, wanted.runs_before
    if first is None or wanted != MeetingFilter(runs_from=first, runs_before=until) or (until or 0) % 1_000:
        return None
    before = first if until is None else min(first, until)
    return MeetingFilter(starts_from=first, starts_before=until), MeetingFilter(
        runs_from=first, starts_before=before
    )


def _bounded(connection: Connection, domain: str, wanted: MeetingFilter) -> MeetingFilter:
    """Return the same filter with a bound on the start: the longest duration limits how early a meeting can start."""
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
    days = connection.row("count_meetings_by_day", domain=domain, first=first_day, until=until_day) or (0,)
    before = first is not None and MeetingFilter(starts_from=first, starts_before=first_day * DAY_MS)
    after = until is not None and MeetingFilter(starts_from=until_day * DAY_MS, starts_before=until)
    return int(days[0]) + sum(_count_each(connection, domain, part, now) for part in (before, after) if part)


def _count_each(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    clauses, values = _clauses(domain, wanted, now)
    text = f"select count(*) from {_source(wanted)} where {' and '.join(clauses)}"  # noqa: S608 - our own
    return int(connection.query(text, values)[0][0])


def _clauses(domain: str, wanted: MeetingFilter, now: Ms) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of a filter and their values."""
    duration = "coalesce(m.end_ms, :now) - m.start_ms"
    parts: Iterable[tuple[str, Any, str]] = (
        ("room", wanted.room, "m.room = :room"),
        ("starts_from", _seconds_up(wanted.starts_from), "m.start_ms / 1000 >= :starts_from"),
        ("starts_before", _seconds_up(wanted.starts_before), "m.start_ms / 1000 < :starts_before"),
        ("user_id", wanted.user_id, "m.id = took_part.id"),
        ("min_participants", wanted.min_participants, "m.max_participants >= :min_participants"),
        ("min_duration", wanted.min_duration, f"{duration} >= :min_duration"),
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
        # Always true. Without it SQLite does not use the index `ongoing_meetings`.
        clauses.append("m.start_ms / 1000 >= 0")
    return clauses, values


def _source(wanted: MeetingFilter) -> str:
    return "meetings as m" if wanted.user_id is None else _OF_A_USER


def _seconds_up(at: Ms | None) -> int | None:
    return None if at is None else -(-at // 1_000)

"""Lists of meetings: filters, pages and counts.

Responsible for the statements that select filtered meetings. They are built here, because a condition that does not
apply must be absent: otherwise neither database finds the index that serves the others. Must not know participants.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from json import dumps
from typing import Any, Final

import msgspec

from headcount.kernel.attributes import AttributeFilter
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.store.database import Connection
from headcount.store.meeting_attributes import Term, terms_of_filters
from headcount.store.meeting_counts import PERIOD_MS, Size, count_ended
from headcount.store.records import DAY_MS, MeetingRow, SupersededMeeting

_COLUMNS: Final = (
    "m.domain, m.id, m.room, m.start_ms, m.end_ms, m.max_participants,"
    " m.carried_join_ms, m.carried_participant_id"
)
_WITH_ATTRIBUTE: Final = "meeting_attributes as a cross join meetings as m"
_IS_LEAD: Final = ("a.domain = :domain", "a.key = :lead_key", "a.value = :lead_value", "m.id = a.id")
_HAS_ATTRIBUTE: Final = """exists (
  select 1 from meeting_attributes as b
  where b.domain = m.domain and b.key = :key_{n} and b.value = :value_{n}
    and b.start_s = m.start_ms / 1000 and b.id = m.id
)"""
_HAS_STAY: Final = """(exists (
  select 1 from stays as s
  where s.domain = m.domain and s.room = m.room
    and s.join_ms >= m.start_ms and s.join_ms < coalesce(m.end_ms, :never) and {conditions}
) or exists (
  select 1 from stays as s
  where s.domain = m.domain and s.room = m.room
    and s.join_ms = m.carried_join_ms and s.participant_id = m.carried_participant_id and {conditions}
))"""
"""A stay of the meeting that fulfills several conditions, of which the index has only parts."""
_PACKED: Final = """
select cast(json_group_array(json_array(
  domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
)) as text)
from ({page}) as page
"""
"""A page as one text. SQLite releases the GIL at each row of a result, and under load getting it back takes longer."""
_PAGE_BY_IDS: Final = """
select {columns}
from (select m.id from {source} {first} limit :limit) as page
cross join meetings as m
where m.domain = :domain and m.id = page.id
{last}
"""
"""A page with a filter that reads `meetings_by_start` alone: the rest of a meeting is read only if it matches."""
_FEW: Final = 2_000
"""Up to this number of meetings with a value, these are read rather than those of a room."""
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_OF_A_USER: Final = """(
  select distinct n.id
  from (
    select s.domain, s.room, s.join_ms, s.participant_id from stays as s
    where s.domain = :domain and s.user_id = :user_id and s.join_ms >= 0{conditions}
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


_decode = msgspec.json.Decoder(list[MeetingRow]).decode


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """Which meetings to list. A field that is None does not filter. Times are ms, ends exclusive.

    `starts_from` and `starts_before` apply to the start; `runs_from` and `runs_before` apply to the whole meeting.
    `min_duration` is in ms; `min_participants` applies to the peak. One stay fulfills all of `attributes`, and it is one
    of the user, if there is a `user_id`.
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
    attributes: tuple[AttributeFilter, ...] = ()


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
    lead = _lead(connection, domain, wanted)
    clauses, values = _clauses(domain, _bounded(connection, domain, wanted), now, lead)
    second, name = _order(lead)
    backwards = page.before is not None or (page.oldest and not page.ascending)
    direction = "desc" if page.ascending is backwards else "asc"
    for side, cursor, is_forward in (
        ("after", page.after, page.ascending),
        ("before", page.before, not page.ascending),
    ):
        if cursor is not None:
            sign = ">" if is_forward else "<"
            # SQLite seeks in the index by the first of these only.
            clauses.append(f"{second} {sign}= :{side}_s")
            clauses.append(f"({second}, {name}) {sign} (:{side}_s, :{side}_id)")
            values |= {f"{side}_s": cursor.start // 1_000, f"{side}_id": cursor.id}
    order = "order by {} {direction}, {} {direction}"
    source = f"{_source(wanted, lead)} where {' and '.join(clauses)}"
    first = order.format(second, name, direction=direction)
    if lead is None and _is_by_size(wanted):
        last = order.format("m.start_ms / 1000", "m.id", direction=direction)
        text = _PAGE_BY_IDS.format(columns=_COLUMNS, source=source, first=first, last=last)
    else:
        text = f"select {_COLUMNS} from {source} {first} limit :limit"  # noqa: S608 - our own
    ((packed,),) = connection.query(_PACKED.format(page=text), values | {"limit": page.limit})
    rows = _decode(packed or "[]")
    return rows[::-1] if backwards else rows


def count_meetings(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    """Return how many meetings match.

    Whole days have stored counts, and whole periods have counts by size; the rest is counted one by one.
    """
    if (split := _split_by_start(wanted)) is not None:
        started, running = split
        running = _bounded(connection, domain, running)
        return _count_started(connection, domain, started, now) + _count_each(
            connection, domain, running, now
        )
    return _count_started(connection, domain, _bounded(connection, domain, wanted), now)


def _count_started(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    started = MeetingFilter(
        starts_from=wanted.starts_from, starts_before=wanted.starts_before, attributes=wanted.attributes
    )
    if wanted == started:
        return _count_by_day(connection, domain, started, now)
    if wanted == replace(started, ongoing=False):
        ongoing = _count_each(connection, domain, replace(started, ongoing=True), now)
        return _count_by_day(connection, domain, started, now) - ongoing
    sized = replace(started, min_participants=wanted.min_participants, min_duration=wanted.min_duration)
    if not wanted.attributes and wanted in (sized, replace(sized, ongoing=False)):
        return _count_by_size(connection, domain, wanted, now)
    return _count_each(connection, domain, wanted, now)


def _split_by_start(wanted: MeetingFilter) -> tuple[MeetingFilter, MeetingFilter] | None:
    """Return the meetings that start in a range of whole seconds, and those that run into it; None for other filters."""
    first, until = wanted.runs_from, wanted.runs_before
    running = replace(wanted, room=None, starts_from=None, starts_before=None, ongoing=None, user_id=None)
    if first is None or wanted != running or (until or 0) % 1_000:
        return None
    second = -(-first // 1_000) * 1_000
    before = second if until is None else min(second, until)
    started = replace(wanted, runs_from=None, runs_before=None, starts_from=second, starts_before=until)
    return started, replace(running, runs_before=before)


def _bounded(connection: Connection, domain: str, wanted: MeetingFilter) -> MeetingFilter:
    """Return the same filter with a bound on the start: the longest duration limits how early a meeting can start."""
    if wanted.runs_from is None:
        return wanted
    longest = connection.row("select_longest_meeting", domain=domain) or (0,)
    ongoing = connection.row("select_first_ongoing_meeting", domain=domain) or (NEVER,)
    earliest = min(wanted.runs_from - longest[0], ongoing[0]) // 1_000 * 1_000
    return replace(wanted, starts_from=max(earliest, wanted.starts_from or earliest))


def _count_by_day(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    terms = terms_of_filters(wanted.attributes)
    if len(terms) > 1:
        return _count_each(connection, domain, wanted, now)
    first, until = _whole_units(wanted, DAY_MS)
    if first >= until:
        return _count_each(connection, domain, wanted, now)
    days = _count_of_days(connection, domain, terms[0] if terms else None, first, until)
    return days + _count_outside(connection, domain, wanted, now, first * DAY_MS, until * DAY_MS)


def _count_by_size(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    first, until = _whole_units(wanted, PERIOD_MS)
    if first >= until:
        return _count_each(connection, domain, wanted, now)
    start, end = first * PERIOD_MS, until * PERIOD_MS
    size = Size(wanted.min_participants or 0, wanted.min_duration or 0)
    total = count_ended(connection, domain, first, until, size)
    if wanted.ongoing is None:
        ongoing = replace(wanted, ongoing=True, starts_from=start, starts_before=end)
        total += _count_each(connection, domain, ongoing, now)
    return total + _count_outside(connection, domain, wanted, now, start, end)


def _whole_units(wanted: MeetingFilter, unit: Ms) -> tuple[int, int]:
    """Return the first whole unit of time in which the meetings start, and the unit after the last one."""
    first = 0 if wanted.starts_from is None else -(-wanted.starts_from // unit)
    return first, (NEVER if wanted.starts_before is None else wanted.starts_before) // unit


def _count_outside(
    connection: Connection, domain: str, wanted: MeetingFilter, now: Ms, start: Ms, end: Ms
) -> int:
    """Return how many meetings match that do not start between `start` and `end`."""
    before = wanted.starts_from is not None and replace(wanted, starts_before=start)
    after = wanted.starts_before is not None and replace(wanted, starts_from=end)
    return sum(_count_each(connection, domain, part, now) for part in (before, after) if part)


def _count_of_days(connection: Connection, domain: str, term: Term | None, first: int, until: int) -> int:
    days = {"domain": domain, "first": first, "until": until}
    if term is None:
        row = connection.row("count_meetings_by_day", **days)
    else:
        row = connection.row("count_meetings_with_attribute", **days, **term._asdict())
    return int((row or (0,))[0])


def _count_each(connection: Connection, domain: str, wanted: MeetingFilter, now: Ms) -> int:
    lead = _lead(connection, domain, wanted)
    clauses, values = _clauses(domain, wanted, now, lead)
    source = _source(wanted, lead)
    started = MeetingFilter(
        starts_from=wanted.starts_from, starts_before=wanted.starts_before, attributes=wanted.attributes
    )
    if terms_of_filters(wanted.attributes) == [lead] and wanted == started:
        source = source.partition(" cross join")[0]
        clauses = [clause for clause in clauses if "m." not in clause]
    text = f"select count(*) from {source} where {' and '.join(clauses)}"  # noqa: S608 - our own
    return int(connection.query(text, values)[0][0])


def _lead(connection: Connection, domain: str, wanted: MeetingFilter) -> Term | None:
    """Return the term whose part of the index serves the list; None if another filter does.

    That is the one with the fewest meetings. A room, a user and ongoing meetings have an index of their own.
    """
    terms = terms_of_filters(wanted.attributes)
    if not terms or wanted.ongoing or wanted.user_id is not None:
        return None
    is_chosen = wanted.room is None
    if is_chosen and len(terms) == 1:
        return terms[0]
    first = 0 if wanted.starts_from is None else wanted.starts_from // DAY_MS
    until = NEVER if wanted.starts_before is None else wanted.starts_before // DAY_MS + 1
    number, lead = min((_count_of_days(connection, domain, term, first, until), term) for term in terms)
    return lead if is_chosen or number <= _FEW else None


def _order(lead: Term | None) -> tuple[str, str]:
    """Return the whole second of the start and the id, in the table that the list is read from."""
    return ("m.start_ms / 1000", "m.id") if lead is None else ("a.start_s", "a.id")


def _clauses(
    domain: str, wanted: MeetingFilter, now: Ms, lead: Term | None
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions of a filter and their values."""
    duration = "coalesce(m.end_ms, :now) - m.start_ms"
    second, _ = _order(lead)
    parts: Iterable[tuple[str, Any, str]] = (
        ("room", wanted.room, "m.room = :room"),
        ("starts_from", _seconds_up(wanted.starts_from), f"{second} >= :starts_from"),
        ("starts_before", _seconds_up(wanted.starts_before), f"{second} < :starts_before"),
        ("user_id", wanted.user_id, "m.id = took_part.id"),
        ("min_participants", wanted.min_participants, "m.max_participants >= :min_participants"),
        ("min_duration", wanted.min_duration, f"{duration} >= :min_duration"),
        ("runs_from", wanted.runs_from, "(m.end_ms is null or m.end_ms > :runs_from)"),
        (
            "runs_before",
            wanted.runs_before,
            f"{second} <= :runs_before / 1000 and m.start_ms < :runs_before",
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
    if wanted.attributes:
        conditions, found = _attribute_clauses(wanted, lead)
        clauses += conditions
        values |= found
    return clauses, values


def _attribute_clauses(wanted: MeetingFilter, lead: Term | None) -> tuple[list[str], dict[str, Any]]:
    conditions, values = _of_stay(wanted.attributes)
    if wanted.user_id is not None:  # the source has the conditions
        return [], values
    clauses = [] if lead is None else [*_IS_LEAD]
    terms = terms_of_filters(wanted.attributes)
    for n, term in enumerate(terms):
        values |= {f"key_{n}": term.key, f"value_{n}": term.value}
        if term == lead:
            values |= {"lead_key": term.key, "lead_value": term.value}
        else:
            clauses.append(_HAS_ATTRIBUTE.format(n=n))
    if len(terms) > 1:
        clauses.append(_HAS_STAY.format(conditions=conditions))
    return clauses, values


def _of_stay(attributes: Iterable[AttributeFilter]) -> tuple[str, dict[str, Any]]:
    """Return the conditions on the canonical JSON of a stay's attributes, and their values.

    A pair between two commas is always a pair of the object: quotes within texts are escaped.
    """
    pairs = "',' || substr(s.attributes, 2, length(s.attributes) - 2) || ','"
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for n, (key, value) in enumerate(attributes):
        forms = [dumps(value, ensure_ascii=False)]
        if value in ("true", "false") or _NUMBER.fullmatch(value):
            forms.append(value)
        names = [f"pair_{n}_{k}" for k in range(len(forms))]
        conditions.append(" or ".join(f"replace({pairs}, :{name}, '') <> {pairs}" for name in names))
        values |= {
            name: f",{dumps(key, ensure_ascii=False)}:{form},"
            for name, form in zip(names, forms, strict=True)
        }
    return " and ".join(f"({condition})" for condition in conditions), values


def _source(wanted: MeetingFilter, lead: Term | None) -> str:
    if wanted.user_id is not None:
        conditions, _ = _of_stay(wanted.attributes)
        return _OF_A_USER.format(conditions=f" and {conditions}" if conditions else "")
    return "meetings as m" if lead is None else _WITH_ATTRIBUTE


def _is_by_size(wanted: MeetingFilter) -> bool:
    return wanted.min_participants is not None or wanted.min_duration is not None


def _seconds_up(at: Ms | None) -> int | None:
    return None if at is None else -(-at // 1_000)

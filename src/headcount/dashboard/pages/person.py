"""Person page: the meetings of a user, and how long they attended each.

Responsible for the content of the page. Must not know how attendance is computed: `reporting.attendance` does.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.charts import Year
from headcount.dashboard.pages import query
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.pages.usage import calendar_of
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.intervals import clip, total_length, union
from headcount.kernel.attributes import Attributes, merge
from headcount.kernel.events import Ms
from headcount.reporting.attendance import Person, person_of
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import DAY_MS, MeetingRow
from headcount.timezones import boundaries

_PAGE_SIZE: Final = 50
_MAX_LISTED: Final = 1_000
"""Of more meetings, only the latest are listed and sorted."""
_MONTH_MS: Final[Ms] = 30 * DAY_MS
_MAX_MEETINGS_IN_MONTH: Final = 1_000
_MAX_STAYS: Final = 20_000
_ORDERS: Final = ("desc", "asc")


class AttendedMeeting(NamedTuple):
    """A meeting and this person's attendance: `attended_ms` is the union of their stays, the ratio its part of the meeting."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    first_join: Ms
    last_leave: Ms | None
    attended_ms: Ms
    attendance_ratio: float
    name: str | None
    attributes: Attributes | None


_SORT_KEYS: Final[Mapping[str, Callable[[AttendedMeeting, Ms], Any]]] = {
    "start": lambda meeting, _: meeting.start,
    "room": lambda meeting, _: (meeting.room, meeting.start),
    "duration": lambda meeting, now: (now if meeting.end is None else meeting.end) - meeting.start,
    "joined": lambda meeting, _: meeting.first_join,
    "left": lambda meeting, now: now if meeting.last_leave is None else meeting.last_leave,
    "attended": lambda meeting, _: meeting.attended_ms,
    "attendance": lambda meeting, _: meeting.attendance_ratio,
}


class PersonDetails(NamedTuple):
    """A user, the rooms that they are in now, and their meetings. `attended_ms` is that of the last 30 days.

    The meetings are a page of the latest ones; `previous` and `next` are the numbers of meetings to skip for other pages.
    Of the attributes in these meetings and in those of 30 days, the latest value of each key counts.
    """

    user_id: str
    name: str
    rooms: Sequence[str]
    meetings: int
    attended_ms: Ms
    latest: Sequence[AttendedMeeting]
    previous: int | None
    next: int | None
    attributes: Attributes | None


async def page(view: View) -> Response:
    """GET /dashboard/person?id=USER."""
    details = await asyncio.to_thread(load, view)
    return render(
        view,
        "person.html",
        details=details,
        year=await asyncio.to_thread(_year, view, details),
        charts=charts,
        sort=view.query.get("sort") or "start",
        order=view.query.get("order") or "desc",
        max_listed=_MAX_LISTED,
    )


async def as_json(view: View) -> Response:
    """GET /dashboard/person.json?id=USER."""
    return page_json.json_response(await asyncio.to_thread(load, view), view.zone)


def load(view: View) -> PersonDetails:
    """Return what is shown of the user in the address. Raise `NotFound`."""
    meetings, domain = view.context.store.meetings, view.domain
    user = query.text(view.query, "id")
    all_meetings = MeetingFilter(user_id=user)
    total = 0 if user is None else meetings.count(domain, all_meetings, view.now)
    if user is None or not total:
        raise NotFound(TEXTS("person.unknown"))
    month_start = view.now - _MONTH_MS
    in_month = MeetingFilter(user_id=user, runs_from=month_start)
    month = attended_by(view, user, meetings.page(domain, in_month, Page(_MAX_MEETINGS_IN_MONTH), view.now))
    skip = query.number(view.query, "skip") or 0
    latest = _latest(view, user, skip)
    name = next((meeting.name for meeting in (*latest, *month) if meeting.name), None)
    present, _ = meetings.presence(domain)
    end = skip + _PAGE_SIZE
    return PersonDetails(
        user,
        name or user,
        sorted({row[0] for row in present if row[3] == user}),
        total,
        sum(meeting.attended_ms for meeting in month if meeting.start >= month_start),
        latest,
        max(0, skip - _PAGE_SIZE) if skip else None,
        end if end < min(total, _MAX_LISTED) else None,
        _latest_attributes([*latest, *month]),
    )


def _latest(view: View, user: str, skip: int) -> list[AttendedMeeting]:
    """A page of the latest meetings, in the order of the address."""
    meetings, wanted = view.context.store.meetings, MeetingFilter(user_id=user)
    key = _SORT_KEYS[query.choice(view.query, "sort", tuple(_SORT_KEYS))]
    descending = query.choice(view.query, "order", _ORDERS) == "desc"
    end = min(skip + _PAGE_SIZE, _MAX_LISTED)
    if view.query.get("sort", "start") == "start" and descending:
        return attended_by(view, user, meetings.page(view.domain, wanted, Page(end), view.now)[skip:])
    attended = attended_by(view, user, meetings.page(view.domain, wanted, Page(_MAX_LISTED), view.now))
    return sorted(attended, key=lambda meeting: key(meeting, view.now), reverse=descending)[skip:end]


def attended_by(view: View, user: str, rows: Sequence[MeetingRow]) -> list[AttendedMeeting]:
    """Return the attendance of a user in these meetings, without those that they did not attend."""
    entries = view.context.store.meetings.entries(rows)
    own_entries = [(row, [entry for entry in entries[row.id] if entry.user_id == user]) for row in rows]
    return [_attended(row, person_of(own, view.now), view.now) for row, own in own_entries if own]


def _attended(row: MeetingRow, person: Person, now: Ms) -> AttendedMeeting:
    duration_ms = max(1, (now if row.end is None else row.end) - row.start)
    return AttendedMeeting(
        row.id,
        row.room,
        row.start,
        row.end,
        person.first_join,
        person.last_leave,
        person.attended_ms,
        min(1.0, person.attended_ms / duration_ms),
        person.user_name,
        person.attributes,
    )


def _latest_attributes(meetings: Sequence[AttendedMeeting]) -> Attributes | None:
    known: Attributes | None = None
    for meeting in sorted(meetings, key=lambda meeting: meeting.start, reverse=True):
        known = merge(known, (meeting.attributes,))
    return known


def _year(view: View, details: PersonDetails) -> Year:
    """The current year: minutes in rooms on each day. Two devices at the same time count once."""
    today = local(view.now, view.zone).date()
    start = query.start_of(today.replace(month=1, day=1), view.zone)
    stays = view.context.store.meetings.stays_of_user(
        view.domain, details.user_id, start - DAY_MS, _MAX_STAYS
    )
    spans = union((stay.join, view.now if stay.leave is None else stay.leave) for stay in stays)
    edges = boundaries("day", start, query.end_of(today, view.zone), view.zone)
    minutes = {
        local(start, view.zone).date(): total_length(clip(spans, start, end)) // 60_000
        for start, end in zip(edges, edges[1:], strict=False)
    }
    title = TEXTS("usage.person_chart", name=details.name, year=str(today.year))
    return calendar_of(
        title, today.year, {day: float(count) for day, count in minutes.items() if count}, today
    )

"""Person: a user's meetings, and how long they were in each."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, formats
from headcount.dashboard.charts import Year
from headcount.dashboard.pages import query
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.pages.usage import calendar_of
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.intervals import clip, total_length, union
from headcount.kernel.events import Ms
from headcount.reporting.attendance import Person, person_of
from headcount.store.meetings import MeetingFilter, Page
from headcount.store.records import DAY_MS, MeetingRow
from headcount.timezones import boundaries

_LATEST: Final = 50
_MONTH: Final[Ms] = 30 * DAY_MS
_MOST_OF_A_MONTH: Final = 1_000
_MOST_STAYS: Final = 20_000


class Attended(NamedTuple):
    """A meeting, and the time of this person in it; `time` is the union of their stays, ms."""

    id: str
    room: str
    start: Ms
    end: Ms | None
    first_join: Ms
    last_leave: Ms | None
    time: Ms
    share: float
    name: str | None


class Sight(NamedTuple):
    """A user as their page shows them. `time` is that of the last 30 days."""

    user_id: str
    name: str
    rooms: Sequence[str]
    meetings: int
    time: Ms
    latest: Sequence[Attended]
    older: str | None


async def page(view: View) -> Response:
    """GET /dashboard/person?id=USER."""
    sight = await asyncio.to_thread(look, view)
    year = await asyncio.to_thread(_draw, view, sight)
    return shown(view, "person.html", sight=sight, year=year, charts=charts)


async def as_json(view: View) -> Response:
    """GET /dashboard/person.json?id=USER."""
    return formats.answer(await asyncio.to_thread(look, view), view.zone)


def _draw(view: View, sight: Sight) -> Year:
    """Their year: minutes in rooms on each day, two devices at once counted once."""
    today = local(view.now, view.zone).date()
    begin = query.begin_of(today.replace(month=1, day=1), view.zone)
    stays = view.house.store.meetings.stays_of_user(view.domain, sight.user_id, begin - DAY_MS, _MOST_STAYS)
    spans = union((stay.join, view.now if stay.leave is None else stay.leave) for stay in stays)
    edges = boundaries("day", begin, query.end_of(today, view.zone), view.zone)
    days = {
        local(start, view.zone).date(): total_length(clip(spans, start, end)) // 60_000
        for start, end in zip(edges, edges[1:], strict=False)
    }
    told = {day: float(minutes) for day, minutes in days.items() if minutes}
    return calendar_of(TEXTS("usage.person_chart", name=sight.name, year=today.year), today.year, told, today)


def look(view: View) -> Sight:
    """What is shown of the user whom the address names."""
    answers, domain = view.house.store.meetings, view.domain
    user = query.text(view.query, "id")
    wanted = MeetingFilter(user_id=user)
    meetings = 0 if user is None else answers.count(domain, wanted, view.now)
    if user is None or not meetings:
        raise NotThere(TEXTS("person.unknown"))
    recent = MeetingFilter(user_id=user, runs_from=view.now - _MONTH)
    rows = answers.page(domain, recent, Page(_MOST_OF_A_MONTH), view.now)
    if len(rows) < _LATEST:
        rows = answers.page(domain, wanted, Page(_LATEST), view.now)
    attended = attended_by(view, user, rows)
    name = next((one.name for one in attended if one.name), None)
    present, _ = answers.presence(domain)
    month = sum(one.time for one in attended if one.start >= view.now - _MONTH)
    return Sight(
        user, name or user, sorted({row[0] for row in present if row[3] == user}), meetings, month,
        attended[:_LATEST], attended[_LATEST - 1].id if meetings > _LATEST else None,
    )  # fmt: skip


def attended_by(view: View, user: str, rows: Sequence[MeetingRow]) -> list[Attended]:
    """What part a user had in each of these meetings; those in which they had none are left out."""
    entries = view.house.store.meetings.entries(rows)
    found = []
    for row in rows:
        theirs = [one for one in entries[row.id] if one.user_id == user]
        if theirs:
            found.append(_attended(row, person_of(theirs, view.now), view.now))
    return found


def _attended(row: MeetingRow, who: Person, now: Ms) -> Attended:
    lasted = max(1, (now if row.end is None else row.end) - row.start)
    return Attended(
        row.id, row.room, row.start, row.end, who.first_join, who.last_leave, who.time, min(1.0, who.time / lasted),
        who.user_name,
    )  # fmt: skip

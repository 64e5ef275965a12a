"""Room: who is in it, its meetings, and who was in it when."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, formats
from headcount.dashboard.charts import Run, Strip, Week, Year
from headcount.dashboard.formats import names_of
from headcount.dashboard.pages import query
from headcount.dashboard.pages.live import Head, head_of
from headcount.dashboard.pages.meetings import Row, rows_of
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.pages.usage import by_hour_and_weekday, calendar_of, week_of, year_of
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.store.meetings import MeetingFilter, Page
from headcount.store.usage.quarters import QUARTER_MS
from headcount.timezones import boundaries

_LATEST: Final = 20
_STRIP_DAYS: Final = 30
_WEEKS: Final = 12
_MOST_RUNS: Final = 2_000


class Sight(NamedTuple):
    """A room as its page shows it: who is in now, how many meetings it had, the latest of them."""

    room: str
    people: Sequence[Head]
    meetings: int
    latest: Sequence[Row]


class Then(NamedTuple):
    """Who was in at a moment that somebody asked about. `names` is None if it has not come yet."""

    at: Ms
    day: str
    time: str
    names: Sequence[str] | None


async def page(view: View) -> Response:
    """GET /dashboard/room?name=ROOM."""
    sight = await asyncio.to_thread(look, view)
    then = await asyncio.to_thread(_then, view, sight.room)
    today = local(view.now, view.zone).date()
    drawn = await asyncio.to_thread(_draw, view, sight.room)
    return shown(
        view,
        "room.html",
        sight=sight,
        then=then,
        today=today,
        rules=view.house.rules,
        drawn=drawn,
        charts=charts,
    )


async def as_json(view: View) -> Response:
    """GET /dashboard/room.json?name=ROOM."""
    return formats.answer(await asyncio.to_thread(look, view), view.zone)


def look(view: View) -> Sight:
    """What is shown of the room that the address names."""
    answers, domain = view.house.store.meetings, view.domain
    room = query.text(view.query, "name")
    if room is None or not answers.has_room(domain, room):
        raise NotThere(TEXTS("room.unknown"))
    present, _ = answers.presence(domain, room)
    wanted = MeetingFilter(room=room)
    latest = answers.page(domain, wanted, Page(_LATEST), view.now)
    return Sight(
        room,
        [head_of(row) for row in present],
        answers.count(domain, wanted, view.now),
        rows_of(answers, latest, view.now),
    )


class Drawn(NamedTuple):
    """The pictures of a room: its last 30 days, its usual hours, its year."""

    strip: Strip
    week: Week
    year: Year


def _draw(view: View, room: str) -> Drawn:
    usage, answers, domain = view.house.store.usage, view.house.store.meetings, view.domain
    today = local(view.now, view.zone).date()
    begin = query.begin_of(today.replace(month=1, day=1), view.zone)
    weeks = query.begin_of(today - timedelta(days=7 * _WEEKS - 1), view.zone)
    month = query.begin_of(today - timedelta(days=_STRIP_DAYS - 1), view.zone)
    until = query.end_of(today, view.zone)
    days = boundaries("day", min(begin, weeks), until, view.zone)
    quarters = usage.by_quarter(domain, room, days[0] // QUARTER_MS, days[-1] // QUARTER_MS, view.now)
    recent = [day for day in days if day >= weeks]
    of_recent = {number: used for number, used in quarters.items() if number * QUARTER_MS >= weeks}
    runs = answers.page(domain, MeetingFilter(room=room, runs_from=month), Page(_MOST_RUNS), view.now)
    return Drawn(
        Strip(
            TEXTS("usage.room_strip", room=room),
            [Run(one.start, one.end, TEXTS("room.run", n=one.max_participants)) for one in runs],
            view.now,
            view.zone,
            _STRIP_DAYS,
        ),
        week_of(by_hour_and_weekday(recent, of_recent, view), TEXTS("usage.room_week", room=room)),
        calendar_of(
            TEXTS("usage.room_chart", room=room, year=today.year),
            today.year,
            year_of(days, quarters, view),
            today,
        ),
    )


def _then(view: View, room: str) -> Then | None:
    """Who was in when the clocks of the zone showed a day and a time."""
    day, time = query.day(view.query, "day"), view.query.get("at", "")
    if day is None or not time:
        return None
    at = query.begin_of(day, view.zone, query.time_of_day(time))
    if at > view.now:
        return Then(at, str(day), time, None)
    stays = view.house.store.meetings.stays_between(view.domain, room, at, at + 1)
    return Then(at, str(day), time, names_of(stays))

"""Room page: participants now, latest meetings, and who was in the room at a time.

Responsible for the content of the page. Must not know how meetings follow from events.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.charts import Run, Strip, Week, Year
from headcount.dashboard.formats import names_of
from headcount.dashboard.pages import query
from headcount.dashboard.pages.live import Participant, participant_of
from headcount.dashboard.pages.meetings import Row, rows_of
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.pages.usage import calendar_of, minutes_by_day, minutes_by_hour_and_weekday, week_of
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import MeetingRow
from headcount.store.usage.quarters import QUARTER_MS
from headcount.timezones import boundaries

_MAX_LISTED: Final = 20
_STRIP_DAYS: Final = 30
_MIN_STRIP_DAYS: Final = 7
_WEEKS: Final = 12
_MAX_RUNS: Final = 2_000


class RoomDetails(NamedTuple):
    """A room: participants now, number of meetings, and the latest of them."""

    room: str
    people: Sequence[Participant]
    meetings: int
    latest: Sequence[Row]


class ParticipantsAt(NamedTuple):
    """The names of those who were in the room at a time; None if that is in the future."""

    at: Ms
    day: str
    time: str
    names: Sequence[str] | None


class RoomCharts(NamedTuple):
    """The last 30 days, the usual hours, and the current year of a room."""

    strip: Strip
    week: Week
    year: Year


async def page(view: View) -> Response:
    """GET /dashboard/room?name=ROOM: the page, or the part of it that changes."""
    details = await asyncio.to_thread(load, view)
    if view.request.headers.get("hx-target") == "room-live":
        return render(view, "_room_live.html", details=details)
    return render(
        view,
        "room.html",
        details=details,
        participants_at=await asyncio.to_thread(_participants_at, view, details.room),
        today=local(view.now, view.zone).date(),
        rules=view.context.rules,
        room_charts=await asyncio.to_thread(_charts, view, details.room),
        charts=charts,
    )


async def as_json(view: View) -> Response:
    """GET /dashboard/room.json?name=ROOM."""
    return page_json.json_response(await asyncio.to_thread(load, view), view.zone)


def load(view: View) -> RoomDetails:
    """Return what is shown of the room in the address. Raise `NotFound`."""
    meetings, domain = view.context.store.meetings, view.domain
    room = query.text(view.query, "name")
    if room is None or not meetings.has_room(domain, room):
        raise NotFound(TEXTS("room.unknown"))
    present, _ = meetings.presence(domain, room, with_attributes=True)
    of_room = MeetingFilter(room=room)
    latest = meetings.page(domain, of_room, Page(_MAX_LISTED), view.now)
    return RoomDetails(
        room,
        [participant_of(row) for row in present],
        meetings.count(domain, of_room, view.now),
        rows_of(meetings, latest, view.now),
    )


def _charts(view: View, room: str) -> RoomCharts:
    usage, meetings, domain = view.context.store.usage, view.context.store.meetings, view.domain
    today = local(view.now, view.zone).date()
    year_start = query.start_of(today.replace(month=1, day=1), view.zone)
    weeks_start = query.start_of(today - timedelta(days=7 * _WEEKS - 1), view.zone)
    strip_start = query.start_of(today - timedelta(days=_STRIP_DAYS - 1), view.zone)
    days = boundaries("day", min(year_start, weeks_start), query.end_of(today, view.zone), view.zone)
    quarters = usage.by_quarter(domain, room, days[0] // QUARTER_MS, days[-1] // QUARTER_MS, view.now)
    recent_days = [day for day in days if day >= weeks_start]
    recent = {number: used for number, used in quarters.items() if number * QUARTER_MS >= weeks_start}
    runs = meetings.page(domain, MeetingFilter(room=room, runs_from=strip_start), Page(_MAX_RUNS), view.now)
    return RoomCharts(
        Strip(
            TEXTS("usage.room_strip", room=room),
            [
                Run(meeting.start, meeting.end, TEXTS("room.run", n=meeting.max_participants))
                for meeting in runs
            ],
            view.now,
            view.zone,
            _lanes(runs, today, view),
        ),
        week_of(minutes_by_hour_and_weekday(recent_days, recent, view), TEXTS("usage.room_week", room=room)),
        calendar_of(
            TEXTS("usage.room_chart", room=room, year=str(today.year)),
            today.year,
            minutes_by_day(days, quarters, view),
            today,
        ),
    )


def _lanes(runs: Sequence[MeetingRow], today: date, view: View) -> int:
    """The number of days in the strip chart: from the first of these meetings on, but of a week at least."""
    if not runs:
        return _MIN_STRIP_DAYS
    days = (today - local(runs[-1].start, view.zone).date()).days + 1
    return min(max(days, _MIN_STRIP_DAYS), _STRIP_DAYS)


def _participants_at(view: View, room: str) -> ParticipantsAt | None:
    """Participants of the room at the day and time of the address; None without both."""
    day, time = query.day(view.query, "day"), view.query.get("at", "")
    if day is None or not time:
        return None
    at = query.start_of(day, view.zone, query.time_of_day(time))
    if at > view.now:
        return ParticipantsAt(at, str(day), time, None)
    stays = view.context.store.meetings.stays_between(view.domain, room, at, at + 1)
    return ParticipantsAt(at, str(day), time, names_of(stays))

"""Usage page: participant-minutes, meetings and peak participants by day, hour and room.

Responsible for the ranges of days and the charts. Must not know how usage is stored: `reporting.usage` adds it up.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.charts import Bars, Unit, Week, Year
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.reporting.usage import Bucket, buckets_of, total_of
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.queries import QuarterUsage
from headcount.timezones import boundaries

_HOUR_MS: Final[Ms] = 3_600_000
_DAY_MS: Final[Ms] = 86_400_000
_MAX_HOURLY_DAYS: Final = 3
"""Ranges of so few days are shown by hour."""
_LONG_RANGE_DAYS: Final = 93
"""From so many days on, the table is by month, charts have one width, and the rooms are loaded later."""
_MAX_DAYS: Final = 3_660
_MAX_ROOMS: Final = 25
_JSON_NAMES: Final = {
    "participant_ms": "time", "max_participants": "most", "max_participants_at": "most_at", "bucket": "every",
    "avg_participants": "mean",
}  # fmt: skip


class RoomUsage(NamedTuple):
    """Usage of one room. `participant_ms` is the total time of all participants."""

    room: str
    meetings: int
    participant_ms: Ms
    max_participants: int


class UsageReport(NamedTuple):
    """Usage from the first to the last day, both included. `bucket` is 'day' or 'hour'.

    `rooms` is None if the usage of rooms was not requested. `week` has minutes by weekday and hour.
    """

    first: date
    last: date
    bucket: str
    total: Bucket
    buckets: Sequence[Bucket]
    rooms: Sequence[RoomUsage] | None
    week: Sequence[Sequence[float]]
    avg_participants: float


class NamedBars(NamedTuple):
    """A bar chart and its id on the page."""

    name: str
    bars: Bars


async def page(view: View) -> Response:
    """GET /dashboard/usage. In a long range, the usage of rooms is loaded by a request of its own."""
    first, last = date_range(view)
    is_long = (last - first).days >= _LONG_RANGE_DAYS
    report = await asyncio.to_thread(load, view, with_rooms=not is_long or "rooms" in view.query)
    return render(
        view,
        "usage.html",
        report=report,
        months=_months(report, view),
        is_long=is_long,
        charts=charts,
        presets=_date_presets(view),
        filters={name: view.query.get(name, "") for name in ("room", "timezone")},
        bar_charts=_bar_charts(report, view),
        week=week_of(report.week, TEXTS("usage.chart_week")),
        max_rooms=_MAX_ROOMS,
    )


async def rooms(view: View) -> Response:
    """GET /dashboard/usage/rooms: the usage of each room."""
    return render(view, "_usage_rooms.html", report=await asyncio.to_thread(load, view), max_rooms=_MAX_ROOMS)


async def as_json(view: View) -> Response:
    """GET /dashboard/usage.json."""
    report = await asyncio.to_thread(load, view)
    dates: Any = {"first": str(report.first), "last": str(report.last)}
    return page_json.json_response(report._replace(**dates), view.zone, _JSON_NAMES)


def load(view: View, *, with_rooms: bool = True) -> UsageReport:
    """Return the usage in the range of the address, of all rooms or one."""
    first, last = date_range(view)
    room = query.text(view.query, "room")
    start, end = query.start_of(first, view.zone), query.end_of(last, view.zone)
    days = boundaries("day", start, end, view.zone)
    bucket = "hour" if (last - first).days < _MAX_HOURLY_DAYS else "day"
    edges = days if bucket == "day" else boundaries("hour", start, end, view.zone)
    selection = (view.domain, room, days[0] // QUARTER_MS, days[-1] // QUARTER_MS, view.now)
    usage, by_room = view.context.store.usage, None
    if with_rooms:
        rows, quarters = usage.by_room(*selection)
        by_room = [RoomUsage(row.room, row.meetings, row.participant_ms, row.peak) for row in rows]
    else:
        quarters = usage.by_quarter(*selection)
    total = total_of(edges, quarters)
    return UsageReport(
        first,
        last,
        bucket,
        total,
        list(buckets_of(edges, quarters)),
        by_room,
        minutes_by_hour_and_weekday(days, quarters, view),
        round(total.avg_participants(view.now), 1),
    )


def date_range(view: View) -> tuple[date, date]:
    """Return the days of the address, by default the current month. Raise `BadInput`."""
    today = local(view.now, view.zone).date()
    first, last = query.day(view.query, "from"), query.day(view.query, "to")
    if first is None:
        first = (last or today).replace(day=1)
    if last is None:
        last = max(today, first)
    if last < first:
        raise BadInput(TEXTS("usage.invalid_range"))
    if (last - first).days >= _MAX_DAYS:
        raise BadInput(TEXTS("usage.range_too_long", n=f"{_MAX_DAYS:,}"))
    return first, last


def minutes_by_hour_and_weekday(
    days: Sequence[Ms], quarters: Mapping[int, QuarterUsage], view: View
) -> list[list[float]]:
    """Return participant-minutes as seven rows from Monday on, of 24 local hours."""
    minutes = [[0.0] * 24 for _ in range(7)]
    numbers = iter(sorted(quarters))
    number = next(numbers, None)
    for start, end in zip(days, days[1:], strict=False):
        weekday = local(start, view.zone).weekday()
        has_24_hours = end - start == _DAY_MS
        while number is not None and number * QUARTER_MS < end:
            at = number * QUARTER_MS
            hour = (at - start) // _HOUR_MS if has_24_hours else local(at, view.zone).hour
            minutes[weekday][hour] += quarters[number].participant_ms / 60_000
            number = next(numbers, None)
    return minutes


def minutes_by_day(days: Sequence[Ms], quarters: Mapping[int, QuarterUsage], view: View) -> dict[date, float]:
    """Return participant-minutes of each day that has any."""
    return {
        local(bucket.start, view.zone).date(): bucket.participant_ms // 60_000
        for bucket in buckets_of(days, quarters)
        if bucket.participant_ms
    }


def calendar_of(title: str, year: int, minutes: Mapping[date, float], until: date) -> Year:
    """Return the calendar chart of a year; of the current year until today."""
    return Year(title, _minutes_unit(), year, minutes, until if until.year == year else None)


def week_of(hours: Sequence[Sequence[float]], title: str) -> Week:
    """Return the chart of the hours of a week."""
    return Week(title, _minutes_unit(), [[round(minutes) for minutes in row] for row in hours])


def _minutes_unit() -> Unit:
    return Unit(TEXTS("usage.unit_minute"), TEXTS("usage.unit_minutes"))


def _bar_charts(report: UsageReport, view: View) -> list[NamedBars]:
    """All charts of the page but the week."""
    suffix = "" if report.bucket == "day" else "_hours"
    meetings = Unit(TEXTS("usage.unit_meeting"), TEXTS("usage.unit_meetings"))
    people = Unit(TEXTS("usage.unit_person"), TEXTS("usage.unit_people"))

    def bars(name: str, unit: Unit, values: Iterator[tuple[Ms, float]]) -> NamedBars:
        every: Any = report.bucket
        return NamedBars(
            name, Bars(TEXTS(f"usage.chart_{name}{suffix}"), unit, every, list(values), view.zone)
        )

    return [
        bars(
            "time",
            _minutes_unit(),
            ((bucket.start, bucket.participant_ms // 60_000) for bucket in report.buckets),
        ),
        bars("peak", people, ((bucket.start, bucket.max_participants) for bucket in report.buckets)),
        bars("meetings", meetings, ((bucket.start, bucket.meetings) for bucket in report.buckets)),
    ]


def _months(report: UsageReport, view: View) -> list[Bucket]:
    """The rows of the table in a long range: the usage of each month, within the range."""
    months: dict[str, Bucket] = {}
    for bucket in report.buckets:
        month = months.setdefault(f"{local(bucket.start, view.zone):%Y-%m}", Bucket(bucket.start, bucket.end))
        month.end = bucket.end
        month.merge(bucket)
    return list(months.values())


def _date_presets(view: View) -> list[tuple[str, date, date]]:
    """Date ranges that are often used: text key, first and last day."""
    today = local(view.now, view.zone).date()
    month_start = today.replace(day=1)
    last_month_end = month_start - timedelta(days=1)
    return [
        ("month", month_start, today),
        ("last_month", last_month_end.replace(day=1), last_month_end),
        ("days30", today - timedelta(days=29), today),
        ("year", today.replace(month=1, day=1), today),
        ("days365", today - timedelta(days=364), today),
    ]

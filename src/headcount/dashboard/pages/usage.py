"""Usage page: participant-minutes, meetings and peak participants by day, hour and room.

Responsible for the ranges of days and the charts. Must not know how usage is stored: `reporting.usage` adds it up.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, page_json
from headcount.dashboard.charts import Bars, Unit, Week, Year
from headcount.dashboard.pages import date_ranges, query
from headcount.dashboard.pages.date_ranges import DateRange
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.reporting.usage import Bucket, buckets_of, total_of
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.totals import QuarterUsage
from headcount.timezones import boundaries

_HOUR_MS: Final[Ms] = 3_600_000
_DAY_MS: Final[Ms] = 86_400_000
_QUARTERS_OF_HOUR: Final = _HOUR_MS // QUARTER_MS
_QUARTERS_OF_DAY: Final = _DAY_MS // QUARTER_MS
_MAX_HOURLY_DAYS: Final = 3
"""Ranges of at most this many days are shown by hour."""
_LONG_RANGE_DAYS: Final = 93
"""In longer ranges, the table is by month, charts have one width, and the rooms are loaded later."""
_MAX_DAYS: Final = 3_660
_MAX_ROOMS: Final = 25
_FILTERS: Final = ("room", "timezone", "range", "from", "to", "attribute")
_MIN_CALENDAR_DAYS: Final = 90
RANGES: Final = ("7d", "30d", "month", "last_month", "12m", "all")
_DEFAULT_RANGE: Final = "30d"


class RoomUsage(NamedTuple):
    """Usage of one room. `participant_ms` is the total time of all participants."""

    room: str
    meetings: int
    participant_ms: Ms
    max_participants: int


class ValueUsage(NamedTuple):
    """Usage of one value of an attribute; None is the value of participants without the attribute."""

    value: str | None
    meetings: int
    participant_ms: Ms
    max_participants: int


class UsageReport(NamedTuple):
    """Usage from the first to the last day, both included. `bucket` is 'day' or 'hour'.

    `rooms` is None if the usage of rooms was not requested, `values` if no attribute was. `week` has minutes by weekday
    and hour.
    """

    first: date
    last: date
    bucket: str
    total: Bucket
    buckets: Sequence[Bucket]
    rooms: Sequence[RoomUsage] | None
    week: Sequence[Sequence[float]]
    avg_participants: float
    attribute: str | None = None
    values: Sequence[ValueUsage] | None = None


class Days(NamedTuple):
    """A date range with both bounds, included."""

    name: str
    first: date
    last: date

    @property
    def length(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1


class NamedBars(NamedTuple):
    """A bar chart and its id on the page."""

    name: str
    bars: Bars


async def page(view: View) -> Response:
    """GET /dashboard/usage. In a long range, the usage of rooms is loaded by a request of its own."""
    days = await asyncio.to_thread(days_of, view)
    is_long = days.length > _LONG_RANGE_DAYS
    report = await asyncio.to_thread(load, view, with_rooms=not is_long or "rooms" in view.query)
    attributes = await asyncio.to_thread(view.context.store.usage.attributes, view.domain)
    is_custom = days.name == date_ranges.CUSTOM
    return render(
        view,
        "usage.html",
        report=report,
        months=_months(report, view),
        is_long=is_long,
        charts=charts,
        ranges=RANGES,
        days=DateRange(*days),
        has_data=await asyncio.to_thread(date_ranges.first_day_of_data, view) is not None,
        filters={name: view.query.get(name, "") for name in _FILTERS},
        filter_count=is_custom + bool(view.query.get("room")),
        attributes=attributes,
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
    return page_json.json_response(report._replace(**dates), view.zone)


def days_of(view: View) -> Days:
    """Return the days of the address, for a named range at most the longest one. Raise `BadInput`."""
    today = local(view.now, view.zone).date()
    name, first, last = date_ranges.of_address(view.query, view, _DEFAULT_RANGE).within_data(
        date_ranges.first_day_of_data(view)
    )
    last = last or max(today, first or today)
    if name != date_ranges.CUSTOM and first is not None:
        first = max(first, last - timedelta(days=_MAX_DAYS - 1))
    days = Days(name, first or last.replace(day=1), last)
    if days.length > _MAX_DAYS:
        raise BadInput(TEXTS("usage.range_too_long", n=f"{_MAX_DAYS:,}"))
    return days


def load(view: View, *, with_rooms: bool = True) -> UsageReport:
    """Return the usage of the days of the address, of all rooms or one. Days and hours to come are not listed."""
    days, room = days_of(view), query.text(view.query, "room")
    start, end = query.start_of(days.first, view.zone), query.end_of(days.last, view.zone)
    midnights = boundaries("day", start, end, view.zone)
    bucket = "hour" if days.length <= _MAX_HOURLY_DAYS else "day"
    edges = midnights if bucket == "day" else boundaries("hour", start, end, view.zone)
    selection = (view.domain, room, midnights[0] // QUARTER_MS, midnights[-1] // QUARTER_MS, view.now)
    usage, by_room = view.context.store.usage, None
    if with_rooms:
        rows, quarters = usage.by_room(*selection, edges=_hours_of(midnights))
        by_room = [RoomUsage(row.room, row.meetings, row.participant_ms, row.peak) for row in rows]
    else:
        quarters = usage.by_quarter(*selection, edges=_hours_of(midnights))
    total = total_of(edges, quarters)
    attribute = query.text(view.query, "attribute")
    return UsageReport(
        days.first,
        days.last,
        bucket,
        total,
        [one for one in buckets_of(edges, quarters) if one.start < view.now],
        by_room,
        minutes_by_hour_and_weekday(midnights, quarters, view),
        round(total.avg_participants(view.now), 1),
        attribute,
        None if attribute is None else _values(view, attribute, selection),
    )


def _hours_of(midnights: Sequence[Ms]) -> list[int]:
    """Return the quarters at which the hours of days begin; of days without 24 hours, all quarters."""
    days = pairwise(midnight // QUARTER_MS for midnight in midnights)
    return [
        number
        for first, until in days
        for number in range(first, until, _QUARTERS_OF_HOUR if until - first == _QUARTERS_OF_DAY else 1)
    ]


def _values(view: View, attribute: str, selection: tuple[str, str | None, int, int, Ms]) -> list[ValueUsage]:
    domain, room, first, until, now = selection
    rows, _ = view.context.store.usage.by_value(
        domain, attribute, room, first, until, now, edges=(first, until)
    )
    return [ValueUsage(row.value, row.meetings, row.participant_ms, row.peak) for row in rows]


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


def calendar_of(title: str, year: int, minutes: Mapping[date, float], today: date) -> Year:
    """Return the calendar chart of a year until today, from the month on in which it has minutes, but of a quarter at least."""
    first = min((*minutes, today - timedelta(days=_MIN_CALENDAR_DAYS)))
    return Year(title, _minutes_unit(), year, minutes, today, first.replace(day=1))


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
            name, Bars(TEXTS(f"usage.chart_{name}{suffix}"), unit, every, list(values), view.zone, view.now)
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

"""Usage: how much was met, by day and hour, and how many were in at once."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import charts, formats
from headcount.dashboard.charts import Bars, Unit, Week, Year
from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.renderer import page as shown
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.reporting.usage import Sum, sums, whole
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.queries import QuarterUsage, RoomUsage
from headcount.timezones import boundaries

_HOUR_MS: Final[Ms] = 3_600_000
_DAY_MS: Final[Ms] = 86_400_000
_HOURLY_DAYS: Final = 3
"""Of so few days hours are shown."""
_AT_ONCE_DAYS: Final = 93
"""Of more days than these a page shows months in its table, pictures of one width, and rooms afterwards."""
_MOST_DAYS: Final = 3_660
_MOST_ROOMS: Final = 25


class Sight(NamedTuple):
    """What was met from the first day to the last one, both included. `every` is 'day' or 'hour'.

    `rooms` is None where it was not asked what each of them has.
    """

    first: date
    last: date
    every: str
    total: Sum
    buckets: Sequence[Sum]
    rooms: Sequence[RoomUsage] | None
    week: Sequence[Sequence[float]]
    mean: float


async def page(view: View) -> Response:
    """GET /dashboard/usage. Of a long time, what each room has is asked for afterwards."""
    first, last = days_asked(view)
    at_once = (last - first).days < _AT_ONCE_DAYS or "rooms" in view.query
    sight = await asyncio.to_thread(look, view, with_rooms=at_once)
    return shown(
        view, "usage.html", months=months_of(sight, view), is_long=(last - first).days >= _AT_ONCE_DAYS, sight=sight, charts=charts, days=_days(view), asked={"room": view.query.get("room", ""), "zone": view.query.get("zone", "")},
        drawn=drawn_of(sight, view), week=week_of(sight.week, TEXTS("usage.chart_week")), most_rooms=_MOST_ROOMS,
    )  # fmt: skip


async def rooms(view: View) -> Response:
    """GET /dashboard/usage/rooms: what each room has of it."""
    sight = await asyncio.to_thread(look, view)
    return shown(view, "_usage_rooms.html", sight=sight, most_rooms=_MOST_ROOMS)


async def as_json(view: View) -> Response:
    """GET /dashboard/usage.json."""
    sight = await asyncio.to_thread(look, view)
    return formats.answer(sight._replace(first=str(sight.first), last=str(sight.last)), view.zone)  # type: ignore[arg-type]


def look(view: View, *, with_rooms: bool = True) -> Sight:
    """What the address asks for; this month if it names no days."""
    first, last = days_asked(view)
    room = query.text(view.query, "room")
    begin, end = query.begin_of(first, view.zone), query.end_of(last, view.zone)
    days = boundaries("day", begin, end, view.zone)
    every = "hour" if (last - first).days < _HOURLY_DAYS else "day"
    edges = days if every == "day" else boundaries("hour", begin, end, view.zone)
    asked = (view.domain, room, days[0] // QUARTER_MS, days[-1] // QUARTER_MS, view.now)
    usage, found = view.house.store.usage, None
    if with_rooms:
        found, quarters = usage.by_room(*asked)
    else:
        quarters = usage.by_quarter(*asked)
    total = whole(edges, quarters)
    return Sight(
        first, last, every, total, list(sums(edges, quarters)), found, by_hour_and_weekday(days, quarters, view),
        round(total.mean(view.now), 1),
    )  # fmt: skip


def days_asked(view: View) -> tuple[date, date]:
    """The days that the address names."""
    today = local(view.now, view.zone).date()
    first, last = query.day(view.query, "from"), query.day(view.query, "to")
    if first is None:
        first = (last or today).replace(day=1)
    if last is None:
        last = max(today, first)
    if last < first:
        raise BadInput(TEXTS("usage.wrong_range"))
    if (last - first).days >= _MOST_DAYS:
        raise BadInput(TEXTS("usage.too_long", n=f"{_MOST_DAYS:,}"))
    return first, last


def by_hour_and_weekday(
    days: Sequence[Ms], quarters: Mapping[int, QuarterUsage], view: View
) -> list[list[float]]:
    """Minutes of all people: seven rows from Monday on, of the hours that clocks show."""
    found = [[0.0] * 24 for _ in range(7)]
    numbers = iter(sorted(quarters))
    number = next(numbers, None)
    for start, end in zip(days, days[1:], strict=False):
        weekday = local(start, view.zone).weekday()
        while number is not None and number * QUARTER_MS < end:
            at = number * QUARTER_MS
            plain_day = end - start == _DAY_MS
            hour = (at - start) // _HOUR_MS if plain_day else local(at, view.zone).hour
            found[weekday][hour] += quarters[number].time / 60_000
            number = next(numbers, None)
    return found


class Drawn(NamedTuple):
    """A chart, its picture's id, and how its values are read from a bucket."""

    name: str
    bars: Bars


def drawn_of(sight: Sight, view: View) -> list[Drawn]:
    """The pictures of the page, but for the week."""
    end = "" if sight.every == "day" else "_hours"
    minute, meeting, person = (
        Unit(TEXTS(f"usage.unit_{one}"), TEXTS(f"usage.unit_{many}"))
        for one, many in (("minute", "minutes"), ("meeting", "meetings"), ("person", "people"))
    )

    def bars(name: str, unit: Unit, values: Iterator[tuple[Ms, float]]) -> Drawn:
        every: Any = sight.every
        return Drawn(name, Bars(TEXTS(f"usage.chart_{name}{end}"), unit, every, list(values), view.zone))

    return [
        bars("time", minute, ((one.start, one.time // 60_000) for one in sight.buckets)),
        bars("peak", person, ((one.start, one.most) for one in sight.buckets)),
        bars("meetings", meeting, ((one.start, one.meetings) for one in sight.buckets)),
    ]


def year_of(days: Sequence[Ms], quarters: Mapping[int, QuarterUsage], view: View) -> dict[date, float]:
    """Minutes of all people on each day."""
    return {
        local(one.start, view.zone).date(): one.time // 60_000 for one in sums(days, quarters) if one.time
    }


def calendar_of(title: str, year: int, days: Mapping[date, float], until: date) -> Year:
    """A year as a calendar; this one until today."""
    unit = Unit(TEXTS("usage.unit_minute"), TEXTS("usage.unit_minutes"))
    return Year(title, unit, year, days, until if until.year == year else None)


def months_of(sight: Sight, view: View) -> list[Sum]:
    """The table's lines of a long time: what was met in each month, as far as it was asked for."""
    found: dict[str, Sum] = {}
    for one in sight.buckets:
        month = f"{local(one.start, view.zone):%Y-%m}"
        into = found.setdefault(month, Sum(one.start, one.end))
        into.end = one.end
        into.meetings += one.meetings
        into.time += one.time
        if one.most > into.most:
            into.most, into.most_at = one.most, one.most_at
    return list(found.values())


def week_of(hours: Sequence[Sequence[float]], title: str) -> Week:
    return Week(
        title,
        Unit(TEXTS("usage.unit_minute"), TEXTS("usage.unit_minutes")),
        [[round(one) for one in row] for row in hours],
    )


def _days(view: View) -> list[tuple[str, date, date]]:
    """Ranges that are often asked for."""
    today = local(view.now, view.zone).date()
    begin = today.replace(day=1)
    before = begin - timedelta(days=1)
    return [
        ("month", begin, today),
        ("last_month", before.replace(day=1), before),
        ("days30", today - timedelta(days=29), today),
        ("year", today.replace(month=1, day=1), today),
        ("days365", today - timedelta(days=364), today),
    ]

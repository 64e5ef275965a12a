"""Heat: how much there was, as shades: of a year of days, and of the hours of a week.

Seven shades: none, and six parts of the largest value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Final

from headcount.dashboard.charts.axes import MONTHS, WEEKDAYS
from headcount.dashboard.charts.svg import (
    Attributes,
    Markup,
    Rows,
    Unit,
    element,
    joined,
    label,
    picture,
    said,
    title,
)

_SHADES: Final = 6
_LEFT: Final = 36
_TOP: Final = 20
_CELL: Final = 11
_PITCH: Final = 14
_HOUR: Final = (24, 20)
_GAP: Final = 3
_LEGEND: Final = 30


@dataclass(frozen=True, slots=True)
class Year:
    """What there was on the days of a year; of a day that is not in it there was nothing.

    Days after `until` have not been, and are left out.
    """

    title: str
    unit: Unit
    year: int
    days: Mapping[date, float]
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """What there was in each hour of the week: seven rows from Monday on, of 24 hours."""

    title: str
    unit: Unit
    hours: Sequence[Sequence[float]]


def heat_calendar(data: Year, name: str) -> Markup:
    """A year as weeks beside each other, Monday at the top."""
    days = list(_days(data))
    most = max((data.days.get(day, 0) for day in days), default=0)
    width = _LEFT + 54 * _PITCH
    height = _TOP + 7 * _PITCH + _LEGEND
    total = data.unit.of(sum(data.days.get(day, 0) for day in days))
    return picture(
        name,
        (width, height),
        (data.title, f"{total} in {data.year}, at most {data.unit.of(most)} in a day."),
        joined(_months(data.year, days[-1].month if days else 0)),
        joined(label(WEEKDAYS[row], 0, _TOP + row * _PITCH + 9.5) for row in (0, 2, 4)),
        joined(_day(day, data, most) for day in days),
        _legend(most, height),
        kind="chart chart-fixed",
    )


def heat_calendar_table(data: Year) -> Rows:
    """What there was on each day on which there was anything."""
    return Rows(
        ("day", data.unit.many),
        [(day.isoformat(), data.days[day]) for day in _days(data) if data.days.get(day, 0)],
    )


def hour_weekday(data: Week, name: str) -> Markup:
    """The hours of a week, a row for each day."""
    most = max((value for row in data.hours for value in row), default=0)
    wide, high = _HOUR
    width, height = _LEFT + 24 * wide, _TOP + 7 * high + _LEGEND
    return picture(
        name,
        (width, height),
        (data.title, f"By hour and weekday, at most {data.unit.of(most)} in an hour."),
        joined(label(f"{hour:02}", _LEFT + hour * wide + (wide - _GAP) / 2, 12, anchor="middle") for hour in range(0, 24, 3)),
        joined(label(day, 0, _TOP + row * high + 12.5) for row, day in enumerate(WEEKDAYS)),
        joined(
            _cell(
                (_LEFT + hour * wide, _TOP + row * high, wide - _GAP, high - _GAP),
                value, most, f"{WEEKDAYS[row]} {hour:02}:00: {data.unit.of(value)}",
            )
            for row, values in enumerate(data.hours)
            for hour, value in enumerate(values)
        ),
        _legend(most, height),
        kind="chart chart-fixed",
    )  # fmt: skip


def hour_weekday_table(data: Week) -> Rows:
    """A row for each hour, a column for each day."""
    return Rows(
        ("hour", *WEEKDAYS),
        [(f"{hour:02}:00", *(values[hour] for values in data.hours)) for hour in range(24)],
    )


def shade(value: float, most: float) -> int:
    """0 for nothing, 6 for the most, and nothing that is there is 0."""
    return 0 if value <= 0 else min(max(ceil(value / most * _SHADES), 1), _SHADES)


def _days(data: Year) -> Iterator[date]:
    day = date(data.year, 1, 1)
    last = min(date(data.year, 12, 31), data.until or date(data.year, 12, 31))
    while day <= last:
        yield day
        day += timedelta(days=1)


def _column(day: date) -> int:
    """Which week of its year a day is in, counted from that of the first of January."""
    return (day.toordinal() + date(day.year, 1, 1).weekday() - date(day.year, 1, 1).toordinal()) // 7


def _months(year: int, last: int) -> Iterator[Markup]:
    """Each name stands over the first week that begins in its month, or that the year begins with."""
    for month, words in enumerate(MONTHS[:last], 1):
        first = date(year, month, 1)
        whole = first + timedelta(days=-first.weekday() % 7)
        yield label(words, _LEFT + _column(first if month == 1 else whole) * _PITCH, 12)


def _day(day: date, data: Year, most: float) -> Markup:
    value = data.days.get(day, 0)
    words = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}: {data.unit.of(value)}"
    place = (_LEFT + _column(day) * _PITCH, _TOP + day.weekday() * _PITCH, _CELL, _CELL)
    return _cell(place, value, most, words)


def _cell(place: tuple[float, float, float, float], value: float, most: float, words: str) -> Markup:
    return _box(shade(value, most), place, title(words))


def _box(shade: int, place: tuple[float, float, float, float], *inside: Markup) -> Markup:
    x, y, width, height = place
    box: Attributes = {"x": x, "y": y, "width": width, "height": height, "rx": 2}
    return element("rect", {"class": f"heat-{shade}", **box}, *inside)


def _legend(most: float, height: float) -> Markup:
    """Which shade is how much, below at the left: there it is seen on a phone as well."""
    y = height - _CELL - 3
    shades = range(_SHADES + 1)
    return joined(
        [
            label("0", _LEFT, y + 9.5),
            *(_box(one, (_LEFT + 12 + one * _PITCH, y, _CELL, _CELL)) for one in shades),
            label(said(most), _LEFT + 12 + len(shades) * _PITCH + 3, y + 9.5),
        ]
    )

"""Heat maps: the days of a year, and the hours of a week.

Responsible for seven shades: one for 0, and six equal parts up to the largest value. Must not know what the values are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Final

from headcount.dashboard import formats
from headcount.dashboard.charts.axes import MONTHS, WEEKDAYS
from headcount.dashboard.charts.svg import (
    Attributes,
    Markup,
    Rows,
    Unit,
    chart_svg,
    element,
    joined,
    label,
    title,
)
from headcount.dashboard.texts import TEXTS

_SHADES: Final = 6
_LEFT: Final = 36
_TOP: Final = 20
_CELL: Final = 11
_PITCH: Final = 14
_HOUR_HEIGHT: Final = 20
_WEEK_WIDTH: Final = _LEFT + 24 * 24
_GAP: Final = 3
_LEGEND: Final = 30
_MIN_COLUMNS: Final = 16
"""The legend needs as much space."""


@dataclass(frozen=True, slots=True)
class Year:
    """Values by day of a year. A day without one has 0. Days before `since` and after `until` are not shown."""

    title: str
    unit: Unit
    year: int
    days: Mapping[date, float]
    until: date | None = None
    since: date | None = None

    @property
    def first(self) -> date:
        """The first day that is shown."""
        return max(date(self.year, 1, 1), self.since or date(self.year, 1, 1))

    @property
    def last(self) -> date:
        """The last day that is shown."""
        return min(date(self.year, 12, 31), self.until or date(self.year, 12, 31))


@dataclass(frozen=True, slots=True)
class Week:
    """Values by hour of the week: seven rows from Monday on, of 24 hours."""

    title: str
    unit: Unit
    hours: Sequence[Sequence[float]]


def heat_calendar(data: Year, name: str) -> Markup:
    """Return a year as columns of weeks, Monday at the top."""
    days = list(_days(data))
    largest = max((data.days.get(day, 0) for day in days), default=0)
    columns = _column(days[-1], data.first) + 1 if days else 0
    width = _LEFT + max(columns, _MIN_COLUMNS) * _PITCH
    height = _TOP + 7 * _PITCH + _LEGEND
    total = data.unit.of(sum(data.days.get(day, 0) for day in days))
    return chart_svg(
        name,
        (width, height),
        (data.title, TEXTS("charts.year", total=total, year=str(data.year), largest=data.unit.of(largest))),
        joined(_months(data)),
        joined(label(WEEKDAYS[row], 0, _TOP + row * _PITCH + 9.5) for row in (0, 2, 4)),
        joined(_day(day, data, largest) for day in days),
        _legend(largest, height),
        kind="chart chart-fixed",
    )


def heat_calendar_table(data: Year) -> Rows:
    """Return the days with a value as a table."""
    return Rows(
        (TEXTS("charts.column_day"), data.unit.plural.capitalize()),
        [(day.isoformat(), data.days[day]) for day in _days(data) if data.days.get(day, 0)],
    )


def hour_weekday(data: Week, name: str, width: float = _WEEK_WIDTH) -> Markup:
    """Return the hours of a week, a row for each day."""
    largest = max((value for row in data.hours for value in row), default=0)
    wide, high = (width - _LEFT) / 24, _HOUR_HEIGHT
    height = _TOP + 7 * high + _LEGEND
    return chart_svg(
        name,
        (width, height),
        (data.title, TEXTS("charts.week", largest=data.unit.of(largest))),
        joined(label(f"{hour:02}", _LEFT + hour * wide + (wide - _GAP) / 2, 12, anchor="middle") for hour in range(0, 24, 3)),
        joined(label(day, 0, _TOP + row * high + 12.5) for row, day in enumerate(WEEKDAYS)),
        joined(
            _cell(
                (_LEFT + hour * wide, _TOP + row * high, wide - _GAP, high - _GAP),
                value, largest, f"{WEEKDAYS[row]} {hour:02}:00: {data.unit.of(value)}",
            )
            for row, values in enumerate(data.hours)
            for hour, value in enumerate(values)
        ),
        _legend(largest, height),
        kind="chart chart-fixed",
    )  # fmt: skip


def hour_weekday_table(data: Week) -> Rows:
    """Return a table with a row for each hour and a column for each day."""
    return Rows(
        (TEXTS("charts.column_hour"), *WEEKDAYS),
        [(f"{hour:02}:00", *(values[hour] for values in data.hours)) for hour in range(24)],
    )


def shade(value: float, largest: float) -> int:
    """Return the shade of a value: 0 for 0, 6 for the largest value, and never 0 for a value above 0."""
    return 0 if value <= 0 else min(max(ceil(value / largest * _SHADES), 1), _SHADES)


def _days(data: Year) -> Iterator[date]:
    day = data.first
    while day <= data.last:
        yield day
        day += timedelta(days=1)


def _column(day: date, first: date) -> int:
    """The week of a day, counted from that of the first day."""
    return (day.toordinal() + first.weekday() - first.toordinal()) // 7


def _months(data: Year) -> Iterator[Markup]:
    """The names of months, each above the first week that starts in it, or with which the chart starts."""
    months = range(data.first.month, data.last.month + 1 if data.first <= data.last else 0)
    for month in months:
        first = date(data.year, month, 1)
        first_monday = first + timedelta(days=-first.weekday() % 7)
        column = 0 if month == data.first.month else _column(first_monday, data.first)
        yield label(MONTHS[month - 1], _LEFT + column * _PITCH, 12)


def _day(day: date, data: Year, largest: float) -> Markup:
    value = data.days.get(day, 0)
    text = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}: {data.unit.of(value)}"
    place = (_LEFT + _column(day, data.first) * _PITCH, _TOP + day.weekday() * _PITCH, _CELL, _CELL)
    return _cell(place, value, largest, text)


def _cell(place: tuple[float, float, float, float], value: float, largest: float, text: str) -> Markup:
    return _box(shade(value, largest), place, title(text))


def _box(shade: int, place: tuple[float, float, float, float], *inside: Markup) -> Markup:
    x, y, width, height = place
    box: Attributes = {"x": x, "y": y, "width": width, "height": height, "rx": 2}
    return element("rect", {"class": f"heat-{shade}", **box}, *inside)


def _legend(largest: float, height: float) -> Markup:
    """The legend, below at the left: there it is visible on a phone as well."""
    y = height - _CELL - 3
    shades = range(_SHADES + 1)
    return joined(
        [
            label("0", _LEFT, y + 9.5),
            *(_box(level, (_LEFT + 12 + level * _PITCH, y, _CELL, _CELL)) for level in shades),
            label(formats.number(largest), _LEFT + 12 + len(shades) * _PITCH + 3, y + 9.5),
        ]
    )

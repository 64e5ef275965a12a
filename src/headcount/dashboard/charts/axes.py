"""Scales, ticks and axes of charts.

Responsible for placing times and numbers. Ticks are at round local times of a time zone: a time that is skipped when clocks
are set forward has no tick, and one that occurs twice has two. Must not know what a chart shows.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from math import floor, log10
from typing import Final, NamedTuple, Self

from headcount.dashboard.charts.svg import Markup, joined, label, line
from headcount.dashboard.charts.text_width import width_of
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.timezones import instants_of

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

LABELS_BEYOND: Final = 20
"""A time label may extend this far beyond its axis."""

_SECOND: Final = 1_000
_DAY: Final = 86_400 * _SECOND
_LABEL_GAP: Final = 14
_HEADROOM: Final = 1.05
_MIN_STEP: Final = 0.01


class _Step(NamedTuple):
    """A distance between ticks: a number of units, and a label of the greatest width."""

    number: int
    unit: str
    sample: str

    @property
    def ms(self) -> Ms:
        units = {"second": _SECOND, "day": _DAY, "month": 30 * _DAY, "year": 365 * _DAY}
        return self.number * units[self.unit]


_STEPS: Final = (
    *(_Step(many, "second", "00:00:00") for many in (1, 2, 5, 10, 15, 30)),
    *(_Step(60 * many, "second", "30 Mar") for many in (1, 2, 5, 10, 15, 30)),
    *(_Step(3_600 * many, "second", "30 Mar") for many in (1, 2, 3, 6, 12)),
    *(_Step(many, "day", "30 Mar") for many in (1, 2, 7, 14)),
    *(_Step(many, "month", "2026") for many in (1, 2, 3, 6)),
    *(_Step(many, "year", "2026") for many in (1, 2, 5, 10, 20, 50, 100)),
)


class TimeScale(NamedTuple):
    """Times from `start` to `end`, between `left` and `right`."""

    start: Ms
    end: Ms
    left: float
    right: float

    def x(self, at: Ms) -> float:
        """Return the position of a time; the edge, if it is outside."""
        part = (min(max(at, self.start), self.end) - self.start) / (self.end - self.start)
        return self.left + part * (self.right - self.left)


class CountScale(NamedTuple):
    """Numbers from 0 to `top`, between `bottom` and `high`."""

    top: float
    bottom: float
    high: float

    @classmethod
    def up_to(cls, largest: float, bottom: float, high: float) -> Self:
        """Return a scale with some space above the largest number."""
        return cls((largest or 1) * _HEADROOM, bottom, high)

    def y(self, value: float) -> float:
        part = min(max(value, 0), self.top) / self.top
        return self.bottom - part * (self.bottom - self.high)


class Tick(NamedTuple):
    """A tick and its label, which is empty where there is no space for it."""

    at: Ms
    x: float
    label: str


def time_ticks(scale: TimeScale, zone: tzinfo, at_least: Ms = 0) -> list[Tick]:
    """Return ticks at round local times, as dense as their labels allow, and `at_least` ms apart."""
    step = _step(scale, at_least)
    times = sorted({at for at in _round_times(scale, step, zone) if scale.start <= at <= scale.end})
    ticks, free = [], scale.left - LABELS_BEYOND
    for at in times:
        x, text = scale.x(at), _tick_label(local(at, zone), step)
        half = width_of(text) / 2
        fits = x - half >= free and x + half <= scale.right + LABELS_BEYOND
        if fits:
            free = x + half + _LABEL_GAP / 2
        ticks.append(Tick(at, x, text if fits else ""))
    return ticks


def count_ticks(largest: float, number: int = 4) -> list[float]:
    """Return about `number` round numbers from 0 to `largest`, whole ones if that is whole."""
    largest = max(largest, 1 if largest == int(largest) else _MIN_STEP)
    size = 10 ** floor(log10(largest / number))
    step: float = next(
        size * times for times in (1, 2, 5, 10) if size * times * number >= largest * 0.999_999
    )
    step = max(round(step), 1) if largest == int(largest) else step
    values = (round(step * position, 6) for position in range(floor(largest / step) + 2))
    return [value for value in values if value <= largest]


def time_axis(ticks: Iterable[Tick], top: float, bottom: float, y: float) -> Markup:
    """Return lines from top to bottom, and labels at y."""
    return joined(
        piece
        for tick in ticks
        for piece in (
            line("chart-grid", tick.x, top, tick.x, bottom),
            *([label(tick.label, tick.x, y, anchor="middle")] if tick.label else []),
        )
    )


def count_axis(scale: CountScale, ticks: Iterable[float], left: float, right: float) -> Markup:
    """Return lines from left to right, with their numbers to the left."""
    return joined(
        piece
        for value in ticks
        for piece in (
            line("chart-grid", left, scale.y(value), right, scale.y(value)),
            label(_compact(value), left - 8, scale.y(value) + 3.5, anchor="end"),
        )
    )


def _compact(value: float) -> str:
    """A short form of a number: 500, 2.5k, 3M."""
    for size, suffix in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 10 or (value >= size and value % (size / 10) == 0):
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def _step(scale: TimeScale, at_least: Ms) -> _Step:
    wide = scale.right - scale.left
    for step in _STEPS:
        if (
            step.ms >= at_least
            and step.ms / (scale.end - scale.start) * wide >= width_of(step.sample) + _LABEL_GAP
        ):
            return step
    return _STEPS[-1]


def _tick_label(clock: datetime, step: _Step) -> str:
    """The part of a time that differs from the tick before."""
    if step.unit == "year" or (step.unit == "month" and clock.month == 1):
        return str(clock.year)
    if step.unit == "month":
        return MONTHS[clock.month - 1]
    if step.unit == "day" or clock.time() == time():
        return f"{clock.day} {MONTHS[clock.month - 1]}"
    return clock.strftime("%H:%M:%S" if step.number < 60 else "%H:%M")


def _round_times(scale: TimeScale, step: _Step, zone: tzinfo) -> Iterator[Ms]:
    """Round local times within the scale, and perhaps some around it."""
    first, last = local(scale.start, zone), local(scale.end, zone)
    offset_change = abs((first.utcoffset() or timedelta()) - (last.utcoffset() or timedelta()))
    begin = min(first.replace(tzinfo=None), last.replace(tzinfo=None)) - offset_change
    until = max(first.replace(tzinfo=None), last.replace(tzinfo=None)) + offset_change
    if step.unit == "second":
        for clock in _local_times(begin, until, timedelta(seconds=step.number)):
            yield from instants_of(clock, zone)
    else:
        for day in _days(begin.date(), until.date(), step):
            # A day whose midnight is skipped starts at its first time.
            yield round(datetime.combine(day, time(), zone).timestamp()) * _SECOND


def _local_times(begin: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    midnight = datetime.combine(begin.date(), time())
    clock = midnight + (begin - midnight) // step * step
    while clock <= until:
        yield clock
        clock += step


def _days(begin: date, until: date, step: _Step) -> Iterator[date]:
    if step.unit == "day":
        # The first day of the proleptic calendar was a Monday, and so is every seventh day from it.
        number = (begin.toordinal() - 1) // step.number * step.number + 1
        while number <= until.toordinal():
            yield date.fromordinal(number)
            number += step.number
        return
    months = step.number * (12 if step.unit == "year" else 1)
    month = (begin.year * 12 + begin.month - 1) // months * months
    while month <= until.year * 12 + until.month - 1:
        yield date(month // 12, month % 12 + 1, 1)
        month += months

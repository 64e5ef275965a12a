"""Axes: where on a picture a moment or a number stands, and at which of them a line is drawn.

Round times are round on the clocks of a zone: where these are set forward, a time that never was has
no tick, and where they are set back, one that was there twice has two.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from math import floor, log10
from typing import Final, NamedTuple, Self

from headcount.dashboard.charts.svg import Markup, joined, label, line
from headcount.dashboard.charts.text_width import width_of
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.timezones import moments_of

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

LABELS_BEYOND: Final = 20
"""A label of a time may stand so far beyond its axis."""

_SECOND: Final = 1_000
_DAY: Final = 86_400 * _SECOND
_BETWEEN_LABELS: Final = 14
_AIR: Final = 1.05
_LEAST: Final = 0.01


class _Step(NamedTuple):
    """How far ticks are from each other: so many of a unit, and how wide a label is at most."""

    many: int
    unit: str
    sample: str

    @property
    def ms(self) -> Ms:
        units = {"second": _SECOND, "day": _DAY, "month": 30 * _DAY, "year": 365 * _DAY}
        return self.many * units[self.unit]


_STEPS: Final = (
    *(_Step(many, "second", "00:00:00") for many in (1, 2, 5, 10, 15, 30)),
    *(_Step(60 * many, "second", "30 Mar") for many in (1, 2, 5, 10, 15, 30)),
    *(_Step(3_600 * many, "second", "30 Mar") for many in (1, 2, 3, 6, 12)),
    *(_Step(many, "day", "30 Mar") for many in (1, 2, 7, 14)),
    *(_Step(many, "month", "2026") for many in (1, 2, 3, 6)),
    *(_Step(many, "year", "2026") for many in (1, 2, 5, 10, 20, 50, 100)),
)


class TimeScale(NamedTuple):
    """Moments from `start` to `end` stand between `left` and `right`."""

    start: Ms
    end: Ms
    left: float
    right: float

    def x(self, at: Ms) -> float:
        """Where a moment stands; at the edge, if it is outside."""
        part = (min(max(at, self.start), self.end) - self.start) / (self.end - self.start)
        return self.left + part * (self.right - self.left)


class CountScale(NamedTuple):
    """Numbers from 0 to `top` stand between `bottom` and `high`."""

    top: float
    bottom: float
    high: float

    @classmethod
    def of(cls, most: float, bottom: float, high: float) -> Self:
        """A scale with a little air above the most that is drawn."""
        return cls((most or 1) * _AIR, bottom, high)

    def y(self, value: float) -> float:
        part = min(max(value, 0), self.top) / self.top
        return self.bottom - part * (self.bottom - self.high)


class Tick(NamedTuple):
    """A line and its label; the label is empty where there is no room for it."""

    at: Ms
    x: float
    label: str


def time_ticks(scale: TimeScale, zone: tzinfo) -> list[Tick]:
    """Round times of the zone, as dense as their labels can stand, and these hardly over the edges."""
    step = _step(scale)
    moments = sorted({at for at in _round(scale, step, zone) if scale.start <= at <= scale.end})
    ticks, free = [], scale.left - LABELS_BEYOND
    for at in moments:
        x, words = scale.x(at), _told(local(at, zone), step)
        half = width_of(words) / 2
        has_room = x - half >= free and x + half <= scale.right + LABELS_BEYOND
        if has_room:
            free = x + half + _BETWEEN_LABELS / 2
        ticks.append(Tick(at, x, words if has_room else ""))
    return ticks


def count_ticks(most: float, room: int = 4) -> list[float]:
    """Round numbers from 0 to `most`, not beyond it, about as many as there is room for, whole ones where it is."""
    most = max(most, 1 if most == int(most) else _LEAST)
    size = 10 ** floor(log10(most / room))
    step: float = next(size * times for times in (1, 2, 5, 10) if size * times * room >= most * 0.999_999)
    step = max(round(step), 1) if most == int(most) else step
    values = (round(step * position, 6) for position in range(floor(most / step) + 2))
    return [value for value in values if value <= most]


def time_axis(ticks: Iterable[Tick], top: float, bottom: float, y: float) -> Markup:
    """Lines from top to bottom, and labels at y."""
    return joined(
        piece
        for tick in ticks
        for piece in (
            line("chart-grid", tick.x, top, tick.x, bottom),
            *([label(tick.label, tick.x, y, anchor="middle")] if tick.label else []),
        )
    )


def count_axis(scale: CountScale, ticks: Iterable[float], left: float, right: float) -> Markup:
    """Lines from left to right, and their numbers before them."""
    return joined(
        piece
        for value in ticks
        for piece in (
            line("chart-grid", left, scale.y(value), right, scale.y(value)),
            label(_compact(value), left - 8, scale.y(value) + 3.5, anchor="end"),
        )
    )


def _compact(value: float) -> str:
    """A number in a few letters: 500, 2.5k, 3M."""
    for size, sign in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 10 or (value >= size and value % (size / 10) == 0):
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def _step(scale: TimeScale) -> _Step:
    wide = scale.right - scale.left
    for step in _STEPS:
        if step.ms / (scale.end - scale.start) * wide >= width_of(step.sample) + _BETWEEN_LABELS:
            return step
    return _STEPS[-1]


def _told(clock: datetime, step: _Step) -> str:
    """What stands at a tick: as much of the time as the ticks before do not say."""
    if step.unit == "year" or (step.unit == "month" and clock.month == 1):
        return str(clock.year)
    if step.unit == "month":
        return MONTHS[clock.month - 1]
    if step.unit == "day" or clock.time() == time():
        return f"{clock.day} {MONTHS[clock.month - 1]}"
    return clock.strftime("%H:%M:%S" if step.many < 60 else "%H:%M")


def _round(scale: TimeScale, step: _Step, zone: tzinfo) -> Iterator[Ms]:
    """The moments at which clocks of the zone show a round time, and perhaps some around them."""
    first, last = local(scale.start, zone), local(scale.end, zone)
    turned = abs((first.utcoffset() or timedelta()) - (last.utcoffset() or timedelta()))
    begin = min(first.replace(tzinfo=None), last.replace(tzinfo=None)) - turned
    until = max(first.replace(tzinfo=None), last.replace(tzinfo=None)) + turned
    if step.unit == "second":
        for clock in _clocks(begin, until, timedelta(seconds=step.many)):
            yield from moments_of(clock, zone)
    else:
        for day in _days(begin.date(), until.date(), step):
            # A day whose midnight is skipped begins at the first time that it has.
            yield round(datetime.combine(day, time(), zone).timestamp()) * _SECOND


def _clocks(begin: datetime, until: datetime, step: timedelta) -> Iterator[datetime]:
    midnight = datetime.combine(begin.date(), time())
    clock = midnight + (begin - midnight) // step * step
    while clock <= until:
        yield clock
        clock += step


def _days(begin: date, until: date, step: _Step) -> Iterator[date]:
    if step.unit == "day":
        # The first day of the calendar was a Monday, and so every seventh from it is one.
        number = (begin.toordinal() - 1) // step.many * step.many + 1
        while number <= until.toordinal():
            yield date.fromordinal(number)
            number += step.many
        return
    months = step.many * (12 if step.unit == "year" else 1)
    month = (begin.year * 12 + begin.month - 1) // months * months
    while month <= until.year * 12 + until.month - 1:
        yield date(month // 12, month % 12 + 1, 1)
        month += months

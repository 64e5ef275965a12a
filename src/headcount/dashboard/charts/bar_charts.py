"""Bar chart: a value for each day or hour.

Responsible for bars and their labels. Must not know what the values are.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Literal

from headcount.dashboard.charts.axes import (
    MONTHS,
    WEEKDAYS,
    CountScale,
    TimeScale,
    count_axis,
    count_ticks,
    time_ticks,
)
from headcount.dashboard.charts.svg import (
    Markup,
    Unit,
    chart_svg,
    element,
    joined,
    label,
    rectangle,
    title,
)
from headcount.dashboard.sanitize import local
from headcount.dashboard.texts import TEXTS
from headcount.kernel.events import Ms

_LEFT: Final = 48
_RIGHT: Final = 24
_TOP: Final = 12
_PLOT_HEIGHT: Final = 140
_AXIS_HEIGHT: Final = 24
_MAX_BAR_WIDTH: Final = 36
_LENGTH: Final = {"day": 86_400_000, "hour": 3_600_000}


@dataclass(frozen=True, slots=True)
class Bars:
    """A value for each day or hour (`every`), by its start, in order. At `now`, a day or hour is in progress."""

    title: str
    unit: Unit
    every: Literal["day", "hour"]
    values: Sequence[tuple[Ms, float]]
    zone: tzinfo
    now: Ms | None = None

    def is_in_progress(self, at: Ms) -> bool:
        """Return whether the day or hour that starts at a time is not over."""
        return self.now is not None and at <= self.now < at + _LENGTH[self.every]


def bars(data: Bars, name: str, width: float = 960) -> Markup:
    """Return the chart. A value of 0 has no bar."""
    bottom, right = _TOP + _PLOT_HEIGHT, width - _RIGHT
    largest = max((value for _, value in data.values), default=0)
    counts = CountScale.up_to(largest, bottom, _TOP)
    pitch = (right - _LEFT) / max(len(data.values), 1)
    bar_width = min(pitch - min(3, pitch * 0.25), _MAX_BAR_WIDTH)
    total = data.unit.of(sum(value for _, value in data.values))
    return chart_svg(
        name,
        (width, bottom + _AXIS_HEIGHT),
        (
            data.title,
            TEXTS(f"charts.bars_{data.every}", total=total, largest=data.unit.of(largest), zone=data.zone),
        ),
        count_axis(counts, count_ticks(largest), _LEFT, right),
        joined(
            _bar(data, at, value, counts, _LEFT + (position + 0.5) * pitch, pitch, bar_width)
            for position, (at, value) in enumerate(data.values)
        ),
        _times(data, pitch, right, bottom + 17),
    )


def _bar(
    data: Bars, at: Ms, value: float, counts: CountScale, middle: float, pitch: float, bar_width: float
) -> Markup:
    """A bar, and a target of full height: small bars are hard to point at."""
    y, is_in_progress = counts.y(value), data.is_in_progress(at)
    bar = f"{_when(at, data)}: {data.unit.of(value)}"
    kind = "chart-bar chart-partial" if is_in_progress else "chart-bar"
    return element(
        "g",
        {"class": "chart-hover"},
        title(TEXTS("charts.so_far", bar=bar) if is_in_progress else bar),
        rectangle("chart-target", middle - pitch / 2, counts.high, pitch, counts.bottom - counts.high),
        *([rectangle(kind, middle - bar_width / 2, y, bar_width, counts.bottom - y)] if value > 0 else []),
    )


def _when(at: Ms, data: Bars) -> str:
    clock = local(at, data.zone)
    day = f"{WEEKDAYS[clock.weekday()]} {clock.day} {MONTHS[clock.month - 1]} {clock.year}"
    return day if data.every == "day" else f"{day}, {clock:%H:%M}"


def _times(data: Bars, pitch: float, right: float, y: float) -> Markup:
    """Labels under the bars of round times."""
    if not data.values:
        return Markup("")
    begins = [at for at, _ in data.values]
    length = _LENGTH[data.every]
    scale = TimeScale(begins[0], begins[-1] + length - 1, _LEFT, right)
    ticks = time_ticks(scale, data.zone, length)
    middles = {bisect_right(begins, tick.at) - 1: tick.label for tick in ticks if tick.label}
    return joined(
        label(text, _LEFT + (position + 0.5) * pitch, y, anchor="middle")
        for position, text in middles.items()
    )

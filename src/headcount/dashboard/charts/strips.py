"""Strip chart: meetings of the last days, one lane for each day, the latest at the top.

Responsible for lanes and bars. Lanes are in local time, so that the same time of day has the same position on every day, also
when clocks change. Must not know how meetings are found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

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
    line,
    title,
)
from headcount.dashboard.formats import span
from headcount.dashboard.sanitize import local, local_text, one_line
from headcount.dashboard.texts import TEXTS
from headcount.kernel.events import Ms

MEETINGS: Final = Unit(TEXTS("usage.unit_meeting"), TEXTS("usage.unit_meetings"))

_LEFT: Final = 76
_RIGHT: Final = 16
_TOP: Final = 20
_LANE_HEIGHT: Final = 16
_BAR_HEIGHT: Final = 10
_MIN_BAR_WIDTH: Final = 2
_DAY_S: Final = 86_400


class Run(NamedTuple):
    """A meeting and its tooltip. `end` is None while it is ongoing."""

    start: Ms
    end: Ms | None
    label: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The meetings of the last `days` days, today included."""

    title: str
    runs: Sequence[Run]
    now: Ms
    zone: tzinfo
    days: int = 30


def strip(data: Strip, name: str, width: float = 960) -> Markup:
    """Return a lane for each day, with a bar for each meeting."""
    days = _days(data)
    right, height = width - _RIGHT, _TOP + len(days) * _LANE_HEIGHT + 4
    pieces = [(run, piece) for run in data.runs for piece in _pieces(run, data) if piece.day in days]
    return chart_svg(
        name,
        (width, height),
        (
            data.title,
            TEXTS(
                "charts.strip",
                meetings=MEETINGS.of(len({id(run) for run, _ in pieces})),
                days=len(days),
                zone=data.zone,
            ),
        ),
        joined(_hours(width, right, height)),
        joined(_lane(day, days[day], right) for day in days),
        joined(_bar(run, piece, days[piece.day], right, data) for run, piece in pieces),
        _now(data, right),
    )


def strip_table(data: Strip) -> Rows:
    """Return the meetings as a table, by start."""
    days = _days(data)
    return Rows(
        tuple(TEXTS(f"charts.column_{name}", zone=data.zone) for name in ("meeting", "start", "end")),
        [
            (
                run.label,
                local_text(run.start, data.zone),
                None if run.end is None else local_text(run.end, data.zone),
            )
            for run in sorted(data.runs, key=lambda run: run.start)
            if any(piece.day in days for piece in _pieces(run, data))
        ],
    )


class _Piece(NamedTuple):
    """The part of a meeting on one day, from 0 to 1 of the local day."""

    day: date
    begin: float
    end: float


def _days(data: Strip) -> dict[date, int]:
    """Positions of lanes by day."""
    today = local(data.now, data.zone).date()
    return {today - timedelta(days=ago): ago for ago in range(data.days)}


def _pieces(run: Run, data: Strip) -> Iterator[_Piece]:
    """A meeting, split at local midnights and clock changes."""
    begin, until = run.start, data.now if run.end is None else run.end
    oldest = local(data.now, data.zone).date() - timedelta(days=data.days - 1)
    begin = max(begin, _start_of(oldest, data.zone))
    while begin < until:
        clock = local(begin, data.zone)
        end = min(until, _start_of(clock.date() + timedelta(days=1), data.zone))
        end = _clock_change(begin, end, data.zone)
        second = _second_of_day(clock)
        yield _Piece(clock.date(), second / _DAY_S, min((second + (end - begin) / 1_000) / _DAY_S, 1))
        begin = end


def _start_of(day: date, zone: tzinfo) -> Ms:
    return round(datetime.combine(day, time(), zone).timestamp()) * 1_000


def _second_of_day(clock: datetime) -> float:
    return clock.hour * 3_600 + clock.minute * 60 + clock.second + clock.microsecond / 1_000_000


def _clock_change(begin: Ms, end: Ms, zone: tzinfo) -> Ms:
    """The time of a clock change in [begin, end) of one day, or the end if there is none."""
    was = local(begin, zone).utcoffset()
    if local(end - 1, zone).utcoffset() == was:
        return end
    before, after = begin, end - 1
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if local(middle, zone).utcoffset() == was else (before, middle)
    return after


def _hours(width: float, right: float, height: float) -> Iterator[Markup]:
    every = 3 if width >= 520 else 6
    for hour in range(0, 25, every):
        x = _LEFT + hour / 24 * (right - _LEFT)
        yield line("chart-grid", x, _TOP - 4, x, height - 4)
        yield label(f"{hour:02}:00", x, 11, anchor="end" if hour == 24 else "middle")


def _lane(day: date, position: int, right: float) -> Markup:
    y = _TOP + position * _LANE_HEIGHT
    kind = "chart-lane chart-weekend" if day.weekday() > 4 else "chart-lane"
    text = f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"
    track: Attributes = {
        "class": kind,
        "x": _LEFT,
        "y": y + (_LANE_HEIGHT - _BAR_HEIGHT) / 2,
        "width": right - _LEFT,
        "height": _BAR_HEIGHT,
    }
    return joined([label(text, 0, y + 12), element("rect", {**track, "rx": 2})])


def _now(data: Strip, right: float) -> Markup:
    """A line at the current time in the lane of today."""
    x = _LEFT + _second_of_day(local(data.now, data.zone)) / _DAY_S * (right - _LEFT)
    return line("chart-now", x, _TOP, x, _TOP + _LANE_HEIGHT)


def _bar(run: Run, piece: _Piece, position: int, right: float, data: Strip) -> Markup:
    wide = right - _LEFT
    x = min(_LEFT + piece.begin * wide, right - _MIN_BAR_WIDTH)
    return element(
        "rect",
        {
            "class": "chart-bar chart-over",
            "x": x,
            "y": _TOP + position * _LANE_HEIGHT + (_LANE_HEIGHT - _BAR_HEIGHT) / 2,
            "width": min(max((piece.end - piece.begin) * wide, _MIN_BAR_WIDTH), right - x),
            "height": _BAR_HEIGHT,
        },
        title(f"{span(run.start, run.end, data.zone)}, {one_line(run.label)}"),
    )

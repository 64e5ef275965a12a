"""Steps: how many there were, as a line that goes up and down at once and never in between.

Of more steps than a picture has columns, each column keeps its lowest, its highest and its last: no peak
is ever smoothed away.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby
from typing import Final

from headcount.dashboard.charts.axes import (
    LABELS_BEYOND,
    CountScale,
    TimeScale,
    count_axis,
    count_ticks,
    time_axis,
    time_ticks,
)
from headcount.dashboard.charts.svg import Markup, Rows, Unit, element, joined, label, number, picture
from headcount.dashboard.charts.text_width import fitted, width_of
from headcount.dashboard.sanitize import local_text
from headcount.kernel.events import Ms

Step = tuple[Ms, int]
"""From this moment on there were so many."""

_LEFT: Final = 48
_RIGHT: Final = 24
_TOP: Final = 12
_HIGH: Final = 140
_BELOW: Final = 24
_DRAWN_AS_THEY_ARE: Final = 4


@dataclass(frozen=True, slots=True)
class Steps:
    """How many of something there were from the first step until `end`."""

    title: str
    unit: Unit
    steps: Sequence[Step]
    end: Ms
    zone: tzinfo


def steps(data: Steps, name: str, width: float = 960) -> Markup:
    """How many there were at every moment."""
    start = data.steps[0][0] if data.steps else data.end - 1
    scale = TimeScale(start, max(data.end, start + 1), _LEFT, width - _RIGHT)
    bottom = _TOP + _HIGH
    drawn, _ = step_chart(data.steps, scale, _TOP, bottom)
    return picture(
        name,
        (width, bottom + _BELOW),
        (data.title, f"At most {data.unit.of(peak(data.steps))} at once, {said_of(scale, data.zone)}."),
        time_axis(time_ticks(scale, data.zone), _TOP, bottom, bottom + 17),
        drawn,
    )


def steps_table(data: Steps) -> Rows:
    """From when on there were how many."""
    return Rows(
        (f"from ({data.zone})", data.unit.many),
        [(local_text(at, data.zone), many) for at, many in data.steps],
    )


def peak(given: Iterable[Step]) -> int:
    """The most that there ever were."""
    return max((many for _, many in given), default=0)


def said_of(scale: TimeScale, zone: tzinfo) -> str:
    """Which time a picture is of."""
    return f"from {local_text(scale.start, zone)} to {local_text(scale.end, zone)}, {zone}"


def zone_label(zone: tzinfo, left: float, y: float) -> Markup:
    """Whose clocks an axis shows: the place without its continent, where there is no room for both."""
    words, right = str(zone).replace("_", " "), left - LABELS_BEYOND - 8
    words = words if width_of(words) <= right else words.rpartition("/")[2]
    return label(fitted(words, right), right, y, anchor="end")


def step_chart(
    given: Sequence[Step], scale: TimeScale, top: float, bottom: float
) -> tuple[Markup, CountScale]:
    """The line, the area below it and the numbers beside it, without times."""
    counts = CountScale.of(peak(given), bottom, top)
    axis = count_axis(counts, count_ticks(peak(given)), scale.left, scale.right)
    if not given:
        return axis, counts
    outline = "".join(_outline(given, scale, counts))
    begin, base = number(scale.x(given[0][0])), number(bottom)
    ends = number(scale.right)
    return joined(
        [
            axis,
            element("path", {"class": "chart-area", "d": f"M{begin} {base}{outline}H{ends}V{base}Z"}),
            element("path", {"class": "chart-line", "d": f"M{begin} {base}{outline}H{ends}"}),
        ]
    ), counts


def _outline(given: Sequence[Step], scale: TimeScale, counts: CountScale) -> Iterator[str]:
    for x, many in thinned((scale.x(at), many) for at, many in given):
        yield f"H{number(x)}V{number(counts.y(many))}"


def thinned(points: Iterable[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """The same steps; where many are in one column, its highest, its lowest and its last, at its first."""
    for _, column in groupby(points, key=lambda point: int(point[0])):
        within = list(column)
        if len(within) <= _DRAWN_AS_THEY_ARE:
            yield from within
            continue
        x, last = within[0][0], within[-1][1]
        many = [n for _, n in within]
        yield from ((x, n) for n in (max(many), min(many), last))

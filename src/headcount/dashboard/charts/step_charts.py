"""Step chart: a number over time that changes at once.

Responsible for the line and its axes. If there are more steps than pixel columns, each column shows its lowest, highest and
last value, so that no peak disappears. Must not know what the number is.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import Final

from headcount.dashboard.charts.axes import (
    LABELS_BEYOND,
    CountScale,
    TimeScale,
    count_axis,
    count_ticks,
)
from headcount.dashboard.charts.svg import Markup, element, joined, label, number
from headcount.dashboard.charts.text_width import fitted, width_of
from headcount.dashboard.sanitize import local_text
from headcount.dashboard.texts import TEXTS
from headcount.kernel.events import Ms

Step = tuple[Ms, int]
"""A time, and the number from then on."""

_MAX_STEPS_IN_COLUMN: Final = 4


def peak(values: Iterable[Step]) -> int:
    """Return the largest number."""
    return max((count for _, count in values), default=0)


def range_text(scale: TimeScale, zone: tzinfo) -> str:
    """Return the range of time of a chart, as text."""
    return TEXTS(
        "charts.range", start=local_text(scale.start, zone), end=local_text(scale.end, zone), zone=zone
    )


def zone_label(zone: tzinfo, left: float, y: float) -> Markup:
    """Return the label of the time zone, without the continent if there is no space for it."""
    words, right = str(zone).replace("_", " "), left - LABELS_BEYOND - 8
    words = words if width_of(words) <= right else words.rpartition("/")[2]
    return label(fitted(words, right), right, y, anchor="end")


def step_chart(
    values: Sequence[Step], scale: TimeScale, top: float, bottom: float
) -> tuple[Markup, CountScale]:
    """Return the line, the area below it and the axis of numbers, without an axis of times."""
    counts = CountScale.up_to(peak(values), bottom, top)
    axis = count_axis(counts, count_ticks(peak(values)), scale.left, scale.right)
    if not values:
        return axis, counts
    outline = "".join(_outline(values, scale, counts))
    begin, base = number(scale.x(values[0][0])), number(bottom)
    ends = number(scale.right)
    return joined(
        [
            axis,
            element("path", {"class": "chart-area", "d": f"M{begin} {base}{outline}H{ends}V{base}Z"}),
            element("path", {"class": "chart-line", "d": f"M{begin} {base}{outline}H{ends}"}),
        ]
    ), counts


def _outline(values: Sequence[Step], scale: TimeScale, counts: CountScale) -> Iterator[str]:
    for x, count in thinned((scale.x(at), count) for at, count in values):
        yield f"H{number(x)}V{number(counts.y(count))}"


def thinned(points: Iterable[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """Yield the points; of many in one pixel column only the highest, lowest and last number, at the first position."""
    for _, column in groupby(points, key=lambda point: int(point[0])):
        points_in_column = list(column)
        if len(points_in_column) <= _MAX_STEPS_IN_COLUMN:
            yield from points_in_column
            continue
        x, last = points_in_column[0][0], points_in_column[-1][1]
        counts = [count for _, count in points_in_column]
        yield from ((x, count) for count in (max(counts), min(counts), last))

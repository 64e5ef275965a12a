"""Sparkline: a series of numbers as a small line chart.

Responsible for the line and its last point. Must not know what the numbers are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headcount.dashboard.charts.axes import CountScale
from headcount.dashboard.charts.svg import Markup, Rows, Unit, element, number, picture

_EDGE: Final = 4
_DOT: Final = 2.5


@dataclass(frozen=True, slots=True)
class Spark:
    """Numbers in order, the latest last."""

    title: str
    unit: Unit
    values: Sequence[float]


def spark(data: Spark, name: str, width: float = 120, height: float = 32) -> Markup:
    """Return a line through all numbers, with a dot at the last one."""
    largest, last = max(data.values, default=0), data.values[-1] if data.values else 0
    scale = CountScale(largest or 1, height - _EDGE, _EDGE)
    apart = (width - 2 * _EDGE) / max(len(data.values) - 1, 1)
    points = [(_EDGE + position * apart, scale.y(value)) for position, value in enumerate(data.values)]
    description = f"{data.unit.of(last)} at the end, at most {data.unit.of(largest)}."
    return picture(
        name,
        (width, height),
        (data.title, description),
        *_line_with_area(points, height - _EDGE),
        kind="chart chart-fixed",
    )


def spark_table(data: Spark) -> Rows:
    """Return the numbers as a table."""
    return Rows(("number", data.unit.many), list(enumerate(data.values, 1)))


def _line_with_area(points: Sequence[tuple[float, float]], bottom: float) -> list[Markup]:
    if not points:
        return []
    path = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    (left, _), (right, high) = points[0], points[-1]
    base = number(bottom)
    return [
        element(
            "path", {"class": "chart-area", "d": f"M{number(left)} {base}L{path}L{number(right)} {base}Z"}
        ),
        element("path", {"class": "chart-line", "d": f"M{path}"}),
        element("circle", {"class": "chart-dot", "cx": right, "cy": high, "r": _DOT}),
    ]

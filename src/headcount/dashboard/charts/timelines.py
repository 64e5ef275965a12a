"""Timeline of a meeting: the number of participants, and below it a row for each person.

Responsible for the chart, drawn some rows at a time; the number of participants is always that of all people. Bars have exact
times as attributes for scripts. A stay that was too short to count (rule 4) has none. Must not know how stays are found.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, NamedTuple

from headcount.dashboard.charts.axes import TimeScale, time_axis, time_ticks
from headcount.dashboard.charts.step_charts import Step, peak, range_text, step_chart, zone_label
from headcount.dashboard.charts.svg import (
    NOTHING,
    Attributes,
    Markup,
    Rows,
    Unit,
    chart_svg,
    element,
    joined,
    label,
    line,
    rectangle,
    text,
    title,
)
from headcount.dashboard.charts.text_width import fitted, width_of
from headcount.dashboard.sanitize import local, local_text, one_line
from headcount.dashboard.texts import TEXTS
from headcount.kernel.events import Ms
from headcount.reporting.explain.phrases import leave_reason

PEOPLE: Final = Unit(TEXTS("charts.person"), TEXTS("charts.people"))
ROWS_PER_CHART: Final = 100

_RIGHT: Final = 24
_MARKS_HEIGHT: Final = 20
_PLOT_HEIGHT: Final = 92
_AXIS_HEIGHT: Final = 26
_ROW_HEIGHT: Final = 22
_BAR_HEIGHT: Final = 12
_CORNER_RADIUS: Final = 2
_MIN_BAR_WIDTH: Final = 2
_MIN_BAR_WIDTH_SHORT: Final = 6
_NAME_SIZE: Final = 12
_NO_NAME: Final = TEXTS("charts.no_name")
_NOW: Final = TEXTS("charts.now")


class Presence(NamedTuple):
    """A stay. `leave` is None while it is open, `left_by` is one of the reasons of rule 3a."""

    join: Ms
    leave: Ms | None
    left_by: str | None = None
    is_inferred: bool = False
    is_too_short: bool = False


class Person(NamedTuple):
    label: str
    stays: Sequence[Presence]


class Mark(NamedTuple):
    """An event of the meeting: a word, and the reason as a sentence."""

    at: Ms
    label: str
    rule: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A meeting in [start, end) ms. If it is ongoing, `end` is None, and it is shown until `now`."""

    title: str
    start: Ms
    end: Ms | None
    now: Ms
    people: Sequence[Person]
    marks: Sequence[Mark]
    zone: tzinfo

    @property
    def until(self) -> Ms:
        return max(self.now if self.end is None else self.end, self.start + 1)


def timeline(data: Timeline, name: str, rows: range = range(ROWS_PER_CHART), width: float = 960) -> Markup:
    """Return the number of participants, the axis, and the rows of people in the range `rows`."""
    scale, people = _scale(data, width), data.people[rows.start : rows.stop]
    axis = _MARKS_HEIGHT + _PLOT_HEIGHT
    top = axis + _AXIS_HEIGHT
    bottom = top + len(people) * _ROW_HEIGHT
    counts = head_counts(data)
    drawn, _ = step_chart(counts, scale, _MARKS_HEIGHT, axis)
    ticks = time_ticks(scale, data.zone)
    return chart_svg(
        name,
        (width, bottom),
        (data.title, f"{_description(data, scale, counts)} {_rows_text(data, people, rows)}"),
        _patterns(name),
        time_axis(ticks, _MARKS_HEIGHT, axis, axis + 17),
        time_axis([tick._replace(label="") for tick in ticks], top, bottom, 0),
        zone_label(data.zone, scale.left, axis + 17),
        drawn,
        _rows(data, people, scale, top, name),
        _marks(data, scale, axis, top, bottom),
        _now(data, scale, axis, top, bottom),
        role="group" if data.marks else "img",
        attributes=_script_attributes(scale),
    )


def timeline_rows(data: Timeline, name: str, rows: range, width: float = 960) -> Markup:
    """Return only the rows of people in the range `rows`, to be placed below a `timeline` of the same width."""
    scale, people = _scale(data, width), data.people[rows.start : rows.stop]
    bottom = len(people) * _ROW_HEIGHT
    ticks = [tick._replace(label="") for tick in time_ticks(scale, data.zone)]
    return chart_svg(
        name,
        (width, bottom),
        (data.title, _rows_text(data, people, rows)),
        _patterns(name),
        time_axis(ticks, 0, bottom, 0),
        _rows(data, people, scale, 0, name),
        joined(line("chart-mark", scale.x(mark.at), 0, scale.x(mark.at), bottom) for mark in data.marks),
        attributes=_script_attributes(scale),
    )


def timeline_table(data: Timeline, rows: range | None = None) -> Rows:
    """Return the stays as a table, with how each ended."""
    people = data.people if rows is None else data.people[rows.start : rows.stop]
    return Rows(
        tuple(
            TEXTS(f"charts.column_{name}", zone=data.zone) for name in ("person", "join", "leave", "ended")
        ),
        [
            (
                person.label,
                local_text(stay.join, data.zone),
                None if stay.leave is None else local_text(stay.leave, data.zone),
                _ended(stay, data),
            )
            for person in people
            for stay in person.stays
        ],
    )


def head_counts(data: Timeline) -> list[Step]:
    """Return the numbers of participants over time (rule 5): what happens at one instant happens together."""
    moves = {data.start: 0}
    for person in data.people:
        for stay in person.stays:
            join = max(stay.join, data.start)
            leave = data.until if stay.leave is None else min(stay.leave, data.until)
            if join < leave and not stay.is_too_short:
                moves[join] = moves.get(join, 0) + 1
                moves[leave] = moves.get(leave, 0) - 1
    steps: list[Step] = []
    number = 0
    for at in sorted(moves):
        number += moves[at]
        if at < data.until and (not steps or steps[-1][1] != number):
            steps.append((at, number))
    return steps


def _scale(data: Timeline, width: float) -> TimeScale:
    """Names have a fifth of the width whatever they are, so that further rows align."""
    return TimeScale(data.start, data.until, min(max(width * 0.2, 88), 200), width - _RIGHT)


def _script_attributes(scale: TimeScale) -> Attributes:
    return {
        "data-start": str(scale.start),
        "data-end": str(scale.end),
        "data-left": scale.left,
        "data-right": scale.right,
    }


def _description(data: Timeline, scale: TimeScale, counts: Sequence[Step]) -> str:
    name = "charts.timeline_ongoing" if data.end is None else "charts.timeline"
    return TEXTS(name, peak=PEOPLE.of(peak(counts)), range=range_text(scale, data.zone))


def _rows_text(data: Timeline, people: Sequence[Person], rows: range) -> str:
    if not people:
        return ""
    if len(people) == len(data.people):
        return TEXTS("charts.rows_all", people=PEOPLE.of(len(people)))
    last = rows.start + len(people)
    return TEXTS("charts.rows", first=rows.start + 1, last=last, people=PEOPLE.of(len(data.people)))


def _patterns(name: str) -> Markup:
    """The hatching of stays that are too short to count, and the fade of open ones."""
    hatch: Attributes = {"id": f"{name}-hatch", "width": 4, "height": 4, "patternUnits": "userSpaceOnUse"}
    stops = [
        element("stop", {"class": f"chart-fade-{end}", "offset": at}) for end, at in (("in", 0), ("out", 1))
    ]
    return element(
        "defs",
        {},
        element(
            "pattern", hatch, element("path", {"class": "chart-hatch", "d": "M-1 1L1 -1M0 4L4 0M3 5L5 3"})
        ),
        element("linearGradient", {"id": f"{name}-fade"}, *stops),
    )


def _rows(data: Timeline, people: Iterable[Person], scale: TimeScale, top: float, name: str) -> Markup:
    return joined(
        element(
            "g",
            {"class": "chart-row"},
            _name(person, scale, top + position * _ROW_HEIGHT),
            *(
                bar
                for stay in person.stays
                if stay.join < scale.end and (stay.leave is None or stay.leave > scale.start)
                for bar in _bars(stay, person, data, scale, top + position * _ROW_HEIGHT, name)
            ),
        )
        for position, person in enumerate(people)
    )


def _name(person: Person, scale: TimeScale, y: float) -> Markup:
    plain = one_line(person.label) or _NO_NAME
    short = fitted(plain, scale.left - 16, _NAME_SIZE)
    place: Attributes = {"class": "chart-name", "x": 0, "y": y + 15}
    return element("text", place, *([title(plain)] if short != plain else []), text(short))


def _bars(
    stay: Presence, person: Person, data: Timeline, scale: TimeScale, y: float, name: str
) -> Iterator[Markup]:
    """A bar, and a mark for how it ended."""
    y += (_ROW_HEIGHT - _BAR_HEIGHT) / 2
    thinnest = _MIN_BAR_WIDTH_SHORT if stay.is_too_short else _MIN_BAR_WIDTH
    right = scale.x(scale.end if stay.leave is None else stay.leave)
    left = max(min(scale.x(stay.join), right - thinnest), scale.left)
    right = max(right, left + thinnest)
    yield element(
        "rect",
        {
            "class": "chart-short" if stay.is_too_short else "chart-bar",
            "x": left,
            "y": y,
            "width": right - left,
            "height": _BAR_HEIGHT,
            "rx": None if right - left < 2 * _CORNER_RADIUS else _CORNER_RADIUS,
            "fill": f"url(#{name}-hatch)" if stay.is_too_short else None,
            "data-join": None if stay.is_too_short else str(stay.join),
            "data-leave": None if stay.is_too_short or stay.leave is None else str(stay.leave),
        },
        title(_bar_title(stay, person, data)),
    )
    if stay.leave is None:
        fade: Attributes = {
            "class": "chart-fade",
            "x": right - _CORNER_RADIUS,
            "y": y,
            "width": _RIGHT,
            "height": _BAR_HEIGHT,
        }
        yield element("rect", {**fade, "fill": f"url(#{name}-fade)"})
    elif stay.is_inferred:
        yield line("chart-inferred", right, y - 3, right, y + _BAR_HEIGHT + 3)


def _bar_title(stay: Presence, person: Person, data: Timeline) -> str:
    join = _clock(stay.join, data)
    leave = _NOW if stay.leave is None else _clock(stay.leave, data)
    return TEXTS("charts.stay", name=one_line(person.label), join=join, leave=leave, ended=_ended(stay, data))


def _ended(stay: Presence, data: Timeline) -> str:
    if stay.is_too_short:
        return TEXTS("charts.too_short")
    if stay.leave is None:
        return TEXTS("charts.connected")
    if stay.left_by is None:
        return TEXTS("charts.reset" if stay.leave == data.end else "charts.left")
    return leave_reason(stay.left_by)


def _clock(at: Ms, data: Timeline) -> str:
    """The time of day, and the day if the meeting started on another one."""
    when = local(at, data.zone)
    same_day = when.date() == local(data.start, data.zone).date()
    return when.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def _marks(data: Timeline, scale: TimeScale, axis: float, top: float, bottom: float) -> Markup:
    """A line for each mark, with a gap at the axis, and its label if there is space for it."""
    pieces, free = [], scale.left - 8
    rightmost = scale.right + (_RIGHT if data.end is not None else -_RIGHT)
    for mark in sorted(data.marks):
        x = scale.x(mark.at)
        width = width_of(mark.label)
        label_left = min(max(x - width / 2, scale.left), rightmost - width)
        text_element = NOTHING
        if label_left >= free:
            text_element = label(one_line(mark.label), label_left, 12, "chart-mark-label")
            free = label_left + width + 8
        description = TEXTS(
            "charts.mark", label=one_line(mark.label), time=_clock(mark.at, data), reason=one_line(mark.rule)
        )
        pieces.append(
            element(
                "g",
                {"class": "chart-marked", "tabindex": "0", "role": "img", "aria-label": description},
                title(description),
                rectangle("chart-target", x - 5, 0, 10, bottom),
                line("chart-mark", x, 17, x, axis),
                *([line("chart-mark", x, top, x, bottom)] if bottom > top else []),
                text_element,
            )
        )
    return joined(pieces)


def _now(data: Timeline, scale: TimeScale, axis: float, top: float, bottom: float) -> Markup:
    """A line at the current time, if the meeting is ongoing, with a gap at the axis."""
    if data.end is not None:
        return NOTHING
    x = scale.right
    return joined(
        [
            line("chart-now", x, 17, x, axis),
            *([line("chart-now", x, top, x, bottom)] if bottom > top else []),
            label(_NOW, x, 12, "chart-now-label", anchor="middle"),
        ]
    )

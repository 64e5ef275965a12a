"""Timeline: who was in a meeting and when, one row a person, below how many were in.

Both share one axis of time. A picture is drawn some rows at a time, and however many people there are, the
head count above is that of all. Times are exact in the attributes of each bar, for a script that asks who
was in at a moment; a void stay (rule 4) has none of them, because it was in no count.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, NamedTuple

from headcount.dashboard.charts.axes import TimeScale, time_axis, time_ticks
from headcount.dashboard.charts.step_charts import Step, peak, said_of, step_chart, zone_label
from headcount.dashboard.charts.svg import (
    NOTHING,
    Attributes,
    Markup,
    Rows,
    Unit,
    element,
    joined,
    label,
    line,
    picture,
    rectangle,
    text,
    title,
)
from headcount.dashboard.charts.text_width import fitted, width_of
from headcount.dashboard.sanitize import local, local_text, one_line
from headcount.kernel.events import Ms
from headcount.reporting.explain.phrases import leave_reason

PEOPLE: Final = Unit("person", "people")
ROWS_AT_ONCE: Final = 100

_RIGHT: Final = 24
_MARKS: Final = 20
_HIGH: Final = 92
_AXIS: Final = 26
_ROW: Final = 22
_BAR: Final = 12
_ROUND: Final = 2
_THINNEST: Final = 2
_THINNEST_VOID: Final = 6
_NAME_SIZE: Final = 12
_NAMELESS: Final = "(no name)"


class Presence(NamedTuple):
    """One stay of somebody; `leave` is None while it lasts, `left_by` is one of the words of rule 3a."""

    join: Ms
    leave: Ms | None
    left_by: str | None = None
    is_inferred: bool = False
    is_void: bool = False


class Person(NamedTuple):
    label: str
    stays: Sequence[Presence]


class Mark(NamedTuple):
    """What happened to the meeting: in a word, and why, in a sentence."""

    at: Ms
    label: str
    rule: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A meeting, [start, end) ms; `end` is None while it is ongoing, and then it is shown until `now`."""

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


def timeline(data: Timeline, name: str, rows: range = range(ROWS_AT_ONCE), width: float = 960) -> Markup:
    """The head count, the axis, and those rows of people that are in `rows`."""
    scale, people = _scale(data, width), data.people[rows.start : rows.stop]
    axis = _MARKS + _HIGH
    top = axis + _AXIS
    bottom = top + len(people) * _ROW
    counts = head_counts(data)
    drawn, _ = step_chart(counts, scale, _MARKS, axis)
    ticks = time_ticks(scale, data.zone)
    return picture(
        name,
        (width, bottom),
        (data.title, f"{_described(data, scale, counts)} {_of_rows(data, people, rows)}"),
        _patterns(name),
        time_axis(ticks, _MARKS, axis, axis + 17),
        time_axis([tick._replace(label="") for tick in ticks], top, bottom, 0),
        zone_label(data.zone, scale.left, axis + 17),
        drawn,
        _rows(data, people, scale, top, name),
        _marks(data, scale, axis, top, bottom),
        role="group" if data.marks else "img",
        attributes=_for_scripts(scale),
    )


def timeline_rows(data: Timeline, name: str, rows: range, width: float = 960) -> Markup:
    """Those rows of people that are in `rows` alone: they stand below a `timeline` of the same width."""
    scale, people = _scale(data, width), data.people[rows.start : rows.stop]
    bottom = len(people) * _ROW
    ticks = [tick._replace(label="") for tick in time_ticks(scale, data.zone)]
    return picture(
        name,
        (width, bottom),
        (data.title, _of_rows(data, people, rows)),
        _patterns(name),
        time_axis(ticks, 0, bottom, 0),
        _rows(data, people, scale, 0, name),
        joined(line("chart-mark", scale.x(mark.at), 0, scale.x(mark.at), bottom) for mark in data.marks),
        attributes=_for_scripts(scale),
    )


def timeline_table(data: Timeline, rows: range | None = None) -> Rows:
    """Who was in from when to when, and how that ended."""
    people = data.people if rows is None else data.people[rows.start : rows.stop]
    return Rows(
        ("person", f"join ({data.zone})", f"leave ({data.zone})", "how it ended"),
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
    """How many were in from when on (rule 5): all that happens at one instant happens together."""
    moves = {data.start: 0}
    for person in data.people:
        for stay in person.stays:
            join = max(stay.join, data.start)
            leave = data.until if stay.leave is None else min(stay.leave, data.until)
            if join < leave and not stay.is_void:
                moves[join] = moves.get(join, 0) + 1
                moves[leave] = moves.get(leave, 0) - 1
    steps: list[Step] = []
    many = 0
    for at in sorted(moves):
        many += moves[at]
        if at < data.until and (not steps or steps[-1][1] != many):
            steps.append((at, many))
    return steps


def _scale(data: Timeline, width: float) -> TimeScale:
    """Names have a fifth of the picture, whoever is in it: other rows stand below these."""
    return TimeScale(data.start, data.until, min(max(width * 0.2, 88), 200), width - _RIGHT)


def _for_scripts(scale: TimeScale) -> Attributes:
    return {
        "data-start": str(scale.start),
        "data-end": str(scale.end),
        "data-left": scale.left,
        "data-right": scale.right,
    }


def _described(data: Timeline, scale: TimeScale, counts: Sequence[Step]) -> str:
    ongoing = ", ongoing" if data.end is None else ""
    return f"At most {PEOPLE.of(peak(counts))} at once, {said_of(scale, data.zone)}{ongoing}."


def _of_rows(data: Timeline, people: Sequence[Person], rows: range) -> str:
    if len(people) == len(data.people):
        return f"A row for each of {PEOPLE.of(len(people))}."
    return f"Rows {rows.start + 1:,} to {rows.start + len(people):,} of {PEOPLE.of(len(data.people))}."


def _patterns(name: str) -> Markup:
    """How void stays are hatched, and how open ones fade."""
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
            _name(person, scale, top + position * _ROW),
            *(
                bar
                for stay in person.stays
                if stay.join < scale.end and (stay.leave is None or stay.leave > scale.start)
                for bar in _bars(stay, person, data, scale, top + position * _ROW, name)
            ),
        )
        for position, person in enumerate(people)
    )


def _name(person: Person, scale: TimeScale, y: float) -> Markup:
    plain = one_line(person.label) or _NAMELESS
    short = fitted(plain, scale.left - 16, _NAME_SIZE)
    place: Attributes = {"class": "chart-name", "x": 0, "y": y + 15}
    return element("text", place, *([title(plain)] if short != plain else []), text(short))


def _bars(
    stay: Presence, person: Person, data: Timeline, scale: TimeScale, y: float, name: str
) -> Iterator[Markup]:
    """A bar, and what says how it ended."""
    y += (_ROW - _BAR) / 2
    thinnest = _THINNEST_VOID if stay.is_void else _THINNEST
    right = scale.x(scale.end if stay.leave is None else stay.leave)
    left = max(min(scale.x(stay.join), right - thinnest), scale.left)
    right = max(right, left + thinnest)
    yield element(
        "rect",
        {
            "class": "chart-void" if stay.is_void else "chart-bar",
            "x": left,
            "y": y,
            "width": right - left,
            "height": _BAR,
            "rx": None if right - left < 2 * _ROUND else _ROUND,
            "fill": f"url(#{name}-hatch)" if stay.is_void else None,
            "data-join": None if stay.is_void else str(stay.join),
            "data-leave": None if stay.is_void or stay.leave is None else str(stay.leave),
        },
        title(_told(stay, person, data)),
    )
    if stay.leave is None:
        fade: Attributes = {
            "class": "chart-fade",
            "x": right - _ROUND,
            "y": y,
            "width": _RIGHT,
            "height": _BAR,
        }
        yield element("rect", {**fade, "fill": f"url(#{name}-fade)"})
    elif stay.is_inferred:
        yield line("chart-inferred", right, y - 3, right, y + _BAR + 3)


def _told(stay: Presence, person: Person, data: Timeline) -> str:
    join = _clock(stay.join, data)
    leave = "now" if stay.leave is None else _clock(stay.leave, data)
    return f"{one_line(person.label)}: {join} to {leave}, {_ended(stay, data)}"


def _ended(stay: Presence, data: Timeline) -> str:
    if stay.is_void:
        return "void: too short to count (rule 4)"
    if stay.leave is None:
        return "still in"
    if stay.left_by is None:
        return "the meeting was reset, the stay went on (rule 7)" if stay.leave == data.end else "left"
    return leave_reason(stay.left_by)


def _clock(at: Ms, data: Timeline) -> str:
    """The time of day; and the day, where it is not that on which the meeting began."""
    moment = local(at, data.zone)
    same = moment.date() == local(data.start, data.zone).date()
    return moment.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M:%S")


def _marks(data: Timeline, scale: TimeScale, axis: float, top: float, bottom: float) -> Markup:
    """A line for each mark, that leaves the axis free, and its word where there is room for it."""
    pieces, free = [], scale.left - 8
    for mark in sorted(data.marks):
        x = scale.x(mark.at)
        wide = width_of(mark.label)
        begin = min(max(x - wide / 2, scale.left), scale.right + _RIGHT - wide)
        words = NOTHING
        if begin >= free:
            words, free = label(one_line(mark.label), begin, 12, "chart-mark-label"), begin + wide + 8
        told = f"{one_line(mark.label)} at {_clock(mark.at, data)}: {one_line(mark.rule)}"
        pieces.append(
            element(
                "g",
                {"class": "chart-marked", "tabindex": "0", "role": "img", "aria-label": told},
                title(told),
                rectangle("chart-target", x - 5, 0, 10, bottom),
                line("chart-mark", x, 17, x, axis),
                *([line("chart-mark", x, top, x, bottom)] if bottom > top else []),
                words,
            )
        )
    return joined(pieces)

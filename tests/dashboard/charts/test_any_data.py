"""Charts of any data are well formed and inside their frames, and names are only text."""

import re
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.dashboard import charts
from headcount.dashboard.charts.step_charts import thinned
from headcount.dashboard.charts.timelines import head_counts
from support.chart_samples import BERLIN, HOUR, MEETINGS, MINUTE, NINE
from support.svg import SPACE, all_of, assert_inside_frame, parse, points, texts_of

HOSTILE_NAMES = [
    "<script>alert(1)</script>", '"><svg onload=alert(1)>', "' onfocus='x", "]]>", "<!--", "&amp;", "&#0;",
    "\u202eevil", "\u2067\u2068", "a\u2028b\u2029c", "\x00\x01\x0b\x1f\x7f\x85", "\ud800", "\ufffe\uffff", "a\r\n\tb", "",
    "محمد", "שרה", "李小龍", "👩‍💻", "e\u0301" * 50, "x" * 5_000,
]  # fmt: skip
names = st.one_of(st.text(st.characters(), max_size=30), st.sampled_from(HOSTILE_NAMES))
zones = st.sampled_from(
    [UTC, BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Argentina/ComodRivadavia")]
)
moments = st.integers(NINE - HOUR, NINE + 40 * HOUR)
amounts = st.one_of(st.integers(0, 10**9), st.floats(0, 1e9))


@st.composite
def presences(draw):
    join = draw(moments)
    leave = draw(st.one_of(st.none(), st.integers(join, join + 9 * HOUR)))
    left_by = draw(st.sampled_from([None, "reported", "room_ended", "snapshot", "timeout", "room_restarted"]))
    return charts.Presence(
        join, leave, left_by, draw(st.booleans()), leave is not None and draw(st.booleans())
    )


@st.composite
def timelines(draw):
    start = draw(moments)
    people = draw(st.lists(st.builds(charts.Person, names, st.lists(presences(), max_size=4)), max_size=8))
    marks = draw(st.lists(st.builds(charts.Mark, moments, names, names), max_size=4))
    end = draw(st.one_of(st.none(), st.integers(start, start + 9 * HOUR)))
    return charts.Timeline(draw(names), start, end, draw(moments), people, marks, draw(zones))


def parse_chart(svg):
    root = parse(svg)
    assert_inside_frame(root)
    assert {one.tag.removeprefix(SPACE) for one in root.iter()} <= {
        "svg", "title", "desc", "defs", "pattern", "path", "linearGradient", "stop", "text", "rect", "g", "circle",
    }  # fmt: skip
    return root


@settings(max_examples=60, deadline=None)
@given(timelines(), st.integers(200, 1_600), st.integers(0, 5), st.integers(0, 8))
def test_any_timeline_is_well_formed(data, width, first, many):
    parse_chart(charts.timeline(data, "a", range(first, first + many), width))
    parse_chart(charts.timeline_rows(data, "a", range(first, first + many), width))
    for row in charts.timeline_table(data).rows:
        assert len(row) == 4


@settings(max_examples=60, deadline=None)
@given(timelines())
def test_the_highest_point_of_the_line_is_the_peak_of_participants(data):
    root = parse(charts.timeline(data, "a"))
    drawn = drawn_peak(root)
    until = max(data.now if data.end is None else data.end, data.start + 1)
    stays = [
        (max(stay.join, data.start), until if stay.leave is None else min(stay.leave, until))
        for person in data.people
        for stay in person.stays
        if not stay.is_too_short
    ]
    most = max((sum(join <= at < leave for join, leave in stays) for at, _ in stays if at < until), default=0)
    assert max(n for _, n in head_counts(data)) == most
    assert drawn == pytest.approx(most, abs=0.02 * max(most, 1))


def drawn_peak(root):
    """Return the value at the highest point of the line, by the labels of the axis."""
    (line,) = all_of(root, "path", "chart-line")
    grid = [
        (float(words.get("y")) - 3.5, float(words.text))
        for words in all_of(root, "text", "chart-label")
        if words.get("text-anchor") == "end" and re.fullmatch(r"[\d.]+", words.text or "")
    ]
    (base, _), (high, value) = min(grid, key=lambda one: one[1]), max(grid, key=lambda one: one[1])
    top = min(y for _, y in points(line.get("d")))
    return (base - top) / (base - high) * value


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 10_000)), min_size=1, max_size=300))
def test_thinned_steps_keep_the_highest_the_lowest_and_the_last_value(pairs):
    steps = sorted((x / 1_000, many) for x, many in pairs)
    thinned_steps = list(thinned(steps))
    assert max(many for _, many in thinned_steps) == max(many for _, many in steps)
    assert min(many for _, many in thinned_steps) == min(many for _, many in steps)
    assert thinned_steps[-1][1] == steps[-1][1]
    assert len(thinned_steps) <= 4 * 6


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2000, 2099),
    st.dictionaries(st.integers(0, 365), amounts, max_size=40),
    names,
    st.integers(-10, 400),
)
def test_any_calendar_is_well_formed(year, amounts_by_day, title, until):
    new_year = date(year, 1, 1)
    days = {new_year + timedelta(days=n): value for n, value in amounts_by_day.items()}
    data = charts.Year(title, MEETINGS, year, days, new_year + timedelta(days=until))
    root = parse_chart(charts.heat_calendar(data, "a"))
    assert len(all_of(root, "rect")) == min(max(until + 1, 0), (date(year + 1, 1, 1) - new_year).days) + 7
    assert all(value for _, value in charts.heat_calendar_table(data).rows)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(amounts, min_size=24, max_size=24), min_size=7, max_size=7), names)
def test_any_week_is_well_formed(hours, title):
    data = charts.Week(title, MEETINGS, hours)
    assert len(all_of(parse_chart(charts.hour_weekday(data, "a")), "rect")) == 7 * 24 + 7
    assert len(charts.hour_weekday_table(data).rows) == 24


@settings(max_examples=40, deadline=None)
@given(
    st.lists(amounts, max_size=40), names, zones, st.sampled_from(["day", "hour"]), st.integers(200, 1_600)
)
def test_any_bar_chart_is_well_formed(values, title, zone, every, width):
    apart = HOUR if every == "hour" else 24 * HOUR
    data = charts.Bars(
        title, MEETINGS, every, [(NINE + n * apart, value) for n, value in enumerate(values)], zone
    )
    root = parse_chart(charts.bars(data, "a", width))
    assert len(all_of(root, "rect", "chart-bar")) == sum(value > 0 for value in values)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-40 * 24, 10), st.integers(0, 90 * 60), names), max_size=12),
    st.sampled_from([NINE, NINE - 20 * 24 * HOUR, NINE - 235 * 24 * HOUR]),
    names,
    st.sampled_from([UTC, BERLIN, ZoneInfo("Africa/Cairo"), ZoneInfo("America/Havana")]),
)
def test_any_strip_is_well_formed(runs, now, title, zone):
    meetings = [
        charts.Run(now + ago * HOUR, now + ago * HOUR + minutes * MINUTE if minutes % 7 else None, label)
        for ago, minutes, label in runs
    ]
    data = charts.Strip(title, meetings, now, zone)
    parse_chart(charts.strip(data, "a"))
    assert len(charts.strip_table(data).rows) <= len(meetings)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_only_text_and_does_not_change_the_direction(name):
    stay = charts.Presence(NINE, NINE + HOUR)
    mark = charts.Mark(NINE, name, name)
    data = charts.Timeline(name, NINE, NINE + HOUR, NINE, [charts.Person(name, [stay])], [mark], UTC)
    root = parse_chart(charts.timeline(data, "a"))
    texts = " ".join(texts_of(root))
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08]", "".join(root.find(f"{SPACE}g").itertext())
    )
    assert "<script>" not in charts.timeline(data, "a")
    plain = name.isprintable() and len(name) < 40
    assert not plain or name in texts


WEEK = charts.Week("t", MEETINGS, [[0.0] * 24] * 7)


def test_templates_do_not_escape_a_chart_again():
    chart = charts.hour_weekday(WEEK, "a")
    assert chart.__html__() == chart
    assert not hasattr(charts.hour_weekday_table(WEEK), "__html__")


def test_an_invalid_id_is_rejected():
    with pytest.raises(AssertionError):
        charts.hour_weekday(WEEK, 'a" onload="x')

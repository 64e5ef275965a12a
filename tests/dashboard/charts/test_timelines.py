"""The timeline chart: its bars, marks and attributes."""

from headcount.dashboard.charts import (
    Mark,
    Person,
    Presence,
    Timeline,
    timeline,
    timeline_rows,
    timeline_table,
)
from headcount.dashboard.charts.timelines import head_counts
from support.chart_samples import BERLIN, ENDED, HOUR, MEETING, MINUTE, NINE
from support.svg import SPACE, all_of, parse, points


def big_meeting(people=10_000):
    stays = [
        Presence(
            NINE + n * 37 % 5_400 * 1_000, NINE + (n * 37 % 5_400 + 600 + n * 13 % 1_800) * 1_000, "reported"
        )
        for n in range(people)
    ]
    rows = [Person(f"Participant number {n}", [stay]) for n, stay in enumerate(stays)]
    return Timeline("all hands", NINE, NINE + 2 * HOUR, NINE + 2 * HOUR, rows, [], BERLIN)


def test_bars_have_exact_times_for_scripts():
    root = parse(timeline(MEETING, "a"))
    at = NINE + 45 * MINUTE
    present = [
        row.find(f"{SPACE}text").text
        for row in all_of(root, "g", "chart-row")
        for bar in row.iter(f"{SPACE}rect")
        if bar.get("data-join") and int(bar.get("data-join")) <= at < int(bar.get("data-leave") or at + 1)
    ]
    assert present == [
        "Ann Smith",
        None,
        "محمد",
        "(no name)",
    ]  # the second is shortened: its title comes first


def test_the_chart_has_its_scale_for_scripts():
    root = parse(timeline(MEETING, "a"))
    start, end, left, right = (float(root.get(f"data-{key}")) for key in ("start", "end", "left", "right"))
    bar = all_of(root, "rect", "chart-bar")[0]
    share = (int(bar.get("data-leave")) - start) / (end - start)
    drawn = float(bar.get("x")) + float(bar.get("width"))
    assert abs(left + share * (right - left) - drawn) < 0.02


def test_a_stay_that_is_too_short_is_hatched_and_not_counted():
    root = parse(timeline(MEETING, "a"))
    (void,) = all_of(root, "rect", "chart-short")
    assert void.get("fill") == "url(#a-hatch)"
    assert void.get("data-join") is None
    at = NINE + 22 * MINUTE
    assert [n for moment, n in head_counts(MEETING) if moment <= at][-1] == 3


def test_an_inferred_leave_is_dashed_and_an_open_stay_fades():
    root = parse(timeline(MEETING, "a"))
    assert len(all_of(root, "path", "chart-inferred")) == 1
    assert len(all_of(root, "rect", "chart-fade")) == 2
    ended = parse(timeline(ENDED, "a"))
    assert all_of(ended, "rect", "chart-fade") == []


def test_a_mark_is_focusable_and_names_its_rule():
    marks = all_of(parse(timeline(MEETING, "a")), "g", "chart-marked")
    assert [mark.get("tabindex") for mark in marks] == ["0", "0"]
    assert marks[0].find(f"{SPACE}title").text == "started at 09:00:00: two were there at once (rule 6)"


def test_of_marks_at_one_position_only_the_first_has_a_label():
    marks = [Mark(NINE, "reset", "a"), Mark(NINE + 1, "started", "b")]
    data = Timeline("t", NINE, NINE + HOUR, NINE, [], marks, BERLIN)
    drawn = all_of(parse(timeline(data, "a")), "g", "chart-marked")
    assert [len(mark.findall(f"{SPACE}text")) for mark in drawn] == [1, 0]


def test_a_leave_and_a_join_at_one_instant_do_not_overlap():
    people = [
        Person("A", [Presence(NINE, NINE + MINUTE)]),
        Person("B", [Presence(NINE + MINUTE, NINE + 2 * MINUTE)]),
    ]
    data = Timeline("t", NINE, NINE + 2 * MINUTE, NINE, people, [], BERLIN)
    assert head_counts(data) == [(NINE, 1)]


def test_further_rows_align_with_the_first_ones():
    data = big_meeting(20)
    whole, rest = parse(timeline(data, "a")), parse(timeline_rows(data, "b", range(10, 20)))
    edges = [
        [(bar.get("x"), bar.get("width")) for bar in all_of(root, "rect", "chart-bar")]
        for root in (whole, rest)
    ]
    assert edges[0][10:] == edges[1]


def test_a_meeting_of_ten_thousand_people_is_a_small_chart_with_the_true_peak():
    data = big_meeting()
    svg = timeline(data, "a")
    assert len(svg.encode()) < 150_000
    assert len(all_of(parse(svg), "g", "chart-row")) == 100
    most = max(n for _, n in head_counts(data))
    assert f"Peak of {most:,} people" in svg
    assert "Rows 1 to 100 of 10,000 people." in svg


def test_the_stays_are_also_a_table():
    table = timeline_table(MEETING, range(2, 4))
    assert table.header == ("Person", "Join (Europe/Berlin)", "Leave (Europe/Berlin)", "How it ended")
    assert table.rows == [
        ("<script>alert(1)</script>", "2026-11-23 09:06:00", "2026-11-23 09:30:00", "left (inferred): no leave event arrived in time"),
        ("محمد", "2026-11-23 09:10:00", "2026-11-23 09:20:00", "the room ended"),
        ("محمد", "2026-11-23 09:22:00", "2026-11-23 09:22:06", "too short to count (rule 4)"),
        ("محمد", "2026-11-23 09:25:00", None, "still connected"),
    ]  # fmt: skip


def test_an_ongoing_meeting_has_a_line_at_the_current_time_and_an_ended_one_has_none():
    ongoing = parse(timeline(MEETING, "a"))
    assert [one.text for one in all_of(ongoing, "text", "chart-now-label")] == ["now"]
    right = float(ongoing.get("data-right"))
    assert {x for line in all_of(ongoing, "path", "chart-now") for x, _ in points(line.get("d"))} == {right}
    assert not all_of(parse(timeline(ENDED, "a")), "path", "chart-now")

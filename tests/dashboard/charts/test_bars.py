"""Bar charts: labels of days and hours, and the bar in progress."""

from headcount.dashboard.charts import Bars, bars
from support.chart_samples import BERLIN, HOUR, MEETINGS, at
from support.svg import SPACE, all_of, parse

DAYS = [(at(2026, 11, 24 + n), n + 1) for n in range(7)]


def test_few_days_have_their_dates_as_labels():
    chart = parse(bars(Bars("Days", MEETINGS, "day", DAYS[:3], BERLIN), "days"))
    assert [one.text for one in all_of(chart, "text")][-3:] == ["24 Nov", "25 Nov", "26 Nov"]


def test_the_bar_of_the_day_in_progress_is_marked():
    now = DAYS[-1][0] + 9 * HOUR
    chart = parse(bars(Bars("Days", MEETINGS, "day", DAYS, BERLIN, now), "days"))
    partial = [one for one in all_of(chart, "rect") if "chart-partial" in one.get("class")]
    titles = [one.text for one in chart.iter(f"{SPACE}title")]
    assert len(partial) == 1
    assert [text for text in titles if "so far" in text] == ["Mon 30 Nov 2026: 7 meetings, so far"]


def test_a_chart_of_days_that_are_over_has_no_bar_in_progress():
    chart = bars(Bars("Days", MEETINGS, "day", DAYS, BERLIN, DAYS[-1][0] + 24 * HOUR), "days")
    assert "chart-partial" not in chart

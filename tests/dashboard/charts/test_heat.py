"""Heat maps: which part of a year is shown, and a week that fits a phone."""

from dataclasses import replace
from datetime import date

from headcount.dashboard.charts import heat_calendar, hour_weekday
from support.chart_samples import WEEK, YEAR
from support.svg import all_of, assert_inside_frame, parse


def texts(chart):
    return [one.text for one in all_of(chart, "text")]


def test_a_calendar_starts_in_the_month_of_its_first_day():
    chart = parse(heat_calendar(replace(YEAR, since=date(2026, 9, 1)), "year"))
    assert texts(chart)[:3] == ["Sep", "Oct", "Nov"]
    assert len(all_of(chart, "rect")) == 30 + 31 + 23 + 7
    assert_inside_frame(chart)


def test_a_calendar_of_a_year_starts_in_january():
    assert texts(parse(heat_calendar(replace(YEAR, since=date(2025, 10, 1)), "year")))[0] == "Jan"


def test_a_week_fits_the_width_of_a_phone_with_all_hours():
    chart = parse(hour_weekday(WEEK, "week", width=340))
    assert chart.get("width") == "340"
    assert len(all_of(chart, "rect")) == 7 * 24 + 7
    assert_inside_frame(chart)

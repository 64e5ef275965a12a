"""Charts as SVG, and the same data as tables for people who cannot see them.

Responsible for pure functions from values to SVG. Names of rooms and people are only ever text in it. A chart has classes and
no colors: `static/charts.css` has them, for light and dark. Each chart takes a `name`, an id that is unique on its page.
Must not read the store, nor know pages.
"""

from headcount.dashboard.charts.bar_charts import Bars, bars
from headcount.dashboard.charts.heat import (
    Week,
    Year,
    heat_calendar,
    heat_calendar_table,
    hour_weekday,
    hour_weekday_table,
)
from headcount.dashboard.charts.strips import Run, Strip, strip, strip_table
from headcount.dashboard.charts.svg import Markup, Rows, Unit
from headcount.dashboard.charts.timelines import (
    ROWS_PER_CHART,
    Mark,
    Person,
    Presence,
    Timeline,
    timeline,
    timeline_rows,
    timeline_table,
)

__all__ = [
    "ROWS_PER_CHART",
    "Bars",
    "Mark",
    "Markup",
    "Person",
    "Presence",
    "Rows",
    "Run",
    "Strip",
    "Timeline",
    "Unit",
    "Week",
    "Year",
    "bars",
    "heat_calendar",
    "heat_calendar_table",
    "hour_weekday",
    "hour_weekday_table",
    "strip",
    "strip_table",
    "timeline",
    "timeline_rows",
    "timeline_table",
]

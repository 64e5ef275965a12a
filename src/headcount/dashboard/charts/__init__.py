"""Charts: rows as pictures, and the same rows as a table for those who do not see them.

Pure functions from values to SVG. Whatever a room or a person is called is only ever a text in it. There is no
colour in a picture, only classes: `static/charts.css` has them, so a page needs no style of its own for
light and dark. Each chart takes a `name`, an id that no other picture of its page has.
"""

from headcount.dashboard.charts.bar_charts import Bars, bars, bars_table
from headcount.dashboard.charts.heat import (
    Week,
    Year,
    heat_calendar,
    heat_calendar_table,
    hour_weekday,
    hour_weekday_table,
)
from headcount.dashboard.charts.sparks import Spark, spark, spark_table
from headcount.dashboard.charts.step_charts import Steps, steps, steps_table
from headcount.dashboard.charts.strips import Run, Strip, strip, strip_table
from headcount.dashboard.charts.svg import Markup, Rows, Unit
from headcount.dashboard.charts.timelines import (
    ROWS_AT_ONCE,
    Mark,
    Person,
    Presence,
    Timeline,
    timeline,
    timeline_rows,
    timeline_table,
)

__all__ = [
    "ROWS_AT_ONCE",
    "Bars",
    "Mark",
    "Markup",
    "Person",
    "Presence",
    "Rows",
    "Run",
    "Spark",
    "Steps",
    "Strip",
    "Timeline",
    "Unit",
    "Week",
    "Year",
    "bars",
    "bars_table",
    "heat_calendar",
    "heat_calendar_table",
    "hour_weekday",
    "hour_weekday_table",
    "spark",
    "spark_table",
    "steps",
    "steps_table",
    "strip",
    "strip_table",
    "timeline",
    "timeline_rows",
    "timeline_table",
]

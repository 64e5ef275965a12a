"""One small example of each chart."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from headcount.dashboard.charts import (
    Bars,
    Mark,
    Person,
    Presence,
    Run,
    Strip,
    Timeline,
    Unit,
    Week,
    Year,
    bars,
    heat_calendar,
    hour_weekday,
    strip,
    timeline,
    timeline_rows,
)

BERLIN = ZoneInfo("Europe/Berlin")
MEETINGS = Unit("meeting", "meetings")
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def at(*clock, zone=BERLIN, fold=0):
    """Return the time of a local year, month, day, hour and minute in ms."""
    return round(datetime(*clock, tzinfo=zone, fold=fold).timestamp()) * SECOND


NINE = at(2026, 11, 23, 9)

PEOPLE = [
    Person("Ann Smith", [Presence(NINE, NINE + 70 * MINUTE, "reported")]),
    Person("Bartholomew Featherstonehaugh of Cholmondeley", [Presence(NINE + 5 * MINUTE, NINE + 50 * MINUTE, "reported")]),
    Person("<script>alert(1)</script>", [Presence(NINE + 6 * MINUTE, NINE + 30 * MINUTE, "timeout", is_inferred=True)]),
    Person(
        "محمد",
        [
            Presence(NINE + 10 * MINUTE, NINE + 20 * MINUTE, "room_ended"),
            Presence(NINE + 22 * MINUTE, NINE + 22 * MINUTE + 6 * SECOND, "reported", is_too_short=True),
            Presence(NINE + 25 * MINUTE, None),
        ],
    ),
    Person("", [Presence(NINE + 40 * MINUTE, None)]),
]  # fmt: skip

MEETING = Timeline(
    "support, 23 November 2026",
    NINE,
    None,
    NINE + 95 * MINUTE,
    PEOPLE,
    [
        Mark(NINE, "started", "two were there at once (rule 6)"),
        Mark(NINE + 60 * MINUTE, "corrected", "an event came 40 seconds late (rule 15)"),
    ],
    BERLIN,
)
ENDED = Timeline(
    "support, the same once it was over",
    NINE,
    NINE + 80 * MINUTE,
    NINE + 500 * MINUTE,
    PEOPLE[:3],
    [],
    BERLIN,
)
YEAR = Year(
    "Meetings in 2026",
    MEETINGS,
    2026,
    {date(2026, 1, 1) + timedelta(days=n): n * 7 % 23 for n in range(327)},
    date(2026, 11, 23),
)
WEEK = Week(
    "Meetings by hour",
    MEETINGS,
    [[max(0, 20 - 3 * abs(hour - 11) - 5 * day) for hour in range(24)] for day in range(7)],
)
DAYS = Bars(
    "Meetings a day",
    MEETINGS,
    "day",
    [(at(2026, 10, 20 + n), n * 13 % 17) for n in range(12)],
    BERLIN,
)
HOURS = Bars(
    "Hours in meetings on the day of 25 hours",
    Unit("hour", "hours"),
    "hour",
    [(at(2026, 10, 25) + n * HOUR, n * 7 % 11 / 4) for n in range(25)],
    BERLIN,
)
STRIP = Strip(
    "When support met",
    [
        Run(at(2026, 10, 24, 22), at(2026, 10, 25, 4), "all night, as clocks were set back"),
        Run(at(2026, 11, 3, 9), at(2026, 11, 3, 10, 30), "stand-up"),
        Run(at(2026, 11, 3, 10), at(2026, 11, 3, 10, 1), "a minute"),
        Run(at(2026, 11, 23, 9), None, "now"),
    ],
    at(2026, 11, 23, 10),
    BERLIN,
)
CHARTS = {
    "timeline": timeline(MEETING, "timeline"),
    "timeline-ended": timeline(ENDED, "ended"),
    "timeline-rows": timeline_rows(MEETING, "rows", range(3, 5)),
    "timeline-narrow": timeline(MEETING, "narrow", width=360),
    "heat-calendar": heat_calendar(YEAR, "calendar"),
    "hour-weekday": hour_weekday(WEEK, "week"),
    "bars-days": bars(DAYS, "days"),
    "bars-hours": bars(HOURS, "hours"),
    "strip": strip(STRIP, "strip"),
}

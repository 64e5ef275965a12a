"""Catalog: the forms of history that we read, by the word that stands for each on the command line."""

from typing import Final

from headcount.sources.exports import bbb_dashboard, bbb_events, daily_meetings, teams_attendance, zoom_report
from headcount.sources.exports.api import Form
from headcount.sources.exports.payload_log import log_of
from headcount.sources.registry import SOURCES

FORMS: Final[dict[str, Form]] = {
    form.kind: form
    for form in (
        *map(log_of, SOURCES.values()),
        daily_meetings.FORM,
        zoom_report.FORM,
        teams_attendance.FORM,
        bbb_events.FORM,
        bbb_dashboard.FORM,
    )
}

"""Catalog: the forms of history that we read, by the word that stands for each on the command line."""

from typing import Final

from headcount.sources.exports import bbb_dashboard, bbb_events, daily_meetings, teams_attendance, zoom_report
from headcount.sources.exports.api import ExportFormat
from headcount.sources.exports.payload_log import payload_log_format
from headcount.sources.registry import SOURCES

EXPORT_FORMATS: Final[dict[str, ExportFormat]] = {
    form.kind: form
    for form in (
        *map(payload_log_format, SOURCES.values()),
        daily_meetings.FORMAT,
        zoom_report.FORMAT,
        teams_attendance.FORMAT,
        bbb_events.FORMAT,
        bbb_dashboard.FORMAT,
    )
}

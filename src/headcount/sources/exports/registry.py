"""Registry of the export formats, by their kind on the command line."""

from typing import Final

from headcount.sources.exports import bbb_dashboard, bbb_events, daily_meetings, teams_attendance, zoom_report
from headcount.sources.exports.api import ExportFormat
from headcount.sources.exports.payload_log import payload_log_format
from headcount.sources.registry import SOURCES

EXPORT_FORMATS: Final[dict[str, ExportFormat]] = {
    export_format.kind: export_format
    for export_format in (
        *map(payload_log_format, SOURCES.values()),
        daily_meetings.FORMAT,
        zoom_report.FORMAT,
        teams_attendance.FORMAT,
        bbb_events.FORMAT,
        bbb_dashboard.FORMAT,
    )
}

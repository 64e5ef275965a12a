"""Exports: the content of pages as CSV, Excel and calendar files.

Responsible for the columns of each file. A file has all rows that match, not only the page that is shown. Must not know
the file formats.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from headcount.dashboard.attributes import AttributeColumns
from headcount.dashboard.files import Appointment, Column, Table, Type, as_csv, as_ics, write_xlsx
from headcount.dashboard.formats import name_of
from headcount.dashboard.pages import meeting as meeting_page
from headcount.dashboard.pages import meetings as meetings_page
from headcount.dashboard.pages import person as person_page
from headcount.dashboard.pages import room as room_page
from headcount.dashboard.pages import usage as usage_page
from headcount.dashboard.pages.meeting_people import Attendee
from headcount.dashboard.pages.meetings import Row
from headcount.dashboard.pages.person import AttendedMeeting
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import MeetingRow

_BATCH_SIZE: Final = 200
_MAX_XLSX_MEETINGS: Final = 100_000
_MEETING_COLUMNS: Final = {
    "room": Type.TEXT, "meeting": Type.TEXT, "start": Type.TIME, "end": Type.TIME, "duration": Type.DURATION,
    "people": Type.INTEGER, "connections": Type.INTEGER, "peak": Type.INTEGER, "participant_time": Type.DURATION,
    "is_ongoing": Type.FLAG, "is_corrected": Type.FLAG, "is_inferred": Type.FLAG, "is_after_reset": Type.FLAG,
}  # fmt: skip
_ATTENDEE_COLUMNS: Final = {
    "name": Type.TEXT, "user_id": Type.TEXT, "participant_id": Type.TEXT, "connections": Type.INTEGER,
    "first_join": Type.TIME, "last_leave": Type.TIME, "duration": Type.DURATION, "attendance_ratio": Type.PERCENT,
    "is_present": Type.FLAG, "is_inferred": Type.FLAG,
}  # fmt: skip
_PERSON_COLUMNS: Final = {
    "room": Type.TEXT, "meeting": Type.TEXT, "start": Type.TIME, "end": Type.TIME, "first_join": Type.TIME,
    "last_leave": Type.TIME, "duration": Type.DURATION, "attendance_ratio": Type.PERCENT,
    "attributes": Type.TEXT,
}  # fmt: skip
_USAGE_COLUMNS: Final = {
    "start": Type.TIME, "duration": Type.DURATION, "meetings": Type.INTEGER, "participant_time": Type.DURATION,
    "peak": Type.INTEGER, "peak_at": Type.TIME,
}  # fmt: skip
_ROOM_COLUMNS: Final = {
    "room": Type.TEXT, "meetings": Type.INTEGER, "participant_time": Type.DURATION, "peak": Type.INTEGER,
}  # fmt: skip
_VALUE_COLUMNS: Final = {
    "value": Type.TEXT, "meetings": Type.INTEGER, "participant_time": Type.DURATION, "peak": Type.INTEGER,
}  # fmt: skip
_NOT_IN_FILE_NAMES: Final = re.compile(r"[^\w.-]+")
_MAX_FILE_NAME: Final = 80


async def meetings_csv(view: View) -> Response:
    """GET /dashboard/meetings.csv: all meetings that match."""
    return csv_response(view, _meetings(view), "meetings")


async def meetings_xlsx(view: View) -> Response:
    """GET /dashboard/meetings.xlsx: all meetings that match."""
    meeting_filter = meetings_page.filter_of(view.query, view)
    count = await asyncio.to_thread(view.context.store.meetings.count, view.domain, meeting_filter, view.now)
    if count > _MAX_XLSX_MEETINGS:
        raise BadInput(TEXTS("files.too_many", most=f"{_MAX_XLSX_MEETINGS:,}"))
    return await xlsx_response(view, [_meetings(view)], "meetings")


async def meeting_csv(view: View) -> Response:
    """GET /dashboard/meetings/ID.csv: the people of a meeting."""
    table = await asyncio.to_thread(_attendees, view)
    return csv_response(view, table, table.title)


async def meeting_xlsx(view: View) -> Response:
    """GET /dashboard/meetings/ID.xlsx: the people of a meeting."""
    table = await asyncio.to_thread(_attendees, view)
    return await xlsx_response(view, [table], table.title)


async def meeting_ics(view: View) -> Response:
    """GET /dashboard/meetings/ID.ics."""
    meeting, _ = await asyncio.to_thread(meeting_page.find, view)
    return _ics(view, meeting.room, [meeting])


async def room_ics(view: View) -> Response:
    """GET /dashboard/room.ics?name=ROOM: all meetings of a room."""
    details = await asyncio.to_thread(room_page.load, view)
    return _ics(view, details.room, _all_meetings(view, MeetingFilter(room=details.room)))


async def person_ics(view: View) -> Response:
    """GET /dashboard/person.ics?id=USER: all meetings of a user."""
    details = await asyncio.to_thread(person_page.load, view)
    return _ics(view, details.name, _all_meetings(view, MeetingFilter(user_id=details.user_id)))


async def person_csv(view: View) -> Response:
    """GET /dashboard/person.csv?id=USER: all meetings of a user."""
    details = await asyncio.to_thread(person_page.load, view)
    return csv_response(view, _attended_meetings(view, details.user_id), details.name)


async def person_xlsx(view: View) -> Response:
    """GET /dashboard/person.xlsx?id=USER: all meetings of a user."""
    details = await asyncio.to_thread(person_page.load, view)
    return await xlsx_response(view, [_attended_meetings(view, details.user_id)], details.name)


async def usage_csv(view: View) -> Response:
    """GET /dashboard/usage.csv: a row for each day or hour, or for each value of the chosen attribute."""
    report = await asyncio.to_thread(usage_page.load, view)
    table = _usage(view, report)[0 if report.values is None else -1]
    return csv_response(view, table, f"usage {report.first} {report.last}")


async def usage_xlsx(view: View) -> Response:
    """GET /dashboard/usage.xlsx: a row for each day or hour, and sheets of the rooms and of the values of an attribute."""
    report = await asyncio.to_thread(usage_page.load, view)
    return await xlsx_response(view, _usage(view, report), f"usage {report.first} {report.last}")


def _usage(view: View, report: usage_page.UsageReport) -> list[Table]:
    buckets = [
        (
            bucket.start,
            bucket.end - bucket.start,
            bucket.meetings,
            bucket.participant_ms,
            bucket.max_participants,
            bucket.max_participants_at,
        )
        for bucket in report.buckets
    ]
    tables = [
        Table(TEXTS("usage.title"), _columns(_USAGE_COLUMNS), buckets, view.zone),
        Table(TEXTS("usage.rooms"), _columns(_ROOM_COLUMNS), report.rooms or [], view.zone),
    ]
    if report.values is not None:
        tables.append(Table(TEXTS("usage.by_attribute"), _columns(_VALUE_COLUMNS), report.values, view.zone))
    return tables


def _all_meetings(
    view: View, meeting_filter: MeetingFilter, *, ascending: bool = False
) -> Iterator[MeetingRow]:
    """All meetings that match, read in batches."""
    meetings, after = view.context.store.meetings, None
    while rows := meetings.page(
        view.domain, meeting_filter, Page(_BATCH_SIZE, after=after, ascending=ascending), view.now
    ):
        yield from rows
        after = rows[-1]


def _meetings(view: View) -> Table:
    meeting_filter = meetings_page.filter_of(view.query, view)
    ascending = view.query.get("order") == "asc"

    def rows() -> Iterator[Sequence[Any]]:
        for batch in _batches(_all_meetings(view, meeting_filter, ascending=ascending)):
            for row in meetings_page.rows_of(view.context.store.meetings, batch, view.now):
                yield _meeting_cells(view, row)

    return Table(TEXTS("meetings.title"), _columns(_MEETING_COLUMNS), rows(), view.zone)


def _meeting_cells(view: View, row: Row) -> Sequence[Any]:
    end = view.now if row.end is None else row.end
    return (
        row.room, row.id, row.start, row.end, end - row.start, row.people, row.connections, row.max_participants,
        row.participant_ms, row.end is None, row.is_corrected, row.is_inferred, row.is_after_reset,
    )  # fmt: skip


def _attendees(view: View) -> Table:
    meeting, _ = meeting_page.find(view)
    _, people = meeting_page.load_attendees(view, meeting)
    title = f"{meeting.room} {local(meeting.start, view.zone):%Y-%m-%d %H.%M}"
    own = AttributeColumns([attendee.attributes for attendee in people])
    rows = [(*_attendee_cells(attendee), *own.cells(attendee.attributes)) for attendee in people]
    return Table(title, (*_columns(_ATTENDEE_COLUMNS), *own.columns), rows, view.zone)


def _attendee_cells(attendee: Attendee) -> Sequence[Any]:
    return (
        attendee.name, attendee.user_id, attendee.participant_id, attendee.connections, attendee.first_join,
        attendee.last_leave, attendee.duration_ms, attendee.attendance_ratio, attendee.last_leave is None, attendee.is_inferred,
    )  # fmt: skip


def _attended_meetings(view: View, user_id: str) -> Table:
    def rows() -> Iterator[Sequence[Any]]:
        for batch in _batches(_all_meetings(view, MeetingFilter(user_id=user_id))):
            yield from map(_attended_cells, person_page.attended_by(view, user_id, batch))

    return Table(user_id, _columns(_PERSON_COLUMNS), rows(), view.zone)


def _attended_cells(meeting: AttendedMeeting) -> Sequence[Any]:
    return (
        meeting.room, meeting.id, meeting.start, meeting.end, meeting.first_join, meeting.last_leave,
        meeting.attended_ms, meeting.attendance_ratio, meeting.attributes,
    )  # fmt: skip


def _batches(rows: Iterable[MeetingRow]) -> Iterator[list[MeetingRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH_SIZE)):
        yield batch


def _columns(types: dict[str, Type]) -> tuple[Column, ...]:
    return tuple(Column(TEXTS(f"column.{name}"), kind) for name, kind in types.items())


def csv_response(view: View, table: Table, name: str) -> Response:
    """Return a table as a CSV file to save."""
    return StreamingResponse(
        as_csv(table), headers=attachment(view, name, "csv"), media_type="text/csv; charset=utf-8"
    )


async def xlsx_response(view: View, tables: Sequence[Table], name: str) -> Response:
    """Return tables as a workbook to save, with a sheet for each."""
    file = BytesIO()
    await asyncio.to_thread(write_xlsx, tables, view.now, file)
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Response(file.getvalue(), headers=attachment(view, name, "xlsx"), media_type=media_type)


def _ics(view: View, name: str, meetings: Iterable[MeetingRow]) -> Response:
    def appointments() -> Iterator[Appointment]:
        for batch in _batches(meetings):
            entries = view.context.store.meetings.entries(batch)
            for meeting in batch:
                names = dict.fromkeys(name_of(entry) for entry in entries[meeting.id])
                yield Appointment(meeting.id, meeting.room, meeting.start, meeting.end, list(names))

    return StreamingResponse(
        as_ics(name, appointments(), view.now),
        headers=attachment(view, name, "ics"),
        media_type="text/calendar; charset=utf-8",
    )


def attachment(view: View, name: str, extension: str) -> dict[str, str]:
    """The header with the file's name: its content and the day of the export."""
    day = f"{local(view.now, view.zone):%Y-%m-%d}"
    stem = _NOT_IN_FILE_NAMES.sub("-", name).strip("-.")[:_MAX_FILE_NAME] or "headcount"
    file_name = f"{stem} {day}.{extension}" if day not in stem else f"{stem}.{extension}"
    ascii_name = file_name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return {
        "content-disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file_name)}"
    }

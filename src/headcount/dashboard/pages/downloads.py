"""Taking along: what pages show, as files. A file holds all that is asked for, not only the page that is seen."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from headcount.dashboard.files import Appointment, Column, Table, Type, as_csv, as_ics, write_xlsx
from headcount.dashboard.formats import name_of
from headcount.dashboard.pages import meeting as meeting_page
from headcount.dashboard.pages import meetings as meetings_page
from headcount.dashboard.pages import person as person_page
from headcount.dashboard.pages import room as room_page
from headcount.dashboard.pages import usage as usage_page
from headcount.dashboard.pages.meeting import Line
from headcount.dashboard.pages.meetings import Row
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.store.meetings import MeetingFilter, Page
from headcount.store.records import MeetingRow

_AT_ONCE: Final = 200
_MOST_XLSX: Final = 100_000
_OF_MEETINGS: Final = {
    "room": Type.TEXT, "meeting": Type.TEXT, "start": Type.TIME, "end": Type.TIME, "length": Type.DURATION,
    "people": Type.INTEGER, "connections": Type.INTEGER, "peak": Type.INTEGER, "person_time": Type.DURATION,
    "is_ongoing": Type.FLAG, "is_corrected": Type.FLAG, "is_inferred": Type.FLAG, "is_after_reset": Type.FLAG,
}  # fmt: skip
_OF_PEOPLE: Final = {
    "name": Type.TEXT, "user_id": Type.TEXT, "participant_id": Type.TEXT, "connections": Type.INTEGER,
    "first_join": Type.TIME, "last_leave": Type.TIME, "time": Type.DURATION, "share": Type.PERCENT,
    "still": Type.FLAG, "is_inferred": Type.FLAG,
}  # fmt: skip
_OF_A_PERSON: Final = {
    "room": Type.TEXT, "meeting": Type.TEXT, "start": Type.TIME, "end": Type.TIME, "first_join": Type.TIME,
    "last_leave": Type.TIME, "time": Type.DURATION, "share": Type.PERCENT,
}  # fmt: skip
_OF_USAGE: Final = {
    "start": Type.TIME, "length": Type.DURATION, "meetings": Type.INTEGER, "person_time": Type.DURATION,
    "peak": Type.INTEGER, "peak_at": Type.TIME,
}  # fmt: skip
_OF_ROOMS: Final = {
    "room": Type.TEXT, "meetings": Type.INTEGER, "person_time": Type.DURATION, "peak": Type.INTEGER,
}  # fmt: skip
_NOT_IN_A_NAME: Final = re.compile(r"[^\w.-]+")


async def meetings_csv(view: View) -> Response:
    """GET /dashboard/meetings.csv: all meetings that fit."""
    return _csv(view, _meetings(view), "meetings")


async def meetings_xlsx(view: View) -> Response:
    """GET /dashboard/meetings.xlsx: the same for Excel."""
    wanted = meetings_page.wanted_by(view.query, view)
    number = await asyncio.to_thread(view.house.store.meetings.count, view.domain, wanted, view.now)
    if number > _MOST_XLSX:
        raise BadInput(TEXTS("files.too_many", most=f"{_MOST_XLSX:,}"))
    return await _xlsx(view, [_meetings(view)], "meetings")


async def meeting_csv(view: View) -> Response:
    """GET /dashboard/meetings/ID.csv: who attended."""
    table, name = await asyncio.to_thread(_people, view)
    return _csv(view, table, name)


async def meeting_xlsx(view: View) -> Response:
    """GET /dashboard/meetings/ID.xlsx: the same for Excel."""
    table, name = await asyncio.to_thread(_people, view)
    return await _xlsx(view, [table], name)


async def meeting_ics(view: View) -> Response:
    """GET /dashboard/meetings/ID.ics."""
    meeting, _ = await asyncio.to_thread(meeting_page.find, view)
    return _ics(view, meeting.room, [meeting])


async def room_ics(view: View) -> Response:
    """GET /dashboard/room.ics?name=ROOM: its meetings as a calendar."""
    sight = await asyncio.to_thread(room_page.look, view)
    return _ics(view, sight.room, _every(view, MeetingFilter(room=sight.room)))


async def person_ics(view: View) -> Response:
    """GET /dashboard/person.ics?id=USER: their meetings as a calendar."""
    sight = await asyncio.to_thread(person_page.look, view)
    return _ics(view, sight.name, _every(view, MeetingFilter(user_id=sight.user_id)))


async def person_csv(view: View) -> Response:
    """GET /dashboard/person.csv?id=USER: all meetings of theirs."""
    sight = await asyncio.to_thread(person_page.look, view)
    return _csv(view, _of_a_person(view, sight.user_id), sight.name)


async def person_xlsx(view: View) -> Response:
    """GET /dashboard/person.xlsx?id=USER: the same for Excel."""
    sight = await asyncio.to_thread(person_page.look, view)
    return await _xlsx(view, [_of_a_person(view, sight.user_id)], sight.name)


async def usage_csv(view: View) -> Response:
    """GET /dashboard/usage.csv: a line a day, or an hour."""
    sight = await asyncio.to_thread(usage_page.look, view)
    return _csv(view, _usage(view, sight)[0], f"usage {sight.first} {sight.last}")


async def usage_xlsx(view: View) -> Response:
    """GET /dashboard/usage.xlsx: the same for Excel, and a sheet of the rooms."""
    sight = await asyncio.to_thread(usage_page.look, view)
    return await _xlsx(view, _usage(view, sight), f"usage {sight.first} {sight.last}")


def _usage(view: View, sight: usage_page.Sight) -> list[Table]:
    buckets = [
        (one.start, one.end - one.start, one.meetings, one.time, one.most, one.most_at)
        for one in sight.buckets
    ]
    rooms = [(one.room, one.meetings, one.time, one.most) for one in sight.rooms or []]
    return [
        Table(TEXTS("usage.title"), _columns(_OF_USAGE), buckets, view.zone),
        Table(TEXTS("usage.rooms"), _columns(_OF_ROOMS), rooms, view.zone),
    ]


def _every(view: View, wanted: MeetingFilter, *, ascending: bool = False) -> Iterator[MeetingRow]:
    """All meetings that fit, some at a time."""
    answers, after = view.house.store.meetings, None
    while rows := answers.page(
        view.domain, wanted, Page(_AT_ONCE, after=after, ascending=ascending), view.now
    ):
        yield from rows
        after = rows[-1]


def _meetings(view: View) -> Table:
    wanted = meetings_page.wanted_by(view.query, view)
    ascending = view.query.get("order") == "asc"

    def rows() -> Iterator[Sequence[Any]]:
        for some in _by_some(_every(view, wanted, ascending=ascending)):
            for row in meetings_page.rows_of(view.house.store.meetings, some, view.now):
                yield _meeting_cells(view, row)

    return Table(TEXTS("meetings.title"), _columns(_OF_MEETINGS), rows(), view.zone)


def _meeting_cells(view: View, row: Row) -> Sequence[Any]:
    end = view.now if row.end is None else row.end
    return (
        row.room, row.id, row.start, row.end, end - row.start, row.people, row.connections, row.peak, row.person_time,
        row.end is None, row.is_corrected, row.is_inferred, row.is_after_reset,
    )  # fmt: skip


def _people(view: View) -> tuple[Table, str]:
    meeting, _ = meeting_page.find(view)
    sight, _ = meeting_page.look(view, meeting)
    began = local(meeting.start, view.zone)
    title = f"{meeting.room} {began:%Y-%m-%d %H.%M}"
    return Table(title, _columns(_OF_PEOPLE), [_line_cells(line) for line in sight.people], view.zone), title


def _line_cells(line: Line) -> Sequence[Any]:
    return (
        line.name, line.user_id, line.participant_id, line.connections, line.first_join, line.last_leave, line.time,
        line.share, line.last_leave is None, line.is_inferred,
    )  # fmt: skip


def _of_a_person(view: View, user_id: str) -> Table:
    def rows() -> Iterator[Sequence[Any]]:
        for some in _by_some(_every(view, MeetingFilter(user_id=user_id))):
            for one in person_page.attended_by(view, user_id, some):
                yield (
                    one.room,
                    one.id,
                    one.start,
                    one.end,
                    one.first_join,
                    one.last_leave,
                    one.time,
                    one.share,
                )

    return Table(user_id, _columns(_OF_A_PERSON), rows(), view.zone)


def _by_some(rows: Iterator[MeetingRow]) -> Iterator[list[MeetingRow]]:
    some: list[MeetingRow] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _columns(types: dict[str, Type]) -> tuple[Column, ...]:
    return tuple(Column(TEXTS(f"column.{name}"), kind) for name, kind in types.items())


def _csv(view: View, table: Table, name: str) -> Response:
    return StreamingResponse(
        as_csv(table), headers=_attached(view, name, "csv"), media_type="text/csv; charset=utf-8"
    )


async def _xlsx(view: View, tables: Sequence[Table], name: str) -> Response:
    file = BytesIO()
    await asyncio.to_thread(write_xlsx, tables, view.now, file)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Response(file.getvalue(), headers=_attached(view, name, "xlsx"), media_type=kind)


def _ics(view: View, name: str, meetings: Iterable[MeetingRow]) -> Response:
    def appointments() -> Iterator[Appointment]:
        for some in _by_some(iter(meetings)):
            entries = view.house.store.meetings.entries(some)
            for one in some:
                names = dict.fromkeys(name_of(who) for who in entries[one.id])
                yield Appointment(one.id, one.room, one.start, one.end, list(names))

    told = as_ics(name, appointments(), view.now)
    return StreamingResponse(
        told, headers=_attached(view, name, "ics"), media_type="text/calendar; charset=utf-8"
    )


def _attached(view: View, name: str, kind: str) -> dict[str, str]:
    """The file's name: what it is of, and the day on which it was taken."""
    day = f"{local(view.now, view.zone):%Y-%m-%d}"
    plain = _NOT_IN_A_NAME.sub("-", name).strip("-.")[:80] or "headcount"
    whole = f"{plain} {day}.{kind}" if day not in plain else f"{plain}.{kind}"
    simple = whole.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return {"content-disposition": f"attachment; filename=\"{simple}\"; filename*=UTF-8''{quote(whole)}"}

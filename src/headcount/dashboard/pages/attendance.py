"""Attendance page: the people of a meeting compared with a roster.

Responsible for the form, the thresholds in it, and the order of the results. A roster is never stored: the form carries
it from one page to the next. Must not know how a roster is read, nor how statuses are decided.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from functools import partial
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard.attributes import AttributeColumns
from headcount.dashboard.auth import Upload
from headcount.dashboard.files import Column, Table, Type
from headcount.dashboard.formats import name_of
from headcount.dashboard.pages import meeting as meeting_page
from headcount.dashboard.pages import query
from headcount.dashboard.pages.downloads import csv_response, xlsx_response
from headcount.dashboard.redaction import with_public_attributes
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import people_in
from headcount.reporting.roster import Attendee, Schedule, Status, schedule_of
from headcount.reporting.roster_file import MAX_PEOPLE, RosterFile, decoded, read_roster
from headcount.reporting.roster_match import Ambiguity
from headcount.reporting.roster_match import compare as compare_with_roster
from headcount.reporting.together import RolesTogether, roles_together
from headcount.store.records import MeetingRow
from headcount.timezones import instants_of

ROWS_PER_PAGE: Final = 100
_MAX_LINES: Final = 20
_MAX_ROLES: Final = 3
_MAX_ENTRIES_OF_ROLES: Final = 20_000
"""Of meetings with more entries, the time together would take seconds on every request."""
_MINUTE_MS: Final[Ms] = 60_000
_DEFAULTS: Final = {"min_attendance": "50", "late_after": "5", "left_early_before": "5"}
_ORDERS: Final = ("asc", "desc")
_STATUSES: Final = ("", *Status)
_COLUMNS: Final = {
    "name": Type.TEXT, "user_id": Type.TEXT, "email": Type.TEXT, "status": Type.TEXT, "first_join": Type.TIME,
    "last_leave": Type.TIME, "duration": Type.DURATION, "attendance_ratio": Type.PERCENT, "late_by": Type.DURATION,
    "left_early_by": Type.DURATION, "roster_line": Type.INTEGER,
}  # fmt: skip


class ResultRow(NamedTuple):
    """A person of the roster or of the meeting. `attendance_ratio` is the attended part of the scheduled time, 0 to 1."""

    name: str
    user_id: str | None
    email: str | None
    status: Status
    first_join: Ms | None
    last_leave: Ms | None
    is_open: bool
    duration_ms: Ms
    attendance_ratio: float
    late_by_ms: Ms | None
    left_early_by_ms: Ms | None
    line: int | None
    attributes: Attributes | None


class Result(NamedTuple):
    """The comparison. `rows` are in the order of the form, of one status if it names one; `counts` are of all rows."""

    rows: Sequence[ResultRow]
    counts: Mapping[Status, int]
    expected: int
    total: int
    roster: RosterFile
    ambiguous: Sequence[Ambiguity]
    schedule: Schedule


_SORT_KEYS: Final[Mapping[str, Callable[[ResultRow], Any]]] = {
    "roster": lambda row: (row.line is None, row.line or 0, row.first_join or 0),
    "name": lambda row: row.name.casefold(),
    "status": lambda row: list(Status).index(row.status),
    "join": lambda row: (row.first_join is None, row.first_join or 0),
    "duration": lambda row: row.duration_ms,
}
SORTS: Final = tuple(_SORT_KEYS)


async def page(view: View) -> Response:
    """GET /dashboard/meetings/ID/attendance: the form."""
    meeting, _ = await asyncio.to_thread(meeting_page.find, view)
    return await respond(view, meeting, view.url(f"/meetings/{meeting.id}"), None)


async def compare(view: View, upload: Upload) -> Response:
    """POST /dashboard/meetings/ID/attendance: the form with the results, or these as a file or for printing."""
    meeting, _ = await asyncio.to_thread(meeting_page.find, view)
    return await respond(view, meeting, view.url(f"/meetings/{meeting.id}"), upload)


async def respond(view: View, meeting: MeetingRow, back: str, upload: Upload | None) -> Response:
    """Return the page about a meeting whose own page is at `back`: the form, and what follows from the one in `upload`.

    Without a session, as by a shared link, user ids of the meeting are not shown, and people are not found by their
    attributes `email` and `external_id`.
    """
    pairs = await asyncio.to_thread(_roles_together, view, meeting)
    form = _Form(view, meeting, back, dict(upload.fields) if upload else {}, pairs)
    if upload is None:
        return form.response(None)
    fields = form.fields
    if fields.get("sort_order"):  # The button of a column.
        fields["sort"], _, fields["order"] = fields["sort_order"].partition(" ")
    try:
        if upload.files.get("file"):
            fields["roster"] = decoded(upload.files["file"])
        result = await asyncio.to_thread(_result, view, meeting, fields)
    except BadInput as error:
        return form.response(None, str(error))
    match fields.get("action"):
        case "csv":
            return csv_response(view, _table(view, meeting, result), _title(view, meeting))
        case "xlsx":
            return await xlsx_response(view, [_table(view, meeting, result)], _title(view, meeting))
        case "print":
            return await asyncio.to_thread(form.paper, result)
    return form.response(result)


class _Form(NamedTuple):
    """The form of a request, and the pages that show it."""

    view: View
    meeting: MeetingRow
    back: str
    fields: dict[str, str]
    pairs: Sequence[RolesTogether]

    def response(self, result: Result | None, error: str = "") -> Response:
        filled = {name: text for name, text in self.fields.items() if text}
        values = {**_DEFAULTS, **_scheduled(self.view, self.meeting), **filled}
        return render(
            self.view, "attendance.html", 400 if error else 200, meeting=self.meeting, back=self.back, fields=values,
            result=result, pairs=self.pairs, error=error, statuses=list(Status), max_people=MAX_PEOPLE, legend=_legend(values),
            shown=query.number(self.fields, "rows") or ROWS_PER_PAGE, duplicate_lines=_duplicate_lines,
            ambiguous_names=partial(_ambiguous_names, has_ids=self.view.visitor is not None),
        )  # fmt: skip

    def paper(self, result: Result) -> Response:
        return render(
            self.view, "attendance_print.html", meeting=self.meeting, back=self.back, result=result,
            legend=_legend({**_DEFAULTS, **self.fields}),
        )  # fmt: skip


def _scheduled(view: View, meeting: MeetingRow) -> dict[str, str]:
    """The start and the end of the meeting as the form has them, in whole minutes."""
    until = view.now if meeting.end is None else meeting.end
    return {
        "scheduled_start": f"{local(meeting.start, view.zone):%Y-%m-%dT%H:%M}",
        "scheduled_end": f"{local(until, view.zone):%Y-%m-%dT%H:%M}",
    }


def _result(view: View, meeting: MeetingRow, fields: Mapping[str, str]) -> Result:
    """Compare the meeting with the roster of the form. Raise `BadInput`."""
    roster = read_roster(fields.get("roster", ""))
    schedule = _schedule(view, meeting, fields)
    found = compare_with_roster(people_in(_entries(view, meeting), view.now), roster.people, schedule)
    status = query.choice(fields, "status", _STATUSES)
    rows = [
        _row(attendee, schedule, has_ids=view.visitor is not None)
        for attendee in found.attendees
        if not status or attendee.status == status
    ]
    rows.sort(
        key=_SORT_KEYS[query.choice(fields, "sort", SORTS)],
        reverse=query.choice(fields, "order", _ORDERS) == "desc",
    )
    return Result(rows, found.totals, found.expected, len(found.attendees), roster, found.ambiguous, schedule)


def _entries(view: View, meeting: MeetingRow) -> Sequence[Entry]:
    """Return the entries of a meeting, without a session with those attributes only that a link may show."""
    entries = view.context.store.meetings.entries([meeting])[meeting.id]
    return entries if view.visitor is not None else with_public_attributes(entries)


def _roles_together(view: View, meeting: MeetingRow) -> list[RolesTogether]:
    entries = _entries(view, meeting)
    return roles_together(entries, _MAX_ROLES, view.now) if len(entries) <= _MAX_ENTRIES_OF_ROLES else []


def _row(attendee: Attendee, schedule: Schedule, *, has_ids: bool) -> ResultRow:
    person, listed = attendee.person, attendee.listed
    if listed is not None:
        name = attendee.user_name or listed.label
    else:
        assert person is not None
        name = name_of(person)
    return ResultRow(
        name,
        attendee.user_id if has_ids else (None if listed is None else listed.user_id),
        attendee.email,
        attendee.status,
        None if person is None else person.first_join,
        None if person is None else person.last_leave,
        person is not None and person.last_leave is None,
        attendee.attended_ms,
        schedule.ratio_of(attendee.attended_ms),
        attendee.late_by_ms,
        attendee.left_early_by_ms,
        None if listed is None else listed.line,
        None if person is None else person.attributes,
    )


def _schedule(view: View, meeting: MeetingRow, fields: Mapping[str, str]) -> Schedule:
    """Return the scheduled time and the thresholds of the form. Raise `BadInput`."""
    thresholds = {name: query.number(fields, name) for name in _DEFAULTS}
    percent = thresholds["min_attendance"]
    percent = int(_DEFAULTS["min_attendance"]) if percent is None else percent
    if percent > 100:
        raise BadInput(TEXTS("attendance.invalid_percent", given=str(percent)))
    until = view.now if meeting.end is None else meeting.end
    start, end = (
        _time(view, fields, f"scheduled_{edge}", at)
        for edge, at in (("start", meeting.start), ("end", until))
    )
    if end <= start:
        raise BadInput(TEXTS("attendance.invalid_schedule"))
    late, early = (
        int(_DEFAULTS[name]) if thresholds[name] is None else thresholds[name] or 0
        for name in ("late_after", "left_early_before")
    )
    return schedule_of(
        start, end, meeting.end, view.now, Fraction(percent, 100), late * _MINUTE_MS, early * _MINUTE_MS
    )


def _time(view: View, fields: Mapping[str, str], name: str, default: Ms) -> Ms:
    """Return a local time of the form. The minute of the meeting's own start or end means that time exactly."""
    text = fields.get(name, "").strip()
    if not text:
        return default
    try:
        entered = datetime.fromisoformat(text)
    except ValueError:
        entered = None
    if entered is None or not 2000 <= entered.year < 2100:
        raise BadInput(TEXTS("attendance.invalid_time", given=text[:50]))
    if entered == local(default, view.zone).replace(second=0, microsecond=0, tzinfo=None):
        return default
    found = instants_of(entered.replace(tzinfo=None), view.zone)
    return found[0] if found else round(entered.replace(tzinfo=view.zone).timestamp() * 1_000)


def _title(view: View, meeting: MeetingRow) -> str:
    return f"{TEXTS('attendance.title')} {meeting.room} {local(meeting.start, view.zone):%Y-%m-%d %H.%M}"


def _table(view: View, meeting: MeetingRow, result: Result) -> Table:
    columns = tuple(Column(TEXTS(f"column.{name}"), kind) for name, kind in _COLUMNS.items())
    own = AttributeColumns([row.attributes for row in result.rows])
    rows = [
        (
            row.name, row.user_id, row.email, TEXTS(f"attendance.status_{row.status}"), row.first_join, row.last_leave,
            row.duration_ms, row.attendance_ratio, row.late_by_ms, row.left_early_by_ms, row.line, *own.cells(row.attributes),
        )
        for row in result.rows
    ]  # fmt: skip
    return Table(_title(view, meeting), (*columns, *own.columns), rows, view.zone)


def _legend(values: Mapping[str, str]) -> list[tuple[Status, Mapping[str, str]]]:
    """Each status with the values of the sentence that explains it."""
    sentences = {
        Status.LATE: {"minutes": values["late_after"]},
        Status.LEFT_EARLY: {"minutes": values["left_early_before"]},
        Status.PARTIAL: {"percent": values["min_attendance"]},
    }
    return [(status, sentences.get(status, {})) for status in Status]


def _duplicate_lines(roster: RosterFile) -> str:
    """The lines that were skipped, or the first of many."""
    lines = [f"{line:,}" for line, _ in roster.duplicates[:_MAX_LINES]]
    return ", ".join(lines) + (" …" if len(roster.duplicates) > _MAX_LINES else "")


def _ambiguous_names(ambiguity: Ambiguity, *, has_ids: bool) -> list[str]:
    """Return the people in a meeting that a person of the roster may be, with their ids to distinguish them."""
    names = [name_of(one) for one in ambiguity.candidates]
    if not has_ids:
        return names
    ids = [one.user_id or one.participant_id for one in ambiguity.candidates]
    return [f"{name} ({own_id})" for name, own_id in zip(names, ids, strict=True)]

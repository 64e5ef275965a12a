"""Zoom: the reports of participants that its portal exports as CSV.

* Times are in the account's time zone, which the report does not name, unless a title of a column does.
* The newer report of a meeting starts with two lines about the meeting, including its number; the older one only has the
  participants. A report of several meetings repeats the meeting's columns in each row, and some of them have the same names as
  the participants' columns, which come later.
* The report of a webinar has a table each for the host, panelists, attendees, and those who called by telephone. Its rows
  include registrants who did not attend.
* A participant who waited in the waiting room has a row of their own, which is marked. They were not present: their role is
  hidden.
* With "Show unique users" the portal adds up the time of each participant, without times: such a report cannot be read.
* The host of a meeting is known by their address, which is above the participants or in the columns of the meeting. In the report
  of a webinar, the tables state the role. `Guest` means someone outside of the account, whatever their role in the meeting is.
* The meeting's number is written in groups, 812 3456 7890; webhooks have it without spaces, and so do the events here.
* The portal writes titles in the user's language. Columns of a report in another language than English are found by content.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.local_times import is_local_time, with_zone
from headcount.sources.exports.reports import (
    Row,
    attribute_columns,
    has_time,
    mapped_attributes,
    row_events,
    stated_zone,
)
from headcount.sources.exports.text import Line, decode_text, split_lines
from headcount.timezones import split_zone

_IN_BRACKETS: Final = re.compile(r"\s*[(\uff08].*[)\uff09]\s*$")
_NUMBER: Final = re.compile(r"\d{9,12}", re.ASCII)
_MINUTES: Final = re.compile(r"\d{1,5}", re.ASCII)
_MISSING: Final = (
    "not a participants report of Zoom: no table has names, join times and leave times."
    " Export the participants of a meeting, or the attendee report of a webinar"
)
_REGISTRANTS: Final = "is a list of registrants, without times. Export the participants of the meeting, or the attendee report of the webinar"
_UNIQUE_USERS: Final = "has total durations instead of times. Export it without 'Show unique users'"
_NUMBER_TITLES: Final = ("meeting id", "id", "webinar id")
_NAME_TITLES: Final = ("name", "user name")
_TELEPHONE_SECTION: Final = "other attended"
_SECTION_ROLES: Final = {
    "host details": "host",
    "panelist details": "panelist",
    "attendee details": "attendee",
}
_SECTIONS: Final = (*_SECTION_ROLES, _TELEPHONE_SECTION)
_GUEST: Final = re.compile(
    r"(is )?guest|invitado|convidado|invité|gast|ospite|gość|konuk|tamu|gäst|гость|khách|ゲスト|来宾|來賓|게스트",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"[^\s()<>]+@[^\s()<>]+")
_WAITING_ROOM: Final = re.compile(
    r"waiting|espera|attente|warte|attesa|wacht|poczekaln|bekleme|tunggu|vänt|ожидан|chờ"
    r"|待機|等候|等待|대기",
    re.IGNORECASE,
)
_YES: Final = frozenset(
    ["yes", "sí", "si", "sim", "oui", "ja", "sì", "tak", "evet", "ya", "да", "có", "はい", "是", "예", "네"]
)
_NO: Final = frozenset(
    [
        "no",
        "não",
        "non",
        "nein",
        "nee",
        "nie",
        "hay\u0131r",
        "tidak",
        "nej",
        "нет",
        "không",
        "いいえ",
        "否",
        "아니요",
    ]
)


class _Columns(NamedTuple):
    """Positions of the columns; None for a column that is missing. `full_name` are the columns of a name in parts."""

    join: int
    leave: int
    name: int | None
    full_name: Sequence[int] = ()
    email: int | None = None
    duration: int | None = None
    waiting: int | None = None
    guest: int | None = None
    attended: int | None = None
    meeting: int | None = None
    meeting_end: int | None = None
    host: int | None = None


class _Meeting(NamedTuple):
    """What the lines before the participants state about the meeting, or ''."""

    number: str = ""
    end: str = ""
    host: str = ""


class _Table(NamedTuple):
    """A table of participants: its header, its rows, the columns of the header, and what its title states of everyone in it."""

    header: Line
    rows: Sequence[Line]
    columns: _Columns
    role: Role
    attendee_role: str | None
    mapped: Mapping[str, int]


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """Return the stays of a report."""
    text = decode_text(file.content)
    lines = split_lines(text, _may_be_table, _REGISTRANTS if _is_registration(text) else _MISSING)
    headers = _headers(lines)
    if not headers:
        raise BadInput(_MISSING)
    if any("total duration" in _titles(lines[at]) for at in headers):
        raise BadInput(_UNIQUE_USERS)
    meeting = _meeting(lines[: headers[0]])
    room = options.room or (_room_number(meeting.number) if meeting.number else "")
    zone = stated_zone(lines[: headers[0]])
    rows = [row for table in _tables(lines, headers, options) for row in _rows(table, room, meeting, zone)]
    return row_events(rows, file.name, options, on_error, lines)


def _is_registration(text: str) -> bool:
    lower = text.lower()
    return "registration time" in lower and "join time" not in lower


def _titles(line: Line) -> Sequence[str]:
    return [_IN_BRACKETS.sub("", split_zone(cell)[0].lower()) for cell in line.cells]


def _has_titles(line: Line) -> bool:
    """Return whether a line is the header of a table in English."""
    titles = {*_titles(line)}
    has_name = not titles.isdisjoint((*_NAME_TITLES, "first name"))
    return has_name and ("total duration" in titles or {"join time", "leave time"} <= titles)


def _may_be_table(line: Line) -> bool:
    return _has_titles(line) or _time_count(line) >= 2


def _time_count(line: Line) -> int:
    return sum(map(is_local_time, line.cells))


def _headers(lines: Sequence[Line]) -> Sequence[int]:
    """Return the positions of the headers of tables: those in English, or, if there is none, those above times."""
    english = [at for at, line in enumerate(lines) if _has_titles(line)]
    return english or [at for at in range(len(lines)) if _is_above_times(lines, at)]


def _is_above_times(lines: Sequence[Line], at: int) -> bool:
    """Return whether a line is a header by the content of the rows below it, which are not the lines about the meeting."""
    header = lines[at]
    is_first = at == 0 or _cell_count(lines[at - 1]) <= 1
    if (
        not is_first
        or _cell_count(header) < 3
        or any(is_local_time(cell) or "@" in cell for cell in header.cells)
    ):
        return False
    rows = [*takewhile(lambda line: _cell_count(line) > 1, lines[at + 1 :])]
    is_about_meeting = (
        len(rows) == 1 and _time_count(rows[0]) == 2 and any(map(_is_number, rows[0].cells[1:]))
    )
    return not is_about_meeting and any(_time_count(row) >= 2 for row in rows)


def _cell_count(line: Line) -> int:
    return sum(map(bool, line.cells))


def _tables(lines: Sequence[Line], headers: Sequence[int], options: ExportOptions) -> Iterator[_Table]:
    sections = [_section_above(lines, header) for header in headers]
    ends, mapped = [*sections[1:], len(lines)], attribute_columns([lines[at] for at in headers], options)
    for header, section, end, columns_by_key in zip(headers, sections, ends, mapped, strict=True):
        rows = [line for line in lines[header + 1 : end] if any(line.cells) and not _is_section(line)]
        by_title = _has_titles(lines[header])
        columns = _columns_by_title(lines[header]) if by_title else _columns_by_content(lines[header], rows)
        title = lines[section].cell(0).lower()
        role = Role.PHONE if title == _TELEPHONE_SECTION else Role.PERSON
        yield _Table(lines[header], rows, columns, role, _SECTION_ROLES.get(title), columns_by_key)


def _section_above(lines: Sequence[Line], header: int) -> int:
    """Return the position of the title above the header of a table, or of the header if it has none."""
    at = next((at for at in reversed(range(header)) if any(lines[at].cells)), header)
    return at if _cell_count(lines[at]) == 1 else header


def _is_section(line: Line) -> bool:
    return _cell_count(line) == 1 and line.cell(0).lower() in _SECTIONS


def _columns_by_title(header: Line) -> _Columns:
    titles = _titles(header)
    # The columns before the name are about the meeting.
    names = [at for at, title in enumerate(titles) if title in _NAME_TITLES]
    parts = [at for at, title in enumerate(titles) if title in ("first name", "last name")]
    start = max(names, default=-1)

    def before(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles[: start + 1]) if title in names), None)

    def after(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if at > start and title in names), None)

    join, leave = after("join time"), after("leave time")
    if join is None or leave is None:
        raise BadInput(_MISSING)
    return _Columns(
        join,
        leave,
        max(names, default=None),
        parts,
        email=after("user email", "email"),
        duration=after("duration", "time in session"),
        waiting=after("in waiting room"),
        guest=after("guest", "is guest"),
        attended=before("attended") if names else after("attended"),
        meeting=before(*_NUMBER_TITLES),
        meeting_end=before("end time"),
        host=before("host email", "user email"),
    )


def _columns_by_content(header: Line, rows: Sequence[Line]) -> _Columns:
    """Return the columns of a table in another language: names and addresses are before the last two columns of times,
    and minutes after them.
    """
    titles = header.cells

    def cells(column: int) -> Sequence[str]:
        return [line.cell(column) for line in rows if has_time(line.cell(column))]

    def has_only(column: int, test: re.Pattern[str] | None = None) -> bool:
        found = cells(column)
        return bool(found) and all(test.fullmatch(cell) if test else is_local_time(cell) for cell in found)

    times = [column for column in range(len(titles)) if has_only(column)]
    if len(times) < 2 or times[-1] != times[-2] + 1 or not has_only(times[-1] + 1, _MINUTES):
        raise BadInput(_MISSING)
    join, leave = times[-2:]
    named = [column for column in range(join) if _IN_BRACKETS.search(titles[column])]
    name = max(named, default=0 if join <= 2 else None)
    if name is None:
        raise BadInput(_MISSING)
    meeting = next((column for column in range(name) if all(map(_is_number, cells(column) or [""]))), None)
    others = [column for column in range(leave + 2, len(titles)) if cells(column)]
    waiting = next((column for column in others if _WAITING_ROOM.search(titles[column])), None)
    is_webinar = name > 0 and meeting is None
    if waiting is None and len(others) > 1 and not is_webinar:
        raise BadInput(
            f"has a column '{titles[others[-1]][:50]}', which may mark the waiting room in another language. Export it in English"
        )
    return _Columns(
        join,
        leave,
        name,
        email=max(
            (column for column in range(name, join) if any("@" in cell for cell in cells(column))),
            default=None,
        ),
        duration=leave + 1,
        waiting=waiting,
        guest=next((column for column in others if _GUEST.fullmatch(titles[column])), None),
        meeting=meeting,
        meeting_end=times[-3] if len(times) > 3 else None,
    )


def _meeting(lines: Sequence[Line]) -> _Meeting:
    """Return what the lines before the participants state about the meeting."""
    for titles, values in zip(lines, lines[1:], strict=False):
        values_by_title = dict(zip(_titles(titles), values.cells, strict=False))
        number = next((values_by_title[name] for name in _NUMBER_TITLES if values_by_title.get(name)), "")
        if number:
            host = _ADDRESS.search(values_by_title.get("host", ""))
            return _Meeting(number, values_by_title.get("end time", ""), host[0] if host else "")
    for line in lines:
        number = next(filter(_is_number, line.cells[1:]), "")
        if number:
            times = [cell for cell in line.cells if is_local_time(cell)]
            return _Meeting(number, times[-1] if len(times) > 1 else "")
    return _Meeting()


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(_digits(cell)) is not None


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "")


def _room_number(number: str) -> str:
    """Return the number without spaces. Raise `BadInput` for a number that a spreadsheet changed."""
    if not _is_number(number):
        raise BadInput(
            f"has the meeting's number as '{number[:50]}', which a spreadsheet changed: add --room NAME"
        )
    return _digits(number)


def _rows(table: _Table, room: str, meeting: _Meeting, zone: str) -> Iterator[Row]:
    columns = table.columns

    def time(line: Line, column: int | None) -> str:
        return with_zone(with_zone(line.cell(column), table.header.cell(column)), zone)

    for line in table.rows:
        number = line.cell(columns.meeting)
        yield Row(
            line.number,
            room or (_room_number(number) if number else ""),
            line.cell(columns.name) or " ".join(filter(None, map(line.cell, columns.full_name))),
            line.cell(columns.email),
            time(line, columns.join),
            time(line, columns.leave),
            with_zone(meeting.end, zone) or time(line, columns.meeting_end),
            _parse_minutes(line.cell(columns.duration)),
            Role.HIDDEN if _is_yes(line, columns.waiting) else table.role,
            has_attended=line.cell(columns.attended).lower() != "no",
            cells=line.cells,
            attributes=_attributes(line, table, line.cell(columns.host) or meeting.host),
        )


def _attributes(line: Line, table: _Table, host: str) -> Attributes | None:
    email, guest = line.cell(table.columns.email), line.cell(table.columns.guest).lower()
    is_host = bool(host) and email.lower() == host.lower()
    stated = {
        "email": email,
        "role": table.attendee_role or ("host" if is_host else None),
        "guest": guest in _YES if guest in _YES | _NO else None,
    }
    return fields.attributes(stated, **mapped_attributes(line, table.mapped))


def _is_yes(line: Line, column: int | None) -> bool:
    """Return whether a cell is yes in one of the portal's languages. Raise `BadInput` for a word that is neither yes nor no."""
    cell = line.cell(column).lower()
    if has_time(cell) and cell not in _YES | _NO:
        raise BadInput(
            f"line {line.number} has '{cell[:50]}' for the waiting room, which is neither yes nor no. Export it in English"
        )
    return cell in _YES


def _parse_minutes(text: str) -> Ms | None:
    return int(text) * 60_000 if _MINUTES.fullmatch(text) else None


FORMAT: Final = ExportFormat(
    "zoom-report", parse, is_one_meeting=True, has_local_times=True, attribute_place="column"
)

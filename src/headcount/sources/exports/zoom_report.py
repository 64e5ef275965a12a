"""Zoom: the report of a meeting's participants that its portal exports as CSV.

* Times are in the account's time zone, which the report does not name.
* The newer format starts with two lines about the meeting, including its number; the older one only has the participants.
  A report of several meetings repeats the meeting's columns in each row, and some of them have the same names as
  the participants' columns, which come later.
* A participant who waited in the waiting room has a row of their own, which is marked. They were not present: their role is
  hidden.
* With "Show unique users" the portal adds up the time of each participant, without times: such a report cannot be read.
* The meeting's number is written in groups, 812 3456 7890; webhooks have it without spaces, and so do the events here.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.reports import Row, row_events
from headcount.sources.exports.text import Line, decode_text, split_lines

_IN_BRACKETS: Final = re.compile(r"\s*\(.*\)\s*$")
_NUMBER: Final = re.compile(r"\d{9,12}", re.ASCII)
_MISSING: Final = (
    "not a participants report of Zoom: no line has Name, Join Time and Leave Time."
    " Export it in English, with 'Export with meeting data'"
)
_NUMBER_TITLES: Final = ("meeting id", "id", "webinar id")
_UNIQUE_USERS: Final = (
    "has no times, but what each was in all together: export it without 'Show unique users'"
)


class _Columns(NamedTuple):
    """Positions of the columns; None for a column that is missing."""

    meeting: int | None
    meeting_end: int | None
    name: int
    email: int | None
    join: int
    leave: int
    duration: int | None
    waiting: int | None


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """Return the stays of a report."""
    lines = split_lines(decode_text(file.content), _is_header, _MISSING)
    header = next(index for index, line in enumerate(lines) if _is_header(line))
    if "total duration" in _titles(lines[header]):
        raise BadInput(_UNIQUE_USERS)
    number, meeting_end = _meeting(lines[:header])
    rows = _rows(lines[header:], options.room or (_room_number(number) if number else ""), meeting_end)
    return row_events(rows, file.name, options, on_error, lines)


def _titles(line: Line) -> Sequence[str]:
    return [_IN_BRACKETS.sub("", cell.lower()) for cell in line.cells]


def _is_header(line: Line) -> bool:
    titles = _titles(line)
    return "name" in titles and ("total duration" in titles or {"join time", "leave time"} <= {*titles})


def _columns(header: Line) -> _Columns:
    titles = _titles(header)
    # The columns before the name are about the meeting. The name may have "(Original Name)".
    name = max(position for position, title in enumerate(titles) if title == "name")

    def before(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles[:name]) if title in names), None)

    def after(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if at > name and title in names), None)

    join, leave = after("join time"), after("leave time")
    if join is None or leave is None:
        raise BadInput(_MISSING)
    return _Columns(
        before(*_NUMBER_TITLES), before("end time"), name, after("user email", "email"), join, leave,
        after("duration"), after("in waiting room"),
    )  # fmt: skip


def _meeting(lines: Sequence[Line]) -> tuple[str, str]:
    """Return the meeting's number and end from the lines before the participants, or ''."""
    for titles, values in zip(lines, lines[1:], strict=False):
        values_by_title = dict(zip(_titles(titles), values.cells, strict=False))
        number = next((values_by_title[name] for name in _NUMBER_TITLES if values_by_title.get(name)), "")
        if number:
            return number, values_by_title.get("end time", "")
    return "", ""


def _room_number(number: str) -> str:
    """Return the number without spaces. Raise `BadInput` for a number that a spreadsheet changed."""
    digits = number.replace(" ", "").replace("-", "")
    if not _NUMBER.fullmatch(digits):
        raise BadInput(
            f"has the meeting's number as '{number[:50]}', which a spreadsheet changed: add --room NAME"
        )
    return digits


def _rows(lines: Iterable[Line], room: str, meeting_end: str) -> Iterator[Row]:
    header, *participants = lines
    columns = _columns(header)
    for line in participants:
        if not any(line.cells):
            continue
        is_waiting = line.cell(columns.waiting).lower() == "yes"
        yield Row(
            line.number,
            room or (_room_number(line.cell(columns.meeting)) if line.cell(columns.meeting) else ""),
            line.cell(columns.name),
            line.cell(columns.email),
            line.cell(columns.join),
            line.cell(columns.leave),
            meeting_end or line.cell(columns.meeting_end),
            _parse_minutes(line.cell(columns.duration)),
            Role.HIDDEN if is_waiting else Role.PERSON,
        )


def _parse_minutes(text: str) -> Ms | None:
    return int(text) * 60_000 if text.isascii() and text.isdigit() else None


FORMAT: Final = ExportFormat("zoom-report", parse, is_one_meeting=True, has_local_times=True)

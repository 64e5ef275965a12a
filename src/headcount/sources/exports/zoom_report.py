"""Zoom: the report of a meeting's participants that its portal gives as CSV.

What is peculiar:

* Times are those of the account's zone, and nothing says which that is.
* The newer form begins with two lines about the meeting, its number among them; the older one has the participants
  alone. A report of several meetings repeats the meeting's columns in each row, and some of them are called as the
  participants' are: theirs come later.
* Who waited in the waiting room is in a row of their own, marked so. They were not in: they are told as hidden.
* With "Show unique users" the portal adds up all that somebody was in, and gives no times: nothing can be read of that.
* The meeting's number is written in groups, 812 3456 7890; webhooks have it without blanks, and so do we.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.reports import Row, meeting_events
from headcount.sources.exports.text import Line, decode_text, split_lines

_IN_BRACKETS: Final = re.compile(r"\s*\(.*\)\s*$")
_NUMBER: Final = re.compile(r"\d{9,12}", re.ASCII)
_MISSING: Final = (
    "is no report of participants as Zoom gives it: no line has Name, Join Time and Leave Time."
    " Export it in English, with 'Export with meeting data'"
)
_NUMBERS: Final = ("meeting id", "id", "webinar id")
_UNIQUE: Final = "has no times, but what each was in all together: export it without 'Show unique users'"


class _Columns(NamedTuple):
    """Where things stand in a row; None where they do not."""

    meeting: int | None
    room_end: int | None
    name: int
    email: int | None
    join: int
    leave: int
    duration: int | None
    waiting: int | None


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """The stays that a report tells of."""
    lines = split_lines(decode_text(file.content), _is_header, _MISSING)
    header = next(index for index, line in enumerate(lines) if _is_header(line))
    if "total duration" in _titles(lines[header]):
        raise BadInput(_UNIQUE)
    number, room_end = _meeting(lines[:header])
    rows = _rows(lines[header:], options.room or (_plain(number) if number else ""), room_end)
    return meeting_events(rows, file.name, options, on_error)


def _titles(line: Line) -> Sequence[str]:
    return [_IN_BRACKETS.sub("", cell.lower()) for cell in line.cells]


def _is_header(line: Line) -> bool:
    titles = _titles(line)
    return "name" in titles and ("total duration" in titles or {"join time", "leave time"} <= {*titles})


def _columns(header: Line) -> _Columns:
    titles = _titles(header)
    # The name comes with "(Original Name)"; what is before it is about the meeting.
    name = max(position for position, title in enumerate(titles) if title == "name")

    def before(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles[:name]) if title in names), None)

    def after(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if at > name and title in names), None)

    join, leave = after("join time"), after("leave time")
    if join is None or leave is None:
        raise BadInput(_MISSING)
    return _Columns(
        before(*_NUMBERS), before("end time"), name, after("user email", "email"), join, leave,
        after("duration"), after("in waiting room"),
    )  # fmt: skip


def _meeting(lines: Sequence[Line]) -> tuple[str, str]:
    """The meeting's number and end, if the lines before the participants say them."""
    for titles, values in zip(lines, lines[1:], strict=False):
        about = dict(zip(_titles(titles), values.cells, strict=False))
        number = next((about[name] for name in _NUMBERS if about.get(name)), "")
        if number:
            return number, about.get("end time", "")
    return "", ""


def _plain(number: str) -> str:
    """The number without blanks. Raises `BadInput` for what a spreadsheet has made of it."""
    plain = number.replace(" ", "").replace("-", "")
    if not _NUMBER.fullmatch(plain):
        raise BadInput(
            f"has the meeting's number as '{number[:50]}', which is none: say what the room is called, by --room"
        )
    return plain


def _rows(lines: Iterable[Line], room: str, room_end: str) -> Iterator[Row]:
    header, *participants = lines
    columns = _columns(header)
    for line in participants:
        if not any(line.cells):
            continue
        waited = line.cell(columns.waiting).lower() == "yes"
        yield Row(
            line.number,
            room or (_plain(line.cell(columns.meeting)) if line.cell(columns.meeting) else ""),
            line.cell(columns.name),
            line.cell(columns.email),
            line.cell(columns.join),
            line.cell(columns.leave),
            room_end or line.cell(columns.room_end),
            _minutes(line.cell(columns.duration)),
            Role.HIDDEN if waited else Role.PERSON,
        )


def _minutes(text: str) -> Ms | None:
    return int(text) * 60_000 if text.isascii() and text.isdigit() else None


FORMAT: Final = ExportFormat("zoom-report", parse, is_one_meeting=True, has_local_times=True)

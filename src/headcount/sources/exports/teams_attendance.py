"""Teams: the attendance report of a meeting, as the organizer downloads it.

The file is UTF-16 with tabs, whatever its name is. It is in the language of the user who downloads it: where titles are not in English,
lists and columns are identified by their content.

* The newer format has numbered parts: 1. Summary, 2. Participants, 3. In-Meeting Activities, and others. The second has each
  participant's total, from a first join to a last leave; only the activities have the absences in between.
* The format of 2021 has a summary and one list with joins and leaves.
* The format of 2020 has a line for each join and leave.
* Times are those of the user who downloads it, without a time zone, and without the order of day and month.
* The newer format and that of 2021 have addresses and roles. In another language than English only the addresses are read, because
  titles and words of roles are translated.
* No meeting has an id that its next report repeats. The room is the meeting's title, unless the operator names it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile, zip_longest
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.sources import fields
from headcount.sources.api import ParsedEvent
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
from headcount.sources.exports.teams_actions import Action, action_rows
from headcount.sources.exports.text import Line, decode_text, split_lines
from headcount.sources.exports.time_words import parse_duration
from headcount.timezones import split_zone

_MISSING: Final = (
    "not an attendance report of Teams: it has no list of joins and leaves."
    " Download it from the meeting's Attendance tab, with all information"
)
_TIMES: Final = frozenset({"join time", "leave time"})
_ACTIONS: Final = frozenset({"full name", "user action", "timestamp"})
_PART: Final = re.compile(r"(\d) ?[.\uff0e\u3001] ?\D.*")
_FIRST_DETAILED_PART: Final = 3
_NO_TITLE: Final = "null"


class _Columns(NamedTuple):
    """Positions of the columns; None for a column that is missing. The defaults are those of the newer format."""

    name: int = 0
    join: int = 1
    leave: int = 2
    duration: int | None = 3
    email: int | None = 4
    upn: int | None = None
    role: int | None = None


class _Summary(NamedTuple):
    """Title and end of the meeting, or '', and the time zone that it states for `with_zone`."""

    title: str = ""
    end: str = ""
    zone: str = ""


class _Report(NamedTuple):
    """A report as a whole: its name, its lines, and what applies to each row."""

    file_name: str
    lines: Sequence[Line]
    summary: _Summary
    options: ExportOptions
    on_error: ErrorCallback

    @property
    def room(self) -> str:
        return self.options.room or self.summary.title

    def time(self, line: Line, column: int, header: Line) -> str:
        """Return a time with the zone that the title of its column or the summary states."""
        return with_zone(with_zone(line.cell(column), header.cell(column)), self.summary.zone)


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """Return the stays of a report."""
    lines = split_lines(decode_text(file.content), _is_list_line, _MISSING)
    report = _Report(file.name, lines, _summary(lines), options, on_error)
    return row_events(_rows(report), file.name, options, on_error, lines)


def _is_list_line(line: Line) -> bool:
    """Return whether a line shows that the lines of a report are split in the right way."""
    return _has(line, _TIMES) or _has(line, _ACTIONS) or any(map(is_local_time, line.cells[1:]))


def _rows(report: _Report) -> Iterable[Row]:
    """Return the rows of the most detailed list. Raise `BadInput` if the report has none."""
    lines = report.lines
    for at, line in enumerate(lines):
        if _has(line, _TIMES):
            return _stays(report, line, _lines_below(lines, at), _columns_by_title(line))
    for at, line in enumerate(lines):
        if _has(line, _ACTIONS):
            return _paired(report, line, _lines_below(lines, at))
    if any(_part(line) for line in lines):
        return _activities(report)
    first = next((at for at, line in enumerate(lines) if _is_stay(line)), 0)
    if first and any(is_local_time(line.cell(1)) and not line.cell(2) for line in lines[:first]):
        header = max(at for at in range(first) if not at or not any(lines[at - 1].cells))
        rows = list(_lines_below(lines, header))
        columns = _columns_by_content(rows)
        if columns is not None:
            return _stays(report, lines[header], rows, columns)
    header_line, *rows = lines
    actions = [line for line in rows if any(line.cells)]
    has_actions = any(map(_is_action, actions)) and not is_local_time(header_line.cell(2))
    if has_actions and all(_is_action(line) or not has_time(line.cell(2)) for line in actions):
        return _paired(report, header_line, actions)
    raise BadInput(_MISSING)


def _activities(report: _Report) -> Iterable[Row]:
    """Return the rows of the part after the participants that has joins and leaves."""
    lines = report.lines
    lists = [
        (lines[at + 1], list(_lines_below(lines, at + 1)))
        for at, line in enumerate(lines[:-1])
        if _part(line) >= _FIRST_DETAILED_PART
    ]
    for header, rows in sorted(lists, key=lambda part: -len(_time_columns(part[1]))):
        columns = _columns_by_content(rows)
        if columns is not None:
            return _stays(report, header, rows, columns)
    raise BadInput(_MISSING)


def _titles(line: Line) -> Sequence[str]:
    """Return the titles of columns in lower case, without time zones."""
    return [split_zone(cell)[0].lower() for cell in line.cells]


def _part(line: Line) -> int:
    """Return the number of the part that starts on this line, or 0."""
    found = _PART.fullmatch(line.cell(0))
    return int(found[1]) if found is not None and not any(line.cells[1:]) else 0


def _has(line: Line, titles: frozenset[str]) -> bool:
    return titles.issubset(_titles(line))


def _is_stay(line: Line) -> bool:
    """Return whether a line has a name, a join and a leave."""
    return not is_local_time(line.cell(0)) and sum(map(is_local_time, line.cells)) > 1


def _is_action(line: Line) -> bool:
    """Return whether a line has a name, an action and a time."""
    name, action, time = (line.cell(at) for at in range(3))
    return bool(name and action) and is_local_time(time) and not any(map(is_local_time, (name, action)))


def _lines_below(lines: Sequence[Line], header: int) -> Iterator[Line]:
    """Return the lines below a header, up to the next empty line or part."""
    return takewhile(lambda line: any(line.cells) and not _part(line), lines[header + 1 :])


def _summary(lines: Sequence[Line]) -> _Summary:
    """Return the summary, which is the first block of lines.

    In another language the end is its second time. The title is its first value in the newer format, else the value before
    the first time.
    """
    block = list(takewhile(lambda line: any(line.cells) and _part(line) < 2, lines))
    values = {split_zone(line.cell(0))[0].lower(): line.cell(1) for line in block}
    times = [at for at, line in enumerate(block) if is_local_time(line.cell(1)) and not line.cell(2)]
    has_parts = bool(block) and _part(block[0]) == 1
    title_at = 1 if has_parts else (times[0] - 1 if times else 0)
    title = values.get("meeting title")
    if title is None:
        title = block[title_at].cell(1) if 0 < title_at < len(block) and title_at not in times else ""
    end = values.get("end time") or values.get("meeting end time")
    if end is None:
        end = block[times[1]].cell(1) if len(times) > 1 else ""
    # Line by line: above the start is the title of the meeting, which may end with a zone as well.
    titled = (line.cell(0) for line in block if is_local_time(line.cell(1)) and split_zone(line.cell(0))[1])
    zone = next(titled, "") or next(filter(None, (stated_zone([line]) for line in block)), "")
    return _Summary("" if title.lower() == _NO_TITLE else title, with_zone(end, zone), zone)


def _columns_by_title(header: Line) -> _Columns:
    titles = _titles(header)

    def position(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if title in names), None)

    return _Columns(
        position("full name", "name") or 0,
        titles.index("join time"),
        titles.index("leave time"),
        position("duration"),
        position("email"),
        position("participant id (upn)"),
        position("role"),
    )


def _time_columns(rows: Sequence[Line]) -> list[int]:
    """Return the columns with times, except the first, which has names."""
    width = max((len(line.cells) for line in rows), default=0)
    return [at for at in range(1, width) if any(is_local_time(line.cell(at)) for line in rows)]


def _columns_by_content(rows: Sequence[Line]) -> _Columns | None:
    """Return the columns of a list in another language, or None if it is no list of joins and leaves.

    Both columns with times are joins and leaves. If there is only one, the other is the one beside it without any value.
    """
    columns = [*zip_longest(*(line.cells for line in rows), fillvalue="")]
    times = _time_columns(rows)
    if len(times) == 1:
        (at,) = times
        empty = [
            beside for beside in (at + 1, at - 1) if 0 < beside < len(columns) and not any(columns[beside])
        ]
        times = sorted([at, *empty[:1]])
    elif not times:
        times = [_Columns().join, _Columns().leave]
    if len(times) != 2:
        return None
    join, leave = times
    others = [at for at in range(1, len(columns)) if at not in times]
    return _Columns(
        0,
        join,
        leave,
        next((at for at in others if at > leave and any(map(parse_duration, columns[at]))), None),
        next((at for at in others if any("@" in cell for cell in columns[at])), None),
    )


def _stays(report: _Report, header: Line, lines: Iterable[Line], columns: _Columns) -> Iterator[Row]:
    (mapped,) = attribute_columns([header], report.options)
    is_newer = any(_part(line) for line in report.lines)
    for line in lines:
        duration = parse_duration(line.cell(columns.duration))
        yield Row(
            line.number,
            report.room,
            line.cell(columns.name),
            line.cell(columns.email),
            report.time(line, columns.join, header),
            report.time(line, columns.leave, header),
            with_zone(report.summary.end, header.cell(columns.join)),
            duration and duration[0],
            # The format of 2021 omits the seconds of a duration of an hour or more.
            is_duration_exact=duration is not None and (is_newer or duration[1]),
            cells=line.cells,
            attributes=_attributes(line, columns, mapped),
        )


def _attributes(line: Line, columns: _Columns, mapped: Mapping[str, int]) -> Attributes | None:
    """Return the address, which is the name of the account where no other is known, and the role."""
    email = line.cell(columns.email) or line.cell(columns.upn)
    stated = {"email": email if "@" in email else None, "role": fields.role(line.cell(columns.role))}
    return fields.attributes(stated, **mapped_attributes(line, mapped))


def _paired(report: _Report, header: Line, lines: Iterable[Line]) -> list[Row]:
    """Return the rows of the format of 2020. Raise `BadInput` for mapped attributes: its lines are no stays."""
    if report.options.attributes:
        raise BadInput(
            "has a line for each join and leave, without attributes: import it without --attribute"
        )
    titles = _titles(header)
    has_titles = _has(header, _ACTIONS)
    name, action, time = (
        map(titles.index, ("full name", "user action", "timestamp")) if has_titles else (0, 1, 2)
    )
    actions = (
        Action(line.number, line.cell(name), line.cell(action), report.time(line, time, header))
        for line in lines
    )
    return action_rows(actions, report.room, report.file_name, report.options, report.on_error)


FORMAT: Final = ExportFormat(
    "teams-attendance", parse, is_one_meeting=True, has_local_times=True, attribute_place="column"
)

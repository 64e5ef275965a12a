"""Teams: the attendance report of a meeting, as the organizer downloads it.

The file is UTF-16 with tabs, whatever its name is.

* The newer format has three parts: 1. Summary, 2. Participants, 3. In-Meeting Activities. The second has each participant's
  total, from a first join to a last leave; only the third has the absences in between. It is in the language
  of the user who downloads it: then parts are identified by their number, and columns by their position.
* The format of 2021 has a summary and one list with joins and leaves. The format of 2020 has a line for each join and leave,
  and was downloaded during the meeting: participants without a leave were still present.
* Times are those of the user who downloads it, without a time zone, and without the order of day and month.
* No meeting has an id that its next report repeats. The room is the meeting's title, unless the operator names it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources.api import ParsedEvent
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.reports import Row, row_events
from headcount.sources.exports.text import Line, decode_text, split_lines

_MISSING: Final = (
    "not an attendance report of Teams: it has neither a list with Join Time and Leave Time nor one with User Action."
    " Download it from the meeting's Attendance tab, with all information"
)
_TIMES: Final = frozenset({"join time", "leave time"})
_ACTIONS: Final = frozenset({"full name", "user action", "timestamp"})
_PART: Final = re.compile(r"(\d)\. .+")
_DURATION: Final = re.compile(
    r"(?:(\d+) ?h\w*)? ?(?:(\d+) ?m\w*)? ?(?:(\d+) ?s\w*)?", re.ASCII | re.IGNORECASE
)
_ACTIVITIES_PART: Final = "3"
_MINUTE_MS: Final[Ms] = 60_000


class _Columns(NamedTuple):
    """Positions of the columns; the defaults are those of the newer format."""

    name: int = 0
    join: int = 1
    leave: int = 2
    duration: int | None = 3
    email: int | None = 4


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """Return the stays of a report."""
    lines = split_lines(decode_text(file.content), _is_list_start, _MISSING)
    room = options.room or _summary_value(lines, "meeting title") or _title_by_position(lines)
    meeting_end = _summary_value(lines, "end time", "meeting end time")
    return row_events(
        _rows(lines, room, meeting_end, file.name, on_error), file.name, options, on_error, lines
    )


def _rows(
    lines: Sequence[Line], room: str, meeting_end: str, file_name: str, on_error: ErrorCallback
) -> Iterable[Row]:
    """Return the rows of the most detailed list."""
    for at, line in enumerate(lines):
        if _has(line, _TIMES):
            return _stays(_lines_below(lines, at), _columns(line), room, meeting_end)
    for at, line in enumerate(lines):
        if _has(line, _ACTIONS):
            return _pair_rows(_lines_below(lines, at), _titles(line), room, file_name, on_error)
    for at, line in enumerate(lines):
        if _part(line) == _ACTIVITIES_PART:
            return _stays(_lines_below(lines, at + 1), _Columns(), room, meeting_end)
    return []


def _titles(line: Line) -> Sequence[str]:
    return [cell.lower() for cell in line.cells]


def _part(line: Line) -> str:
    """Return the number of the part that starts on this line, or ''."""
    found = _PART.fullmatch(line.cell(0))
    return found[1] if found is not None and not any(line.cells[1:]) else ""


def _has(line: Line, titles: frozenset[str]) -> bool:
    return titles.issubset(_titles(line))


def _is_list_start(line: Line) -> bool:
    return _has(line, _TIMES) or _has(line, _ACTIONS) or _part(line) == _ACTIVITIES_PART


def _lines_below(lines: Sequence[Line], header: int) -> Iterator[Line]:
    """Return the lines below a header, up to the next empty line or part."""
    return takewhile(lambda line: any(line.cells) and not _part(line), lines[header + 1 :])


def _summary_value(lines: Iterable[Line], *names: str) -> str:
    """Return the value of the summary with one of these names, or ''."""
    return next((line.cell(1) for line in lines if line.cell(0).lower() in names), "")


def _title_by_position(lines: Sequence[Line]) -> str:
    """Return the meeting's title in a summary of another language: the first value."""
    return next(
        (after.cell(1) for line, after in zip(lines, lines[1:], strict=False) if _part(line) == "1"), ""
    )


def _columns(header: Line) -> _Columns:
    titles = _titles(header)

    def position(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if title in names), None)

    return _Columns(
        position("full name", "name") or 0,
        titles.index("join time"),
        titles.index("leave time"),
        position("duration"),
        position("email"),
    )


def _stays(lines: Iterable[Line], columns: _Columns, room: str, meeting_end: str) -> Iterator[Row]:
    for line in lines:
        yield Row(
            line.number,
            room,
            line.cell(columns.name),
            line.cell(columns.email),
            line.cell(columns.join),
            line.cell(columns.leave),
            meeting_end,
            _parse_duration(line.cell(columns.duration)),
            is_duration_exact=True,
            cells=line.cells,
        )


def _parse_duration(text: str) -> Ms | None:
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 60 * _MINUTE_MS + minutes * _MINUTE_MS + seconds * 1_000


def _pair_rows(
    lines: Iterable[Line], titles: Sequence[str], room: str, file_name: str, on_error: ErrorCallback
) -> list[Row]:
    """Return the rows of the format of 2020: each leave belongs to the earliest join of that name without one."""
    name, action, time = titles.index("full name"), titles.index("user action"), titles.index("timestamp")
    rows: list[Row] = []
    open_rows: defaultdict[str, list[int]] = defaultdict(list)
    for line in lines:
        participant = line.cell(name)
        match line.cell(action).lower():
            case "joined" | "joined before":
                open_rows[participant].append(len(rows))
                rows.append(Row(line.number, room, participant, "", line.cell(time), ""))
            case "left" if open_rows[participant]:
                join = open_rows[participant].pop(0)
                rows[join] = rows[join]._replace(leave=line.cell(time))
            case "left":
                on_error(_row_error(line, file_name, f"'{participant}' left, but has no join"))
            case other:
                on_error(
                    _row_error(
                        line, file_name, f"'{other}' is neither Joined nor Left: download it in English"
                    )
                )
    return rows


def _row_error(line: Line, file_name: str, reason: str) -> BadInput:
    return BadInput(reason, where=file_name, place=f"line {line.number}")


FORMAT: Final = ExportFormat("teams-attendance", parse, is_one_meeting=True, has_local_times=True)

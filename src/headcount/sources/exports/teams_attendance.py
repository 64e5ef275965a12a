"""Teams: the attendance report of a meeting, as the organizer downloads it.

UTF-16 with tabs, whatever its name says. What is peculiar:

* The newer form has three parts: 1. Summary, 2. Participants, 3. In-Meeting Activities. The second adds up what each
  was in, from a first join to a last leave; only the third says when they were away in between. It is in the language
  of whoever downloads it: parts are known by their number then, and columns by their place.
* The form of 2021 has a summary and one list with joins and leaves. That of 2020 has a line for each coming and going,
  and was downloaded while the meeting went on: those who do not leave in it were still in.
* Times are those of whoever downloaded it, and nothing says where that was; nor do they say which number is the day.
* No meeting has an id that its next report has again. The room is the meeting's title, unless the operator names it.
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
from headcount.sources.exports.reports import Row, meeting_events
from headcount.sources.exports.text import Line, decode_text, split_lines

_MISSING: Final = (
    "is no attendance report of Teams: it has neither a list with Join Time and Leave Time nor one with User Action."
    " Download it from the meeting's Attendance tab, with all information"
)
_TIMES: Final = frozenset({"join time", "leave time"})
_ACTIONS: Final = frozenset({"full name", "user action", "timestamp"})
_PART: Final = re.compile(r"(\d)\. .+")
_LASTED: Final = re.compile(r"(?:(\d+) ?h\w*)? ?(?:(\d+) ?m\w*)? ?(?:(\d+) ?s\w*)?", re.ASCII | re.IGNORECASE)
_ACTIVITIES: Final = "3"
_A_MINUTE: Final[Ms] = 60_000


class _Columns(NamedTuple):
    """Where things stand in a row; the places that they have in the newer form."""

    name: int = 0
    join: int = 1
    leave: int = 2
    duration: int | None = 3
    email: int | None = 4


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterable[ParsedEvent]:
    """The stays that a report tells of."""
    lines = split_lines(decode_text(file.content), _is_known, _MISSING)
    room = options.room or _said(lines, "meeting title") or _title_by_place(lines)
    room_end = _said(lines, "end time", "meeting end time")
    return meeting_events(_rows(lines, room, room_end, file.name, on_error), file.name, options, on_error)


def _rows(
    lines: Sequence[Line], room: str, room_end: str, where: str, on_error: ErrorCallback
) -> Iterable[Row]:
    """The rows of whichever list says most of when people were in."""
    for at, line in enumerate(lines):
        if _has(line, _TIMES):
            return _stays(_list(lines, at), _columns(line), room, room_end)
    for at, line in enumerate(lines):
        if _has(line, _ACTIONS):
            return _paired(_list(lines, at), _titles(line), room, where, on_error)
    for at, line in enumerate(lines):
        if _part(line) == _ACTIVITIES:
            return _stays(_list(lines, at + 1), _Columns(), room, room_end)
    return []


def _titles(line: Line) -> Sequence[str]:
    return [cell.lower() for cell in line.cells]


def _part(line: Line) -> str:
    """The number of the part that begins here."""
    found = _PART.fullmatch(line.cell(0))
    return found[1] if found is not None and not any(line.cells[1:]) else ""


def _has(line: Line, titles: frozenset[str]) -> bool:
    return titles.issubset(_titles(line))


def _is_known(line: Line) -> bool:
    return _has(line, _TIMES) or _has(line, _ACTIONS) or _part(line) == _ACTIVITIES


def _list(lines: Sequence[Line], header: int) -> Iterator[Line]:
    """The rows beneath a header, to the next empty line or part."""
    return takewhile(lambda line: any(line.cells) and not _part(line), lines[header + 1 :])


def _said(lines: Iterable[Line], *names: str) -> str:
    """What the summary says under one of these names."""
    return next((line.cell(1) for line in lines if line.cell(0).lower() in names), "")


def _title_by_place(lines: Sequence[Line]) -> str:
    """The meeting's title in a summary of another language: it stands first."""
    return next(
        (after.cell(1) for line, after in zip(lines, lines[1:], strict=False) if _part(line) == "1"), ""
    )


def _columns(header: Line) -> _Columns:
    titles = _titles(header)

    def place(*names: str) -> int | None:
        return next((at for at, title in enumerate(titles) if title in names), None)

    return _Columns(
        place("full name", "name") or 0,
        titles.index("join time"),
        titles.index("leave time"),
        place("duration"),
        place("email"),
    )


def _stays(lines: Iterable[Line], columns: _Columns, room: str, room_end: str) -> Iterator[Row]:
    for line in lines:
        yield Row(
            line.number,
            room,
            line.cell(columns.name),
            line.cell(columns.email),
            line.cell(columns.join),
            line.cell(columns.leave),
            room_end,
            _lasted(line.cell(columns.duration)),
        )


def _lasted(text: str) -> Ms | None:
    found = _LASTED.fullmatch(text) if text else None
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 60 * _A_MINUTE + minutes * _A_MINUTE + seconds * 1_000


def _paired(
    lines: Iterable[Line], titles: Sequence[str], room: str, where: str, on_error: ErrorCallback
) -> list[Row]:
    """The form of 2020: each leave belongs to the earliest join of that name which has none yet."""
    name, action, time = titles.index("full name"), titles.index("user action"), titles.index("timestamp")
    rows: list[Row] = []
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for line in lines:
        participant = line.cell(name)
        match line.cell(action).lower():
            case "joined" | "joined before":
                waiting[participant].append(len(rows))
                rows.append(Row(line.number, room, participant, "", line.cell(time), ""))
            case "left" if waiting[participant]:
                joined = waiting[participant].pop(0)
                rows[joined] = rows[joined]._replace(leave=line.cell(time))
            case "left":
                on_error(_complaint(line, where, f"'{participant}' left, but is not said to have joined"))
            case other:
                on_error(
                    _complaint(line, where, f"'{other}' is neither Joined nor Left: download it in English")
                )
    return rows


def _complaint(line: Line, where: str, reason: str) -> BadInput:
    return BadInput(reason, where=where, place=f"line {line.number}")


FORMAT: Final = ExportFormat("teams-attendance", parse, is_one_meeting=True, has_local_times=True)

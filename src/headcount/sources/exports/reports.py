"""Rows of a report: who joined and left when, as portals write it for people to read.

* The rows name no connection, so each row is one: its id is the participant and the join time. A participant who
  came twice, or on two devices at once, is in two rows, and has two stays.
* Rows that are identical in every cell count once: devices that join and leave in the same second differ in no cell, but portals
  repeat rows more often.
* A row without times contains nothing to import, and is skipped. One time and a duration give the other time. A duration in
  seconds is exact, so its leave is reported. A duration in minutes is rounded, so its leave is inferred (R3a), and
  never lies after the end of the meeting.
* A row whose leave is at its join has no length (R2), and is skipped. Where a spreadsheet removed the seconds, a duration of one
  minute does not make it longer, because it may mean one second.

Responsible for turning rows into events. Must not know the columns of a vendor.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple, TypeVar

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportOptions, SkippedRow
from headcount.sources.exports.local_times import (
    LocalTime,
    TimeReader,
    is_local_time,
    parse_local_time,
    time_reader,
)
from headcount.sources.exports.stays import ExportedStay, stay_events
from headcount.sources.exports.text import Line
from headcount.timestamps import format_timestamp
from headcount.timezones import split_zone

# A duration in minutes is rounded, up or down.
_ROUNDING_MS: Final[Ms] = 60_000
_ZONE_TITLE: Final = re.compile(
    r"time ?zone|zeitzone|fuseau|zona horaria|fuso|tijdzone|strefa|tidszon|zaman dilimi|zona waktu|пояс|múi giờ"
    r"|タイムゾーン|时区|時區|시간대",
    re.IGNORECASE,
)
_ABSENT_TEXTS: Final = frozenset({"", "n/a", "na", "null", "none"})

WITHOUT_TIMES: Final = "without times"
IDENTICAL: Final = "identical to another row and counted once"

T = TypeVar("T")
U = TypeVar("U")


class Row(NamedTuple):
    """One row as text.

    `leave` is '' where the report has no leave time, `meeting_end` where it has no end of the meeting. A duration in
    minutes is rounded, one in seconds `is_duration_exact`. `has_attended` is False if the report states that the person did not
    come. `cells` are all cells of the row: rows that are identical in them count once.
    """

    line: int
    room: str
    name: str
    email: str
    join: str
    leave: str
    meeting_end: str = ""
    duration_ms: Ms | None = None
    role: Role = Role.PERSON
    is_duration_exact: bool = False
    has_attended: bool = True
    cells: Sequence[str] = ()
    attributes: Attributes | None = None


class _RowTimes(NamedTuple):
    """The times of a row as they are written. At least one is known."""

    join: LocalTime | None
    leave: LocalTime | None


class _RowSpan(NamedTuple):
    """The times of a row in ms. `leave` is None if it is unknown; `is_leave_computed`: from a rounded duration."""

    join: Ms
    leave: Ms | None
    is_leave_computed: bool = False


class _RowErrors:
    """The rows that fail a step or are skipped, reported in the order of their lines."""

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._errors: list[tuple[int, BadInput]] = []

    def apply(self, rows: Iterable[tuple[Row, T]], step: Callable[[Row, T], U]) -> list[tuple[Row, U]]:
        """Return the result of a step for each row that does not fail it."""
        results = []
        for row, value in rows:
            try:
                results.append((row, step(row, value)))
            except (BadInput, InvalidEvent) as error:
                kind = SkippedRow if isinstance(error, SkippedRow) else BadInput
                self._errors.append(
                    (row.line, kind(str(error), where=self._file_name, place=f"line {row.line}"))
                )
        return results

    def report(self, on_error: ErrorCallback) -> None:
        """Pass all errors and skipped rows to the callback."""
        for _, error in sorted(self._errors, key=lambda item: item[0]):
            on_error(error)


def row_events(
    rows: Iterable[Row],
    file_name: str,
    options: ExportOptions,
    on_error: ErrorCallback,
    lines: Iterable[Line] = (),
) -> list[ParsedEvent]:
    """Return the events of the rows of one report. Any time in its lines can reveal the order of day and month."""
    errors = _RowErrors(file_name)
    present = errors.apply(((row, None) for row in rows), _require_times)
    if present and not any(row.room for row, _ in present):
        raise BadInput("contains no room name: add --room NAME")
    distinct = errors.apply(present, _require_distinct(present))
    times = errors.apply(distinct, _parse_times)
    reader = time_reader(_all_times(times), options, (cell for line in lines for cell in line.cells))
    spans = errors.apply(times, lambda row, row_times: _span(row, row_times, reader))
    stays = _stays(spans, _meeting_ends(spans, reader))
    events = errors.apply(stays, lambda _, stay: list(stay_events(stay)))
    errors.report(on_error)
    return [event for _, of_row in events for event in of_row]


def _require_times(row: Row, _: None) -> None:
    """Raise `SkippedRow` for a row without times."""
    has_times = has_time(row.join) or has_time(row.leave)
    if not row.has_attended and has_times:
        raise BadInput("is marked as not attended, but has times")
    if not row.has_attended:
        raise SkippedRow("of registrants who did not attend")
    if not has_times:
        raise SkippedRow(WITHOUT_TIMES)


def has_time(cell: str) -> bool:
    """Return whether a cell is more than a sign that there is no time, such as --."""
    return cell.strip("-\u2013\u2014 ").lower() not in _ABSENT_TEXTS


def stated_zone(lines: Sequence[Line]) -> str:
    """Return the text in the lines above a table that names the time zone of its times, for `with_zone`, or ''.

    It is a zone beside or below a title such as "Time zone", or the title of a time, such as "Start time (UTC)".
    """
    around = [Line(0, ()), *lines, Line(0, ())]
    for above, line, below in zip(around, lines, around[2:], strict=False):
        for column, cell in enumerate(line.cells):
            rest, zone = split_zone(cell)
            beside = line.cells[column - 1] if column else ""
            title = rest or f"{beside}/{above.cell(column)}"
            if zone and (_ZONE_TITLE.search(title) or (rest and is_local_time(below.cell(column)))):
                return f"({zone})"
    return ""


def attribute_columns(headers: Sequence[Line], options: ExportOptions) -> list[dict[str, int]]:
    """Return the columns of the mapped attributes in each table, by key. Raise `BadInput` for a title that no table has.

    Of several columns with a title, the last one counts, because columns about the meeting precede.
    """
    titles = [{title.casefold(): at for at, title in enumerate(header.cells)} for header in headers]
    for key, title in options.attributes.items():
        if not any(title.casefold() in of_table for of_table in titles):
            known = dict.fromkeys(cell for header in headers for cell in header.cells if cell)
            raise BadInput(
                f"has no column '{title}' for the attribute '{key}'. Columns are {', '.join(known)}"
            )
    return [
        {
            key: of_table[title.casefold()]
            for key, title in options.attributes.items()
            if title.casefold() in of_table
        }
        for of_table in titles
    ]


def mapped_attributes(line: Line, columns: Mapping[str, int]) -> dict[str, str]:
    """Return the attributes that are mapped to cells of a line. A sign such as -- or N/A stands for none."""
    cells = {key: line.cell(column) for key, column in columns.items()}
    return {key: cell for key, cell in cells.items() if has_time(cell)}


def _require_distinct(rows: Iterable[tuple[Row, None]]) -> Callable[[Row, None], None]:
    """Return the step that raises `SkippedRow` for each row that repeats an earlier one."""
    first_lines: dict[Row, int] = {}
    for row, _ in rows:
        first_lines.setdefault(_without_line(row), row.line)

    def require_distinct(row: Row, _: None) -> None:
        if first_lines[_without_line(row)] != row.line:
            raise SkippedRow(IDENTICAL)

    return require_distinct


def _without_line(row: Row) -> Row:
    cells = [*row.cells]
    while cells and not cells[-1]:
        cells.pop()
    return row._replace(line=0, cells=tuple(cells))


def _parse_times(row: Row, _: None) -> _RowTimes:
    if not row.room:
        raise BadInput("has no room")
    if not row.name and not row.email:
        raise BadInput("has neither a name nor an e-mail address")
    if not has_time(row.join) and not row.duration_ms:
        raise BadInput("has neither a join time nor a duration")
    return _RowTimes(*(parse_local_time(time) if has_time(time) else None for time in (row.join, row.leave)))


def _all_times(rows: Iterable[tuple[Row, _RowTimes]]) -> Iterator[LocalTime]:
    for _, times in rows:
        yield from (time for time in times if time is not None)


def _span(row: Row, times: _RowTimes, reader: TimeReader) -> _RowSpan:
    """Return the times of a row. Where a local time occurred twice, the duration selects one."""
    if times.join is None or times.leave is None:
        return _span_of_one_time(row, times, reader)
    possible = [
        _RowSpan(*pair)
        for pair in product(reader.candidates(times.join), reader.candidates(times.leave))
        if pair[0] <= pair[1]
    ]
    if not possible:
        raise BadInput(f"the leave, '{row.leave}', is before the join, '{row.join}'")
    if len(possible) > 1:
        possible = [span for span in possible if _has_duration_of(row, span)]
    if len(possible) != 1:
        raise _ambiguous(times.join, reader)
    (span,) = possible
    if span.join == span.leave:
        raise SkippedRow("with the leave at the time of the join")
    return span


def _span_of_one_time(row: Row, times: _RowTimes, reader: TimeReader) -> _RowSpan:
    """Return the times of a row with one time; the duration gives the other if it is known."""
    known = times.join or times.leave
    assert known is not None, "a row without times is skipped before"
    candidates = reader.candidates(known)
    if len(candidates) > 1:
        raise _ambiguous(known, reader)
    (at,) = candidates
    duration = row.duration_ms or 0
    if times.join is None:
        return _RowSpan(at - duration, at)
    if not duration:
        return _RowSpan(at, None)
    return _RowSpan(at, at + duration, is_leave_computed=not row.is_duration_exact)


def _has_duration_of(row: Row, span: _RowSpan) -> bool:
    if row.duration_ms is None or span.leave is None:
        return False
    return abs(span.leave - span.join - row.duration_ms) <= _ROUNDING_MS


def _ambiguous(time: LocalTime, reader: TimeReader) -> BadInput:
    return BadInput(
        f"'{time.text}' occurred twice in {time.zone or reader.timezone}, because clocks were set back."
        " Set the offset, such as --timezone +02:00"
    )


def _meeting_ends(spans: Iterable[tuple[Row, _RowSpan]], reader: TimeReader) -> dict[tuple[str, str], Ms]:
    """Return the end of each meeting: the last time in the report, or the end that the report states if that is later."""
    ends: defaultdict[tuple[str, str], Ms] = defaultdict(int)
    for row, span in spans:
        meeting = (row.room, row.meeting_end)
        if meeting not in ends:
            with suppress(BadInput):  # the report can be read without it
                ends[meeting] = max(reader.candidates(_stated_end(row)))
        reported = 0 if span.leave is None or span.is_leave_computed else span.leave
        ends[meeting] = max(ends[meeting], span.join, reported)
    return ends


def _stated_end(row: Row) -> LocalTime:
    """Return the end of the meeting as it is written. Without a time zone, it has that of the row."""
    end = parse_local_time(row.meeting_end)
    time = parse_local_time(row.join if has_time(row.join) else row.leave)
    return end if end.zone else end._replace(zone=time.zone)


def _leave(row: Row, span: _RowSpan, ends: dict[tuple[str, str], Ms]) -> Ms:
    """Return the leave of a row. One that is computed from a rounded duration is not after a stated end of the meeting."""
    end = ends[row.room, row.meeting_end]
    if span.leave is None:
        return end
    return (
        min(span.leave, end) if span.is_leave_computed and row.meeting_end and end > span.join else span.leave
    )


def _stays(
    spans: Sequence[tuple[Row, _RowSpan]], ends: dict[tuple[str, str], Ms]
) -> Iterator[tuple[Row, ExportedStay]]:
    """Return each row as a stay with an id of its own, the same each time the report is read."""
    numbers: Counter[tuple[str, str, Ms]] = Counter()
    rows = [(row, span, _leave(row, span, ends)) for row, span in spans]
    for row, span, leave in sorted(rows, key=lambda item: (item[1].join, item[2])):
        person = row.email or row.name
        numbers[row.room, person, span.join] += 1
        number = numbers[row.room, person, span.join]
        suffix = f"/{number}" if number > 1 else ""
        yield (
            row,
            ExportedStay(
                room=row.room,
                participant_id=f"{person}/{format_timestamp(span.join)}{suffix}",
                join=span.join,
                leave=leave,
                user_id=row.email or None,
                user_name=row.name,
                role=row.role,
                is_inferred=span.leave is None or span.is_leave_computed,
                attributes=row.attributes,
            ),
        )

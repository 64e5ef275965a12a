"""Rows of a report: who joined and left when, as portals write it for people to read.

The rows name no connection, so each row is one: its id is the participant and the join time. A participant who
came twice, or on two devices at once, is in two rows, and has two stays.
Responsible for turning rows into events. Must not know the columns of a vendor.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple, TypeVar

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportOptions
from headcount.sources.exports.local_times import LocalTime, TimeReader, parse_local_time, time_reader
from headcount.sources.exports.stays import ExportedStay, stay_events
from headcount.sources.exports.text import Line
from headcount.timestamps import format_timestamp

# A duration in minutes is rounded, up or down.
_ROUNDING_MS: Final[Ms] = 60_000

T = TypeVar("T")
U = TypeVar("U")


class Row(NamedTuple):
    """One row as text.

    `leave` is '' where the report has no leave time, `meeting_end` where it has no end of the meeting.
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


class _RowTimes(NamedTuple):
    """The times of a row as they are written."""

    join: LocalTime
    leave: LocalTime | None


class _RowSpan(NamedTuple):
    """The times of a row in ms. `leave` is None if it is unknown."""

    join: Ms
    leave: Ms | None


class _RowErrors:
    """The errors of rows that fail a step, reported in the order of their lines."""

    def __init__(self) -> None:
        self._errors: list[tuple[int, str]] = []

    def apply(self, rows: Iterable[tuple[Row, T]], step: Callable[[Row, T], U]) -> list[tuple[Row, U]]:
        """Return the result of a step for each row that does not fail it."""
        results = []
        for row, value in rows:
            try:
                results.append((row, step(row, value)))
            except (BadInput, InvalidEvent) as error:
                self._errors.append((row.line, str(error)))
        return results

    def report(self, file_name: str, on_error: ErrorCallback) -> None:
        """Pass all errors to the callback."""
        for line, reason in sorted(self._errors):
            on_error(BadInput(reason, where=file_name, place=f"line {line}"))


def row_events(
    rows: Iterable[Row],
    file_name: str,
    options: ExportOptions,
    on_error: ErrorCallback,
    lines: Iterable[Line] = (),
) -> list[ParsedEvent]:
    """Return the events of the rows of one report. Any time in its lines can reveal the order of day and month."""
    rows = list(rows)
    if rows and not any(row.room for row in rows):
        raise BadInput("contains no room name: add --room NAME")
    errors = _RowErrors()
    times = errors.apply(((row, None) for row in rows), _parse_times)
    reader = time_reader(_all_times(times), options, (cell for line in lines for cell in line.cells))
    spans = errors.apply(times, lambda row, row_times: _span(row, row_times, reader))
    stays = _stays(spans, _meeting_ends(spans, reader))
    events = errors.apply(stays, lambda _, stay: list(stay_events(stay)))
    errors.report(file_name, on_error)
    return [event for _, of_row in events for event in of_row]


def _parse_times(row: Row, _: None) -> _RowTimes:
    if not row.room:
        raise BadInput("has no room")
    if not row.name and not row.email:
        raise BadInput("has neither a name nor an e-mail address")
    if not row.join:
        raise BadInput("has no join time")
    return _RowTimes(parse_local_time(row.join), parse_local_time(row.leave) if row.leave else None)


def _all_times(rows: Iterable[tuple[Row, _RowTimes]]) -> Iterator[LocalTime]:
    for _, times in rows:
        yield from (time for time in times if time is not None)


def _span(row: Row, times: _RowTimes, reader: TimeReader) -> _RowSpan:
    """Return the times of a row. Where a local time occurred twice, the duration selects one."""
    joins = reader.candidates(times.join)
    if times.leave is None:
        if len(joins) > 1:
            raise _ambiguous(row, reader)
        return _RowSpan(joins[0], None)
    possible = [
        _RowSpan(*pair) for pair in product(joins, reader.candidates(times.leave)) if pair[0] <= pair[1]
    ]
    if not possible:
        raise BadInput(f"the leave, '{row.leave}', is before the join, '{row.join}'")
    if len(possible) == 1:
        return possible[0]
    matching = [span for span in possible if _has_duration_of(row, span)]
    if len(matching) != 1:
        raise _ambiguous(row, reader)
    return matching[0]


def _has_duration_of(row: Row, span: _RowSpan) -> bool:
    if row.duration_ms is None or span.leave is None:
        return False
    return abs(span.leave - span.join - row.duration_ms) <= _ROUNDING_MS


def _ambiguous(row: Row, reader: TimeReader) -> BadInput:
    return BadInput(
        f"'{row.join}' occurred twice in {reader.timezone}, because clocks were set back."
        " Set the offset, such as --timezone +02:00"
    )


def _meeting_ends(spans: Iterable[tuple[Row, _RowSpan]], reader: TimeReader) -> dict[tuple[str, str], Ms]:
    """Return the last time in the report for each meeting."""
    ends: defaultdict[tuple[str, str], Ms] = defaultdict(int)
    for row, span in spans:
        meeting = (row.room, row.meeting_end)
        if meeting not in ends:
            with suppress(BadInput):  # the report can be read without it
                ends[meeting] = max(reader.candidates(parse_local_time(row.meeting_end)))
        ends[meeting] = max(ends[meeting], span.join, span.leave or 0)
    return ends


def _stays(
    spans: Sequence[tuple[Row, _RowSpan]], ends: dict[tuple[str, str], Ms]
) -> Iterator[tuple[Row, ExportedStay]]:
    """Return each row as a stay with an id of its own, the same each time the report is read."""
    numbers: Counter[tuple[str, str, Ms]] = Counter()
    rows = [(row, span, span.leave or ends[row.room, row.meeting_end]) for row, span in spans]
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
                is_inferred=span.leave is None,
            ),
        )

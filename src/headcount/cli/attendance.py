"""Command attendance: compare the meetings of a room in files of events with a roster.

Responsible for its options and for its three forms of output: text, JSON and files. Must not know how people are found.
"""

import sys
from collections.abc import Iterator
from datetime import UTC
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, note
from headcount.cli.file_options import Mapping, prepare_arrow, with_mapping
from headcount.cli.group import main
from headcount.cli.param_types import DURATION, PERCENT, TIME
from headcount.errors import BadInput, CannotWrite
from headcount.kernel.events import Ms
from headcount.timestamps import format_timestamp
from headcount.units import format_duration

if TYPE_CHECKING:
    from headcount.batch.attendance import ChosenMeetings
    from headcount.dashboard.files.table import Table
    from headcount.reporting.roster import Attendee, Schedule
    from headcount.reporting.roster_file import RosterFile
    from headcount.reporting.roster_match import Comparison

_WIDEST_NAME = 32
_STANDARD_INPUT = "-"


@main.command(
    examples=[
        "headcount attendance events.csv --roster class.csv --room math-101",
        "headcount attendance events.csv --roster class.csv --room math-101 --min-attendance 80% -o list.xlsx",
        "headcount attendance events.csv --roster class.csv --room math-101 --starts-at 2026-03-02T09:00:00Z --ends-at 2026-03-02T10:30:00Z",
    ]
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--roster",
    required=True,
    metavar="FILE",
    help="CSV of expected people: user ids, names or e-mail addresses. Use - for standard input.",
)
@click.option("--room", metavar="NAME", help="Name of the room.  [default: the only one]")
@click.option("--meeting", "meeting_id", metavar="ID", help="Id of one meeting.")
@click.option("--starts-at", type=TIME, help="Scheduled start (RFC 3339).  [default: the meeting's start]")
@click.option("--ends-at", type=TIME, help="Scheduled end (RFC 3339).  [default: the meeting's end]")
@click.option(
    "--min-attendance",
    type=PERCENT,
    default="50%",
    show_default=True,
    help="Minimum part of the scheduled time; less is partial.",
)
@click.option(
    "--late-after", type=DURATION, default="5m", show_default=True, help="Delay after which a person is late."
)
@click.option(
    "--left-early-before",
    type=DURATION,
    default="5m",
    show_default=True,
    help="Time before the end; a person who leaves before it left early.",
)
@with_mapping
@click.option("--domain", default="default", show_default=True, help="Domain of events without a domain.")
@click.option("--as-of", type=TIME, help="Evaluate as of this time (RFC 3339).  [default: the latest event]")
@click.option("--skip-invalid", is_flag=True, help="Skip invalid rows.")
@click.option("-o", "--output", metavar="FILE", help="Write the list to this .csv or .xlsx file.")
@json_option
def attendance(
    *,
    files: tuple[str, ...],
    roster: str,
    room: str | None,
    meeting_id: str | None,
    starts_at: Ms | None,
    ends_at: Ms | None,
    min_attendance: Fraction,
    late_after: Ms,
    left_early_before: Ms,
    mapping: Mapping,
    domain: str,
    as_of: Ms | None,
    skip_invalid: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Compare a meeting with a roster.

    Lists who was present, late, left early, attended in part, was absent, or was not expected.
    """
    from headcount.batch.attendance import choose_meetings  # noqa: PLC0415 - help does not need it
    from headcount.batch.sessionize import sessionize_mapped  # noqa: PLC0415 - likewise
    from headcount.reporting.attendance import people_in  # noqa: PLC0415 - likewise
    from headcount.reporting.roster import schedule_of  # noqa: PLC0415 - likewise
    from headcount.reporting.roster_match import compare  # noqa: PLC0415 - likewise

    if output is not None and Path(output).suffix.lower() not in (".csv", ".xlsx"):
        raise click.UsageError(f"--output '{output}' must end in .csv or .xlsx")
    listed = _read_roster(roster)
    prepare_arrow()
    sessions = sessionize_mapped(
        list(files), mapping.parsed(), as_of=as_of, domain=domain, skip_invalid=skip_invalid
    )
    chosen = choose_meetings(sessions, room, meeting_id, starts_at, ends_at)
    now = sessions.as_of
    starts = chosen.start if starts_at is None else starts_at
    ends = (now if chosen.end is None else chosen.end) if ends_at is None else ends_at
    if ends <= starts:
        raise BadInput(
            f"the scheduled time is empty: its start {format_timestamp(starts)} must be before its end"
            f" {format_timestamp(ends)}; see --starts-at and --ends-at"
        )
    schedule = schedule_of(starts, ends, chosen.end, now, min_attendance, late_after, left_early_before)
    comparison = compare(people_in(chosen.entries, now), listed.people, schedule)
    if output is not None:
        _write(_table(chosen, comparison, schedule), now, output)
    if as_json:
        emit(_json(chosen, listed, comparison, schedule))
    elif output is None:
        echo(*_lines(chosen, comparison, schedule))
    _report_problems(listed, comparison)
    if output is not None:
        note(f"Wrote {output}")


def _read_roster(name: str) -> "RosterFile":
    from headcount.reporting.roster_file import read_roster  # noqa: PLC0415 - help does not need it

    try:
        content = sys.stdin.buffer.read() if name == _STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be opened: {(error.strerror or str(error)).lower()}", where=name) from error
    try:
        return read_roster(content)
    except BadInput as error:
        raise type(error)(
            f"{error.place}: {error.reason}" if error.place else error.reason, where=name
        ) from error


def _report_problems(listed: "RosterFile", comparison: "Comparison") -> None:
    """Print ambiguous names and duplicates to standard error."""
    for one in comparison.ambiguous:
        people = ", ".join(sorted({person.user_id or person.participant_id for person in one.candidates}))
        echo(
            f"Roster line {one.listed.line:,}: '{one.listed.label}' is ambiguous and not in the list; it fits {people}."
            " Add user ids to the roster.",
            err=True,
        )
    for line, before in listed.duplicates:
        note(f"Roster line {line:,} repeats line {before:,} and was skipped.")


def _lines(chosen: "ChosenMeetings", comparison: "Comparison", schedule: "Schedule") -> Iterator[str]:
    """Yield the list as a table of at most 80 columns, but for long names."""
    yield f"Room '{chosen.room}', {_time(schedule.start)} to {_time(schedule.end)} UTC"
    counts = [f"{number:,} {_words(status)}" for status, number in comparison.totals.items()]
    if comparison.ambiguous:
        counts.append(f"{len(comparison.ambiguous):,} ambiguous")
    yield f"{comparison.expected:,} expected: {', '.join(counts)}"
    yield ""
    rows = [
        ("Status", "Name", "Attended", "", "Join", "Leave"),
        *map(_row_of(schedule), comparison.attendees),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for status, name, attended, percent, join, leave in rows:
        yield (
            f"{status:<{widths[0]}}  {name:<{widths[1]}}  {attended:>{widths[2]}}  {percent:>{widths[3]}}"
            f"  {join:<{widths[4]}}  {leave}"
        ).rstrip()


def _row_of(schedule: "Schedule") -> Any:
    def row(attendee: "Attendee") -> tuple[str, ...]:
        name = _name(attendee)
        name = name if len(name) <= _WIDEST_NAME else f"{name[: _WIDEST_NAME - 1]}…"
        person = attendee.person
        if person is None:
            return _words(attendee.status), name, "", "", "", ""
        percent = f"{round(100 * schedule.ratio_of(attendee.attended_ms))}%"
        leave = "" if person.last_leave is None else _time(person.last_leave)[11:]
        attended = format_duration(attendee.attended_ms)
        return _words(attendee.status), name, attended, percent, _time(person.first_join)[11:], leave

    return row


def _words(status: str) -> str:
    return status.replace("_", " ")


def _name(attendee: "Attendee") -> str:
    """Return the display name, else the label of the roster, else an id."""
    label = attendee.listed.label if attendee.listed is not None else None
    connection = attendee.person.participant_id if attendee.person is not None else ""
    return attendee.user_name or label or attendee.user_id or connection


def _time(ms: Ms) -> str:
    return format_timestamp(ms).replace("T", " ")[:19]


def _json(
    chosen: "ChosenMeetings", listed: "RosterFile", comparison: "Comparison", schedule: "Schedule"
) -> dict[str, Any]:
    totals = {
        "expected": comparison.expected,
        **{str(key): value for key, value in comparison.totals.items()},
    }
    return {
        "domain": chosen.domain,
        "room": chosen.room,
        "meeting_ids": chosen.ids,
        "starts_at": format_timestamp(schedule.start),
        "ends_at": format_timestamp(schedule.end),
        "totals": totals | {"ambiguous": len(comparison.ambiguous)},
        "data": [_object(attendee, schedule) for attendee in comparison.attendees],
        "ambiguous": [
            {
                "roster_line": one.listed.line,
                "name": one.listed.label,
                "candidates": [
                    {
                        "user_id": person.user_id,
                        "participant_id": person.participant_id,
                        "user_name": person.user_name,
                    }
                    for person in one.candidates
                ],
            }
            for one in comparison.ambiguous
        ],
        "duplicates": [{"roster_line": line, "repeats": before} for line, before in listed.duplicates],
    }


def _object(attendee: "Attendee", schedule: "Schedule") -> dict[str, Any]:
    person, listed = attendee.person, attendee.listed
    return {
        "status": str(attendee.status),
        "user_id": attendee.user_id,
        "user_name": attendee.user_name,
        "email": attendee.email,
        "roster_line": None if listed is None else listed.line,
        "join_time": None if person is None else format_timestamp(person.first_join),
        "leave_time": None
        if person is None or person.last_leave is None
        else format_timestamp(person.last_leave),
        "connections": 0 if person is None else person.connections,
        "scheduled_duration": attendee.attended_ms / 1_000,
        "scheduled_attendance_ratio": round(schedule.ratio_of(attendee.attended_ms), 4),
        "late_by_seconds": None if attendee.late_by_ms is None else attendee.late_by_ms / 1_000,
        "left_early_by_seconds": None
        if attendee.left_early_by_ms is None
        else attendee.left_early_by_ms / 1_000,
    }


def _table(chosen: "ChosenMeetings", comparison: "Comparison", schedule: "Schedule") -> "Table":
    from headcount.dashboard.files.table import Column, Table, Type  # noqa: PLC0415 - only for files

    columns = (
        Column("Status", Type.TEXT),
        Column("Name", Type.TEXT),
        Column("User ID", Type.TEXT),
        Column("E-mail", Type.TEXT),
        Column("Attended", Type.DURATION),
        Column("Attendance", Type.PERCENT),
        Column("Late by", Type.DURATION),
        Column("Left early by", Type.DURATION),
        Column("First join", Type.TIME),
        Column("Last leave", Type.TIME),
    )
    rows: list[tuple[Any, ...]] = [
        (
            _words(attendee.status).capitalize(),
            _name(attendee),
            attendee.user_id,
            attendee.email,
            attendee.attended_ms,
            schedule.ratio_of(attendee.attended_ms),
            attendee.late_by_ms,
            attendee.left_early_by_ms,
            None if attendee.person is None else attendee.person.first_join,
            None if attendee.person is None else attendee.person.last_leave,
        )
        for attendee in comparison.attendees
    ]
    rows += [
        (
            "Ambiguous",
            one.listed.label,
            one.listed.user_id,
            one.listed.email,
            None,
            None,
            None,
            None,
            None,
            None,
        )
        for one in comparison.ambiguous
    ]
    return Table(f"Attendance {chosen.room}", columns, rows, UTC)


def _write(table: "Table", created: Ms, output: str) -> None:
    from headcount.dashboard.files.csv import as_csv  # noqa: PLC0415 - only for files
    from headcount.dashboard.files.xlsx import write_xlsx  # noqa: PLC0415 - likewise

    try:
        with Path(output).open("wb") as file:
            if output.lower().endswith(".csv"):
                file.writelines(as_csv(table))
            else:
                write_xlsx([table], created, file)
    except OSError as error:
        raise CannotWrite(output, error.strerror or str(error)) from error

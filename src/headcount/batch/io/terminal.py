"""Output of sessions on a terminal, or for the next program in a pipe.

Responsible for the table of meetings and for the summary: counts of the meetings found, then of the events ignored, by
rule. Ignored events are no errors, but explain why a meeting is missing. Must not know how meetings are found.
"""

import codecs
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from itertools import islice
from typing import IO, Any, Final, TextIO, cast

from headcount.batch.rows import lists_of
from headcount.batch.sessions import MEETINGS, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.terminal import cell_width, escape_controls_in_lines, fit
from headcount.timestamps import format_timestamp
from headcount.units import exact_duration, format_duration

SHOWN: Final = 20
REJECTED_SHOWN: Final = 5
_WIDTH_IN_A_PIPE: Final = 160
_WIDEST_ROOM: Final = 40
_NARROWEST_ROOM: Final = 8
_WIDEST_REASON: Final = 200
_DATE: Final = len("2026-01-31")
_GAP: Final = "  "
_HEADER: Final = ("Room", "Start (UTC)", "End", "Duration", "Participants", "Peak")
_ON_THE_RIGHT: Final = (3, 4, 5)

_IGNORED: Final = (
    ("short_stays", "stays shorter than {min_stay} (rule 4)"),
    ("pending_stays", "stays younger than {min_stay} at the end, pending (rule 14)"),
    ("leaves_without_join", "leave events without a join (rule 1)"),
    ("duplicate_joins", "join events of participants who had joined already (rule 1)"),
    ("ends_of_empty_rooms", "end events of rooms that were empty (rule 1)"),
    ("cancelled_out", "join and leave events that cancel each other out at one instant (rule 2)"),
    ("duplicate_events", "duplicate events (rule 3)"),
    ("inferred_events_outranked", "inferred events with a reported event at the same instant (rule 3a)"),
    ("inferred_leaves_overridden", "inferred leaves that a later report overrides (rule 3a)"),
    ("after_as_of", "events after --as-of (rule 14)"),
    ("rejected", "invalid rows, skipped (--skip-invalid)"),
)


def show(sessions: Sessions, fmt: str | None, out: TextIO) -> None:
    """Write the meetings to a stream: as a table to read, or completely in a format for programs."""
    if fmt is None:
        _show_table(sessions, out)
        return
    from headcount.batch.io.streams import STREAMS, stream_daily  # noqa: PLC0415 - a table needs no encoder

    file: IO[bytes] = cast("IO[bytes]", _Terminal(out)) if out.isatty() else out.buffer
    if fmt == "daily":
        stream_daily(sessions, file)
    else:
        STREAMS[fmt]([sessions.found], MEETINGS, file)
    file.flush()


class _Terminal:
    """A binary stream to a terminal that escapes control characters in names."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._decoded = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(self, some: bytes | memoryview) -> int:
        self._out.write(escape_controls_in_lines(self._decoded(bytes(some))))
        return len(some)

    def flush(self) -> None:
        self._out.flush()


def _show_table(sessions: Sessions, out: TextIO) -> None:
    width = shutil.get_terminal_size().columns if out.isatty() else _WIDTH_IN_A_PIPE
    out.writelines(f"{line}\n" for line in table_lines(_first(sessions), sessions.as_of, width))
    if len(sessions.found) > SHOWN:
        out.write(
            f"… and {len(sessions.found) - SHOWN:,} more meetings: add --output DIR to write all of them\n"
        )
    out.flush()


def table_lines(meetings: Sequence[Mapping[str, Any]], as_of: Ms, width: int) -> list[str]:
    """Return meetings as the lines of a table, with times as exact as the width permits."""
    rooms = [_shortened(meeting["room"]) for meeting in meetings]
    widest_room = max(map(cell_width, ["Room", *rooms]))
    for precision in ("milliseconds", "seconds", "minutes"):
        rows = [_HEADER, *(_row(meeting, as_of, precision) for meeting in meetings)]
        widths = [max(cell_width(row[column]) for row in rows) for column in range(len(_HEADER))]
        left = width - sum(widths[1:]) - len(_GAP) * (len(_HEADER) - 1)
        if left >= widest_room:
            break
    widths[0] = min(widest_room, max(left, _NARROWEST_ROOM))
    return [_line_of(row, widths) for row in rows]


def _row(meeting: Mapping[str, Any], as_of: Ms, precision: str) -> tuple[str, ...]:
    start, end = meeting["start"], meeting["end"]
    return (
        _shortened(meeting["room"]),
        _clock(start, precision),
        "ongoing" if end is None else _end(start, end, precision),
        format_duration((as_of if end is None else end) - start),
        f"{meeting['participants']:,}",
        f"{meeting['max_participants']:,}",
    )


def _end(start: Ms, end: Ms, precision: str) -> str:
    """Return the end of a meeting, with its date if it is not that of the start."""
    text = _clock(end, precision)
    return text.partition(" ")[2] if text[:_DATE] == _clock(start, precision)[:_DATE] else text


def _line_of(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        " " * (width - cell_width(cell)) + cell if column in _ON_THE_RIGHT else fit(cell, width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return _GAP.join(cells).rstrip()


def _first(sessions: Sessions) -> list[dict[str, Any]]:
    names = ("room", "start", "end", "participants", "max_participants")
    few = lists_of(sessions.found.slice(0, SHOWN), *names)
    return [dict(zip(names, row, strict=True)) for row in zip(*few, strict=True)]


def _shortened(text: str, widest: int = _WIDEST_ROOM) -> str:
    """Return the printable characters of a text, up to a maximum width."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return printable if len(printable) <= widest else printable[: widest - 1] + "…"


def _clock(ms: Ms, precision: str = "seconds") -> str:
    text = format_timestamp(ms).replace("T", " ").removesuffix("Z")
    return text[: {"milliseconds": 23, "seconds": 19, "minutes": 16}[precision]]


def as_json(sessions: Sessions, written: Sequence[str]) -> str:
    """Return the summary as a JSON object, with the files that were written, or else with all meetings."""
    import msgspec  # noqa: PLC0415 - a table needs no encoder

    from headcount.batch.io.streams import stream_ndjson  # noqa: PLC0415 - likewise

    summary = asdict(sessions.summary)
    for name in ("first_at", "last_at"):
        summary[name] = None if summary[name] is None else format_timestamp(summary[name])
    result: dict[str, Any] = {"as_of": format_timestamp(sessions.as_of), "summary": summary}
    if written:
        result["files"] = list(written)
    else:
        meetings = BytesIO()
        stream_ndjson([sessions.found], MEETINGS, meetings)
        result["meetings"] = [msgspec.json.decode(line) for line in meetings.getvalue().splitlines()]
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()


def summary_lines(summary: Summary, rules: Rules) -> Iterator[str]:
    """Yield the counts of what was found, then of the events that were ignored and why, one line each."""
    yield from _found(summary)
    min_stay = exact_duration(rules.min_stay_ms)
    ignored = [(getattr(summary, name), why.format(min_stay=min_stay)) for name, why in _IGNORED]
    ignored = [(count, why) for count, why in ignored if count]
    if ignored:
        yield "Ignored"
    for count, why in ignored:
        yield f"  {count:>12,}  {why}"


def rejected_lines(rejects: Iterable[Mapping[str, Any]], count: int) -> Iterator[str]:
    """Yield the first invalid rows that were skipped, each with its place and reason, and how to store all."""
    yield "Invalid rows"
    for row in islice(rejects, REJECTED_SHOWN):
        unit = "line" if "line" in row else "row"
        yield f"  {row['file']}, {unit} {row[unit]:,}: {_shortened(row['reason'], _WIDEST_REASON)}"
    if count > REJECTED_SHOWN:
        yield f"  … and {count - REJECTED_SHOWN:,} more"
    yield "  Add --output DIR to write all of them to DIR/rejected.ndjson."


def _found(summary: Summary) -> Iterator[str]:
    yield _line("Events", f"{summary.events:,}", _span(summary))
    yield _line("Rooms", f"{summary.rooms:,}")
    yield _line(
        "Meetings", f"{summary.meetings:,}", f"{summary.ongoing:,} ongoing" if summary.ongoing else ""
    )
    yield _line("Participants", f"{summary.participants:,}")
    yield _line("Participant time", format_duration(summary.participant_ms))
    if summary.busiest_room is not None:
        yield _line(
            "Busiest room", format_duration(summary.busiest_room_ms), _shortened(summary.busiest_room)
        )


def _line(name: str, number: str, more: str = "") -> str:
    return f"{name:<16}{number:>12}  {more}".rstrip()


def _span(summary: Summary) -> str:
    if summary.first_at is None or summary.last_at is None:
        return ""
    return f"{_clock(summary.first_at)} to {_clock(summary.last_at)} UTC"

"""Output of sessions on a terminal, or for the next program in a pipe.

Responsible for the table of meetings and for the summary: counts of the meetings found, then of the events ignored, by
rule. Ignored events are no errors, but explain why a meeting is missing. Must not know how meetings are found.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import IO, Any, Final, TextIO, cast

from headcount.batch.io.writers import STREAMS, stream_daily
from headcount.batch.sessions import MEETINGS, Sessions, Summary
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.terminal import escape_controls_in_lines
from headcount.timestamps import format_timestamp

SHOWN: Final = 20
REJECTED_SHOWN: Final = 5
_WIDTH_IN_A_PIPE: Final = 160
_WIDEST_ROOM: Final = 40
_WIDEST_REASON: Final = 200

_IGNORED: Final = (
    ("short_stays", "stays shorter than {min_stay}: void (rule 4)"),
    ("pending_stays", "stays younger than {min_stay} at the end: pending (rule 14)"),
    ("leaves_without_join", "leaves of somebody who was not there (rule 1)"),
    ("duplicate_joins", "joins of somebody who was there already (rule 1)"),
    ("ends_of_empty_rooms", "ends of a room with nobody to leave it (rule 1)"),
    ("cancelled_out", "joins and leaves that cancel each other at one instant (rule 2)"),
    ("duplicate_events", "events delivered more than once (rule 3)"),
    ("inferred_events_outranked", "inferred events that gave way to reported ones at one instant (rule 3a)"),
    (
        "inferred_leaves_overridden",
        "inferred leaves that a reported leave inferred_leaves_overridden (rule 3a)",
    ),
    ("after_as_of", "events after the moment asked about (rule 14)"),
    ("rejected", "bad rows left out (--skip-invalid)"),
)


def show(sessions: Sessions, fmt: str | None, out: TextIO) -> None:
    """Write the meetings to a stream: as a table to read, or completely in a format for programs."""
    if fmt is None:
        _show_table(sessions, out)
        return
    file: IO[bytes] = cast("IO[bytes]", _Terminal(out)) if out.isatty() else out.buffer
    if fmt == "daily":
        stream_daily(sessions, file)
    else:
        STREAMS[fmt]([sessions.meetings], MEETINGS, file)
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
    from rich.console import Console  # noqa: PLC0415 - loaded only if used
    from rich.table import Table  # noqa: PLC0415 - likewise

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("room", "start (UTC)", "end (UTC)", "duration"):
        table.add_column(name, no_wrap=True, justify="right" if name == "duration" else "left")
    for name in ("participants", "most at once"):
        table.add_column(name, justify="right")
    for row in _table_rows(sessions):
        table.add_row(*row)
    console = Console(
        file=out, width=None if out.isatty() else _WIDTH_IN_A_PIPE, markup=False, highlight=False
    )
    with console.capture() as printed:
        console.print(table)
        if len(sessions.meetings) > SHOWN:
            console.print(f"and {len(sessions.meetings) - SHOWN:,} more: --out DIR writes them all")
    # Not printed by the console, which handles a closed pipe in its own way.
    out.write(printed.get())
    out.flush()


def _table_rows(sessions: Sessions) -> Iterator[tuple[str, ...]]:
    """Yield the first meetings as texts."""
    for meeting in _first(sessions):
        end = meeting["end"]
        until = sessions.as_of if end is None else end
        yield (
            _shortened(meeting["room"]),
            _clock(meeting["start"]),
            "ongoing" if end is None else _clock(end),
            str(timedelta(milliseconds=until - meeting["start"])).split(".")[0],
            f"{meeting['participants']:,}",
            f"{meeting['max_participants']:,}",
        )


def _first(sessions: Sessions) -> list[dict[str, Any]]:
    few = sessions.meetings.slice(0, SHOWN).select(
        ["room", "start", "end", "participants", "max_participants"]
    )
    for name in ("start", "end"):
        few = few.set_column(few.column_names.index(name), name, few[name].cast("int64"))
    return few.to_pylist()  # type: ignore[no-any-return]


def _shortened(text: str, widest: int = _WIDEST_ROOM) -> str:
    """Return the printable characters of a text, up to a maximum width."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return printable if len(printable) <= widest else printable[: widest - 1] + "…"


def _clock(ms: Ms) -> str:
    return format_timestamp(ms).replace("T", " ").removesuffix("Z")


def summary_lines(summary: Summary, rules: Rules) -> Iterator[str]:
    """Yield the counts of what was found, then of what was ignored and why, one line each."""
    yield from _found(summary)
    min_stay = f"{rules.min_stay_ms / 1_000:g} s"
    ignored = [(getattr(summary, name), why.format(min_stay=min_stay)) for name, why in _IGNORED]
    ignored = [(count, why) for count, why in ignored if count]
    if ignored:
        yield "ignored"
    for count, why in ignored:
        yield f"  {count:>11,}  {why}"


def rejected_lines(rejects: Iterable[Mapping[str, Any]], count: int) -> Iterator[str]:
    """Yield the first invalid rows that were left out, each with its place and reason, and how to store all."""
    yield "left out"
    for row in islice(rejects, REJECTED_SHOWN):
        unit = "line" if "line" in row else "row"
        yield f"  {row['file']}, {unit} {row[unit]:,}: {_shortened(row['reason'], _WIDEST_REASON)}"
    more = f"and {count - REJECTED_SHOWN:,} more: " if count > REJECTED_SHOWN else ""
    yield f"  {more}--out DIR keeps them all, as they stood, in DIR/rejected.ndjson"


def _found(summary: Summary) -> Iterator[str]:
    yield _line("events", summary.events, _span(summary))
    yield _line("rooms", summary.rooms)
    yield _line("meetings", summary.meetings, f"{summary.ongoing:,} ongoing" if summary.ongoing else "")
    yield _line("participants", summary.participants)
    yield _line("hours", f"{summary.participant_ms / 3_600_000:,.1f}")
    if summary.busiest_room is not None:
        hours = f"{summary.busiest_room_ms / 3_600_000:,.1f}"
        yield _line("busiest room", hours, f"hours in {_shortened(summary.busiest_room)}")


def _line(name: str, count: int | str, more: str = "") -> str:
    number = f"{count:,}" if isinstance(count, int) else count
    return f"{name:<13}{number:>13}  {more}".rstrip()


def _span(summary: Summary) -> str:
    if summary.first_at is None or summary.last_at is None:
        return ""
    return f"from {_clock(summary.first_at)} to {_clock(summary.last_at)} UTC"

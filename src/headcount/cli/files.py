"""Commands for files of events: sessionize, explain, timeline and tour.

Arrow and Numba are loaded by the commands that need them, so that --help stays fast.
"""

import gc
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.batch.extra import batch_extra
from headcount.cli.console import echo, echo_json, emit, json_option
from headcount.cli.file_options import Mapping, prepare_arrow, progress_bar, with_mapping
from headcount.cli.group import main
from headcount.cli.param_types import DURATION, SIZE, TIME
from headcount.kernel.attributes import values_of
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.terminal import escape_controls
from headcount.timestamps import format_timestamp
from headcount.units import exact_duration

if TYPE_CHECKING:
    from headcount.batch.one_room import OneRoom
    from headcount.batch.sessions import Sessions
    from headcount.kernel.meetings import Meeting

_A_DAY: Ms = 86_400_000
_FORMATS = ("parquet", "csv", "ndjson", "daily")


_RULES = Rules()


def _with_rules(command: Callable[..., None]) -> Callable[..., None]:
    """Add options for the thresholds of the rules to a command, which gets `rules`."""

    @click.option(
        "--min-stay",
        type=DURATION,
        default=exact_duration(_RULES.min_stay_ms),
        show_default=True,
        help="Minimum duration of a stay (rule 4).",
    )
    @click.option(
        "--start-alone",
        type=DURATION,
        default=exact_duration(_RULES.start_alone_ms),
        show_default=True,
        help="Minimum time that one person alone must stay to start a meeting (rule 6).",
    )
    @click.option(
        "--reset-alone",
        type=DURATION,
        default=exact_duration(_RULES.reset_alone_ms),
        show_default=True,
        help="Time alone after which a new meeting starts (rule 7).",
    )
    @wraps(command)
    def with_rules(*, min_stay: Ms, start_alone: Ms, reset_alone: Ms, **options: Any) -> None:
        command(rules=Rules(min_stay, start_alone, reset_alone), **options)

    return with_rules


def about_one_room(command: Callable[..., None]) -> Callable[..., None]:
    """Add options that select one room to a command, which gets `room` and `as_of`."""

    @click.argument("files", nargs=-1, required=True, metavar="FILE...")
    @click.option("--room", "name", required=True, metavar="NAME", help="Name of the room.")
    @click.option("--domain", metavar="NAME", help="Domain of the room, and of events without a domain.")
    @click.option(
        "--as-of", type=TIME, help="Evaluate as of this time (RFC 3339).  [default: the latest event]"
    )
    @with_mapping
    @click.option("--skip-invalid", is_flag=True, help="Skip invalid rows.")
    @_with_rules
    @wraps(command)
    def with_room(
        *,
        files: tuple[str, ...],
        name: str,
        domain: str | None,
        as_of: Ms | None,
        mapping: Mapping,
        skip_invalid: bool,
        **options: Any,
    ) -> None:
        from headcount.batch.one_room import read_room  # noqa: PLC0415 - help does not need it

        prepare_arrow()
        own = [file if domain is None else _files_of_room(file, domain, name) for file in files]
        room = read_room(own, name, domain, skip_invalid=skip_invalid, mapping=mapping.parsed())
        command(room=room, as_of=room.latest if as_of is None else as_of, **options)

    return with_room


def _files_of_room(file: str, domain: str, room: str) -> str:
    """Return the part of an archive that has the room, or the file itself if it is no archive."""
    if not (Path(file) / "_archive.json").is_file():
        return file
    from headcount.ingest.topic_records import partition_of, record_key  # noqa: PLC0415 - only an archive needs it
    from headcount.store.archive import Archive  # noqa: PLC0415 - loads Arrow

    partitions = Archive(file).require_state().partitions
    part = Path(file) / f"partition={partition_of(record_key(domain, room), partitions)}"
    return str(part) if part.is_dir() else file


@main.command(
    examples=[
        "headcount sessionize events.parquet",
        "headcount sessionize 'events/*.csv.gz' --output sessions --format csv",
        "headcount sessionize log.csv --map room=room_name,kind=event,at=ts --time-unit s",
        'headcount sessionize log.csv --map kind.join=joined,kind.leave="left|kicked"',
        "headcount sessionize log.csv --attribute customer=account_name --attribute role=role",
    ]
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", metavar="DIR", help="Directory for the files of meetings and participants.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(_FORMATS),
    help="Output format.  [default: parquet with --output, else a table]",
)
@with_mapping
@click.option("--as-of", type=TIME, help="Evaluate as of this time (RFC 3339).  [default: the latest event]")
@_with_rules
@click.option("--domain", default="default", show_default=True, help="Domain of events without a domain.")
@click.option(
    "--skip-invalid",
    is_flag=True,
    help="Skip invalid rows. With --output, they are written to rejected.ndjson.",
)
@click.option("--stays", is_flag=True, help="Write a file of stays, too: each once, in a meeting or not.")
@click.option(
    "--threads", type=click.IntRange(1), metavar="N",
    help="Maximum number of threads.  [default: that of the processors]",
)  # fmt: skip
@click.option("--max-memory", type=SIZE, help="Memory limit, like 4GB. Larger inputs are processed in parts.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")
def sessionize(
    *,
    files: tuple[str, ...],
    output: str | None,
    fmt: str | None,
    rules: Rules,
    mapping: Mapping,
    stays: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Derive meeting sessions from files of events.

    FILE is a Parquet, NDJSON or CSV file, a directory, or a pattern in quotes. Use - for NDJSON on standard input.
    """
    _require_fitting_format(output, fmt, as_json=as_json)
    if stays and (output is None or fmt == "daily"):
        raise click.UsageError(
            "--stays writes one more file: add --output DIR, and no --format daily, which has no stays"
        )
    given = {key: value for key, value in options.items() if value}
    sessions = _sessions(list(files), rules, mapping, given, quiet=quiet)
    written = _write(sessions, output, fmt or "parquet", stays=stays) if output is not None else []
    if as_json:
        _print_json(sessions, written)
    elif output is None:
        _show(sessions, fmt)
    if not quiet:
        _summarize(sessions, rules, written, as_json=as_json)


def _require_fitting_format(output: str | None, fmt: str | None, *, as_json: bool) -> None:
    if output is None and fmt == "parquet":
        raise click.UsageError("Parquet output needs a directory: add --output DIR")
    if output is None and fmt is not None and as_json:
        raise click.UsageError(
            "--json and --format both choose what is printed: remove one, or add --output DIR"
        )


def _sessions(
    files: list[str], rules: Rules, mapping: Mapping, options: dict[str, Any], *, quiet: bool
) -> "Sessions":
    from headcount.batch.passes import cache  # noqa: PLC0415 - only this command needs it
    from headcount.batch.sessionize import sessionize_mapped  # noqa: PLC0415 - likewise

    prepare_arrow()
    _bound_pools(options.get("threads"))
    if quiet:
        cache.silence()
    columns = mapping.parsed()
    with progress_bar(quiet=quiet) as progress, _without_collector():
        return sessionize_mapped(files, columns, rules=rules, progress=progress, **options)


def _bound_pools(threads: int | None) -> None:
    """Bound the threads of Arrow, which are those of the process."""
    if threads is not None and find_spec("pyarrow") is not None:
        import pyarrow as pa  # noqa: PLC0415 - small files do not need it

        pa.set_cpu_count(threads)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn Python's garbage collector off, and exclude all objects until then from it.

    Nearly all objects of a run live to its end, and it would examine them repeatedly, and once more at the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _write(sessions: "Sessions", output: str, fmt: str, *, stays: bool) -> list[str]:
    from headcount.batch.io.writers import write_sessions  # noqa: PLC0415 - only this command needs it

    return [str(path) for path in write_sessions(sessions, output, fmt, stays=stays)]


def _show(sessions: "Sessions", fmt: str | None) -> None:
    from headcount.batch.io.terminal import show  # noqa: PLC0415 - only this command needs it

    show(sessions, fmt, sys.stdout)


def _print_json(sessions: "Sessions", written: list[str]) -> None:
    from headcount.batch.io.terminal import as_json  # noqa: PLC0415 - only this command needs it

    echo_json(as_json(sessions, written))


def _summarize(sessions: "Sessions", rules: Rules, written: list[str], *, as_json: bool) -> None:
    """Print the summary, and the first rejected rows if they are not stored."""
    from headcount.batch.io.terminal import rejected_lines, summary_lines  # noqa: PLC0415 - only this command needs it

    if not as_json:
        for line in summary_lines(sessions.summary, rules):
            echo(line, err=True)
        for path in written:
            echo(f"Wrote {path}", err=True)
    if sessions.rejects is not None and not written:
        for line in rejected_lines(sessions.rejects, sessions.summary.rejected):
            echo(line, err=True)


@main.command(
    examples=[
        "headcount explain events.parquet --room standup",
        "headcount explain events.parquet --room standup --as-of 2026-03-02T09:30:00Z --json",
    ]
)
@about_one_room
@json_option
def explain(*, room: "OneRoom", as_of: Ms, rules: Rules, as_json: bool) -> None:
    """Explain the meetings of one room.

    Lists who joined and left, why each meeting started and ended, and which events were ignored. Each line names its rule.
    """
    from headcount.reporting.explain.room import explain_room, steps_of_room  # noqa: PLC0415 - help does not need it

    if as_json:
        steps = steps_of_room(room.events, room.name, as_of, domain=room.domain, rules=rules)
        fields = [{"at": format_timestamp(at), "message": text} for at, text in steps]
        _print_room(room, as_of, steps=fields, files=_digests(room.files))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for sentence in explain_room(room.events, room.name, as_of, domain=room.domain, rules=rules):
        for line in sentence.split("\n"):
            echo(*_wrapped(escape_controls(line), width))


def _digests(files: list[str]) -> list[dict[str, Any]]:
    """Return the names of files with their SHA-256; None for standard input, which cannot be read twice."""
    found: list[dict[str, Any]] = []
    for name in files:
        path = Path(name)
        digest = None
        if path.is_file():
            with path.open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        found.append({"name": path.name, "sha256": digest})
    return found


def _print_room(room: "OneRoom", as_of: Ms, **fields: list[dict[str, Any]]) -> None:
    """Print something about a room as JSON."""
    emit({"domain": room.domain, "room": room.name, "as_of": format_timestamp(as_of), **fields})


def _wrapped(sentence: str, width: int | None) -> list[str]:
    """Wrap a sentence to the width of the terminal, with a hanging indent."""
    if width is None or len(sentence) <= width:
        return [sentence]
    return textwrap.wrap(sentence, width, subsequent_indent=" " * 12, break_on_hyphens=False)


@main.command(
    examples=[
        "headcount timeline events.parquet --room standup",
        "headcount timeline events.parquet --room standup --from 2026-03-02T09:00:00Z --to 2026-03-02T10:00:00Z",
    ]
)
@about_one_room
@click.option(
    "--from", "start", type=TIME, help="Start of the chart (RFC 3339).  [default: 24 hours before its end]"
)
@click.option(
    "--to", "end", type=TIME, help="End of the chart (RFC 3339).  [default: the end of the last meeting]"
)
@click.option(
    "--width",
    type=click.IntRange(min=1),
    metavar="N",
    help="Width in characters.  [default: the terminal's width]",
)
@json_option
def timeline(
    *,
    room: "OneRoom",
    as_of: Ms,
    rules: Rules,
    start: Ms | None,
    end: Ms | None,
    width: int | None,
    as_json: bool,
) -> None:
    """Draw a chart of one room in the terminal.

    Shows its meetings, its participants, and their number over time. Times are UTC.
    """
    from headcount.kernel.replay import meetings_of  # noqa: PLC0415 - help does not need it
    from headcount.reporting.terminal_timeline import timeline as drawn  # noqa: PLC0415 - likewise

    meetings = meetings_of(room.events, as_of=as_of, domain=room.domain, rules=rules)
    to = end if end is not None else (meetings[-1].end if meetings else None) or as_of
    since = start if start is not None else max(meetings[0].start if meetings else to, to - _A_DAY)
    if as_json:
        shown = [meeting for meeting in meetings if meeting.start < to and (meeting.end or to) > since]
        _print_room(room, as_of, meetings=[_meeting_object(meeting) for meeting in shown])
        return
    if not meetings:
        echo(f"No meetings in '{room.name}'. Run 'headcount explain' with the same arguments to see why.")
        return
    for line in drawn(meetings, since, to, width or shutil.get_terminal_size().columns):
        echo(line)
    earlier = sum(meeting.end is not None and meeting.end <= since for meeting in meetings)
    if earlier and start is None:
        echo(f"{earlier:,} earlier meetings are not shown: add --from TIME")


def _meeting_object(meeting: "Meeting") -> dict[str, Any]:
    """Return a meeting for JSON, with times as RFC 3339."""
    return {
        "id": meeting.id,
        "start": format_timestamp(meeting.start),
        "end": None if meeting.end is None else format_timestamp(meeting.end),
        "max_participants": meeting.max_participants,
        "participants": [
            {
                "participant_id": entry.participant_id,
                "user_id": entry.user_id,
                "user_name": entry.user_name,
                "join": format_timestamp(entry.join),
                "leave": None if entry.leave is None else format_timestamp(entry.leave),
                "left_by": entry.left_by,
                "attributes": values_of(entry.attributes),
            }
            for entry in meeting.participants
        ],
    }


@main.command(hidden=True)
@click.option(
    "--jitsi",
    type=click.Path(exists=True, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Captured requests of Jitsi's event_sync.",
)
@click.option(
    "--sample",
    required=True,
    metavar="FILE",
    help="A Parquet file of events, generated if it does not exist.",
)
def tour(*, jitsi: str, sample: str) -> None:
    """Demonstrate Headcount on two inputs.

    One is captured from a server, the other is a generated sample.
    """
    prepare_arrow()
    with batch_extra():
        from headcount.demo.tour import demonstrate  # noqa: PLC0415 - only this command needs it
    demonstrate(jitsi, sample, sys.stdout)

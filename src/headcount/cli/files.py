"""Commands for files of events: sessionize, explain, timeline, tour.

Arrow and Numba are loaded by the commands that need them, so that --help stays fast.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.errors import MissingExtra
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.terminal import escape_controls

if TYPE_CHECKING:
    from headcount.batch.one_room import OneRoom
    from headcount.batch.sessions import Sessions

_A_DAY: Ms = 86_400_000
_FORMATS = ("parquet", "csv", "ndjson", "daily")
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "K": 10**3, "M": 10**6, "G": 10**9}


class _Time(click.ParamType):  # type: ignore[type-arg]  # older clicks know none
    """Time parameter: RFC 3339 with its zone, or milliseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        from headcount.timestamps import InvalidTimestamp, parse_plausible_timestamp  # noqa: PLC0415 - needs no extra

        try:
            return parse_plausible_timestamp(str(value))
        except InvalidTimestamp as error:
            self.fail(f"'{value}' {error}", param, ctx)


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # older clicks know none
    """Duration parameter in seconds, converted to milliseconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        if isinstance(value, int):  # the default, in milliseconds already
            return value
        try:
            return round(float(value) * 1_000)
        except (ValueError, OverflowError):
            self.fail(f"'{value}' is not a number of seconds", param, ctx)


class _Size(click.ParamType):  # type: ignore[type-arg]  # older clicks know none
    """Size parameter in bytes, or with a unit."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip().upper()
        number = text.rstrip("KMGB")
        try:
            return round(float(number) * _SIZES[text.removeprefix(number)])
        except (ValueError, KeyError, OverflowError):
            self.fail(f"'{value}' is not a size: give bytes or a unit, like 4GB", param, ctx)


_RULES = Rules()


def _with_rules(command: Callable[..., None]) -> Callable[..., None]:
    """Add options for the thresholds of the rules to a command, which gets `rules`."""

    @click.option(
        "--min-stay",
        type=_Seconds(),
        default=_RULES.min_stay_ms,
        help="Minimum duration of a stay, in seconds.  [default: 10]",
    )
    @click.option(
        "--start-alone",
        type=_Seconds(),
        default=_RULES.start_alone_ms,
        help="Minimum time one person alone must stay to start a meeting, in seconds.  [default: 30]",
    )
    @click.option(
        "--reset-alone",
        type=_Seconds(),
        default=_RULES.reset_alone_ms,
        help="Time alone after which a new meeting starts, in seconds.  [default: 600]",
    )
    @wraps(command)
    def with_rules(*, min_stay: Ms, start_alone: Ms, reset_alone: Ms, **options: Any) -> None:
        command(rules=Rules(min_stay, start_alone, reset_alone), **options)

    return with_rules


def _about_one_room(command: Callable[..., None]) -> Callable[..., None]:
    """Add options that select one room to a command, which gets `room` and `as_of`."""

    @click.argument("files", nargs=-1, required=True, metavar="FILE...")
    @click.option("--room", "name", required=True, metavar="NAME", help="Name of the room.")
    @click.option("--domain", metavar="NAME", help="The room's domain, and that of events that name none.")
    @click.option("--as-of", type=_Time(), help="Evaluate as of this time.  [default: the latest event]")
    @_with_rules
    @wraps(command)
    def about_one_room(
        *, files: tuple[str, ...], name: str, domain: str | None, as_of: Ms | None, **options: Any
    ) -> None:
        with batch_extra():
            from headcount.batch.one_room import read_room  # noqa: PLC0415 - only this command needs it
        room = read_room(list(files), name, domain)
        command(room=room, as_of=room.latest if as_of is None else as_of, **options)

    return about_one_room


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out", metavar="DIR", help="Directory to write the files into, instead of showing the meetings."
)
@click.option(
    "--format", "fmt", type=click.Choice(_FORMATS), help="Output format.  [default: parquet with --out]"
)
@click.option("--as-of", type=_Time(), help="Evaluate as of this time.  [default: the latest event]")
@_with_rules
@click.option("--domain", default="default", show_default=True, help="The domain of events that name none.")
@click.option(
    "--skip-invalid", is_flag=True, help="Leave bad rows out; --out keeps them all, in rejected.ndjson."
)
@click.option(
    "--max-memory", type=_Size(), help="Memory limit, like 4GB; larger inputs are processed in parts."
)
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
def sessionize(
    *,
    files: tuple[str, ...],
    out: str | None,
    fmt: str | None,
    rules: Rules,
    quiet: bool,
    **options: Any,
) -> None:
    """Derive meeting sessions from files of events.

    The files are Parquet, NDJSON or CSV; - is NDJSON on standard input.
    """
    _refuse_parquet_on_stdout(out, fmt)
    sessions = _sessions(
        list(files), rules, {key: value for key, value in options.items() if value}, quiet=quiet
    )
    if out is not None:
        _write(sessions, out, fmt or "parquet")
    else:
        _show(sessions, fmt)
    if not quiet:
        _summarize(sessions, rules, stored=out is not None)


def _refuse_parquet_on_stdout(out: str | None, fmt: str | None) -> None:
    if out is None and fmt == "parquet":
        raise click.UsageError("Parquet is not for the screen: say where with --out DIR")


def _sessions(files: list[str], rules: Rules, options: dict[str, Any], *, quiet: bool) -> "Sessions":
    with batch_extra():
        from headcount.batch.sessionize import sessionize as run  # noqa: PLC0415 - only this command needs it
    with progress_bar(quiet=quiet) as progress:
        return run(files, rules=rules, progress=progress, **options)


def _write(sessions: "Sessions", out: str, fmt: str) -> None:
    from headcount.batch.io.writers import write_sessions  # noqa: PLC0415 - only this command needs it

    write_sessions(sessions, out, fmt)


def _show(sessions: "Sessions", fmt: str | None) -> None:
    from headcount.batch.io.terminal import show  # noqa: PLC0415 - only this command needs it

    show(sessions, fmt, sys.stdout)


def _summarize(sessions: "Sessions", rules: Rules, *, stored: bool) -> None:
    """Print the summary, and the first rejected rows if they are not stored."""
    from headcount.batch.io.terminal import rejected_lines, summary_lines  # noqa: PLC0415 - only this command needs it

    for line in summary_lines(sessions.summary, rules):
        echo(line, err=True)
    if sessions.rejects is not None and not stored:
        for line in rejected_lines(sessions.rejects, sessions.summary.rejected):
            echo(line, err=True)


@main.command()
@_about_one_room
def explain(*, room: "OneRoom", as_of: Ms, rules: Rules) -> None:
    """Explain one room.

    Lists participants, why meetings started and ended, and ignored events.
    """
    from headcount.reporting.explain.room import explain_room  # noqa: PLC0415 - help does not need it

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for sentence in explain_room(room.events, room.name, as_of, domain=room.domain, rules=rules):
        for line in sentence.split("\n"):
            echo(*_wrapped(escape_controls(line), width))


def _wrapped(sentence: str, width: int | None) -> list[str]:
    """Wrap a sentence to the width of the terminal, with a hanging indent."""
    if width is None or len(sentence) <= width:
        return [sentence]
    return textwrap.wrap(sentence, width, subsequent_indent=" " * 16, break_on_hyphens=False)


@main.command()
@_about_one_room
@click.option("--from", "start", type=_Time(), help="Start of the chart.  [default: its last 24 hours]")
@click.option("--to", "end", type=_Time(), help="End of the chart.  [default: the end of all meetings]")
@click.option(
    "--width", type=click.IntRange(min=1), help="Width in characters.  [default: that of the terminal]"
)
def timeline(
    *, room: "OneRoom", as_of: Ms, rules: Rules, start: Ms | None, end: Ms | None, width: int | None
) -> None:
    """Draw a chart of one room in the terminal.

    Shows its meetings, participants and their number over time.
    """
    from headcount.kernel.replay import meetings_of  # noqa: PLC0415 - help does not need it
    from headcount.reporting.terminal_timeline import timeline as drawn  # noqa: PLC0415 - likewise

    meetings = meetings_of(room.events, as_of=as_of, domain=room.domain, rules=rules)
    if not meetings:
        echo("There was no meeting; 'headcount explain' tells why.")
        return
    to = end if end is not None else meetings[-1].end or as_of
    since = start if start is not None else max(meetings[0].start, to - _A_DAY)
    for line in drawn(meetings, since, to, width or shutil.get_terminal_size().columns):
        echo(line)
    earlier = sum(meeting.end is not None and meeting.end <= since for meeting in meetings)
    if earlier and start is None:
        echo(f"and {earlier:,} meetings before: --from TIME shows them")


@main.command()
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
    with batch_extra():
        from headcount.demo.tour import demonstrate  # noqa: PLC0415 - only this command needs it
    demonstrate(jitsi, sample, sys.stdout)


@contextmanager
def batch_extra() -> Iterator[None]:
    """Raise `MissingExtra` if the packages of the batch extra are missing."""
    if sys.platform == "linux":
        # Arrow's default pool returns memory to the system and requests it again; with this one a run over ten
        # million events spent less than half as long in the kernel. Huge pages avoid most of the remaining faults:
        # NumPy requests them by default, this pool only with this setting.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
        os.environ.setdefault("JE_ARROW_MALLOC_CONF", "thp:always")
    try:
        yield
    except ModuleNotFoundError as missing:
        _refuse_without(missing)


def _refuse_without(missing: ModuleNotFoundError) -> NoReturn:
    if (missing.name or "").startswith("headcount"):
        raise missing
    raise MissingExtra("batch", missing.name or "") from missing


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Any]:
    """Yield a function that updates a progress bar on standard error; None if that is not a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - not needed in a pipeline
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - likewise

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share, label: bar.update(task, completed=share, description=label)

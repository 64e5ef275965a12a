"""Commands about files of events: sessionize, explain, timeline, tour.

Arrow and Numba are loaded by the commands that need them, so that asking for help does not wait
for them.
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
    """RFC 3339 with its zone, or milliseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        from headcount.timestamps import InvalidTimestamp, parse_plausible_timestamp  # noqa: PLC0415 - needs no extra

        try:
            return parse_plausible_timestamp(str(value))
        except InvalidTimestamp as error:
            self.fail(f"'{value}' {error}", param, ctx)


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # older clicks know none
    """Seconds, to the millisecond, as milliseconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ms:
        if isinstance(value, int):  # the default, in milliseconds already
            return value
        try:
            return round(float(value) * 1_000)
        except (ValueError, OverflowError):
            self.fail(f"'{value}' is not a number of seconds", param, ctx)


class _Size(click.ParamType):  # type: ignore[type-arg]  # older clicks know none
    """A number of bytes, with a unit if need be."""

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
    """Lets a command be asked with other numbers than those of the rules; it is given `rules`."""

    @click.option(
        "--min-stay",
        type=_Seconds(),
        default=_RULES.min_stay_ms,
        help="Shorter stays are void.  [default: 10]",
    )
    @click.option(
        "--start-alone",
        type=_Seconds(),
        default=_RULES.start_alone_ms,
        help="So long must somebody alone stay to be a meeting.  [default: 30]",
    )
    @click.option(
        "--reset-alone",
        type=_Seconds(),
        default=_RULES.reset_alone_ms,
        help="After so long left alone, a new meeting begins.  [default: 600]",
    )
    @wraps(command)
    def with_rules(*, min_stay: Ms, start_alone: Ms, reset_alone: Ms, **options: Any) -> None:
        command(rules=Rules(min_stay, start_alone, reset_alone), **options)

    return with_rules


def _about_one_room(command: Callable[..., None]) -> Callable[..., None]:
    """What one says to ask about one room; the command is given `room` and `as_of`."""

    @click.argument("files", nargs=-1, required=True, metavar="FILE...")
    @click.option("--room", "name", required=True, metavar="NAME", help="Which room.")
    @click.option("--domain", metavar="NAME", help="The room's domain, and that of events that name none.")
    @click.option("--as-of", type=_Time(), help="The moment that 'now' means.  [default: the latest event]")
    @_with_rules
    @wraps(command)
    def about_one_room(
        *, files: tuple[str, ...], name: str, domain: str | None, as_of: Ms | None, **options: Any
    ) -> None:
        with batch_extra():
            from headcount.batch.one_room import read_room  # noqa: PLC0415 - only who asks pays
        room = read_room(list(files), name, domain)
        command(room=room, as_of=room.latest if as_of is None else as_of, **options)

    return about_one_room


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out", metavar="DIR", help="Write the files into this directory instead of showing the meetings."
)
@click.option(
    "--format", "fmt", type=click.Choice(_FORMATS), help="What to write.  [default: parquet with --out]"
)
@click.option("--as-of", type=_Time(), help="The moment that 'now' means.  [default: the latest event]")
@_with_rules
@click.option("--domain", default="default", show_default=True, help="The domain of events that name none.")
@click.option(
    "--skip-bad", is_flag=True, help="Leave bad rows out; --out keeps them all, in rejected.ndjson."
)
@click.option("--max-memory", type=_Size(), help="Work in parts that need no more than this, like 4GB.")
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
    """Work out the meetings in files of events.

    The files are Parquet, NDJSON or CSV; - is NDJSON on standard input.
    """
    _refuse_parquet_on_a_stream(out, fmt)
    sessions = _worked_out(
        list(files), rules, {key: value for key, value in options.items() if value}, quiet=quiet
    )
    if out is not None:
        _write(sessions, out, fmt or "parquet")
    else:
        _show(sessions, fmt)
    if not quiet:
        _summarize(sessions, rules, kept=out is not None)


def _refuse_parquet_on_a_stream(out: str | None, fmt: str | None) -> None:
    if out is None and fmt == "parquet":
        raise click.UsageError("Parquet is not for the screen: say where with --out DIR")


def _worked_out(files: list[str], rules: Rules, options: dict[str, Any], *, quiet: bool) -> "Sessions":
    with batch_extra():
        from headcount.batch.sessionize import sessionize as work_out  # noqa: PLC0415 - only who asks pays
    with progress_bar(quiet=quiet) as progress:
        return work_out(files, rules=rules, progress=progress, **options)


def _write(sessions: "Sessions", out: str, fmt: str) -> None:
    from headcount.batch.io.writers import write_sessions  # noqa: PLC0415 - only who asks pays

    write_sessions(sessions, out, fmt)


def _show(sessions: "Sessions", fmt: str | None) -> None:
    from headcount.batch.io.terminal import show  # noqa: PLC0415 - only who asks pays

    show(sessions, fmt, sys.stdout)


def _summarize(sessions: "Sessions", rules: Rules, *, kept: bool) -> None:
    """What was found; and of bad rows that are kept nowhere, the first ones."""
    from headcount.batch.io.terminal import rejected_lines, summary_lines  # noqa: PLC0415 - only who asks pays

    for line in summary_lines(sessions.summary, rules):
        echo(line, err=True)
    if sessions.rejects is not None and not kept:
        for line in rejected_lines(sessions.rejects, sessions.summary.rejected):
            echo(line, err=True)


@main.command()
@_about_one_room
def explain(*, room: "OneRoom", as_of: Ms, rules: Rules) -> None:
    """Tell the story of one room.

    Who came, why the meetings began and ended when they did, and what was ignored.
    """
    from headcount.reporting.explain.room import explain_room  # noqa: PLC0415 - help does not need it

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for sentence in explain_room(room.events, room.name, as_of, domain=room.domain, rules=rules):
        for line in sentence.split("\n"):
            echo(*_wrapped(escape_controls(line), width))


def _wrapped(sentence: str, width: int | None) -> list[str]:
    """On a terminal, what does not fit on a line goes on beneath its beginning."""
    if width is None or len(sentence) <= width:
        return [sentence]
    return textwrap.wrap(sentence, width, subsequent_indent=" " * 16, break_on_hyphens=False)


@main.command()
@_about_one_room
@click.option("--from", "start", type=_Time(), help="Where the picture begins.  [default: its last 24 hours]")
@click.option("--to", "end", type=_Time(), help="Where the picture ends.  [default: the end of all meetings]")
@click.option("--width", type=click.IntRange(min=1), help="How wide it is.  [default: as the terminal]")
def timeline(
    *, room: "OneRoom", as_of: Ms, rules: Rules, start: Ms | None, end: Ms | None, width: int | None
) -> None:
    """Draw one room in the terminal.

    Its meetings, who was in when, and how many at once.
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
    "--sample", required=True, metavar="FILE", help="A Parquet file of events, made up if there is none."
)
def tour(*, jitsi: str, sample: str) -> None:
    """Show what it does, on two inputs.

    Genuine output of a server, and a realistic sample, which is made if it is not there.
    """
    with batch_extra():
        from headcount.demo.tour import demonstrate  # noqa: PLC0415 - only who asks pays
    demonstrate(jitsi, sample, sys.stdout)


@contextmanager
def batch_extra() -> Iterator[None]:
    """Says what to install if the extra is missing. Raises `MissingExtra`."""
    if sys.platform == "linux":
        # Arrow's default pool gives memory back and takes it again; with this one a run over ten
        # million events spent less than half as long in the system. Huge pages spare it most of
        # the faults that are left: NumPy asks for them by itself, this pool only if told.
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
    """A bar on standard error while it is a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - nobody sees it in a pipeline
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

"""Console output of commands.

Responsible for making text safe, because anyone who can name a room can put control characters into it, and for the form of JSON.
Results go to standard output, everything about them to standard error.
"""

import json
from collections.abc import Sequence
from typing import Any

import click

from headcount.kernel.events import Ms
from headcount.terminal import escape_controls, escape_controls_in_lines

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def echo(*lines: str, err: bool = False) -> None:
    """Print lines, to standard error if `err`. Control characters are escaped, so that a line stays one line."""
    for line in lines:
        click.echo(escape_controls(line), err=err)


def note(*lines: str) -> None:
    """Print lines about a result to standard error, unless --quiet is set."""
    if not is_quiet():
        echo(*lines, err=True)


def erase_line_above() -> None:
    """Erase the line above the cursor of the terminal that shows standard error, where a progress bar was."""
    click.echo("\x1b[1A\x1b[2K", nl=False, err=True)


def is_quiet() -> bool:
    """Return whether --quiet is set."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get("headcount.quiet"))


def emit(value: Any) -> None:
    """Print a value as JSON."""
    echo_json(json.dumps(value, ensure_ascii=False, indent=2))


def echo_json(text: str) -> None:
    """Print JSON of several lines. Control characters that JSON permits are escaped as well."""
    click.echo(escape_controls_in_lines(text))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, with their heads in capitals."""
    cells = [[head.upper() for head in heads], *(list(map(escape_controls, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def rfc3339(at: Ms | None) -> str | None:
    """Return a time in RFC 3339, or None."""
    from headcount.timestamps import format_timestamp  # noqa: PLC0415 - help does not need it

    return None if at is None else format_timestamp(at)

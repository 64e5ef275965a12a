"""Console output of commands.

Responsible for making text safe: anybody who can name a room can put control characters into it.
"""

import click

from headcount.terminal import escape_controls, escape_controls_in_lines


def echo(*lines: str, err: bool = False) -> None:
    """Print lines, to standard error if `err`. Control characters are escaped, so that a line stays one line."""
    for line in lines:
        click.echo(escape_controls(line), err=err)


def echo_json(text: str) -> None:
    """Print JSON of several lines. Control characters that JSON permits are escaped as well."""
    click.echo(escape_controls_in_lines(text))

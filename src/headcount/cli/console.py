"""Console: the one way in which commands print. What is shown may come from anybody who can name a room."""

import click

from headcount.terminal import escape_controls


def echo(*lines: str, err: bool = False) -> None:
    """Print lines, to standard error if `err`. Control characters are shown, not sent; a line stays one line."""
    for line in lines:
        click.echo(escape_controls(line), err=err)

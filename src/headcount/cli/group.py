"""Root command: errors of all commands become one message and an exit code.

Responsible for that mapping. Must not know commands.
"""

import os
import sys
from typing import Any

import click

from headcount.cli.console import echo
from headcount.errors import BadInput, HeadcountError
from headcount.kernel.rules import InvalidRules

_BAD = 2
_INTERRUPTED = 130


class _Headcount(click.Group):
    """Command group that maps errors to a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _discard_output()
            ctx.exit(0)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        except click.UsageError as error:
            echo(f"headcount: {_usage(error)}", err=True)
            ctx.exit(_BAD)
        except (HeadcountError, InvalidRules) as error:
            echo(f"headcount: {_sentence(error)}", err=True)
            ctx.exit(_BAD)


def _discard_output() -> None:
    """Discard output that is still buffered: the reader of the pipe has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "headcount"
    return f"{error.format_message().rstrip('.')} (see {command} --help)"


def _sentence(error: Exception) -> str:
    if isinstance(error, BadInput) and error.place:
        return f"{error}. Use --skip-invalid to skip such rows."
    return str(error)


@click.group("headcount", cls=_Headcount, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headcount")
def main() -> None:
    """Who was in the room, when, and for how long."""

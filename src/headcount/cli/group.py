"""The command line's root: what can go wrong becomes one sentence and an exit code, for all commands alike."""

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
    """Maps what can go wrong to one sentence and an exit code, for all commands alike."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _nobody_reads()
            ctx.exit(0)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        except click.UsageError as error:
            echo(f"headcount: {_usage(error)}", err=True)
            ctx.exit(_BAD)
        except (HeadcountError, InvalidRules) as error:
            echo(f"headcount: {_sentence(error)}", err=True)
            ctx.exit(_BAD)


def _nobody_reads() -> None:
    """Whoever read the output has gone. What is still to be flushed goes nowhere, in silence."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.UsageError) -> str:
    asked = error.ctx.command_path if error.ctx is not None else "headcount"
    return f"{error.format_message().rstrip('.')} ({asked} --help tells more)"


def _sentence(error: Exception) -> str:
    if isinstance(error, BadInput) and error.place:
        return f"{error}; --skip-bad leaves such rows out"
    return str(error)


@click.group("headcount", cls=_Headcount, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headcount")
def main() -> None:
    """Who was in the room, when, and for how long."""

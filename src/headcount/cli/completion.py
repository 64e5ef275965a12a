"""Command that prints the shell completion script."""

from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

from headcount.cli.console import echo
from headcount.cli.group import main

_SHELLS: Final = ("bash", "zsh", "fish")


@main.command(
    "completion",
    examples=[
        "headcount completion bash > ~/.local/share/bash-completion/completions/headcount",
        "headcount completion zsh > ~/.zfunc/_headcount",
        "headcount completion fish > ~/.config/fish/completions/headcount.fish",
    ],
)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(*, shell: str) -> None:
    """Print the completion script for a shell: bash, zsh or fish."""
    found = get_completion_class(shell)
    assert found is not None
    complete = found(main, {}, "headcount", "_HEADCOUNT_COMPLETE")
    # The version of bash is the reader's business: the script may be installed on another machine.
    echo(*ShellComplete.source(complete).split("\n"))

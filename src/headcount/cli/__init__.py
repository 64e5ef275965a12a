"""Command line interface.

Responsible for options, output and exit codes. Must not decide anything: each command is a thin function that calls the library
or the service. Results go to standard output, everything about them to standard error.
"""

import sys
from typing import Any

from headcount.cli.group import main

__all__ = ["find_pandas", "main", "run"]


def run() -> None:
    """Run the command in a process of its own, without pandas.

    Arrow imports pandas for its first array if it is installed, which takes as long as 200,000 events. Only Spark has data frames.
    """
    sys.meta_path.insert(0, _WithoutPandas())
    main()


def find_pandas() -> None:
    """Let the rest of this process import pandas, which Spark needs."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _WithoutPandas)]


class _WithoutPandas:
    """A finder of modules that does not find pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("only Spark has data frames", name=name)

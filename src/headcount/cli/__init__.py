"""Command line interface.

Responsible for options, output and exit codes. Must not decide anything: each command is a thin function that calls the library
or the service. Results go to standard output, everything about them to standard error.
"""

from headcount.cli.group import main

__all__ = ["main"]

"""The command line: what is asked for, what is answered, and with which exit code.

Each command is one thin function. It knows its options and calls the library or the service;
nothing is decided here. Answers go to standard output, everything about them to standard error.
"""

from headcount.cli import files, keeping, listening, looking, moving, polling, serving, sources, webhooks
from headcount.cli.group import main

__all__ = [
    "files",
    "keeping",
    "listening",
    "looking",
    "main",
    "moving",
    "polling",
    "serving",
    "sources",
    "webhooks",
]

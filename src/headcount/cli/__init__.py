"""The command line: what is asked for, what is answered, and with which exit code.

Each command is one thin function. It knows its options and calls the library or the service;
nothing is decided here. Answers go to standard output, everything about them to standard error.
"""

from headcount.cli import files, keys, polling, serve, sources, store, transfer, webhook_listen, webhooks
from headcount.cli.group import main

__all__ = [
    "files",
    "keys",
    "main",
    "polling",
    "serve",
    "sources",
    "store",
    "transfer",
    "vendor_exports",
    "webhook_listen",
    "webhooks",
]

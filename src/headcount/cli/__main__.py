"""`python -m headcount.cli` is the command itself."""

from headcount.cli import run

run()

"""`python -m headcount` is the command itself."""

from headcount.cli import run

run()

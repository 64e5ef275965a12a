"""The two ways of `sessionize`: interpreted for few events, compiled for many. Tests choose either, whatever the size."""

from contextlib import contextmanager
from unittest.mock import patch

from headcount.batch.io import small_files

LANES = {"interpreted": 1 << 24, "compiled": -1}
"""The number of bytes and of events up to which an input is small, by lane."""


@contextmanager
def lane(name):
    """Let every input take this lane."""
    with (
        patch.object(small_files, "SMALL_BYTES", LANES[name]),
        patch.object(small_files, "SMALL_EVENTS", LANES[name]),
    ):
        yield

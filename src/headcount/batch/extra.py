"""The packages of the extra `headcount[batch]`, which large inputs and Parquet need.

Responsible for the error where they are missing. Must not know what they are needed for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from headcount.errors import MissingExtra


@contextmanager
def batch_extra() -> Iterator[None]:
    """Raise `MissingExtra` if the packages of the extra are missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("headcount"):
            raise
        raise MissingExtra("batch", missing.name or "") from missing

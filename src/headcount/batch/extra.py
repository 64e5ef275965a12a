"""The packages of the extra `headcount[batch]`, which large inputs and Parquet need.

Responsible for the error where they are missing. Must not know what they are needed for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from headcount.errors import MissingExtra

WITHOUT_IT: Final = (
    ". Without them, Headcount reads CSV and NDJSON files of up to 50,000 events, if all rows are valid"
)


@contextmanager
def batch_extra(hint: str = "") -> Iterator[None]:
    """Raise `MissingExtra` if the packages of the extra are missing, with a hint at what works without them."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("headcount"):
            raise
        raise MissingExtra("batch", missing.name or "", hint) from missing

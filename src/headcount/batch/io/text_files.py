"""Text files: how a file of lines is opened, plain or compressed, and what may be wrong with it as a whole."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from headcount.errors import BadInput

STANDARD_INPUT = "-"
UTF8_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 24
"""No event is so long. A line may have no end: a small packed file can hold one of gigabytes."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class TextFile(NamedTuple):
    """An open file: `plain` gives its bytes, unpacked if need be, `stored` is what lies on disk."""

    where: str
    plain: IO[bytes]
    stored: IO[bytes]
    size: int

    def share(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self.stored.tell() / self.size if self.size else 0.0


@contextmanager
def opened(path: str | Path, where: str) -> Iterator[TextFile]:
    """Open a text file, or standard input as '-'."""
    if path == STANDARD_INPUT:
        yield TextFile(where, sys.stdin.buffer, sys.stdin.buffer, 0)
        return
    path = Path(path)
    with path.open("rb") as stored:
        is_packed = path.suffix.lower() == ".gz"
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=stored)) if is_packed else stored
        yield TextFile(where, plain, stored, path.stat().st_size)


@contextmanager
def unpacked(where: str) -> Iterator[None]:
    """Says of a compressed file that cannot be unpacked where it is."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput("cannot be unpacked: the gzip file is cut off or damaged", where=where) from error


def too_long_a_line(where: str) -> BadInput:
    """Return what is wrong with a file that has a line longer than any event."""
    return BadInput(f"has a line of more than {LONGEST_LINE:,} bytes: no event is so long", where=where)


def require_utf8(beginning: bytes, where: str) -> None:
    """Raises `BadInput` if a file begins as UTF-16 does; other bytes are judged row by row."""
    if beginning.startswith(_UTF16_MARKS):
        raise BadInput("is UTF-16 text: save it as UTF-8", where=where)

"""Text files, plain or compressed.

Responsible for opening them and for errors of a whole file: its encoding, its compression, the length of its lines.
Must not know what is in a line.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO, RawIOBase, TextIOWrapper
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO, cast

from headcount.errors import BadInput

STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard input"
UTF8_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 24
"""Maximum length of a line, in bytes. A small compressed file can contain one of gigabytes."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class TextFile(NamedTuple):
    """An open file: `plain` returns its bytes, decompressed if necessary, `stored` is the file on disk."""

    where: str
    plain: IO[bytes]
    stored: IO[bytes]
    size: int

    def share(self) -> float:
        """Return the part of the file that has been read, from 0 to 1."""
        return self.stored.tell() / self.size if self.size else 0.0


@contextmanager
def opened(path: str | Path, where: str) -> Iterator[TextFile]:
    """Open a text file, or standard input as '-'."""
    if path == STANDARD_INPUT:
        yield TextFile(where, sys.stdin.buffer, sys.stdin.buffer, 0)
        return
    path = Path(path)
    with path.open("rb") as stored:
        is_compressed = path.suffix.lower() == ".gz"
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=stored)) if is_compressed else stored
        yield TextFile(where, plain, stored, path.stat().st_size)


def unread(beginning: bytes) -> None:
    """Let standard input begin with these bytes, which were read from it."""
    sys.stdin = TextIOWrapper(BufferedReader(_BeginsWith(beginning, sys.stdin)))


class _BeginsWith(RawIOBase):
    """The bytes of a stream after others."""

    def __init__(self, beginning: bytes, rest: TextIO) -> None:
        self._beginning = BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._beginning.read(len(buffer)) or self._rest.buffer.read(len(buffer))
        buffer[: len(some)] = some
        return len(some)


@contextmanager
def unpacked(where: str) -> Iterator[None]:
    """Raise errors of decompression as `BadInput` with the name of the file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput("cannot be unpacked: the gzip file is cut off or damaged", where=where) from error


def too_long_a_line(where: str) -> BadInput:
    """Return the error of a file with a line that is too long."""
    return BadInput(f"has a line of more than {LONGEST_LINE:,} bytes: is it a file of events?", where=where)


def require_utf8(beginning: bytes, where: str) -> None:
    """Raise `BadInput` if a file begins like UTF-16; other bytes are validated row by row."""
    if (
        beginning.startswith(_UTF16_MARKS) or beginning[:2].count(0) == 1
    ):  # without a mark: ASCII has a zero byte
        raise BadInput("is UTF-16 text: save it as UTF-8 (in Excel: CSV UTF-8)", where=where)

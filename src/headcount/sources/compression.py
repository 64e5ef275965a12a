"""Packed: bodies that may come as gzip."""

import zlib
from typing import Final

from headcount.errors import BadInput

_PACKED: Final = b"\x1f\x8b"
_OF_GZIP: Final = 31
_LARGEST: Final = 4 * 2**20
"""What is packed may be made to grow without end."""


def unpacked(body: bytes) -> bytes:
    """The JSON of a delivery, which never begins as gzip does. Raises `BadInput`."""
    if not body.startswith(_PACKED):
        return body
    packed = zlib.decompressobj(_OF_GZIP)
    try:
        plain = packed.decompress(body, _LARGEST)
    except zlib.error as error:
        raise BadInput(f"is no gzip that can be unpacked: {error}") from error
    if not packed.eof:
        raise BadInput(f"is gzip that is cut off, or larger than {_LARGEST:,} bytes")
    return plain

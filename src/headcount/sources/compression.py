"""Decompression of request bodies that may be gzip.

Responsible for the limit on the decompressed size. Must not know the vendors.
"""

import zlib
from typing import Final

from headcount.errors import BadInput

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW_BITS: Final = 31
_MAX_BYTES: Final = 4 * 2**20
"""A few bytes of gzip can expand without end."""


def decompress(body: bytes) -> bytes:
    """Return the JSON of a body, which never starts as gzip does. Raise `BadInput`."""
    if not body.startswith(_GZIP_MAGIC):
        return body
    decompressor = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        content = decompressor.decompress(body, _MAX_BYTES)
    except zlib.error as error:
        raise BadInput(f"not a valid gzip file: {error}") from error
    if not decompressor.eof:
        raise BadInput(f"a gzip file that is truncated, or larger than {_MAX_BYTES:,} bytes")
    return content

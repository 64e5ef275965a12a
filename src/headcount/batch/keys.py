"""Keys: a participant's id as two words that are compared in an instant.

An id of up to 15 bytes *is* its key: the bytes and their number. A longer one is hashed, and
two equal hashes are only believed after the ids themselves were compared.
"""

from typing import Any

import numpy as np

from headcount.batch.compiled import compiled

SIZE_SHIFT = np.uint64(56)
HASHED = np.uint64(255)
"""In the place of the size: this key is a hash."""

_WHOLE = 15
_BYTE = np.uint64(8)
_LOW_56 = np.uint64((1 << 56) - 1)
_PRIME = np.uint64(0x9FB21C651E98DF25)
_OTHER_PRIME = np.uint64(0xC6A4A7935BD1E995)
_SEED = np.uint64(0x2545F4914F6CDD1D)
_FOLD = np.uint64(29)


@compiled
def key_of(start: Any, end: Any, text: Any) -> Any:
    """The two words for the id that stands in text[start:end]."""
    low = np.uint64(0)
    high = np.uint64(0)
    if end - start <= _WHOLE:
        for i in range(min(end, start + 8) - 1, start - 1, -1):
            low = (low << _BYTE) | np.uint64(text[i])
        for i in range(end - 1, start + 7, -1):
            high = (high << _BYTE) | np.uint64(text[i])
        return low, high | (np.uint64(end - start) << SIZE_SHIFT)
    low = _SEED
    for i in range(start, end):
        byte = np.uint64(text[i])
        low = (low ^ byte) * _PRIME
        high = (high + byte + (low >> _FOLD)) * _OTHER_PRIME
    return low, (high & _LOW_56) | (HASHED << SIZE_SHIFT)


@compiled
def is_same(row: Any, other: Any, names: Any) -> Any:
    """Whether two rows name the same participant, letter by letter."""
    start, end = names.offsets[row], names.offsets[row + 1]
    other_start = names.offsets[other]
    if names.offsets[other + 1] - other_start != end - start:
        return False
    for i in range(end - start):
        if names.text[start + i] != names.text[other_start + i]:
            return False
    return True

"""Keys of participants for hash tables: two words for each id.

An id of up to 15 bytes *is* its key: the bytes and their number. A longer id is hashed, and two equal hashes count
as equal only if the ids themselves are.

Responsible for keys and their comparison. Must not know the tables.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.batch.passes.jit import compiled

SIZE_SHIFT = np.uint64(56)
HASHED = np.uint64(255)
"""Value in place of the size: the key is a hash."""

_WHOLE = 15
_LOW_56 = np.uint64((1 << 56) - 1)
_ALL = np.uint64((1 << 64) - 1)
_PRIME = np.uint64(0x9FB21C651E98DF25)
_OTHER_PRIME = np.uint64(0xC6A4A7935BD1E995)
_SEED = np.uint64(0x2545F4914F6CDD1D)
_FOLD = np.uint64(29)


def words_of(text: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the bytes of all ids as words of eight bytes, with two words of zeros behind them.

    Reading whole words makes keys four times as fast as reading bytes.
    """
    words = words_for(len(text))
    words.view(np.uint8)[: len(text)] = text
    return words


def words_for(size: int) -> NDArray[np.uint64]:
    """Return words for `size` bytes, with zeros behind them."""
    words = np.empty(size // 8 + 3, np.uint64)
    words[size // 8 :] = 0
    return words


@compiled
def word_at(position: int, words: NDArray[np.uint64]) -> Any:
    """Return the eight bytes from `position` on, the first one lowest."""
    k = position >> 3
    shift = np.uint64((position & 7) * 8)
    # A shift by 64 bits is undefined. Two shifts give zero for an aligned position, without a choice that is hard to predict.
    return (words[k] >> shift) | ((words[k + 1] << np.uint64(1)) << (np.uint64(63) - shift))


@compiled
def lowest(word: np.uint64, size: int) -> Any:
    """Return the lowest `size` bytes of a word, 0 to 8."""
    return word & (_ALL >> np.uint64(8 * (8 - size))) if size > 0 else np.uint64(0)


@compiled
def key_of(start: int, end: int, words: NDArray[np.uint64]) -> Any:
    """Return the key of the id whose bytes are start..end-1."""
    size = end - start
    if size <= _WHOLE:
        low = lowest(word_at(start, words), min(size, 8))
        high = lowest(word_at(start + 8, words), size - 8) if size > 8 else np.uint64(0)
        return low, high | (np.uint64(size) << SIZE_SHIFT)
    low, high = _SEED, np.uint64(size)
    for i in range(start, end, 8):
        word = lowest(word_at(i, words), min(end - i, 8))
        low = (low ^ word) * _PRIME
        low ^= low >> _FOLD
        high = (high + low) * _OTHER_PRIME
    return low, (high & _LOW_56) | (HASHED << SIZE_SHIFT)


@compiled
def is_same(row: int, other: int, offsets: NDArray[np.int64], text: NDArray[np.uint8]) -> Any:
    """Return whether two rows have the same id, byte by byte."""
    start, end = offsets[row], offsets[row + 1]
    other_start = offsets[other]
    if offsets[other + 1] - other_start != end - start:
        return False
    for i in range(end - start):
        if text[start + i] != text[other_start + i]:
            return False
    return True

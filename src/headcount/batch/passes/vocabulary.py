"""Vocabulary: the words of one column as numbers, over all pieces of a file.

Every piece of a large file has a dictionary of its own. So that a room or a name has one number
throughout, each piece's words are looked up here, and new ones are added. It is a hash table over
the same keys as those of participants, kept in arrays so that looking up is compiled.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from headcount.batch.io.text_columns import text_of
from headcount.batch.passes.hash_keys import HASHED, SIZE_SHIFT, key_of, words_of
from headcount.batch.passes.jit import compiled
from headcount.batch.passes.layout import Int32s

_FREE = -1
_SIZE, _TEXT = range(2)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class Vocabulary:
    """Words and their numbers, in the order in which they first came."""

    def __init__(self) -> None:
        self._table = np.full(1024, _FREE, np.int32)
        self._keys = np.empty((512, 2), np.uint64)
        self._ends = np.zeros(513, np.int64)
        self._text = np.empty(4096, np.uint8)
        self._filled = np.zeros(2, np.int64)

    def __len__(self) -> int:
        return int(self._filled[_SIZE])

    def numbers(self, words: pa.Array) -> Int32s:
        """The number of each of these words, none of which is null."""
        words = words.cast(pa.large_string())
        offsets, text = text_of(words)
        self._make_room(len(words), len(text))
        numbers = np.empty(len(words), np.int32)
        look_up(
            offsets,
            words_of(text),
            text,
            self._table,
            self._keys,
            self._ends,
            self._text,
            self._filled,
            numbers,
        )
        return numbers

    def words(self) -> pa.Array:
        """All words; the one with number n is at n."""
        size = len(self)
        text = self._text[: self._filled[_TEXT]]
        ends = pa.py_buffer(self._ends[: size + 1])
        return pa.LargeStringArray.from_buffers(size, ends, pa.py_buffer(text)).cast(pa.string())

    def _make_room(self, words: int, letters: int) -> None:
        """Grow, so that so much more fits and the table is at most half full."""
        size, length = len(self) + words, int(self._filled[_TEXT]) + letters
        if size > len(self._keys):
            self._keys = _grown(self._keys, size)
            self._ends = _grown(self._ends, size + 1)
        if length > len(self._text):
            self._text = _grown(self._text, length)
        slots = len(self._table)
        while slots < 2 * size:
            slots *= 2
        if slots > len(self._table):
            self._table = np.full(slots, _FREE, np.int32)
            put_back(self._table, self._keys, len(self))


def _grown(array: Any, least: int) -> Any:
    larger = np.zeros((max(least, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def look_up(
    offsets: Any,
    words: Any,
    letters: Any,
    table: Any,
    keys: Any,
    ends: Any,
    text: Any,
    filled: Any,
    numbers: Any,
) -> None:
    mask = np.uint64(table.shape[0] - 1)
    size, length = filled[_SIZE], filled[_TEXT]
    for i in range(offsets.shape[0] - 1):
        start, end = offsets[i], offsets[i + 1]
        low, high = key_of(start, end, words)
        slot = (((low * _MIX) ^ high) * _MIX >> _HALF) & mask
        found = table[slot]
        while found != _FREE:
            if keys[found, 0] == low and keys[found, 1] == high:
                if high >> SIZE_SHIFT != HASHED or end - start == ends[found + 1] - ends[found]:
                    k = 0
                    if high >> SIZE_SHIFT == HASHED:
                        while k < end - start and letters[start + k] == text[ends[found] + k]:
                            k += 1
                    else:
                        k = end - start
                    if k == end - start:
                        break
            slot = (slot + np.uint64(1)) & mask
            found = table[slot]
        if found == _FREE:
            found = np.int32(size)
            table[slot] = found
            keys[size, 0], keys[size, 1] = low, high
            for k in range(end - start):
                text[length + k] = letters[start + k]
            length += end - start
            size += 1
            ends[size] = length
        numbers[i] = found
    filled[_SIZE], filled[_TEXT] = size, length


@compiled
def put_back(table: Any, keys: Any, size: Any) -> None:
    mask = np.uint64(table.shape[0] - 1)
    for number in range(size):
        low, high = keys[number, 0], keys[number, 1]
        slot = (((low * _MIX) ^ high) * _MIX >> _HALF) & mask
        while table[slot] != _FREE:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = number

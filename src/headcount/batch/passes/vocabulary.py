"""Vocabulary of one column: a number for each distinct text, over all pieces of a file.

Responsible for equal numbers in all pieces, although each piece of a large file has a dictionary of its own: known
texts are looked up, and new ones are added. It is a compiled hash table with the keys of `hash_keys.py`. Must not
know what the texts mean.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.io.text_columns import text_of
from headcount.batch.passes.hash_keys import HASHED, SIZE_SHIFT, key_of, words_of
from headcount.batch.passes.jit import entry
from headcount.batch.passes.layout import Bytes, Int32s, Int64s, WordRows, Words

_FREE = -1
_SIZE, _TEXT = range(2)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class _Table(NamedTuple):
    """The hash table: the number in each slot, and for each number its key, the end of its text, and all texts.

    `lengths` has the number of texts, and of their bytes.
    """

    slots: Int32s
    keys: WordRows
    ends: Int64s
    text: Bytes
    lengths: Int64s


class Vocabulary:
    """Distinct texts and their numbers, in the order in which they were added."""

    def __init__(self) -> None:
        self._table = _Table(
            np.full(1024, _FREE, np.int32),
            np.empty((512, 2), np.uint64),
            np.zeros(513, np.int64),
            np.empty(4096, np.uint8),
            np.zeros(2, np.int64),
        )

    def __len__(self) -> int:
        return int(self._table.lengths[_SIZE])

    def numbers(self, words: pa.Array) -> Int32s:
        """Return the number of each text, none of which is null, and add those that are new."""
        words = words.cast(pa.large_string())
        offsets, text = text_of(words)
        self._reserve(len(words), len(text))
        numbers = np.empty(len(words), np.int32)
        look_up(offsets, words_of(text), text, self._table, numbers)
        return numbers

    def words(self) -> pa.Array:
        """Return all texts; the one with number n is at n."""
        size = len(self)
        text = self._table.text[: self._table.lengths[_TEXT]]
        ends = pa.py_buffer(self._table.ends[: size + 1])
        return pa.LargeStringArray.from_buffers(size, ends, pa.py_buffer(text)).cast(pa.string())

    def _reserve(self, words: int, text_bytes: int) -> None:
        """Grow, so that these words and bytes fit and the table is at most half full."""
        table = self._table
        size, length = len(self) + words, int(table.lengths[_TEXT]) + text_bytes
        if size > len(table.keys):
            table = table._replace(keys=_grown(table.keys, size), ends=_grown(table.ends, size + 1))
        if length > len(table.text):
            table = table._replace(text=_grown(table.text, length))
        slots = len(table.slots)
        while slots < 2 * size:
            slots *= 2
        if slots > len(table.slots):
            table = table._replace(slots=np.full(slots, _FREE, np.int32))
            fill_slots(table.slots, table.keys, len(self))
        self._table = table


def _grown(array: NDArray[Any], least: int) -> NDArray[Any]:
    larger = np.zeros((max(least, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


@entry
def look_up(offsets: Int64s, words: Words, text: Bytes, table: _Table, numbers: Int32s) -> None:
    """Write the number of each text to `numbers`; `words` are the bytes of `text` as words."""
    slots, keys, ends, known_text = table.slots, table.keys, table.ends, table.text
    mask = np.uint64(slots.shape[0] - 1)
    size, length = table.lengths[_SIZE], table.lengths[_TEXT]
    for i in range(offsets.shape[0] - 1):
        start, end = offsets[i], offsets[i + 1]
        low, high = key_of(start, end, words)
        slot = (((low * _MIX) ^ high) * _MIX >> _HALF) & mask
        found = slots[slot]
        while found != _FREE:
            if keys[found, 0] == low and keys[found, 1] == high:
                if high >> SIZE_SHIFT != HASHED or end - start == ends[found + 1] - ends[found]:
                    k = 0
                    if high >> SIZE_SHIFT == HASHED:
                        while k < end - start and text[start + k] == known_text[ends[found] + k]:
                            k += 1
                    else:
                        k = end - start
                    if k == end - start:
                        break
            slot = (slot + np.uint64(1)) & mask
            found = slots[slot]
        if found == _FREE:
            found = np.int32(size)
            slots[slot] = found
            keys[size, 0], keys[size, 1] = low, high
            for k in range(end - start):
                known_text[length + k] = text[start + k]
            length += end - start
            size += 1
            ends[size] = length
        numbers[i] = found
    table.lengths[_SIZE], table.lengths[_TEXT] = size, length


@entry
def fill_slots(slots: Int32s, keys: WordRows, size: int) -> None:
    """Enter all numbers into an empty table."""
    mask = np.uint64(slots.shape[0] - 1)
    for number in range(size):
        low, high = keys[number, 0], keys[number, 1]
        slot = (((low * _MIX) ^ high) * _MIX >> _HALF) & mask
        while slots[slot] != _FREE:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = number

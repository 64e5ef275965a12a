"""Attributes that result from several events: expressions while rooms are walked, texts afterwards.

Attributes are codes of a dictionary, and a merge is per key, which codes cannot express. So a merge of two codes is the number
of an expression, which follows the codes and may be merged again. Equal expressions have one number. After the passes, each
distinct expression is evaluated once, by the functions of the kernel.

Responsible for the table of expressions and their evaluation. Must not know which events are merged.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.passes.jit import entry
from headcount.batch.passes.layout import (
    ABOVE_LEFT_BY,
    APART_COUNT,
    ENTRY_COUNT,
    MAX_ATTRIBUTES,
    NO_ROW,
    ROW_AND_LEFT_BY,
    Int32s,
    Merges,
    RoomEvents,
)
from headcount.kernel.attributes import merge_instant, merge_later

LATER, INSTANT = range(2)
_SIZE, FIRST_NUMBER, IS_FULL = range(3)
_FIRST_CAPACITY = 1 << 12
_GROWTH = 4
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@entry
def merged(first: int, second: int, kind: int, merges: Merges) -> Any:
    """Return the code or the number of the attributes that result from two; NO_ROW only if neither is known.

    LATER: `second` became known after `first`. INSTANT: both became known at one instant.
    """
    if second == NO_ROW or first == second:
        return first
    if first == NO_ROW:
        return second
    if kind == INSTANT and second < first:
        first, second = second, first
    slots, lengths = merges.slots, merges.lengths
    mask = np.uint64(slots.shape[0] - 1)
    pair = (np.uint64(first) << _HALF) | (np.uint64(second) << np.uint64(1)) | np.uint64(kind)
    mixed = (pair ^ (pair >> _HALF)) * _MIX
    slot = (mixed >> _HALF) & mask
    while slots[slot]:
        n = slots[slot] - 1
        if merges.first[n] == first and merges.second[n] == second and merges.kind[n] == kind:
            return lengths[FIRST_NUMBER] + n
        slot = (slot + np.uint64(1)) & mask
    n = lengths[_SIZE]
    if n == merges.first.shape[0]:
        lengths[IS_FULL] = 1
        return first
    merges.first[n], merges.second[n], merges.kind[n] = first, second, kind
    lengths[_SIZE] = n + 1
    slots[slot] = n + 1
    return lengths[FIRST_NUMBER] + n


def new_merges(codes: int, capacity: int = _FIRST_CAPACITY) -> Merges:
    """Return an empty table for a dictionary of `codes` attributes; it needs no memory if there are none."""
    if not codes:
        capacity = 0
    return Merges(
        np.zeros(2 * capacity or 1, np.int32),
        np.empty(capacity, np.int32),
        np.empty(capacity, np.int32),
        np.empty(capacity, np.int8),
        np.array([0, codes, 0]),
    )


def enlarged(merges: Merges) -> Merges:
    """Return a larger table with the same expressions."""
    size, codes, _ = merges.lengths.tolist()
    larger = new_merges(codes, _GROWTH * len(merges.first))
    assert codes + len(larger.first) <= MAX_ATTRIBUTES, "an entry has no room for more attributes"
    copy_merges(merges, size, larger)
    return larger


@entry
def copy_merges(merges: Merges, size: int, to: Merges) -> None:
    """Add all expressions to an empty table, with the same numbers."""
    for n in range(size):
        merged(merges.first[n], merges.second[n], merges.kind[n], to)


def evaluate(tables: Sequence[Merges], words: pa.Array) -> tuple[pa.Array, list[Int32s]]:
    """Return the dictionary of attributes with the results of all expressions, and for each table the code of each result."""
    results = [_results(table, words) if table.lengths[_SIZE] else [] for table in tables]
    texts = pa.array(dict.fromkeys(text for own in results for text in own), pa.string())
    if not len(texts):
        return words, [np.empty(0, np.int32)] * len(tables)
    known = pc.index_in(texts, words)
    new = texts.filter(pc.is_null(known))
    found = {
        text: code
        for text, code in zip(texts.to_pylist(), known.to_pylist(), strict=True)
        if code is not None
    }
    found |= {text: len(words) + number for number, text in enumerate(new.to_pylist())}
    numbers = [np.array([found[text] for text in own], np.int32) for own in results]
    return pa.concat_arrays([words, new]), numbers


def _results(table: Merges, words: pa.Array) -> list[str]:
    """Return the result of each expression of a table. An expression refers to codes, and to expressions before it."""
    size, codes, _ = table.lengths.tolist()
    first, second, kind = (column[:size] for column in (table.first, table.second, table.kind))
    used = np.unique(np.concatenate([first, second]))
    used = used[used < codes]
    known = dict(zip(used.tolist(), words.take(pa.array(used)).to_pylist(), strict=True))
    merge = {LATER: merge_later, INSTANT: merge_instant}
    results: list[str] = []
    for number, (a, b, how) in enumerate(zip(first.tolist(), second.tolist(), kind.tolist(), strict=True)):
        known[codes + number] = text = merge[how](known[a], known[b])
        results.append(text)
    return results


@entry
def replace_expressions(first: int, last: int, rooms: RoomEvents, codes: int, numbers: Int32s) -> None:
    """Replace the numbers of expressions in the entries of rooms first..last-1 by the codes of their results."""
    entries = rooms.entries
    for room in range(first, last):
        start = rooms.starts[room]
        for p in range(start, start + rooms.counts[room, ENTRY_COUNT] + rooms.counts[room, APART_COUNT]):
            number = (entries[p, ROW_AND_LEFT_BY] >> ABOVE_LEFT_BY) - 1 - codes
            if number >= 0:
                below = entries[p, ROW_AND_LEFT_BY] & ((np.int64(1) << ABOVE_LEFT_BY) - 1)
                entries[p, ROW_AND_LEFT_BY] = ((np.int64(numbers[number]) + 1) << ABOVE_LEFT_BY) | below

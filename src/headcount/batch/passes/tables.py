"""Assembling: from the arrays of the compiled passes to tables.

What was worked out comes in one part, or, where the events did not fit into memory, in several
with rooms of their own. Here the meetings of all parts are put in order, by start, then room, and
told a window after the other. Words that repeat stay dictionary-encoded; the ids of participants,
which do not, are copied together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.passes.arrow_arrays import flags, numbers, words
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.hash_keys import room_for
from headcount.batch.passes.jit import compiled
from headcount.batch.passes.layout import (
    ABOVE,
    BELOW,
    JOIN,
    LEAVE,
    LEFT_BY_WORDS,
    NAME_ROWS,
    NO_ROW,
    ROW_AND_LEFT_BY,
    STILL_IN,
    Int8s,
    Int32s,
    Int64s,
)
from headcount.batch.passes.parallel import Worked, ids_of, in_threads, spans_of
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, TIME, WORD
from headcount.kernel.rules import NEVER


class Listed(NamedTuple):
    """Entries of some meetings, one behind the other; names are codes, -1 where unknown."""

    join: Int64s
    leave: Int64s
    left_by: Int8s
    user_id: Int32s
    user_name: Int32s
    offsets: Int64s
    text: NDArray[np.uint8]


class Part(Protocol):
    """The meetings of some of the rooms, in order."""

    @property
    def worked(self) -> Worked: ...

    def listed(self, first: int, last: int) -> Listed:
        """The entries of meetings first..last-1."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the numbers of rooms and the codes of names stand for."""

    rooms: pa.Array
    domains: pa.Array
    user_ids: pa.Array | None
    user_names: pa.Array | None


@dataclass(frozen=True, slots=True)
class InMemory:
    """The one part of events that are all in memory."""

    worked: Worked
    columns: Columns

    def listed(self, first: int, last: int) -> Listed:
        worked, names = self.worked, self.columns.names
        many = int(worked.bounds[last] - worked.bounds[first])
        plain = [np.empty(many, kind) for kind in (np.int64, np.int64, np.int8, np.int32, np.int32)]
        codes = np.empty(many, np.int32)

        def tell(_: None, span: tuple[int, int]) -> None:
            tell_entries(
                first + span[0], first + span[1], worked.bounds, int(worked.bounds[first]), worked.begins,
                worked.entries, names.participant, names.user_id, names.user_name, *plain, codes,
            )  # fmt: skip

        in_threads(tell, spans_of(last - first))
        return Listed._make([*plain, *texts_at(codes, names.offsets, names.words)])


@compiled
def tell_entries(
    first: Any,
    last: Any,
    bounds: Any,
    before: Any,
    begins: Any,
    entries: Any,
    participants: Any,
    user_ids: Any,
    user_names: Any,
    join: Any,
    leave: Any,
    left_by: Any,
    user_id: Any,
    user_name: Any,
    participant: Any,
) -> None:
    """Take the entries of meetings first..last-1 apart, and look up the codes of their names."""
    has_codes, has_ids, has_names = participants.shape[0] > 0, user_ids.shape[0] > 0, user_names.shape[0] > 0
    for m in range(first, last):
        entry = begins[m]
        for to in range(bounds[m] - before, bounds[m + 1] - before):
            join[to] = entries[entry, JOIN]
            leave[to] = entries[entry, LEAVE]
            row_and_left_by, rows = entries[entry, ROW_AND_LEFT_BY], entries[entry, NAME_ROWS]
            left_by[to] = row_and_left_by >> ABOVE
            row = row_and_left_by & BELOW
            participant[to] = participants[row] if has_codes else row
            user_id_row, user_name_row = np.int32(rows & BELOW), np.int32(rows >> ABOVE)
            user_id[to] = user_ids[user_id_row] if has_ids and user_id_row != NO_ROW else NO_ROW
            user_name[to] = user_names[user_name_row] if has_names and user_name_row != NO_ROW else NO_ROW
            entry += 1


def texts_at(
    codes: NDArray[Any], offsets: Int64s, words: NDArray[np.uint64]
) -> tuple[Int64s, NDArray[np.uint8]]:
    """The texts with these codes, one behind the other: where they begin, and their letters."""
    ends = np.empty(len(codes) + 1, np.int64)
    letters = add_up(codes, offsets, ends)
    out = np.empty(letters // 8 + 1, np.uint64)
    copy_texts(codes, offsets, words, out)
    return ends, out.view(np.uint8)[:letters]


@compiled
def add_up(codes: Any, offsets: Any, ends: Any) -> Any:
    end = np.int64(0)
    ends[0] = 0
    for k in range(codes.shape[0]):
        code = codes[k]
        end += offsets[code + 1] - offsets[code]
        ends[k + 1] = end
    return end


@compiled
def copy_texts(codes: Any, offsets: Any, words: Any, out: Any) -> None:
    """Copy by whole words, of which one is being filled: ids are short, and byte by byte took half
    as long again.
    """
    filling, filled, to = np.uint64(0), np.uint64(0), 0
    for k in range(codes.shape[0]):
        code = codes[k]
        start, end = offsets[code], offsets[code + 1]
        while start < end:
            size = min(end - start, 8)
            at = start >> 3
            shift = np.uint64((start & 7) << 3)
            word = words[at] >> shift
            if shift:
                word |= words[at + 1] << (np.uint64(64) - shift)
            bits = np.uint64(size << 3)
            if size < 8:
                word &= (np.uint64(1) << bits) - np.uint64(1)
            filling |= word << filled
            filled += bits
            if filled >= np.uint64(64):
                out[to] = filling
                to += 1
                filled -= np.uint64(64)
                # What did not fit any more; all of it did if none is left over.
                filling = word >> (bits - filled) if filled else np.uint64(0)
            start += size
    if filled:
        out[to] = filling


class Assembly:
    """All meetings of all parts in the order in which they are told."""

    def __init__(self, parts: Sequence[Part], known: Words) -> None:
        self._parts = parts
        self._words = known
        worked = [part.worked for part in parts]
        sizes = [len(each.start) for each in worked]
        self._part_of = np.repeat(np.arange(len(parts)), sizes)
        self._place = np.concatenate([np.arange(size) for size in sizes]) if sizes else np.empty(0, np.int64)
        if len(parts) > 1:
            order = np.lexsort((self._all("room"), self._all("start")))
            self._part_of, self._place = self._part_of[order], self._place[order]
            self._order: Any = order
        else:
            self._order = slice(None)
        self.meetings = self._meetings()

    def _all(self, name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part.worked, name) for part in self._parts])

    def _told(self, name: str) -> NDArray[Any]:
        return self._all(name)[self._order]  # type: ignore[no-any-return]

    def _meetings(self) -> pa.Table:
        known, room, start, end = self._words, self._told("room"), self._told("start"), self._told("end")
        ids = ids_of(room, start, known.domains.to_pylist(), known.rooms.to_pylist())
        domains = known.domains.dictionary_encode()
        ongoing = end == NEVER
        columns = [
            _fixed_texts(ids),
            words(domains.indices.to_numpy()[room], domains.dictionary),
            words(room, known.rooms),
            numbers(start, TIME),
            numbers(end, TIME, ongoing),
            flags(ongoing),
            numbers(self._told("most"), pa.int32()),
            numbers(self._told("counts"), pa.int32()),
            numbers(self._told("participant_ms"), pa.int64()),
        ]
        return pa.table(columns, schema=MEETINGS)

    def participants(self, entries_at_once: int) -> Iterator[pa.Table]:
        """The entries of all meetings, in windows of about so many."""
        counts = self._told("counts")
        until = np.cumsum(counts)
        first = 0
        while first < len(counts):
            before = int(until[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(until, before + entries_at_once, side="right")))
            yield self._window(first, last, counts[first:last])
            first = last

    def _window(self, first: int, last: int, counts: Int32s) -> pa.Table:
        listed = self._listed(first, last, counts)
        meeting = np.repeat(np.arange(last - first, dtype=np.int32), counts)
        columns = [
            words(meeting, self.meetings["id"].slice(first, last - first).combine_chunks()),
            words(np.repeat(self._told_rooms(first, last), counts), self._words.rooms),
            _texts(listed.offsets, listed.text),
            _names(listed.user_id, self._words.user_ids),
            _names(listed.user_name, self._words.user_names),
            numbers(listed.join, TIME),
            numbers(listed.leave, TIME, listed.leave == NEVER),
            words(listed.left_by - 1, pa.array(LEFT_BY_WORDS), listed.left_by == STILL_IN),
        ]
        return pa.table(columns, schema=PARTICIPANTS)

    def _told_rooms(self, first: int, last: int) -> Int32s:
        return self.meetings["room"].chunk(0).indices.slice(first, last - first).to_numpy()  # type: ignore[no-any-return]

    def _listed(self, first: int, last: int, counts: Int32s) -> Listed:
        """The entries of a window: a stretch of each part, and then the meetings in order."""
        if len(self._parts) == 1:
            return self._parts[0].listed(first, last)
        part_of, place = self._part_of[first:last], self._place[first:last]
        begins = np.empty(last - first, np.int64)
        found, before = [], 0
        for number in np.unique(part_of):
            own = part_of == number
            listed = self._parts[number].listed(int(place[own].min()), int(place[own].max()) + 1)
            begins[own] = before + np.cumsum(counts[own]) - counts[own]
            before += len(listed.join)
            found.append(listed)
        rows = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        plain = [np.concatenate([getattr(each, name) for each in found])[rows] for name in Listed._fields[:5]]
        return Listed._make([*plain, *texts_at(rows, *_end_to_end(found))])


def _end_to_end(found: Sequence[Listed]) -> tuple[Int64s, NDArray[np.uint64]]:
    starts = np.cumsum([0, *(len(each.text) for each in found)])
    offsets = [each.offsets[:-1] + start for each, start in zip(found, starts, strict=False)]
    letters = int(starts[-1])
    words = room_for(letters)
    np.concatenate([each.text for each in found], out=words.view(np.uint8)[:letters])
    return np.concatenate([*offsets, starts[-1:]]), words


def _names(codes: Int32s, meanings: pa.Array | None) -> pa.Array:
    return pa.nulls(len(codes), WORD) if meanings is None else words(codes, meanings, codes == NO_ROW)


def _fixed_texts(letters: NDArray[np.uint8]) -> pa.Array:
    """Rows of equally many letters as strings."""
    many, length = letters.shape
    return _texts(np.arange(many + 1, dtype=np.int64) * length, letters.reshape(-1))


def _texts(offsets: Int64s, text: NDArray[np.uint8]) -> pa.Array | pa.ChunkedArray:
    many = len(offsets) - 1
    if offsets[-1] < 2**31:
        ends = pa.py_buffer(offsets.astype(np.int32))
        return pa.StringArray.from_buffers(many, ends, pa.py_buffer(text))
    large = pa.LargeStringArray.from_buffers(many, pa.py_buffer(offsets), pa.py_buffer(text))
    return pa.chunked_array([large.slice(k, _SLICE).cast(pa.string()) for k in range(0, many, _SLICE)])


_SLICE = 10_000_000

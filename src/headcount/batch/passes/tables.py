"""Tables of meetings and participants from the arrays of the compiled passes.

Responsible for the order of meetings, by start, then room, over one part, or over several with rooms of their own
where the events did not fit into memory, and for the Arrow columns, window by window. Repeated texts stay
dictionary-encoded; the ids of participants, which do not repeat, are copied together. Must not know how meetings are
found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.arrow_tables import MEETINGS, PARTICIPANTS, ROOMS, STAYS, TIME, WORD
from headcount.batch.passes.arrow_arrays import flags, numbers, words
from headcount.batch.passes.columns import Columns
from headcount.batch.passes.hash_keys import lowest, word_at, words_for
from headcount.batch.passes.jit import entry
from headcount.batch.passes.layout import (
    ABOVE,
    ABOVE_LEFT_BY,
    BELOW,
    EMPTY_AT,
    FIRST_AT,
    IS_CLOSED,
    JOIN,
    LAST_AT,
    LEAVE,
    LEFT_BY_BITS,
    LEFT_BY_NAMES,
    NAME_ROWS,
    NO_ROW,
    ROW_AND_LEFT_BY,
    STILL_IN,
    Bytes,
    Int8s,
    Int32s,
    Int64Rows,
    Int64s,
    Names,
    Words,
)
from headcount.batch.passes.parallel import Result, ids_of, in_threads, spans_of
from headcount.batch.passes.stay_tables import EntryColumns, Sittings, sittings_of, stays_in
from headcount.batch.sessions import StayPiece
from headcount.kernel.rules import NEVER


class Entries(NamedTuple):
    """Entries of some meetings, one behind the other; names and attributes are codes, -1 where unknown.

    `attributes` is empty if the input has none.
    """

    join: Int64s
    leave: Int64s
    left_by: Int8s
    user_id: Int32s
    user_name: Int32s
    attributes: Int32s
    offsets: Int64s
    text: Bytes


CODE_COLUMNS = Entries._fields[:6]
"""The columns of `Entries` that have one number for each entry."""


class Part(Protocol):
    """The meetings of some of the rooms, in order."""

    @property
    def result(self) -> Result: ...

    @property
    def stays_at_once(self) -> int:
        """The number of stays in a window, or 0 for what the caller chooses."""

    def entries(self, first: int, last: int) -> Entries:
        """Return the entries of meetings first..last-1."""

    def sittings(self) -> Sittings:
        """Return all meetings and the stays that are in none."""

    def entries_of(self, sittings: Sittings) -> Entries:
        """Return the entries of some sittings."""


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """The names of rooms by number, and of users and attributes by code."""

    rooms: pa.Array
    domains: pa.Array
    user_ids: pa.Array | None
    user_names: pa.Array | None
    attributes: pa.Array | None


@dataclass(frozen=True, slots=True)
class InMemory:
    """The one part of events that are all in memory."""

    result: Result
    columns: Columns
    threads: int
    stays_at_once: int = 0

    def entries(self, first: int, last: int) -> Entries:
        """Return the entries of meetings first..last-1."""
        result = self.result
        bounds = result.bounds[first : last + 1] - result.bounds[first]
        return self._decoded(bounds, result.begins[first:last])

    def all_entries(self) -> Entries:
        """Return the entries of all meetings, and after them the stays that are in none."""
        bounds, (_, apart) = self.result.bounds, self.result.apart()
        further = bounds[-1] + np.arange(1, len(apart) + 1)
        return self._decoded(np.concatenate([bounds, further]), np.concatenate([self.result.begins, apart]))

    def sittings(self) -> Sittings:
        """Return all meetings and the stays that are in none."""
        _, apart = self.result.apart()
        return sittings_of(self.result, self.result.begins, apart, self.result.entries[apart, JOIN])

    def entries_of(self, sittings: Sittings) -> Entries:
        """Return the entries of some sittings."""
        return self._decoded(np.concatenate([[0], np.cumsum(sittings.counts)]), sittings.begins)

    def _decoded(self, bounds: Int64s, begins: Int64s) -> Entries:
        """Return the entries of meetings, which begin at `begins`; from bounds[m] on, they are those of meeting m."""
        result, names = self.result, self.columns.names
        size = int(bounds[-1])
        decoded = _Decoded(
            np.empty(size, np.int64),
            np.empty(size, np.int64),
            np.empty(size, np.int8),
            np.empty(size, np.int32),
            np.empty(size, np.int32),
            np.empty(0 if result.attributes is None else size, np.int32),
            np.empty(size, np.int64),
        )
        encoded = _Encoded(bounds, begins, result.entries)

        def decode(_: None, span: tuple[int, int]) -> None:
            decode_entries(*span, encoded, names, decoded)

        in_threads(decode, spans_of(len(begins), self.threads), self.threads)
        return Entries(*decoded[:-1], *texts_at(decoded.participant, names.offsets, names.words))


class _Encoded(NamedTuple):
    """Entries as the passes wrote them. See `Result` for the fields."""

    bounds: Int64s
    begins: Int64s
    entries: Int64Rows


class _Decoded(NamedTuple):
    """The columns of entries, with the codes of their names."""

    join: Int64s
    leave: Int64s
    left_by: Int8s
    user_id: Int32s
    user_name: Int32s
    attributes: Int32s
    participant: Int64s


@entry
def decode_entries(first: int, last: int, encoded: _Encoded, names: Names, decoded: _Decoded) -> None:
    """Decode the entries of meetings first..last-1, and look up the codes of their names."""
    bounds, begins, entries = encoded.bounds, encoded.begins, encoded.entries
    participants, user_ids, user_names = names.participant, names.user_id, names.user_name
    join, leave, left_by = decoded.join, decoded.leave, decoded.left_by
    user_id, user_name, participant = decoded.user_id, decoded.user_name, decoded.participant
    attributes = decoded.attributes
    has_codes, has_ids, has_names = participants.shape[0] > 0, user_ids.shape[0] > 0, user_names.shape[0] > 0
    has_attributes = attributes.shape[0] > 0
    for m in range(first, last):
        entry = begins[m]
        for to in range(bounds[m], bounds[m + 1]):
            join[to] = entries[entry, JOIN]
            leave[to] = entries[entry, LEAVE]
            row_and_left_by, rows = entries[entry, ROW_AND_LEFT_BY], entries[entry, NAME_ROWS]
            left_by[to] = (row_and_left_by >> ABOVE) & LEFT_BY_BITS
            if has_attributes:
                attributes[to] = (row_and_left_by >> ABOVE_LEFT_BY) - 1
            row = row_and_left_by & BELOW
            participant[to] = participants[row] if has_codes else row
            user_id_row, user_name_row = np.int32(rows & BELOW), np.int32(rows >> ABOVE)
            user_id[to] = user_ids[user_id_row] if has_ids and user_id_row != NO_ROW else NO_ROW
            user_name[to] = user_names[user_name_row] if has_names and user_name_row != NO_ROW else NO_ROW
            entry += 1


def texts_at(codes: Int64s, offsets: Int64s, words: Words) -> tuple[Int64s, Bytes]:
    """Return the texts with these codes, one behind the other: where each begins, and the bytes."""
    ends = np.empty(len(codes) + 1, np.int64)
    size = add_lengths(codes, offsets, ends)
    out = np.empty(size // 8 + 1, np.uint64)
    copy_texts(codes, offsets, words, out)
    return ends, out.view(np.uint8)[:size]


@entry
def add_lengths(codes: Int64s, offsets: Int64s, ends: Int64s) -> Any:
    """Write where each text ends behind the one before; return the end of the last."""
    end = np.int64(0)
    ends[0] = 0
    for k in range(codes.shape[0]):
        code = codes[k]
        end += offsets[code + 1] - offsets[code]
        ends[k + 1] = end
    return end


@entry
def copy_texts(codes: Int64s, offsets: Int64s, words: Words, out: Words) -> None:
    """Copy texts by words of eight bytes: ids are short, and byte by byte took half as long again."""
    filling, filled, to = np.uint64(0), np.uint64(0), np.uint64(0)
    for k in range(codes.shape[0]):
        code = codes[k]
        start, end = offsets[code], offsets[code + 1]
        while start < end:
            size = min(end - start, 8)
            word = lowest(word_at(start, words), size)
            filling |= word << filled
            out[to] = filling
            # The bits that did not fit, if the word is full. There is no choice here that is hard to predict.
            rest = (word >> np.uint64(1)) >> (np.uint64(63) - filled)
            filled += np.uint64(size << 3)
            is_full = filled >> np.uint64(6)
            filling = rest if is_full else filling
            to += is_full
            filled &= np.uint64(63)
            start += size
    if filled:
        out[to] = filling


class Assembly:
    """All meetings of all parts, by start, then room."""

    def __init__(self, parts: Sequence[Part], dictionaries: Dictionaries, threads: int) -> None:
        self._parts = parts
        self._threads = threads
        self._dictionaries = dictionaries
        sizes = [len(part.result.start) for part in parts]
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
        return np.concatenate([getattr(part.result, name) for part in self._parts])

    def _ordered(self, name: str) -> NDArray[Any]:
        return self._all(name)[self._order]  # type: ignore[no-any-return]

    def _meetings(self) -> pa.Table:
        room, start, end = self._ordered("room"), self._ordered("start"), self._ordered("end")
        rooms, domains = self._dictionaries.rooms, self._dictionaries.domains
        ids = ids_of(room, start, domains.to_pylist(), rooms.to_pylist(), self._threads)
        domains = domains.dictionary_encode()
        ongoing = end == NEVER
        columns = [
            _fixed_texts(ids),
            words(domains.indices.to_numpy()[room], domains.dictionary),
            words(room, rooms),
            numbers(start, TIME),
            numbers(end, TIME, ongoing),
            flags(ongoing),
            numbers(self._ordered("max_participants"), pa.int32()),
            numbers(self._ordered("counts"), pa.int32()),
            numbers(self._ordered("participant_ms"), pa.int64()),
        ]
        return pa.table(columns, schema=MEETINGS)

    def participants(self, entries_at_once: int) -> Iterator[pa.Table]:
        """Yield the entries of all meetings, in windows of about `entries_at_once`."""
        counts = self._ordered("counts")
        until = np.cumsum(counts)
        first = 0
        while first < len(counts):
            before = int(until[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(until, before + entries_at_once, side="right")))
            yield self._window(first, last, counts[first:last])
            first = last

    def _window(self, first: int, last: int, counts: Int32s) -> pa.Table:
        entries = self._entries(first, last, counts)
        meeting = np.repeat(np.arange(last - first, dtype=np.int32), counts)
        columns = [
            words(meeting, self.meetings["id"].slice(first, last - first).combine_chunks()),
            words(np.repeat(self._room_numbers(first, last), counts), self._dictionaries.rooms),
            _texts(entries.offsets, entries.text),
            _names(entries.user_id, self._dictionaries.user_ids),
            _names(entries.user_name, self._dictionaries.user_names),
            numbers(entries.join, TIME),
            numbers(entries.leave, TIME, entries.leave == NEVER),
            words(entries.left_by - 1, pa.array(LEFT_BY_NAMES), entries.left_by == STILL_IN),
            self._attributes(entries),
        ]
        return pa.table(columns, schema=PARTICIPANTS)

    def stays(self, stays_at_once: int) -> Iterator[StayPiece]:
        """Yield all stays that count, room by room, in windows of about `stays_at_once`."""
        number_of = np.empty(len(self._place), np.int64)
        number_of[self._order] = np.arange(len(self._place))
        before = 0
        for part in self._parts:
            sittings = part.sittings()
            own = number_of[before : before + len(part.result.start)]
            for first, last in _windows(sittings, part.stays_at_once or stays_at_once):
                yield self._stay_piece(part, sittings.between(first, last), own)
            before += len(own)

    def rooms(self) -> Iterator[pa.Table]:
        """Yield all rooms with events until `as_of`."""
        domains = self._dictionaries.domains.dictionary_encode()
        for part in self._parts:
            room = np.flatnonzero(np.diff(part.result.room_starts)).astype(np.int32)
            counts = part.result.room_counts[room]
            columns = [
                words(domains.indices.to_numpy()[room], domains.dictionary),
                words(room, self._dictionaries.rooms),
                numbers(np.ascontiguousarray(counts[:, FIRST_AT]), TIME),
                numbers(np.ascontiguousarray(counts[:, LAST_AT]), TIME),
                flags(counts[:, IS_CLOSED] == 1),
                numbers(np.ascontiguousarray(counts[:, EMPTY_AT]), TIME, counts[:, EMPTY_AT] == NO_ROW),
            ]
            yield pa.table(columns, schema=ROOMS)

    def _stay_piece(self, part: Part, sittings: Sittings, number_of: Int64s) -> StayPiece:
        entries = part.entries_of(sittings)
        found = stays_in(sittings, EntryColumns(*entries[:3], entries.offsets, entries.text))
        room = np.repeat(sittings.room, sittings.counts)[found.first]
        dictionaries = self._dictionaries
        domains = dictionaries.domains.dictionary_encode()
        columns = [
            words(domains.indices.to_numpy()[room], domains.dictionary),
            words(room, dictionaries.rooms),
            _texts(*texts_at(found.first, *end_to_end_texts([entries]))),
            _names(entries.user_id[found.first], dictionaries.user_ids),
            _names(entries.user_name[found.first], dictionaries.user_names),
            numbers(entries.join[found.first], TIME),
            numbers(found.leave, TIME, found.leave == NEVER),
            words(found.left_by - 1, pa.array(LEFT_BY_NAMES), found.left_by == STILL_IN),
            self._attributes(entries, found.first),
        ]
        continued = np.flatnonzero(found.carried != NO_ROW)
        meetings = number_of[sittings.meeting[continued]]
        return StayPiece(pa.table(columns, schema=STAYS), meetings, found.carried[continued])

    def _attributes(self, entries: Entries, rows: Any = slice(None)) -> pa.Array:
        if self._dictionaries.attributes is None:
            return pa.nulls(len(entries.join[rows]), WORD)
        return _names(entries.attributes[rows], self._dictionaries.attributes)

    def _room_numbers(self, first: int, last: int) -> Int32s:
        return self.meetings["room"].chunk(0).indices.slice(first, last - first).to_numpy()  # type: ignore[no-any-return]

    def _entries(self, first: int, last: int, counts: Int32s) -> Entries:
        """Return the entries of a window: those of each part, put in the order of the meetings."""
        if len(self._parts) == 1:
            return self._parts[0].entries(first, last)
        part_of, place = self._part_of[first:last], self._place[first:last]
        begins = np.empty(last - first, np.int64)
        found, before = [], 0
        for number in np.unique(part_of):
            own = part_of == number
            entries = self._parts[number].entries(int(place[own].min()), int(place[own].max()) + 1)
            begins[own] = before + np.cumsum(counts[own]) - counts[own]
            before += len(entries.join)
            found.append(entries)
        rows = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        together = [np.concatenate([getattr(entries, name) for entries in found]) for name in CODE_COLUMNS]
        columns = [column[rows] if len(column) else column for column in together]
        return Entries._make([*columns, *texts_at(rows, *end_to_end_texts(found))])


def _windows(sittings: Sittings, stays_at_once: int) -> Iterator[tuple[int, int]]:
    """Yield spans of sittings with about this number of stays, each with complete rooms."""
    until = np.cumsum(sittings.counts)
    first = 0
    while first < len(until):
        before = int(until[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(until, before + stays_at_once, side="right")))
        last = int(np.searchsorted(sittings.room, sittings.room[last - 1], side="right"))
        yield first, last
        first = last


def end_to_end_texts(found: Sequence[Entries]) -> tuple[Int64s, Words]:
    starts = np.cumsum([0, *(len(entries.text) for entries in found)])
    offsets = [entries.offsets[:-1] + start for entries, start in zip(found, starts, strict=False)]
    size = int(starts[-1])
    words = words_for(size)
    np.concatenate([entries.text for entries in found], out=words.view(np.uint8)[:size])
    return np.concatenate([*offsets, starts[-1:]]), words


def _names(codes: Int32s, names: pa.Array | None) -> pa.Array:
    return pa.nulls(len(codes), WORD) if names is None else words(codes, names, codes == NO_ROW)


def _fixed_texts(characters: Bytes) -> pa.Array:
    """Return rows of equally many ASCII characters as strings."""
    size, length = characters.shape
    return _texts(np.arange(size + 1, dtype=np.int64) * length, characters.reshape(-1))


def _texts(offsets: Int64s, text: Bytes) -> pa.Array | pa.ChunkedArray:
    size = len(offsets) - 1
    if offsets[-1] < 2**31:
        ends = pa.py_buffer(offsets.astype(np.int32))
        return pa.StringArray.from_buffers(size, ends, pa.py_buffer(text))
    large = pa.LargeStringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(text))
    return pa.chunked_array([large.slice(k, _SLICE).cast(pa.string()) for k in range(0, size, _SLICE)])


_SLICE = 10_000_000

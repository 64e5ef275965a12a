"""Collection of the pieces of events, as they are read, into the columns of all events.

Responsible for copying every piece once, to its final place, and for one number for each text over all pieces
(`Vocabulary`). A piece is released at once, so that the next is read into the same memory: memory that is touched for
the first time costs most. Must not know where the pieces come from.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.io.text_columns import codes, text_of
from headcount.batch.passes.columns import NO_CODES, Columns, end_to_end, numbered_rooms
from headcount.batch.passes.layout import NO_ROW, Int32s, Int64s, Names
from headcount.batch.passes.parallel import in_threads
from headcount.batch.passes.vocabulary import Vocabulary
from headcount.kernel.rules import NEVER

_HEADROOM = 1.05
_PADDING_WORDS = 3
"""Number of words of zeros behind the last text, because keys are read by whole words."""

_PLAIN: dict[str, tuple[Any, int]] = {
    "participant_id": (np.int32, NO_ROW),
    "user_id": (np.int32, NO_ROW),
    "room": (np.int32, NO_ROW),
    "domain": (np.int32, NO_ROW),
    "user_name": (np.int32, NO_ROW),
    "source_session": (np.int32, NO_ROW),
    "attributes": (np.int32, NO_ROW),
    "kind": (np.int8, 0),
    "inferred": (np.int8, 0),
    "at": (np.int64, 0),
    "joined_at": (np.int64, NEVER),
}
"""The arrays of numbers: their type, and the value where nothing is known. Those that take longest come first."""
_CODED = ("room", "domain", "participant_id", "user_id", "user_name", "source_session", "attributes")


class Collector:
    """Collects the pieces of `EventTables`. Columns that no piece has stay empty. `domain` is that of events without one."""

    def __init__(self, domain: str, threads: int) -> None:
        self._domain = domain
        self._threads = threads
        self._rows = 0
        self._numbers = {name: _Growing(kind) for name, (kind, _) in _PLAIN.items()}
        self._words = {name: Vocabulary() for name in _CODED}
        self._offsets = _Growing(np.int64)
        self._text = _Growing(np.uint64)
        self._chars = 0
        self._has_codes = False

    def add(self, piece: pa.Table, share: float) -> None:
        """Add a canonical table; `share` is the part of all rows that has been read by its end."""
        rows = len(piece)
        if not rows:
            return
        if not self._rows:
            self._has_codes = pa.types.is_dictionary(piece["participant_id"].type)

        def add(_: None, name: str) -> None:
            column = piece[name]
            if name == "participant_id":
                self._add_participants(column, rows, share)
            else:
                self._add_column(name, column, rows, share)

        in_threads(add, [name for name in _PLAIN if name in piece.column_names], self._threads)
        self._rows += rows

    def _add_column(self, name: str, column: pa.ChunkedArray, rows: int, share: float) -> None:
        if column.null_count == len(column):
            return
        numbers = self._numbers[name]
        numbers.extend_to(self._rows, _PLAIN[name][1])
        to = numbers.extend(rows, share)
        before = 0
        for chunk in column.chunks:
            own = to[before : before + len(chunk)]
            before += len(chunk)
            if name in self._words:
                self._add_codes(self._words[name], chunk, own)
            else:
                own[:] = chunk.fill_null(_PLAIN[name][1]).to_numpy(zero_copy_only=False)

    def _add_codes(self, words: Vocabulary, chunk: pa.DictionaryArray, to: Int32s) -> None:
        # Code -1, for an unknown value, finds the last number.
        numbers = np.append(words.numbers(chunk.dictionary), np.int32(NO_ROW))
        np.take(numbers, codes(chunk), out=to, mode="wrap")

    def _add_participants(self, column: pa.ChunkedArray, rows: int, share: float) -> None:
        is_coded = pa.types.is_dictionary(column.type)
        if self._has_codes:
            self._add_column(
                "participant_id", column if is_coded else column.dictionary_encode(), rows, share
            )
            return
        if is_coded:
            column = column.cast(pa.large_string())
        for chunk in column.chunks:
            self._add_texts(*text_of(chunk), share)

    def _add_texts(self, bounds: NDArray[Any], chars: NDArray[np.uint8], share: float) -> None:
        begin, self._chars = self._chars, self._chars + len(chars)
        self._text.extend(self._chars // 8 + _PADDING_WORDS - self._text.size, share)
        self._text.values.view(np.uint8)[begin : self._chars] = chars
        np.add(bounds[:-1], begin, out=self._offsets.extend(len(bounds) - 1, share), casting="unsafe")

    def columns(self) -> Columns:
        """Return the columns of all pieces. No piece can be added afterwards."""
        domain = self._domains()
        words = {name: known.words() if len(known) else None for name, known in self._words.items()}
        room, rank, rooms, domains = numbered_rooms(
            self._column("room"), self._words["room"].words(), domain, words["domain"]
        )
        names = Names(
            self._column("participant_id"), *self._texts(), self._column("user_id"), self._column("user_name"),
            self._column("source_session"), self._column("attributes"), NO_CODES, NO_CODES, NO_CODES,
        )  # fmt: skip
        return Columns(
            at=self._column("at"),
            kind=self._column("kind"),
            room=room,
            rank=rank,
            rooms=rooms,
            domains=domains,
            inferred=self._column("inferred"),
            joined_at=self._column("joined_at"),
            names=names,
            user_ids=words["user_id"],
            user_names=words["user_name"],
            sessions=words["source_session"],
            attributes=words["attributes"],
        )

    def _domains(self) -> Int32s:
        """Return the number of the domain of each row; an empty array if no piece has one."""
        numbers = self._column("domain")
        if len(numbers) and numbers.min() == NO_ROW:
            numbers[numbers == NO_ROW] = self._words["domain"].numbers(pa.array([self._domain]))[0]
        return numbers

    def _column(self, name: str) -> NDArray[Any]:
        """Return the numbers of one column; an empty array if no piece has it."""
        numbers, (_, absent) = self._numbers[name], _PLAIN[name]
        if numbers.size:
            numbers.extend_to(self._rows, absent)
        return numbers.filled()

    def _texts(self) -> tuple[Int64s, NDArray[np.uint8], NDArray[np.uint64]]:
        """Return where the id of each row or code begins, and all ids end to end: as bytes, and as words."""
        if self._has_codes or not self._rows:
            return end_to_end([self._words["participant_id"].words()])
        self._offsets.extend(1, 1.0)[:] = self._chars
        words = self._text.filled()
        text = words.view(np.uint8)
        text[self._chars :] = 0
        return self._offsets.filled(), text, words


class _Growing:
    """An array that grows at its end."""

    def __init__(self, kind: Any) -> None:
        self.values = np.empty(0, kind)
        self.size = 0

    def extend(self, count: int, share: float) -> NDArray[Any]:
        """Extend the array by `count` values, and return that part of it.

        From `share`, the part of all values that it will then have, it reserves memory for all: memory that is never
        touched costs nothing.
        """
        begin, self.size = self.size, self.size + count
        if self.size > len(self.values):
            expected = self.size / share * _HEADROOM if share else 0
            larger = np.empty(max(self.size, 2 * len(self.values), int(expected)), self.values.dtype)
            larger[:begin] = self.values[:begin]
            self.values = larger
        return self.values[begin : self.size]

    def extend_to(self, size: int, absent: int) -> None:
        """Extend the array to `size` with `absent`."""
        self.extend(size - self.size, 1.0)[:] = absent

    def filled(self) -> NDArray[Any]:
        return self.values[: self.size]

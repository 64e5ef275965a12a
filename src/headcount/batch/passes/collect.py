"""Gathering: pieces of events, as they are read, become the columns of all events.

Every piece is copied once, to where it stays, and let go: what is read next is read into the same
memory, and memory that is touched for the first time is what costs most. Words get one number
for all pieces (`Vocabulary`).
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.io.text_columns import codes, text_of
from headcount.batch.passes.columns import NO_CODES, Columns, end_to_end, numbered_rooms
from headcount.batch.passes.layout import NO_ROW, Int32s, Int64s, Names
from headcount.batch.passes.vocabulary import Vocabulary
from headcount.kernel.rules import NEVER

_A_LITTLE_MORE = 1.05
_NOTHING_BEHIND = 3
"""So many words behind the last letters are nothing, because keys are read by whole words."""

_PLAIN: dict[str, tuple[Any, int]] = {
    "room": (np.int32, NO_ROW),
    "domain": (np.int32, NO_ROW),
    "participant_id": (np.int32, NO_ROW),
    "user_id": (np.int32, NO_ROW),
    "user_name": (np.int32, NO_ROW),
    "source_session": (np.int32, NO_ROW),
    "kind": (np.int8, 0),
    "inferred": (np.int8, 0),
    "at": (np.int64, 0),
    "joined_at": (np.int64, NEVER),
}
"""The arrays of numbers: of what kind, and what stands where nothing is known."""
_CODED = ("room", "domain", "participant_id", "user_id", "user_name", "source_session")


class Gathering:
    """Adds up the pieces of a `Reading`. Columns that no piece has stay empty."""

    def __init__(self) -> None:
        self._rows = 0
        self._kept = {name: _Growing(kind) for name, (kind, _) in _PLAIN.items()}
        self._words = {name: Vocabulary() for name in _CODED}
        self._offsets = _Growing(np.int64)
        self._text = _Growing(np.uint64)
        self._letters = 0
        self._has_codes = False

    def add(self, piece: pa.Table, share: float) -> None:
        """Take in a canonical table, with which this share of all rows has been read."""
        many = len(piece)
        if not many:
            return
        if not self._rows:
            self._has_codes = pa.types.is_dictionary(piece["participant_id"].type)
        for name in _PLAIN:
            if name in piece.column_names and name != "participant_id":
                self._take(name, piece[name], many, share)
        self._take_participants(piece["participant_id"], many, share)
        self._rows += many

    def _take(self, name: str, column: pa.ChunkedArray, many: int, share: float) -> None:
        if column.null_count == len(column):
            return
        kept = self._kept[name]
        kept.reach(self._rows, _PLAIN[name][1])
        to = kept.more(many, share)
        before = 0
        for chunk in column.chunks:
            own = to[before : before + len(chunk)]
            before += len(chunk)
            if name in self._words:
                self._take_codes(self._words[name], chunk, own)
            else:
                own[:] = chunk.fill_null(_PLAIN[name][1]).to_numpy(zero_copy_only=False)

    def _take_codes(self, words: Vocabulary, chunk: pa.DictionaryArray, to: Int32s) -> None:
        # Code -1, for what is not known, finds what stands last.
        numbers = np.append(words.numbers(chunk.dictionary), np.int32(NO_ROW))
        np.take(numbers, codes(chunk), out=to, mode="wrap")

    def _take_participants(self, column: pa.ChunkedArray, many: int, share: float) -> None:
        is_coded = pa.types.is_dictionary(column.type)
        if self._has_codes:
            self._take("participant_id", column if is_coded else column.dictionary_encode(), many, share)
            return
        if is_coded:
            column = column.cast(pa.large_string())
        for chunk in column.chunks:
            self._take_texts(*text_of(chunk), share)

    def _take_texts(self, bounds: NDArray[Any], letters: NDArray[np.uint8], share: float) -> None:
        begin, self._letters = self._letters, self._letters + len(letters)
        self._text.more(self._letters // 8 + _NOTHING_BEHIND - self._text.size, share)
        self._text.values.view(np.uint8)[begin : self._letters] = letters
        np.add(bounds[:-1], begin, out=self._offsets.more(len(bounds) - 1, share), casting="unsafe")

    def columns(self) -> Columns:
        """All that was added. Nothing can be added any more."""
        words = {name: known.words() if len(known) else None for name, known in self._words.items()}
        room, rank, rooms, domains = numbered_rooms(
            self._whole("room"), self._words["room"].words(), self._whole("domain"), words["domain"]
        )
        names = Names(
            self._whole("participant_id"), *self._texts(), self._whole("user_id"), self._whole("user_name"),
            self._whole("source_session"), NO_CODES, NO_CODES, NO_CODES,
        )  # fmt: skip
        return Columns(
            at=self._whole("at"),
            kind=self._whole("kind"),
            room=room,
            rank=rank,
            rooms=rooms,
            domains=domains,
            inferred=self._whole("inferred"),
            joined_at=self._whole("joined_at"),
            names=names,
            user_ids=words["user_id"],
            user_names=words["user_name"],
            sessions=words["source_session"],
        )

    def _whole(self, name: str) -> NDArray[Any]:
        """The numbers of one column; none at all if no piece has it."""
        kept, (_, absent) = self._kept[name], _PLAIN[name]
        if kept.size:
            kept.reach(self._rows, absent)
        return kept.filled()

    def _texts(self) -> tuple[Int64s, NDArray[np.uint8], NDArray[np.uint64]]:
        """Where the id of each row or code begins, and all of them end to end: as bytes, and as words."""
        if self._has_codes or not self._rows:
            return end_to_end([self._words["participant_id"].words()])
        self._offsets.more(1, 1.0)[:] = self._letters
        words = self._text.filled()
        text = words.view(np.uint8)
        text[self._letters :] = 0
        return self._offsets.filled(), text, words


class _Growing:
    """An array that grows at its end."""

    def __init__(self, kind: Any) -> None:
        self.values = np.empty(0, kind)
        self.size = 0

    def more(self, many: int, share: float) -> NDArray[Any]:
        """So many more, as the stretch that they are to be written to.

        There is room from the start for as many as there will be, going by the share that is
        there already: memory that is never touched costs nothing.
        """
        begin, self.size = self.size, self.size + many
        if self.size > len(self.values):
            expected = self.size / share * _A_LITTLE_MORE if share else 0
            larger = np.empty(max(self.size, 2 * len(self.values), int(expected)), self.values.dtype)
            larger[:begin] = self.values[:begin]
            self.values = larger
        return self.values[begin : self.size]

    def reach(self, size: int, absent: int) -> None:
        """Let it be of this size; what was missing is `absent`."""
        self.more(size - self.size, 1.0)[:] = absent

    def filled(self) -> NDArray[Any]:
        return self.values[: self.size]

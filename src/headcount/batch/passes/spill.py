"""Spill files: events that do not fit into memory, divided by room.

Responsible for the division: all events of a room are in one division, by a hash of the room, so each division is
processed separately and has a fraction of the events. Entries go to files, too, from which they are read in the order of
the meetings. Files have plain arrays, one behind the other, and their places are in memory; they are deleted with
their directory. Must not know how meetings are found.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.passes.columns import Columns, columns_of, columns_with
from headcount.batch.passes.layout import NO_ROW, Int32s, Int64s
from headcount.batch.passes.parallel import Result, in_threads, without_entries
from headcount.batch.passes.stay_tables import Sittings, sittings_of
from headcount.batch.passes.tables import (
    CODE_COLUMNS,
    Dictionaries,
    Entries,
    InMemory,
    end_to_end_texts,
    texts_at,
)
from headcount.batch.passes.vocabulary import Vocabulary

DIVISIONS = 64
"""Number of files. With 4 GB, that is enough for a thousand million events."""


class ArrayFile:
    """Arrays in a file. `append` returns the place of an array; `read` returns it, or a part of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._end = 0

    def append(self, array: NDArray[Any]) -> tuple[int, str, int]:
        place = (self._end, array.dtype.str, len(array))
        self._file.seek(self._end)
        self._file.write(np.ascontiguousarray(array).view(np.uint8).data if len(array) else b"")
        self._end += array.nbytes
        return place

    def read(self, place: tuple[int, str, int], first: int = 0, last: int | None = None) -> NDArray[Any]:
        begin, kind, size = place
        last = size if last is None else last
        array = np.empty(last - first, np.dtype(kind))
        self._file.seek(begin + first * array.itemsize)
        if len(array):
            self._file.readinto(array.view(np.uint8).data)
        return array

    def empty(self) -> None:
        self._file.truncate(0)
        self._end = 0


class Divisions:
    """Events divided by room: `add` the pieces, then read the `columns` of each division."""

    def __init__(self, domain: str, threads: int, directory: Path | None = None) -> None:
        self._threads = threads
        self._directory = TemporaryDirectory(prefix="headcount-", dir=directory, ignore_cleanup_errors=True)
        base = Path(self._directory.name)
        self.files = [ArrayFile(base / f"{number}.events") for number in range(DIVISIONS)]
        self.entry_files = [ArrayFile(base / f"{number}.entries") for number in range(DIVISIONS)]
        self._blocks: list[list[dict[str, tuple[int, str, int]]]] = [[] for _ in range(DIVISIONS)]
        self._domain = domain
        self._rooms = Vocabulary()
        self._names = {name: Vocabulary() for name in _CODED}
        self.rows = 0
        self.first_at: int | None = None
        self.last_at: int | None = None

    def add(self, piece: pa.Table) -> None:
        """Divide the events of a piece among the files."""
        if not len(piece):
            return
        columns = columns_of(piece, self._threads)
        self.rows += len(columns)
        self.first_at = min(int(columns.at.min()), self.first_at or int(columns.at.min()))
        self.last_at = max(int(columns.at.max()), self.last_at or 0)
        places = self._places(columns)
        division = _division_of(columns)
        row_room = columns.rank[columns.room]
        division = division[row_room]
        order = np.argsort(division, kind="stable")
        edges = np.searchsorted(division[order], np.arange(DIVISIONS + 1))
        arrays = self._plain(columns, places[row_room])

        def spill(_: None, number: int) -> None:
            rows = order[edges[number] : edges[number + 1]]
            if len(rows):
                self._spill(number, columns, arrays, rows)

        in_threads(spill, range(DIVISIONS), self._threads)

    def _places(self, columns: Columns) -> Int32s:
        """Return the number of each room of a piece, among all rooms of all domains."""
        domains = columns.domains.fill_null(self._domain) if columns.domains is not None else self._domain
        return self._rooms.numbers(pc.binary_join_element_wise(columns.rooms, domains, "\0"))

    def _plain(self, columns: Columns, room: Int32s) -> dict[str, NDArray[Any]]:
        """Return the columns that are divided by rows; absent ones are skipped."""
        names = columns.names
        arrays: dict[str, NDArray[Any]] = {"room": room, "at": columns.at, "kind": columns.kind}
        if len(columns.inferred):
            arrays["inferred"] = columns.inferred
        if len(columns.joined_at):
            arrays["joined_at"] = columns.joined_at
        coded = {
            "user_id": (names.user_id, columns.user_ids),
            "user_name": (names.user_name, columns.user_names),
            "source_session": (names.session, columns.sessions),
            "attributes": (names.attributes, columns.attributes),
        }

        def number(_: None, name: str) -> None:
            codes, words = coded[name]
            arrays[name] = _renumbered(codes, self._names[name].numbers(words))

        in_threads(number, [name for name, (_, words) in coded.items() if words is not None], self._threads)
        return arrays

    def _spill(
        self, number: int, columns: Columns, arrays: dict[str, NDArray[Any]], rows: NDArray[Any]
    ) -> None:
        names = columns.names
        codes = names.participant[rows].astype(np.int64) if len(names.participant) else rows
        offsets, text = texts_at(codes, names.offsets, names.words)
        file = self.files[number]
        block = {name: file.append(array[rows]) for name, array in arrays.items()}
        block["offsets"], block["text"] = file.append(offsets), file.append(text)
        self._blocks[number].append(block)

    def dictionaries(self) -> tuple[Dictionaries, Int32s, pa.Array | None]:
        """Return the dictionaries, the rank of each room, and the source sessions by code."""
        both = pc.split_pattern(self._rooms.words(), "\0")
        rooms, domains = pc.list_element(both, 0), pc.list_element(both, 1)
        keys = [("room", "ascending"), ("domain", "ascending")]
        order = pc.sort_indices(pa.table({"room": rooms, "domain": domains}), sort_keys=keys)
        rank = np.empty(len(order), np.int32)
        rank[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
        ids, names, sessions, attributes = (_words_or_none(self._names[name]) for name in _CODED)
        return Dictionaries(rooms.take(order), domains.take(order), ids, names, attributes), rank, sessions

    def columns(
        self, number: int, dictionaries: Dictionaries, rank: Int32s, sessions: pa.Array | None
    ) -> Columns | None:
        """Return the events of one division, or None if it has none, and empty its file."""
        file, blocks = self.files[number], self._blocks[number]
        if not blocks:
            return None
        columns = columns_with(
            {name: _joined(file, blocks, name) for name in _COLUMNS},
            *_texts(file, blocks),
            rank, dictionaries.rooms, dictionaries.user_ids, dictionaries.user_names, sessions, dictionaries.attributes,
        )  # fmt: skip
        file.empty()
        return columns

    def add_attributes(self, result: Result, known: pa.Array | None) -> Int32s | None:
        """Return the number of each attribute of a division, among those of all. Those behind `known` are its own."""
        if known is None or result.attributes is None or len(result.attributes) == len(known):
            return None
        own = self._names["attributes"].numbers(result.attributes.slice(len(known)))
        return np.concatenate([np.arange(len(known), dtype=np.int32), own])

    def with_all_attributes(self, dictionaries: Dictionaries) -> Dictionaries:
        """Return the dictionaries with the attributes of all divisions."""
        return replace(dictionaries, attributes=_words_or_none(self._names["attributes"]))


_CODED = ("user_id", "user_name", "source_session", "attributes")
_COLUMNS = ("room", "at", "kind", "inferred", "joined_at", *_CODED)
_ABSENT = {"inferred": 0, "joined_at": 2**62}


def _division_of(columns: Columns) -> NDArray[np.uint8]:
    """Return the division of each room, by its name alone."""
    hashes = [crc32(room.encode()) % DIVISIONS for room in columns.rooms.to_pylist()]
    return np.array(hashes, np.uint8)


def _renumbered(codes: Int32s, numbers: Int32s) -> Int32s:
    # Code -1, for an unknown value, finds the last number.
    return np.append(numbers, np.int32(NO_ROW))[codes]


def _words_or_none(vocabulary: Vocabulary) -> pa.Array | None:
    return vocabulary.words() if len(vocabulary) else None


def _joined(file: ArrayFile, blocks: Sequence[dict[str, Any]], name: str) -> NDArray[Any] | None:
    """Return a column from all its blocks; None if no block has it."""
    if not any(name in block for block in blocks):
        return None
    size = [block["at"][2] for block in blocks]
    absent = _ABSENT.get(name, NO_ROW)
    kinds = [np.dtype(block[name][1]) for block in blocks if name in block]
    pieces = [
        file.read(block[name]) if name in block else np.full(rows, absent, kinds[0])
        for block, rows in zip(blocks, size, strict=True)
    ]
    return np.concatenate(pieces)


def _texts(file: ArrayFile, blocks: Sequence[dict[str, Any]]) -> tuple[Int64s, NDArray[np.uint8]]:
    text = [file.read(block["text"]) for block in blocks]
    starts = np.cumsum([0, *map(len, text)])
    offsets = [file.read(block["offsets"])[:-1] + start for block, start in zip(blocks, starts, strict=False)]
    return np.concatenate([*offsets, starts[-1:]]), np.concatenate(text)


class Spilled:
    """The meetings of one division, their entries in a file."""

    stays_at_once = sys.maxsize
    """All at once: a division fits into memory."""

    def __init__(
        self,
        result: Result,
        columns: Columns,
        file: ArrayFile,
        threads: int,
        attributes: Int32s | None = None,
    ) -> None:
        """`attributes`: see `Divisions.add_attributes`."""
        entries = InMemory(result, columns, threads).all_entries()
        if attributes is not None:
            entries = entries._replace(attributes=_renumbered(entries.attributes, attributes))
        self.result = without_entries(result)
        self._file = file
        self._places = [file.append(array) for array in entries]

    def entries(self, first: int, last: int) -> Entries:
        """Return the entries of meetings first..last-1."""
        return self._read(int(self.result.bounds[first]), int(self.result.bounds[last]))

    def sittings(self) -> Sittings:
        """Return all meetings and the stays that are in none."""
        size, end = int(self.result.bounds[-1]), self._places[0][2]
        apart_joins = self._file.read(self._places[0], size, end)
        return sittings_of(self.result, self.result.bounds[:-1], np.arange(size, end), apart_joins)

    def entries_of(self, sittings: Sittings) -> Entries:
        """Return the entries of some sittings."""
        entries = self._read(0, self._places[0][2])
        ends = np.cumsum(sittings.counts)
        rows = np.repeat(sittings.begins - (ends - sittings.counts), sittings.counts) + np.arange(ends[-1])
        columns = [column[rows] if len(column) else column for column in entries[: len(CODE_COLUMNS)]]
        return Entries._make([*columns, *texts_at(rows, *end_to_end_texts([entries]))])

    def _read(self, begin: int, end: int) -> Entries:
        *numbers, offsets_at, text_at = self._places
        # The column of attributes is empty if there are none.
        plain = [self._file.read(place, min(begin, place[2]), min(end, place[2])) for place in numbers]
        offsets = self._file.read(offsets_at, begin, end + 1)
        text = self._file.read(text_at, int(offsets[0]), int(offsets[-1]))
        return Entries._make([*plain, offsets - offsets[0], text])

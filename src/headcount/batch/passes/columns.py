"""Columns of events as the arrays that the compiled passes read.

Responsible for splitting a table in canonical columns (see `io/schema.py`) without needless copies, and for the
numbers of rooms, which are their order by name, then domain. Must not know what the passes compute.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.io.text_columns import text_of
from headcount.batch.passes.hash_keys import words_for, words_of
from headcount.batch.passes.layout import Int8s, Int32s, Int64s, Names
from headcount.kernel.rules import NEVER

NO_CODES = np.empty(0, np.int32)
NO_TIMES = np.empty(0, np.int64)
NO_INFERRED = np.empty(0, np.int8)


@dataclass(frozen=True, slots=True)
class Columns:
    """The events of many rooms. `rank[room_code]` is the number of the room; `rooms` and
    `domains` name them in that order, `domains` being None where all are of one domain.
    """

    at: Int64s
    kind: Int8s
    room: Int32s
    rank: Int32s
    rooms: pa.Array
    domains: pa.Array | None
    inferred: Int8s
    joined_at: Int64s
    names: Names
    user_ids: pa.Array | None
    user_names: pa.Array | None
    sessions: pa.Array | None
    attributes: pa.Array | None

    def __len__(self) -> int:
        return len(self.at)

    def ranked(self) -> "Columns":
        """Return the same columns with the alphabetical ranks of all names."""
        names = self.names._replace(
            user_id_rank=_ranks(self.user_ids),
            user_name_rank=_ranks(self.user_names),
            session_rank=_ranks(self.sessions),
        )
        return replace(self, names=names)


def columns_of(table: pa.Table, threads: int) -> Columns:
    """Return the columns of a canonical table, converted in one or two threads."""
    with ThreadPoolExecutor(min(2, threads)) as pool:
        ids = pool.submit(_participants, table["participant_id"])
        rest = [name for name in table.column_names if name != "participant_id"]
        columns = dict(zip(rest, pool.map(lambda name: _one_array(table[name]), rest), strict=True))
        room, rank, rooms, domains = numbered_rooms(
            _codes(columns["room"]), columns["room"].dictionary, *_coded(columns.get("domain"))
        )
        user_id, user_ids = _coded(columns.get("user_id"))
        user_name, user_names = _coded(columns.get("user_name"))
        session, sessions = _coded(columns.get("source_session"))
        attributes, objects = _coded(columns.get("attributes"))
        codes, offsets, text, words = ids.result()
    names = Names(
        codes, offsets, text, words, user_id, user_name, session, attributes, NO_CODES, NO_CODES, NO_CODES
    )
    joined_at = columns.get("joined_at")
    has_joins = joined_at is not None and joined_at.null_count < len(joined_at)
    inferred = columns.get("inferred")
    return Columns(
        at=_numbers(columns["at"]),
        kind=_numbers(columns["kind"]),
        room=room,
        rank=rank,
        rooms=rooms,
        domains=domains,
        inferred=NO_INFERRED if inferred is None else _numbers(inferred),
        joined_at=_numbers(pc.fill_null(joined_at, NEVER)) if has_joins else NO_TIMES,
        names=names,
        user_ids=user_ids,
        user_names=user_names,
        sessions=sessions,
        attributes=objects,
    )


def columns_with(
    arrays: dict[str, NDArray[Any] | None],
    offsets: Int64s,
    text: NDArray[np.uint8],
    rank: Int32s,
    rooms: pa.Array,
    user_ids: pa.Array | None,
    user_names: pa.Array | None,
    sessions: pa.Array | None,
    attributes: pa.Array | None,
) -> Columns:
    """Return columns from arrays; absent ones are None."""

    def codes(name: str) -> Int32s:
        array = arrays[name]
        return NO_CODES if array is None else array

    names = Names(
        NO_CODES, offsets, text, words_of(text), codes("user_id"), codes("user_name"), codes("source_session"),
        codes("attributes"), NO_CODES, NO_CODES, NO_CODES,
    )  # fmt: skip
    inferred, joined_at = arrays["inferred"], arrays["joined_at"]
    return Columns(
        at=arrays["at"],  # type: ignore[arg-type]
        kind=arrays["kind"],  # type: ignore[arg-type]
        room=arrays["room"],  # type: ignore[arg-type]
        rank=rank,
        rooms=rooms,
        domains=None,
        inferred=NO_INFERRED if inferred is None else inferred,
        joined_at=NO_TIMES if joined_at is None else joined_at,
        names=names,
        user_ids=user_ids,
        user_names=user_names,
        sessions=sessions,
        attributes=attributes,
    )


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return one array of a column, whose chunks may have dictionaries of their own."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _numbers(array: pa.Array) -> NDArray[Any]:
    return array.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _codes(array: pa.DictionaryArray) -> Int32s:
    indices = array.indices.cast(pa.int32()) if array.indices.type != pa.int32() else array.indices
    if indices.null_count:
        indices = pc.fill_null(indices, -1)
    return _numbers(indices)


def _coded(array: pa.Array | None) -> tuple[Int32s, pa.Array | None]:
    """Return the codes and the texts of a dictionary; none if all values are null."""
    if array is None or array.null_count == len(array):
        return NO_CODES, None
    return _codes(array), array.dictionary


def numbered_rooms(
    room: Int32s, rooms: pa.Array, domain: Int32s, domains: pa.Array | None
) -> tuple[Int32s, Int32s, pa.Array, pa.Array | None]:
    """Number the rooms; rooms of different domains are different rooms.

    Returns the code of each row's room, the rank of each code, and the names and domains by rank. A domain code of -1
    and domains of None mean that no domain is named.
    """
    if domains is None:
        order = pc.sort_indices(rooms)
        return room, _inverse(_numbers(order)), rooms.take(order), None
    size = len(domains) + 1
    both = room.astype(np.int64) * size + (domain + 1)
    pairs, codes = np.unique(both, return_inverse=True)
    words = pa.table(
        {
            "room": rooms.take(pa.array(pairs // size)),
            "domain": domains.take(pa.array(pairs % size - 1, mask=pairs % size == 0)),
        }
    )
    order = pc.sort_indices(words, sort_keys=[("room", "ascending"), ("domain", "ascending")])
    ordered = words.take(order)
    return (
        codes.astype(np.int32),
        _inverse(_numbers(order)),
        _one_array(ordered["room"]),
        _one_array(ordered["domain"]),
    )


def _inverse(order: NDArray[Any]) -> Int32s:
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def _ranks(words: pa.Array | None) -> Int32s:
    return np.zeros(1, np.int32) if words is None else _inverse(_numbers(pc.sort_indices(words)))


def _participants(column: pa.ChunkedArray) -> tuple[Int32s, Int64s, NDArray[np.uint8], NDArray[np.uint64]]:
    """Return codes (empty where the ids are not encoded), where each id begins, and all ids end to end."""
    if pa.types.is_dictionary(column.type):
        whole = _one_array(column)
        return _codes(whole), *end_to_end([whole.dictionary])
    return NO_CODES, *end_to_end(column.chunks)


def end_to_end(
    chunks: Sequence[pa.Array],
) -> tuple[Int64s, NDArray[np.uint8], NDArray[np.uint64]]:
    """Return the texts of all chunks, copied once: as bytes, and as words with zeros behind them."""
    parts = [text_of(chunk) for chunk in chunks]
    begins = np.cumsum([0, *(len(text) for _, text in parts)])
    rows = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    words = words_for(int(begins[-1]))
    text = words.view(np.uint8)
    offsets = np.empty(int(rows[-1]) + 1, np.int64)
    offsets[-1] = begins[-1]
    for k, (bounds, chars) in enumerate(parts):
        text[begins[k] : begins[k + 1]] = chars
        np.add(bounds[:-1], begins[k], out=offsets[rows[k] : rows[k + 1]], casting="unsafe")
    return offsets, text, words

"""Canonical columns: what every reader's rows become before anything is worked out of them.

    room, domain, user_id, user_name, source_session   dictionary<int32, string>
    participant_id                                      string, large_string or codes as above
    kind                                                int8: 0 join, 1 leave, 2 end
    inferred                                            int8: 0 reported, 1 snapshot, 2 timeout, 3 superseded
    at, joined_at                                       int64, milliseconds

`room`, `kind` and `at` are never null. `participant_id` is null on an end, and only there. The
others may be null, which says that it is not known, and may be missing altogether. An event is
good if `Event` of the kernel would take it; here the same is asked of whole columns.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.io.blocks import COLUMNS, REQUIRED, Complaint, Mask
from headcount.batch.io.text_columns import (
    about_divided,
    are_empty,
    as_mask,
    coded,
    codes,
    is_named,
    lengths_are_positive,
    positions,
    require_text,
    strings,
    without_words,
)
from headcount.batch.io.time_columns import moments
from headcount.errors import BadInput

JOIN: Final = 0
LEAVE: Final = 1
END: Final = 2
_KINDS: Final = {"join": JOIN, "leave": LEAVE, "end": END}
_INFERRED: Final = {
    "": 0,
    "false": 0,
    "reported": 0,
    "true": 1,
    "snapshot": 1,
    "timeout": 2,
    "superseded": 3,
}
_UNKNOWN: Final = -1

_Int8s = NDArray[np.int8]


class Checked(NamedTuple):
    """A block in canonical columns; its rows are true except where there are complaints."""

    table: pa.Table
    complaints: list[Complaint]


def require_columns(names: Sequence[str], where: str) -> list[str]:
    """The columns to read. Raises `BadInput` if one is missing or there twice."""
    for column in REQUIRED:
        if column not in names:
            there = ", ".join(names) or "none at all"
            raise BadInput(f"column '{column}' is missing; the columns are: {there}", where=where)
    wanted = [column for column in COLUMNS if column in names]
    for column, count in Counter(names).items():
        if count > 1 and column in wanted:
            raise BadInput(f"there are {count} columns named '{column}': rename all but one", where=where)
    return wanted


def canonical(rows: pa.Table, where: str) -> Checked:
    """Turn a block into canonical columns and look for what is wrong with it.

    Raises `BadInput` if a whole column is of a type that cannot serve.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    complaints: list[Complaint] = []
    for name, read in _READERS.items():
        if name in rows.column_names:
            columns[name], found = read(rows[name], name, where)
            complaints += found
    complaints += _participants(columns)
    complaints += _joins_before_leaves(columns)
    return Checked(pa.table(columns), complaints)


_Read = tuple[pa.Array | pa.ChunkedArray, list[Complaint]]


def _room(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    rooms, complaints = _optional(column, name, where)
    if rooms.null_count:
        complaints.append(Complaint(codes(rooms) < 0, lambda _: "room is missing"))
    return rooms, complaints


def _optional(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    """An empty word says no more than none."""
    require_text(column, name, where)
    words, complaints = coded(column, name)
    empty = positions(words, are_empty)
    known = without_words(words, empty) if len(empty) else words
    return known, complaints + about_divided(known, name)


def _participant(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    require_text(column, name, where)
    ids, complaints = (coded if pa.types.is_dictionary(column.type) else strings)(column, name)
    return ids, complaints + about_divided(ids, name)


def _kind(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    require_text(column, name, where)
    words, complaints = coded(column, name)
    kinds = _looked_up(words, _KINDS, none=_UNKNOWN)
    return pa.array(kinds), complaints + _unknown(kinds, words, _kind_is_unknown)


def _kind_is_unknown(word: str | None) -> str:
    return f"kind must be join, leave or end, not '{word}'" if word else "kind is missing"


def _inferred(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    if pa.types.is_boolean(column.type):
        return pc.fill_null(column, fill_value=False).cast(pa.int8()), []
    require_text(column, name, where)
    words, complaints = coded(column, name)
    marks = _looked_up(words, _INFERRED, none=0)
    return pa.array(marks), complaints + _unknown(marks, words, _inferred_is_unknown)


def _inferred_is_unknown(word: str | None) -> str:
    return f"inferred must be true, false, snapshot, timeout or superseded, not '{word}'"


def _looked_up(words: pa.DictionaryArray, meanings: dict[str, int], *, none: int) -> _Int8s:
    """What each word means. Case does not matter to true and false alone, which programs write as they like."""
    spelled = [
        word.lower() if word.lower() in ("true", "false") else word for word in words.dictionary.to_pylist()
    ]
    # Null is code -1, and so finds what stands last.
    table = np.array([meanings.get(word, _UNKNOWN) for word in spelled] + [none], np.int8)
    return table[codes(words)]


def _unknown(
    meanings: _Int8s, words: pa.DictionaryArray, reason: Callable[[str | None], str]
) -> list[Complaint]:
    if not len(meanings) or meanings.min() != _UNKNOWN:
        return []
    return [Complaint(meanings == _UNKNOWN, lambda row: reason(words[row].as_py()))]


def _at(column: pa.ChunkedArray, name: str, where: str) -> _Read:
    found, complaints = moments(column, name, where)
    if found.null_count:
        # Last, because what cannot be read is null by now, too, and has been complained of.
        complaints.append(Complaint(as_mask(pc.is_null(found)), lambda _: "at is missing"))
    return found, complaints


def _participants(columns: dict[str, pa.Array | pa.ChunkedArray]) -> list[Complaint]:
    """A join and a leave name a participant, an end names none."""
    ids, ends = columns["participant_id"], columns["kind"].to_numpy() == END
    if not ids.null_count and not ends.any() and _all_named(ids):
        return []
    named = is_named(ids)
    nameless = ~named & ~ends
    complaints = []
    if nameless.any():
        complaints.append(Complaint(nameless, lambda _: "participant_id is missing"))
    if (named & ends).any():
        complaints.append(
            Complaint(named & ends, lambda _: "an 'end' is about the whole room: leave participant_id out")
        )
    columns["participant_id"] = _null_unless(named, ids)
    return complaints


def _all_named(ids: pa.Array | pa.ChunkedArray) -> bool:
    if isinstance(ids, pa.DictionaryArray):
        return not len(positions(ids, are_empty))
    return lengths_are_positive(ids)


def _null_unless(named: Mask, ids: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if ids.null_count == len(named) - named.sum():
        return ids
    if isinstance(ids, pa.DictionaryArray):
        return without_words(ids, positions(ids, are_empty))
    return pc.if_else(pa.array(named), ids, None)


def _joins_before_leaves(columns: dict[str, pa.Array | pa.ChunkedArray]) -> list[Complaint]:
    """`joined_at` belongs to a leave, and is not after it."""
    joined_at = columns.get("joined_at")
    if joined_at is None or joined_at.null_count == len(joined_at):
        return []
    at, kinds = columns["at"], columns["kind"].to_numpy()
    misplaced = as_mask(pc.is_valid(joined_at)) & (kinds != LEAVE)
    reversed_ = as_mask(pc.fill_null(pc.greater(joined_at, at), fill_value=False))
    complaints = []
    if misplaced.any():
        name = list(_KINDS)
        complaints.append(
            Complaint(
                misplaced, lambda row: f"joined_at belongs to a 'leave', not to {_article(name[kinds[row]])}"
            )
        )
    if reversed_.any():
        complaints.append(
            Complaint(reversed_, lambda row: f"joined_at ({joined_at[row]}) is after at ({at[row]})")
        )
    return complaints


def _article(kind: str) -> str:
    return f"{'an' if kind == 'end' else 'a'} '{kind}'"


_READERS: Final = {
    "room": _room,
    "kind": _kind,
    "at": _at,
    "participant_id": _participant,
    "user_id": _optional,
    "user_name": _optional,
    "source_session": _optional,
    "domain": _optional,
    "joined_at": moments,
    "inferred": _inferred,
}

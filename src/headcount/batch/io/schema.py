"""Canonical columns, into which the rows of every reader are converted.

    room, domain, user_id, user_name, source_session   dictionary<int32, string>
    attributes                                          dictionary<int32, string>: canonical JSON, of joins and leaves only
    participant_id                                      string, large_string or codes as above
    kind                                                int8: 0 join, 1 leave, 2 end
    inferred                                            int8: 0 reported, 1 snapshot, 2 timeout, 3 room_restarted
    at, joined_at                                       int64, milliseconds

`room`, `kind` and `at` are never null. `participant_id` is null on an end, and only there. The
others may be null, which means unknown, and may be missing.

Responsible for the conversion and the validation of whole columns, by the same conditions as `Event` of the kernel.
Must not know formats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.io.attribute_columns import read_attributes
from headcount.batch.io.blocks import Mask, Problem
from headcount.batch.io.column_map import IGNORE, suggested_kinds
from headcount.batch.io.event_columns import AS_NAMED, COLUMNS, INFERRED_WORDS, ColumnMap
from headcount.batch.io.text_columns import (
    are_empty,
    as_mask,
    coded,
    codes,
    is_named,
    lengths_are_positive,
    positions,
    problems_of_nul,
    require_text,
    strings,
    text_or_integers,
    without_words,
)
from headcount.batch.io.time_columns import times
from headcount.limits import WIDEST_LIMITS, Limits

JOIN: Final = 0
LEAVE: Final = 1
END: Final = 2
_KINDS: Final = {"join": JOIN, "leave": LEAVE, "end": END}
_UNKNOWN: Final = -1
_IGNORED: Final = 3
_CODES_OF_KINDS: Final = _KINDS | {IGNORE: _IGNORED}
_VALUES_SHOWN: Final = 8

_Int8s = NDArray[np.int8]


class Checked(NamedTuple):
    """A block in canonical columns; its rows are valid except where there are problems."""

    table: pa.Table
    problems: list[Problem]
    ignored: Mask | None = None
    """Rows of a kind that the mapping ignores."""


def selected(rows: pa.Table, wanted: Mapping[str, str]) -> pa.Table:
    """Return the wanted columns with the names of columns of events."""
    if all(name == column for column, name in wanted.items()):
        return rows if len(wanted) == rows.num_columns else rows.select(list(wanted))
    return rows.select(list(wanted.values())).rename_columns(list(wanted))


def canonical(
    rows: pa.Table, where: str, mapping: ColumnMap = AS_NAMED, limits: Limits = WIDEST_LIMITS
) -> Checked:
    """Return a block in canonical columns, with the problems found in it.

    `rows` have the names of columns of events already. Raise `BadInput` if a column has a type that cannot be converted.
    """
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    problems: list[Problem] = []
    for name, value in mapping.constants.items():
        rows = _with_constant(rows, name, value, mapping)
    for name, read in _READERS.items():
        if name in rows.column_names:
            columns[name], found = read(rows[name], mapping.column(name), where, mapping)
            problems += found
    attributes, found = read_attributes(rows, columns["kind"].to_numpy() == END, where, mapping, limits)
    problems += found
    if attributes is not None:
        columns["attributes"] = attributes
    ignored = _ignored(columns, mapping)
    problems += _participants(columns, ignored)
    problems += _joins_before_leaves(columns)
    if ignored is None:
        return Checked(pa.table(columns), problems)
    return Checked(pa.table(columns), _without(problems, ignored), ignored)


def _with_constant(rows: pa.Table, name: str, value: str, mapping: ColumnMap) -> pa.Table:
    """Add a column of one value from the path of the file, unless the file has values of its own."""
    for column in COLUMNS:
        if mapping.column(column) == name and (
            column not in rows.column_names or rows[column].null_count == len(rows)
        ):
            words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int32)), pa.array([value]))
            position = rows.column_names.index(column) if column in rows.column_names else None
            rows = (
                rows.append_column(column, words)
                if position is None
                else rows.set_column(position, column, words)
            )
    return rows


def _ignored(columns: dict[str, pa.Array | pa.ChunkedArray], mapping: ColumnMap) -> Mask | None:
    if IGNORE not in mapping.kinds.values():
        return None
    ignored: Mask = columns["kind"].to_numpy() == _IGNORED
    return ignored


def _without(problems: Sequence[Problem], ignored: Mask) -> list[Problem]:
    """Return the problems of rows that are not ignored."""
    left = [Problem(problem.rows & ~ignored, problem.reason) for problem in problems]
    return [problem for problem in left if problem.rows.any()]


_Read = tuple[pa.Array | pa.ChunkedArray, list[Problem]]


def _room(column: pa.ChunkedArray, name: str, where: str, mapping: ColumnMap) -> _Read:
    rooms, problems = _optional(column, name, where, mapping)
    if rooms.null_count:
        problems.append(Problem(codes(rooms) < 0, lambda _: f"{name} is missing"))
    return rooms, problems


def _optional(column: pa.ChunkedArray, name: str, where: str, _: ColumnMap) -> _Read:
    """Convert a column of optional names; empty texts become null."""
    column = text_or_integers(column, name, where)
    words, problems = coded(column, name)
    empty = positions(words, are_empty)
    known = without_words(words, empty) if len(empty) else words
    return known, problems + problems_of_nul(known, name)


def _participant(column: pa.ChunkedArray, name: str, where: str, _: ColumnMap) -> _Read:
    column = text_or_integers(column, name, where)
    ids, problems = (coded if pa.types.is_dictionary(column.type) else strings)(column, name)
    return ids, problems + problems_of_nul(ids, name)


def _kind(column: pa.ChunkedArray, name: str, where: str, mapping: ColumnMap) -> _Read:
    words, problems = coded(text_or_integers(column, name, where), name)
    values = _KINDS | {value: _CODES_OF_KINDS[kind] for value, kind in mapping.kinds.items()}
    kinds = _mapped(words, values, none=_UNKNOWN)
    is_foreign = len(kinds) > 0 and kinds.max() == _UNKNOWN
    return pa.array(kinds), problems + _unknown(
        kinds, words, lambda word: _kind_error(name, word, words.dictionary if is_foreign else None)
    )


def _kind_error(name: str, word: str | None, all_words: pa.Array | None) -> str:
    """Return why a value is no kind. If no value is a kind, the values need a mapping."""
    if not word:
        return f"{name} is missing"
    reason = f"{name} must be join, leave or end, not '{word}'"
    if all_words is None:
        return reason
    values = sorted({value for value in all_words.to_pylist() if value})
    shown = ", ".join(f"'{value}'" for value in values[:_VALUES_SHOWN])
    more = f" and {len(values) - _VALUES_SHOWN:,} others" if len(values) > _VALUES_SHOWN else ""
    return f"{reason}. The values are {shown}{more}. {suggested_kinds(values)}"


def _inferred(column: pa.ChunkedArray, name: str, where: str, _: ColumnMap) -> _Read:
    if pa.types.is_boolean(column.type):
        return pc.fill_null(column, fill_value=False).cast(pa.int8()), []
    require_text(column, name, where)
    words, problems = coded(column, name)
    marks = _mapped(words, INFERRED_WORDS, none=0)
    return pa.array(marks), problems + _unknown(marks, words, _inferred_error)


def _inferred_error(word: str | None) -> str:
    return f"inferred must be true, false, snapshot, timeout or room_restarted, not '{word}'"


def _mapped(words: pa.DictionaryArray, values: dict[str, int], *, none: int) -> _Int8s:
    """Return the value of each text. Only true and false may have any case, as programs write them."""
    texts = [
        word.lower() if word.lower() in ("true", "false") else word for word in words.dictionary.to_pylist()
    ]
    # Null has code -1, and so finds the last value.
    table = np.array([values.get(word, _UNKNOWN) for word in texts] + [none], np.int8)
    return table[codes(words)]


def _unknown(
    meanings: _Int8s, words: pa.DictionaryArray, reason: Callable[[str | None], str]
) -> list[Problem]:
    if not len(meanings) or meanings.min() != _UNKNOWN:
        return []
    return [Problem(meanings == _UNKNOWN, lambda row: reason(words[row].as_py()))]


def _time(column: pa.ChunkedArray, name: str, where: str, mapping: ColumnMap) -> _Read:
    return times(column, name, where, mapping.time_unit)


def _at(column: pa.ChunkedArray, name: str, where: str, mapping: ColumnMap) -> _Read:
    found, problems = times(column, name, where, mapping.time_unit)
    if found.null_count:
        # Last, because values that cannot be parsed are null, too, and have a problem already.
        problems.append(Problem(as_mask(pc.is_null(found)), lambda _: f"{name} is missing"))
    return found, problems


def _participants(columns: dict[str, pa.Array | pa.ChunkedArray], ignored: Mask | None) -> list[Problem]:
    """Find joins and leaves without a participant, and ends with one."""
    ids, ends = columns["participant_id"], columns["kind"].to_numpy() == END
    if not ids.null_count and not ends.any() and _all_named(ids):
        return []
    named = is_named(ids)
    nameless = ~named & ~ends if ignored is None else ~named & ~ends & ~ignored
    problems = []
    if nameless.any():
        problems.append(Problem(nameless, lambda _: "participant_id is missing"))
    if (named & ends).any():
        problems.append(
            Problem(
                named & ends,
                lambda _: (
                    "an 'end' applies to the whole room and has no participant_id; send a leave instead"
                ),
            )
        )
    columns["participant_id"] = _null_unless(named, ids)
    return problems


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


def _joins_before_leaves(columns: dict[str, pa.Array | pa.ChunkedArray]) -> list[Problem]:
    """Find a `joined_at` that is not on a leave, or is after it."""
    joined_at = columns.get("joined_at")
    if joined_at is None or joined_at.null_count == len(joined_at):
        return []
    at, kinds = columns["at"], columns["kind"].to_numpy()
    misplaced = as_mask(pc.is_valid(joined_at)) & (kinds != LEAVE)
    reversed_ = as_mask(pc.fill_null(pc.greater(joined_at, at), fill_value=False))
    problems = []
    if misplaced.any():
        name = list(_KINDS)
        problems.append(
            Problem(
                misplaced, lambda row: f"joined_at belongs to a 'leave', not to {_article(name[kinds[row]])}"
            )
        )
    if reversed_.any():
        problems.append(
            Problem(reversed_, lambda row: f"joined_at ({joined_at[row]}) is after at ({at[row]})")
        )
    return problems


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
    "joined_at": _time,
    "inferred": _inferred,
}

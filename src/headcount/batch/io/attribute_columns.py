"""Columns of attributes: JSON texts, structs or maps, and columns of single attributes, as codes of canonical texts.

Responsible for reading each distinct value once, and for combining the codes of columns without a loop over rows. Must not
know formats, or what a key means. What a valid attribute is, `limits.py` and the kernel know.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.io.blocks import Mask, Problem
from headcount.batch.io.event_columns import ATTRIBUTE, JSON_ATTRIBUTE, ColumnMap
from headcount.batch.io.text_columns import coded, codes, is_text, one_array
from headcount.errors import BadInput
from headcount.kernel.attributes import merge_later, values_of
from headcount.limits import ATTRIBUTE_VALUE_BYTES, Limits, parse_attributes, require_attributes

OBJECT: Final = "attributes"
_UNKNOWN: Final = -1
_NO_OBJECTS: Final = ("", "null", "{}")
_SPECIAL: Final = r'["\\\x00-\x1f]'
"""Characters that JSON escapes."""
_ON_AN_END: Final = (
    "an 'end' applies to the whole room and has no attributes; send them with a join or a leave"
)

_Codes = NDArray[Any]


class _Coded(NamedTuple):
    """Canonical attributes of each row: a code of `words`, or -1."""

    codes: _Codes
    words: pa.Array


class _Single(NamedTuple):
    """One attribute: the rows that have it, the code of each value, and the values as members of a JSON object."""

    rows: _Codes
    codes: _Codes
    members: pa.Array


def read_attributes(
    rows: pa.Table, ends: Mask, where: str, mapping: ColumnMap, limits: Limits
) -> tuple[pa.DictionaryArray | None, list[Problem]]:
    """Return the attributes of each row as codes of canonical texts, and what is invalid; None if no row has any.

    `rows` have the names of columns of events. A column of a single attribute has precedence over the object of its row. An end
    with an object is invalid. Columns of single attributes do not apply to ends. Raise `BadInput` if a column has a type
    that cannot be converted.
    """
    if not any(name.startswith(OBJECT) for name in rows.column_names):
        return None, []
    reader = _Reader(len(rows), where, limits)
    whole = reader.objects(rows[OBJECT], mapping.column(OBJECT)) if OBJECT in rows.column_names else None
    if whole is not None and (ends & (whole.codes >= 0)).any():
        reader.problems.append(Problem(ends & (whole.codes >= 0), lambda _: _ON_AN_END))
    single = reader.columns(rows, mapping)
    if single is not None:
        single.codes[ends] = _UNKNOWN
    found = reader.together(whole, single)
    if found is None or not (found.codes >= 0).any():
        return None, reader.problems
    indices = pa.array(found.codes.astype(np.int32), mask=found.codes < 0)
    return pa.DictionaryArray.from_arrays(indices, found.words.cast(pa.string())), reader.problems


class _Reader:
    """The reader of one block, which collects the problems of its rows."""

    def __init__(self, size: int, where: str, limits: Limits) -> None:
        self.problems: list[Problem] = []
        self._size = size
        self._everyone = np.arange(size)
        self._where = where
        self._limits = limits

    def objects(self, column: pa.ChunkedArray, name: str) -> _Coded:
        """Return the attributes of a column of objects."""
        kind = column.type
        if is_text(kind):
            return self._texts(column, name)
        if pa.types.is_struct(kind):
            return self._combined(self._of_struct(column, name), name)
        if pa.types.is_map(kind):
            return self._combined(self._of_map(column, name), name)
        raise BadInput(
            f"column '{name}' contains {kind}, and must contain JSON text, a struct or a map: cast it",
            where=self._where,
        )

    def columns(self, rows: pa.Table, mapping: ColumnMap) -> _Coded | None:
        """Return the attributes of all columns of single attributes; None if there are none."""
        names = {
            name: name.removeprefix(prefix)
            for prefix in (ATTRIBUTE, JSON_ATTRIBUTE)
            for name in rows.column_names
            if name.startswith(prefix)
        }
        singles = {}
        for name, key in names.items():
            label = mapping.column(ATTRIBUTE + key)
            self._require_key(key, label)
            singles[key] = self._single(
                rows[name], key, label, self._everyone, is_json=name.startswith(JSON_ATTRIBUTE)
            )
        return self._combined(singles, OBJECT) if singles else None

    def together(self, whole: _Coded | None, single: _Coded | None) -> _Coded | None:
        """Return the attributes of both: those of single columns, and the others of the object."""
        if whole is None or single is None:
            return single if whole is None else whole
        if not (single.codes >= 0).any() or not (whole.codes >= 0).any():
            return whole if (whole.codes >= 0).any() else single
        width = len(single.words) + 1
        pairs, distinct = _distinct((whole.codes + 1) * width + single.codes + 1)
        texts = [_merged(whole.words, single.words, *divmod(pair, width)) for pair in distinct.tolist()]
        self._refuse_many(pairs, np.array([len(values_of(text)) for text in texts]), OBJECT)
        known = np.array([text is not None for text in texts])
        return _Coded(np.where(known[pairs], pairs, _UNKNOWN), pa.array(texts, pa.large_string()))

    def _texts(self, column: pa.ChunkedArray, name: str) -> _Coded:
        words, problems = coded(column, name)
        self.problems += problems
        read = [self._read(text, name) for text in words.dictionary.to_pylist()]
        found, reasons = zip(*read, strict=True) if read else ((), ())
        numbers = codes(words)
        self._refuse(self._everyone, numbers, reasons)
        known = np.array([text is not None for text in found] + [False])
        return _Coded(np.where(known[numbers], numbers, _UNKNOWN), pa.array(found, pa.large_string()))

    def _read(self, text: str, name: str) -> tuple[str | None, str | None]:
        """Return the canonical form of a JSON text, or why it is invalid."""
        if text.strip() in _NO_OBJECTS:
            return None, None
        return self._or_reason(lambda: parse_attributes(text, self._limits), name)

    def _or_reason(self, read: Callable[[], str | None], name: str) -> tuple[str | None, str | None]:
        try:
            return read(), None
        except BadInput as error:
            return None, error.reason.replace('"attributes"', name)

    def _refuse(self, rows: _Codes, numbers: _Codes, reasons: Sequence[str | None]) -> None:
        """Add the problems of values: row `rows[i]` has value `numbers[i]`."""
        if not any(reasons):
            return
        invalid = np.array([reason is not None for reason in reasons] + [False])[numbers]
        which = dict(zip(rows[invalid].tolist(), numbers[invalid].tolist(), strict=True))
        if which:
            mask = _rows_of(rows[invalid], self._size)
            self.problems.append(Problem(mask, lambda row: str(reasons[which[row]])))

    def _add_problems(self, rows: _Codes, problems: Sequence[Problem]) -> None:
        """Add problems of values, of which row `rows[i]` has value i."""
        self.problems += [Problem(_rows_of(rows[p.rows], self._size), p.reason) for p in problems]

    def _refuse_many(self, numbers: _Codes, counts: NDArray[Any], name: str) -> None:
        most = self._limits.attributes
        if counts.max(initial=0) > most:
            reason = f"{name} must have at most {most} keys (max_attributes) [Received "
            reasons = [f"{reason}{count:,}]" if count > most else None for count in counts.tolist()]
            self._refuse(self._everyone, numbers, reasons)

    def _of_struct(self, column: pa.ChunkedArray, name: str) -> dict[str, _Single]:
        fields = [column.type.field(number).name for number in range(column.type.num_fields)]
        if len(set(fields)) < len(fields):
            raise BadInput(f"column '{name}' has a field more than once: rename it", where=self._where)
        for key in fields:
            self._require_key(key, name)
        return {
            key: self._single(pc.struct_field(column, [number]), key, f"{name}.{key}", self._everyone)
            for number, key in enumerate(fields)
        }

    def _of_map(self, column: pa.ChunkedArray, name: str) -> dict[str, _Single]:
        if not is_text(column.type.key_type):
            raise BadInput(f"the keys of column '{name}' must be text: cast them", where=self._where)
        entry = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
        lists = column.cast(pa.list_(entry))
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        entries = pc.list_flatten(lists)
        rows = np.repeat(self._everyone, lengths)
        words, problems = coded(pc.struct_field(entries, [0]), name)
        self._add_problems(rows, problems)
        numbers, keys = codes(words), words.dictionary.to_pylist()
        self._refuse(rows, numbers, [self._key_problem(key, name) for key in keys])
        self._refuse_twice(rows, numbers, keys, name)
        items = pc.struct_field(entries, [1])
        order = np.argsort(numbers, kind="stable")
        edges = np.searchsorted(numbers[order], np.arange(len(keys) + 1))
        return {
            key: self._single(items.take(pa.array(own)), key, f"{name}.{key}", rows[own])
            for key, first, last in zip(keys, edges, edges[1:], strict=False)
            if len(own := order[first:last])
        }

    def _refuse_twice(self, rows: _Codes, numbers: _Codes, keys: Sequence[str], name: str) -> None:
        pairs, counts = np.unique(rows * (len(keys) + 1) + numbers, return_counts=True)
        twice = dict(divmod(pair, len(keys) + 1) for pair in pairs[counts > 1].tolist())
        if twice:
            mask = _rows_of(np.array(list(twice)), self._size)
            self.problems.append(
                Problem(mask, lambda row: f"{name} has the key {keys[twice[row]][:64]!r} more than once")
            )

    def _single(
        self, column: pa.ChunkedArray, key: str, name: str, rows: _Codes, *, is_json: bool = False
    ) -> _Single:
        """Return one attribute: `column` has a value for each of `rows`."""
        if pa.types.is_dictionary(column.type) and not is_text(column.type):
            column = column.cast(column.type.value_type)
        if is_text(column.type):
            words, problems = coded(column, name)
            self._add_problems(rows, problems)
        else:
            words = one_array(_numbers(column, name, self._where).dictionary_encode())
        numbers, values = codes(words), words.dictionary
        if is_text(column.type) and not is_json:
            members, reasons = self._members_of_texts(values, key, name)
        else:
            loaded = (_loaded(value) if is_json else value for value in values.to_pylist())
            members, reasons = self._members(loaded, key, name)
        self._refuse(rows, numbers, reasons)
        known = np.append(pc.is_valid(members).to_numpy(zero_copy_only=False), False)[numbers]
        return _Single(rows[known], numbers[known], members)

    def _key_problem(self, key: str, name: str) -> str | None:
        return self._or_reason(lambda: require_attributes({key: True}, self._limits), name)[1]

    def _require_key(self, key: str, name: str) -> None:
        problem = self._key_problem(key, name)
        if problem is not None:
            raise BadInput(problem, where=self._where)

    def _members_of_texts(self, texts: pa.Array, key: str, name: str) -> tuple[pa.Array, list[str | None]]:
        """Return texts as members of an object. Those without special characters, which are nearly all, need no loop."""
        plain = _concatenated(f',{_member_name(key)}:"', texts.cast(pa.large_string()), '"')
        most = min(self._limits.attribute_value_length, ATTRIBUTE_VALUE_BYTES)
        special = pc.or_(pc.match_substring_regex(texts, _SPECIAL), pc.greater(pc.binary_length(texts), most))
        unknown = pc.equal(pc.binary_length(texts), 0)
        plain = pc.if_else(unknown, None, plain)
        if not pc.any(special).as_py():
            return plain, []
        places = np.flatnonzero(special.to_numpy(zero_copy_only=False))
        found, some = self._members(texts.take(pa.array(places)).to_pylist(), key, name)
        reasons: list[str | None] = [None] * len(texts)
        for place, reason in zip(places.tolist(), some, strict=False):
            reasons[place] = reason
        return pc.replace_with_mask(plain, special, found), reasons

    def _members(self, values: Iterable[Any], key: str, name: str) -> tuple[pa.Array, list[str | None]]:
        """Return values as members of an object, null where one is unknown or invalid, and the reasons of invalid ones."""
        read = [self._member(key, value, name) for value in values]
        texts = [text and f",{text[1:-1]}" for text, _ in read]
        return pa.array(texts, pa.large_string()), [reason for _, reason in read]

    def _member(self, key: str, value: Any, name: str) -> tuple[str | None, str | None]:
        return self._or_reason(lambda: require_attributes({key: value}, self._limits), name)

    def _combined(self, singles: Mapping[str, _Single], name: str) -> _Coded:
        """Return the objects of single attributes: key by key, in order, each distinct pair of texts is joined once."""
        numbers = np.zeros(self._size, np.int64)
        texts, counts = pa.array([""], pa.large_string()), np.zeros(1, np.int64)
        for _, (rows, own, members) in sorted(singles.items()):
            if not len(rows):
                continue
            pairs, distinct = _distinct(numbers[rows] * len(members) + own)
            before, added = distinct // len(members), distinct % len(members)
            more = _concatenated(texts.take(pa.array(before)), members.take(pa.array(added)))
            numbers[rows] = pairs + len(texts)
            texts = pa.concat_arrays([texts, more])
            counts = np.append(counts, counts[before] + 1)
        self._refuse_many(numbers, counts, name)
        used, distinct = _distinct(numbers)
        objects = _concatenated("{", pc.utf8_slice_codeunits(texts.take(pa.array(distinct)), 1), "}")
        return _Coded(np.where(numbers > 0, used, _UNKNOWN), objects)


def _loaded(text: str) -> Any:
    """Return a value of JSON. What is no number of JSON stays a float, which no attribute can be."""
    return json.loads(text)


def _merged(whole: pa.Array, single: pa.Array, one: int, other: int) -> str | None:
    """Return the attributes of an object and of single columns, whose numbers are one above their codes."""
    if not one or not other:
        return (whole[one - 1].as_py() if one else None) or (single[other - 1].as_py() if other else None)
    return merge_later(single[other - 1].as_py(), whole[one - 1].as_py())


def _distinct(pairs: _Codes) -> tuple[_Codes, _Codes]:
    """Return the position of each number among the distinct ones, and these."""
    encoded = pa.array(pairs).dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_numpy()


def _concatenated(*parts: Any) -> pa.Array:
    """Return texts that consist of the texts of arrays, and of texts that are the same everywhere."""
    texts = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))


def _rows_of(rows: _Codes, size: int) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[rows] = True
    return mask


def _member_name(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _numbers(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return a column of numbers or booleans as a type that Arrow can encode. NaN is unknown, as pandas stores what is missing."""
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.int64() if kind.scale == 0 else pa.float64())
    elif pa.types.is_floating(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise BadInput(
            f"column '{name}' contains {kind}, and must contain text, numbers or booleans: cast it",
            where=where,
        )
    return pc.if_else(pc.is_nan(column), None, column) if pa.types.is_floating(column.type) else column

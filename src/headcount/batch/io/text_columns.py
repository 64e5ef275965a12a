"""Columns of text, in any representation of a file or library, as codes or as strings.

Responsible for the conversion, and for valid UTF-8: other text becomes null and has a problem. Must not know what the
texts mean.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.batch.io.blocks import Mask, Problem
from headcount.errors import BadInput
from headcount.kernel.names import NUL, nul_message

CODES = pa.dictionary(pa.int32(), pa.string())

_NOT_UTF8 = "is not UTF-8 text: save the file as UTF-8"


def require_text(column: pa.ChunkedArray, name: str, where: str) -> None:
    """Raise `BadInput` if the type of the column is not text."""
    if not is_text(column.type):
        raise BadInput(f"column '{name}' contains {column.type}, and must contain text: cast it", where=where)


def text_or_integers(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return a column of text as it is, and one of whole numbers as text, digit by digit.

    Numbers with a fraction of zero are whole: pandas stores integers like that where some are missing. Raise `BadInput` for
    other types.
    """
    if pa.types.is_dictionary(column.type) and not is_text(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_floating(column.type):
        try:
            known = pc.if_else(pc.is_nan(column), None, column)
            return known.cast(pa.int64()).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise BadInput(
                f"column '{name}' contains numbers with a fraction, and must contain text or whole numbers: cast it",
                where=where,
            ) from error
    require_text(column, name, where)
    return column


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is text: as codes, as bytes, or with nulls only."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return any(
        holds(kind)
        for holds in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_null,
        )
    )


def coded(column: pa.ChunkedArray, name: str) -> tuple[pa.DictionaryArray, list[Problem]]:
    """Return the column as one array of codes (dictionary<int32, string>)."""
    encoded = _one_dictionary(column)
    words, broken = _words(encoded.dictionary)
    if encoded.indices.type == pa.int32() and encoded.dictionary.type == pa.string() and not len(broken):
        return encoded, []
    array = pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.int32()), words)
    if not len(broken):
        return array, []
    return without_words(array, broken), problems_of_texts(array, broken, f"{name} {_NOT_UTF8}")


def _one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    elif not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    elif any(chunk.dictionary.null_count for chunk in column.chunks):
        column = column.cast(column.type.value_type).dictionary_encode()
    return one_array(column.dictionary_encode())


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return the column as one array with one dictionary."""
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _words(dictionary: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the texts as strings, and the positions of those that are not UTF-8."""
    try:
        return utf8(dictionary.cast(pa.binary())), np.empty(0, np.int64)
    except pa.ArrowInvalid:
        words = [_utf8_or_none(word) for word in dictionary.cast(pa.binary()).to_pylist()]
        return pa.array([word or "" for word in words]), np.flatnonzero([word is None for word in words])


def utf8(array: pa.Array) -> pa.Array:
    """Return text from bytes. Raises `pa.ArrowInvalid` if they are not UTF-8."""
    return array.cast(pa.large_string() if pa.types.is_large_binary(array.type) else pa.string())


def _utf8_or_none(word: bytes) -> str | None:
    try:
        return word.decode()
    except UnicodeDecodeError:
        return None


def codes(array: pa.DictionaryArray) -> NDArray[np.int32]:
    """Return the codes, -1 for null."""
    indices = pc.fill_null(array.indices, -1) if array.indices.null_count else array.indices
    return indices.to_numpy()  # type: ignore[no-any-return]


def positions(array: pa.DictionaryArray, unwanted: Callable[[pa.Array], pa.Array]) -> NDArray[np.int64]:
    """Return the positions in the dictionary for which `unwanted` is true, called for all at once."""
    return np.flatnonzero(unwanted(array.dictionary).to_numpy(zero_copy_only=False))


def are_empty(words: pa.Array) -> pa.Array:
    return pc.equal(pc.binary_length(words), 0)


def problems_of_texts(array: pa.DictionaryArray, unwanted: NDArray[np.int64], sentence: str) -> list[Problem]:
    """Return a problem of the rows with one of these texts, if there are any: a dictionary may have unused texts."""
    rows = np.isin(codes(array), unwanted)
    return [Problem(rows, lambda _: sentence)] if rows.any() else []


def problems_of_nul(column: pa.ChunkedArray | pa.DictionaryArray, name: str) -> list[Problem]:
    """Return a problem of the rows with a text that contains U+0000, if there are any."""
    is_coded = isinstance(column, pa.DictionaryArray)
    if not any(map(_may_contain_nul, [column.dictionary] if is_coded else column.chunks)):
        return []
    if is_coded:
        return problems_of_texts(column, positions(column, _contain_nul), nul_message(name))
    rows = as_mask(pc.fill_null(_contain_nul(column), fill_value=False))
    return [Problem(rows, lambda _: nul_message(name))] if rows.any() else []


def _contain_nul(words: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.match_substring(words, NUL)


def _may_contain_nul(words: pa.Array) -> bool:
    """Search all bytes at once, those of null values included, which is far faster than text by text."""
    _, text = text_of(words)
    return not text.min(initial=1)


def without_words(array: pa.DictionaryArray, unwanted: NDArray[np.int64]) -> pa.DictionaryArray:
    """Return the same codes, null for those of the given positions."""
    found = codes(array)
    mask = (found < 0) | np.isin(found, unwanted)
    return pa.DictionaryArray.from_arrays(pa.array(found, mask=mask), array.dictionary)


def strings(column: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, list[Problem]]:
    """Return the column as string or large_string."""
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string()), []
    is_large = (
        pa.types.is_large_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_string_view(kind)
    )
    raw = column.cast(pa.large_binary() if is_large else pa.binary())
    try:
        return utf8(raw), []
    except pa.ArrowInvalid:
        return _valid_strings(raw, name)


def _valid_strings(raw: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, list[Problem]]:
    found = raw.to_pylist()
    words = [None if word is None else _utf8_or_none(word) for word in found]
    broken = np.array(
        [word is None and bytes_ is not None for word, bytes_ in zip(words, found, strict=True)]
    )
    return pa.chunked_array([pa.array(words, pa.large_string())]), [
        Problem(broken, lambda _: f"{name} {_NOT_UTF8}")
    ]


def lengths_are_positive(column: pa.ChunkedArray) -> bool:
    """Return whether no text is empty, apart from nulls."""
    shortest = pc.min(pc.binary_length(column)).as_py()
    return shortest is None or shortest > 0


def is_named(column: pa.ChunkedArray | pa.DictionaryArray) -> Mask:
    """Return where a text is neither null nor empty."""
    if isinstance(column, pa.DictionaryArray):
        empty = positions(column, are_empty)
        found = codes(column)
        return (found >= 0) & ~np.isin(found, empty) if len(empty) else found >= 0
    if lengths_are_positive(column):
        return as_mask(pc.is_valid(column))
    return as_mask(pc.fill_null(pc.greater(pc.binary_length(column), 0), fill_value=False))


def as_mask(booleans: Any) -> Mask:
    """Return Arrow's booleans as NumPy's."""
    if isinstance(booleans, pa.ChunkedArray):
        return booleans.to_numpy()  # type: ignore[no-any-return]
    return booleans.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def text_of(array: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return where each text of an array begins and the last ends, and all bytes."""
    if not len(array):
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, text = array.buffers()
    bounds = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
    data = np.empty(0, np.uint8) if text is None else np.frombuffer(text, np.uint8)
    return bounds - bounds[0], data[bounds[0] : bounds[-1]]

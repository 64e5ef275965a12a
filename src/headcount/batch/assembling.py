"""Assembling: from the arrays of the compiled passes to tables.

Words that repeat stay dictionary-encoded, so that ten million entries of a few rooms do not
spell them out; the ids of participants, which do not repeat, are copied together.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.batch.columns import Columns
from headcount.batch.compiled import compiled
from headcount.batch.layout import LEFT_BY_WORDS, NO_ROW, STILL_IN, Int32s, Int64s
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, TIME
from headcount.batch.working import Worked, ids_of, in_threads, spans_of
from headcount.kernel.rules import NEVER

_LEFT_BY = pa.array(LEFT_BY_WORDS)


def tables_of(worked: Worked, columns: Columns, domain: str) -> tuple[pa.Table, pa.Table]:
    """The meetings and the participants."""
    domains = _domains(columns, domain)
    ids = _texts(ids_of(worked, domains.to_pylist(), columns.rooms.to_pylist()))
    ongoing = worked.end == NEVER
    domain_words, domain_codes = _unique_words(domains)
    meetings = pa.table(
        [
            ids,
            _words(domain_codes[worked.room], domain_words),
            _words(worked.room, columns.rooms),
            _times(worked.start),
            _times(worked.end, ongoing),
            pa.array(ongoing),
            pa.array(worked.most),
            pa.array(worked.counts),
            pa.array(worked.participant_ms),
        ],
        schema=MEETINGS,
    )
    return meetings, _participants(worked, columns, ids)


def _participants(worked: Worked, columns: Columns, ids: pa.Array) -> pa.Table:
    entries, names = worked.entries, columns.names
    meeting = np.repeat(np.arange(len(worked.counts), dtype=np.int32), worked.counts)
    room = np.repeat(worked.room, worked.counts)
    return pa.table(
        [
            _words(meeting, ids),
            _words(room, columns.rooms),
            _ids(columns, entries.row),
            _names(names.user_id, columns.user_ids, entries.user_id_row),
            _names(names.user_name, columns.user_names, entries.user_name_row),
            _times(entries.join),
            _times(entries.leave, entries.leave == NEVER),
            _words(entries.left_by - 1, _LEFT_BY, entries.left_by == STILL_IN),
        ],
        schema=PARTICIPANTS,
    )


def _domains(columns: Columns, domain: str) -> pa.Array:
    if columns.domains is None:
        return pa.array([domain] * len(columns.rooms), pa.string())
    return columns.domains.fill_null(domain)


def _unique_words(words: pa.Array) -> tuple[pa.Array, Int32s]:
    encoded = words.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def _words(codes: NDArray[Any], words: pa.Array, absent: NDArray[np.bool_] | None = None) -> pa.Array:
    mask = absent if absent is not None and absent.any() else None
    indices = pa.array(np.ascontiguousarray(codes, dtype=np.int32), mask=mask)
    return pa.DictionaryArray.from_arrays(indices, words, safe=False)


def _times(moments: Int64s, absent: NDArray[np.bool_] | None = None) -> pa.Array:
    mask = absent if absent is not None and absent.any() else None
    return pa.array(moments, mask=mask).view(TIME)


def _names(codes: Int32s, words: pa.Array | None, rows: Int32s) -> pa.Array:
    if words is None:
        return pa.nulls(len(rows), pa.dictionary(pa.int32(), pa.string()))
    absent = rows == NO_ROW
    return _words(codes[rows], words, absent)


def _texts(letters: NDArray[np.uint8]) -> pa.Array:
    """Rows of equally many letters as strings."""
    many, length = letters.shape
    offsets = np.arange(many + 1, dtype=np.int32) * np.int32(length)
    return pa.StringArray.from_buffers(many, pa.py_buffer(offsets), pa.py_buffer(letters))


def _ids(columns: Columns, rows: Int32s) -> pa.Array:
    """The ids of the participants of these rows."""
    names = columns.names
    codes = names.participant[rows] if len(names.participant) else rows
    ends = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(names.offsets[codes + 1] - names.offsets[codes], out=ends[1:])
    text = np.empty(int(ends[-1]), np.uint8)
    spans = spans_of(len(rows))
    in_threads(lambda _, span: copy_text(*span, codes, names.offsets, names.text, ends, text), spans)
    if ends[-1] < 2**31:
        offsets = pa.py_buffer(ends.astype(np.int32))
        return pa.StringArray.from_buffers(len(rows), offsets, pa.py_buffer(text))
    large = pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(text))
    return pa.chunked_array([large]).cast(pa.string())


@compiled
def copy_text(first: Any, last: Any, codes: Any, offsets: Any, text: Any, ends: Any, out: Any) -> None:
    for k in range(first, last):
        start = np.int64(offsets[codes[k]])
        to = ends[k]
        for i in range(ends[k + 1] - to):
            out[to + i] = text[start + i]

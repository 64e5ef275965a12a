"""Arrays: NumPy's numbers as Arrow's, without a copy.

`pa.array` would look at every value, and load pandas to ask whether it is one of its own.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Absent = NDArray[np.bool_]


def numbers(values: NDArray[Any], kind: pa.DataType, absent: Absent | None = None) -> pa.Array:
    """These numbers as an array of `kind`, which is as wide; null where `absent`."""
    values = np.ascontiguousarray(values)
    if absent is None or not absent.any():
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    valid = np.packbits(~absent, bitorder="little")
    return pa.Array.from_buffers(
        kind, len(values), [pa.py_buffer(valid), pa.py_buffer(values)], int(absent.sum())
    )


def flags(values: NDArray[np.bool_]) -> pa.Array:
    """Truth values, a bit each."""
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def words(codes: NDArray[Any], meanings: pa.Array, absent: Absent | None = None) -> pa.DictionaryArray:
    """Codes and the words that they stand for."""
    return pa.DictionaryArray.from_arrays(
        numbers(codes.astype(np.int32, copy=False), pa.int32(), absent), meanings, safe=False
    )

"""NumPy arrays as Arrow arrays, without a copy.

Responsible for validity bitmaps and buffers. Must not know what the numbers mean. `pa.array` would read every value,
and load pandas to check its type.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Absent = NDArray[np.bool_]


def numbers(values: NDArray[Any], kind: pa.DataType, absent: Absent | None = None) -> pa.Array:
    """Return the numbers as an array of type `kind`, which must have the same width; null where `absent`."""
    values = np.ascontiguousarray(values)
    if absent is None or not absent.any():
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    valid = np.packbits(~absent, bitorder="little")
    return pa.Array.from_buffers(
        kind, len(values), [pa.py_buffer(valid), pa.py_buffer(values)], int(absent.sum())
    )


def flags(values: NDArray[np.bool_]) -> pa.Array:
    """Return booleans, one bit each."""
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def words(codes: NDArray[Any], texts: pa.Array, absent: Absent | None = None) -> pa.DictionaryArray:
    """Return codes with the texts that they stand for."""
    return pa.DictionaryArray.from_arrays(
        numbers(codes.astype(np.int32, copy=False), pa.int32(), absent), texts, safe=False
    )

"""Compiled functions: Python source for Numba, and machine code for callers.

A compiled function calls others as Python does; Numba compiles them together. From Python, only an *entry* can be called: it is
a symbol in the machine code, and its arguments are the addresses and sizes of arrays. So a process that finds machine code in the
cache (`machine_code.py`) does not import Numba, which takes longer than a million events.

Responsible for the decorators, for calls from Python, and for the rules of the kernel: every rule that the passes apply is imported
from the kernel's own source here, so that the rules and the table of stays exist once. Must not contain a rule.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np

from headcount.kernel import rules, stay_table


class Compiled:
    """A function of the passes. Its annotations are its one signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The annotation of each parameter, and of the result as `return`."""
        return get_type_hints(self.function, include_extras=True)

    @property
    def parameters(self) -> list[Any]:
        """The annotations of the parameters."""
        return [kind for name, kind in self.hints.items() if name != "return"]


class Entry(Compiled):
    """A compiled function that Python calls. It runs without Python's lock."""

    @property
    def name(self) -> str:
        """The name among all entries."""
        return self.function.__name__

    @cached_property
    def results(self) -> int:
        """Number of integers that the function returns."""
        result = self.hints["return"]
        return 0 if result is type(None) else len(get_args(result)) or 1

    @cached_property
    def _call(self) -> Callable[..., int]:
        from headcount.batch.passes.machine_code import address_of  # noqa: PLC0415 - it loads all entries

        return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *self._words())(
            address_of(self)
        )

    def _words(self) -> list[Any]:
        return [ctypes.c_int64] * sum(map(_size, self.parameters))

    def __call__(self, *arguments: Any) -> Any:
        words = [
            word
            for kind, argument in zip(self.parameters, arguments, strict=True)
            for word in _flat(kind, argument)
        ]
        results = (ctypes.c_int64 * max(1, self.results))()
        error = ctypes.c_void_p()
        status = self._call(ctypes.addressof(results), ctypes.addressof(error), *words)
        assert status == 0, f"{self.name} returned status {status}"
        return None if self.results == 0 else results[0] if self.results == 1 else tuple(results)


@lru_cache
def array_of(kind: Any) -> tuple[np.dtype[Any], int] | None:
    """Return the type and the number of dimensions of an annotation that is an array."""
    dimensions = 1
    if get_origin(kind) is Annotated:
        kind, dimensions = get_args(kind)
    if get_origin(kind) is not np.ndarray:
        return None
    return np.dtype(get_args(get_args(kind)[1])[0]), dimensions


@lru_cache
def fields_of(kind: Any) -> list[Any]:
    """Return the annotations of the fields of a named tuple."""
    hints = get_type_hints(kind, include_extras=True)
    return [hints[name] for name in kind._fields]


_WORDS_BEFORE_SHAPE = 5
"""An array is passed as two addresses of owners, which it has none of, its size, the size of an item, and the address of its data.
Its shape and its strides follow."""


def _size(kind: Any) -> int:
    """Return the number of words that an argument is passed as."""
    if (array := array_of(kind)) is not None:
        return _WORDS_BEFORE_SHAPE + 2 * array[1]
    return sum(map(_size, fields_of(kind))) if hasattr(kind, "_fields") else 1


def _flat(kind: Any, value: Any) -> Iterator[int]:
    """Yield the words of an argument."""
    if (array := array_of(kind)) is not None:
        assert value.dtype == array[0], (value.dtype, kind)
        assert value.ndim == array[1], (value.ndim, kind)
        assert value.flags.c_contiguous
        yield from (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)
    elif hasattr(kind, "_fields"):
        for own, field in zip(fields_of(kind), value, strict=True):
            yield from _flat(own, field)
    else:
        yield int(value)


def compiled(function: Callable[..., Any]) -> Any:
    """Return `function` for other compiled functions."""
    return Compiled(function)


def entry(function: Callable[..., Any]) -> Any:
    """Return `function` for other compiled functions and for Python. All of its parameters must be annotated."""
    return Entry(function)


TRANSITIONS = np.array(stay_table.TRANSITIONS, dtype=np.int64)

is_too_short = compiled(rules.is_too_short)
due = compiled(rules.due)
falls_due = compiled(rules.falls_due)
expire = compiled(rules.expire)
step = compiled(rules.step)

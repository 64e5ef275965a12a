"""The kernel, compiled: the same functions and the same table, for columns.

Nothing is decided here. Every rule that the compiled passes apply is imported from the
kernel's own source on this page, so that there is one of it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from headcount.kernel import rules, stays

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function`, compiled on first use and kept on disk; other threads run meanwhile."""
    return njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]


def inlined(function: F) -> F:
    """`function`, compiled into whoever calls it."""
    return njit(cache=True, nogil=True, inline="always")(function)  # type: ignore[no-any-return]


MEANINGS = np.array(stays.MEANINGS, dtype=np.int64)

is_void = compiled(rules.is_void)
due = compiled(rules.due)
falls_due = compiled(rules.falls_due)
lapse = compiled(rules.lapse)
count = compiled(rules.count)

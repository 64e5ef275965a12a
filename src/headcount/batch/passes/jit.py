"""The kernel, compiled: the same functions and the same table, for columns.

Nothing is decided here. Every rule that the compiled passes apply is imported from the
kernel's own source on this page, so that there is one of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from headcount.kernel import rules, stay_table


def compiled(function: Callable[..., Any]) -> Any:
    """`function`, compiled on first use and kept on disk; other threads run meanwhile."""
    return njit(cache=True, nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """`function`, compiled into whoever calls it."""
    return njit(cache=True, nogil=True, inline="always")(function)


TRANSITIONS = np.array(stay_table.TRANSITIONS, dtype=np.int64)

is_too_short = compiled(rules.is_too_short)
due = compiled(rules.due)
falls_due = compiled(rules.falls_due)
expire = compiled(rules.expire)
step = compiled(rules.step)

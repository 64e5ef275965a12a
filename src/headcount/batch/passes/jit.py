"""The rules of the kernel, compiled by Numba.

Responsible for compiling: every rule that the compiled passes apply is imported from the kernel's own source here,
so that the rules and the table of stays exist once. Must not contain a rule.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from headcount.kernel import rules, stay_table


def compiled(function: Callable[..., Any]) -> Any:
    """Return `function`, compiled on first use and cached on disk; it runs without Python's lock."""
    return njit(cache=True, nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Return `function`, compiled into its callers."""
    return njit(cache=True, nogil=True, inline="always")(function)


TRANSITIONS = np.array(stay_table.TRANSITIONS, dtype=np.int64)

is_too_short = compiled(rules.is_too_short)
due = compiled(rules.due)
falls_due = compiled(rules.falls_due)
expire = compiled(rules.expire)
step = compiled(rules.step)

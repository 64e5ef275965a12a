"""Patterns of names: `*` is any text, and everything else is itself.

Responsible for whether a name matches. Must not know what is named.
"""

import re
from functools import lru_cache


def matches(pattern: str, name: str) -> bool:
    """Return whether a name matches a pattern as a whole."""
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)

"""Pages of lists, and options of operations as keyword arguments.

Responsible for the call that follows a page, and for unknown options. Must not know operations.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headcount.client.calls import Call, Paging

_PAGE: Final = 100
"""The largest page of a list."""


def known_options(options: Mapping[str, Any], allowed: type) -> dict[str, Any]:
    """Return keyword arguments. Raise `TypeError` for one that no type checker would accept."""
    known = allowed.__annotations__
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TypeError(f"unexpected argument '{unknown[0]}': expected some of {', '.join(known)}")
    return dict(options)


def pages(first: Call[Any], limit: int | None, cursor: str, place_of: Any) -> Paging[Any]:
    """Return the pages of a list, each of which begins after the last item of the one before."""
    parameters = [(name, value) for name, value in first.query if name != cursor]
    size = _PAGE if limit is None else limit

    def following(page: Any) -> Call[Any] | None:
        is_last = not page.data or (len(page.data) < size <= _PAGE and cursor == "starting_after")
        return None if is_last else replace(first, query=[*parameters, (cursor, place_of(page.data[-1]))])

    return Paging(first, lambda page: page.data, following)

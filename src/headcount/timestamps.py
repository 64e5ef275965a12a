"""Moments: how times are written in files, and which of them can be true.

Inside the product a moment is whole milliseconds since 1970. In files it is that number, or
RFC 3339 text with its zone. A time without a zone means another moment to everybody who
reads it, so it is refused, and so is one that no meeting of ours can have seen: a number of
seconds where milliseconds belong turns a meeting into one of January 1970.
"""

import re
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Final

from headcount.kernel.events import Ms

EARLIEST: Final[Ms] = 946_684_800_000  # 2000-01-01
TOO_LATE: Final[Ms] = 4_102_444_800_000  # 2100-01-01: the first moment that is none of ours

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_CLOCK: Final = r"\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?"
_ZONED: Final = re.compile(_CLOCK + r"(Z|[+-]\d\d(:?\d\d)?)", re.ASCII)
_NAIVE: Final = re.compile(_CLOCK, re.ASCII)
_EXPECTED: Final = "give RFC 3339 with its zone, like 2026-01-31T09:00:00Z, or whole milliseconds since 1970"
_MISTAKEN_UNITS: Final = (("seconds", 1_000, 1), ("microseconds", 1, 1_000), ("nanoseconds", 1, 1_000_000))


class UnreadableMoment(ValueError):
    """The text is no moment. The message says why, as the rest of a sentence about it."""


def moment(text: str) -> Ms:
    """The moment that `text` names: RFC 3339 with its zone, or a number of milliseconds.

    What is finer than a millisecond is cut off. Raises `UnreadableMoment`.
    """
    if _NUMBER.fullmatch(text):
        return int(text)
    upper = text.upper()
    if _NAIVE.fullmatch(upper):
        raise UnreadableMoment("has no time zone: add Z for UTC, or an offset like +02:00")
    try:
        when = datetime.fromisoformat(upper) if _ZONED.fullmatch(upper) else None
    except ValueError:  # the 30th of February
        when = None
    if when is None:
        raise UnreadableMoment(f"is not a time: {_EXPECTED}")
    return (when - _EPOCH) // _MILLISECOND


def from_seconds(value: float) -> Ms:
    """Return Unix seconds as ms. What is finer than a millisecond is cut off."""
    if isinstance(value, int):
        return value * 1_000
    # The nearest float to a number of whole milliseconds may be up to 0.0005 ms below it.
    return floor(value * 1_000 + 0.0005)


def sensible_moment(text: str) -> Ms:
    """The moment that `text` names, if a meeting can have seen it. Raises `UnreadableMoment`."""
    found = moment(text)
    if not EARLIEST <= found < TOO_LATE:
        raise UnreadableMoment(absurdity(found))
    return found


def absurdity(ms: Ms) -> str:
    """Why this moment cannot be meant: it is outside this century, perhaps by a wrong unit."""
    reason = "is not between the years 2000 and 2100"
    for unit, times, over in _MISTAKEN_UNITS:
        if EARLIEST <= ms * times // over < TOO_LATE:
            return f"{reason}: it looks like {unit}, not milliseconds"
    return reason


def spoken(ms: Ms) -> str:
    """The moment as RFC 3339 in UTC; as the number that it is, where the calendar ends."""
    try:
        when = _EPOCH + ms * _MILLISECOND
    except OverflowError:
        return str(ms)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")

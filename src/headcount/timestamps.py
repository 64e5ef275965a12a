"""Timestamps as text: parsing, formatting and plausibility.

Inside Headcount a time is whole milliseconds since 1970. In files it is that number, or text with its offset: RFC 3339, or
what databases and programs write in its place. A time without an offset is ambiguous, so it is refused, and so is one outside
this century: seconds in place of milliseconds would turn a meeting into one of January 1970.

Responsible for both directions and for the error messages. Must not know events.
"""

import re
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Final

from headcount.kernel.events import Ms

EARLIEST: Final[Ms] = 946_684_800_000  # 2000-01-01
TOO_LATE: Final[Ms] = 4_102_444_800_000  # 2100-01-01: the first time that is refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_CLOCK: Final = r"(\d{4}-\d\d-\d\d)[T ](\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?)"
_OFFSET: Final = r" ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)"
# Go adds the zone's abbreviation and its monotonic clock, Java the zone's name. The offset before them is what counts.
_ZONE_NAME: Final = r"(?: (?:[A-Z]{1,5}|[+-]\d{2,4}))?(?: M=[+-][\d.]+)?(?:\[[^\]]+\])?"
_ZONED: Final = re.compile(_CLOCK + _OFFSET + _ZONE_NAME, re.ASCII)
_NAIVE: Final = re.compile(_CLOCK, re.ASCII)
_NAMED_ZONE: Final = re.compile(_CLOCK + r" ?([A-Z]{2,5}|\[[^\]]+\])", re.ASCII)
_EXPECTED: Final = "give RFC 3339 with its zone, like 2026-01-31T09:00:00Z, or whole milliseconds since 1970"
_SPREADSHEET_NUMBERS: Final = (
    (
        re.compile(r"[+-]?\d+(?:[.,]\d+)?E[+-]?\d+", re.ASCII),
        "was rounded by a spreadsheet: format the column as a number without decimals, and save the file again",
    ),
    (
        re.compile(r"[+-]?\d{1,3}(?:[.,'\u2019 \u00a0\u202f]\d{3})+", re.ASCII),
        "has a thousands separator: write the digits only",
    ),
    (re.compile(r"[+-]?\d+,\d*", re.ASCII), "has a decimal comma: write a decimal point"),
)
_UTC_NAMES: Final = ("UTC", "GMT")
_MISTAKEN_UNITS: Final = (("seconds", 1_000, 1), ("microseconds", 1, 1_000), ("nanoseconds", 1, 1_000_000))


class InvalidTimestamp(ValueError):
    """A text that is no timestamp. The message gives the reason, as the rest of a sentence about it."""


def parse_timestamp(text: str) -> Ms:
    """Return the time of a text in ms: a date and time with its offset, or a number of milliseconds.

    The form is RFC 3339, with these variations: a space before the offset, `UTC` or `GMT` for Z, an offset like +0530 or +05, a
    decimal comma, no seconds, lower case, and the name of the zone after the offset. The time is rounded down to a
    millisecond. Raises `InvalidTimestamp`.
    """
    if _NUMBER.fullmatch(text):
        return int(text)
    upper = text.upper()
    parts = _ZONED.fullmatch(upper)
    if parts is None:
        raise InvalidTimestamp(_why_no_time(upper))
    date, clock, zone = parts.groups()
    try:
        when = datetime.fromisoformat(f"{date}T{clock}{'Z' if zone in _UTC_NAMES else zone}")
    except ValueError:  # the 30th of February
        raise InvalidTimestamp(f"is not a time: {_EXPECTED}") from None
    return (when - _EPOCH) // _MILLISECOND


def _why_no_time(upper: str) -> str:
    """Return why a text in upper case is no timestamp."""
    if upper != upper.strip():
        return "has spaces around it: remove them"
    if _NAIVE.fullmatch(upper):
        return "has no time zone: add Z for UTC, or an offset like +02:00"
    if named := _NAMED_ZONE.fullmatch(upper):
        return f"has the zone {named[3]} without an offset: give Z for UTC, or an offset like +02:00"
    for form, reason in _SPREADSHEET_NUMBERS:
        if form.fullmatch(upper):
            return reason
    return f"is not a time: {_EXPECTED}"


def from_seconds(value: float) -> Ms:
    """Return Unix seconds in ms, rounded down."""
    if isinstance(value, int):
        return value * 1_000
    # The nearest float to a number of whole milliseconds may be up to 0.0005 ms below it.
    return floor(value * 1_000 + 0.0005)


def parse_plausible_timestamp(text: str) -> Ms:
    """Return the time of a text in ms, if it is in this century. Raises `InvalidTimestamp`."""
    found = parse_timestamp(text)
    if not EARLIEST <= found < TOO_LATE:
        raise InvalidTimestamp(implausibility(found))
    return found


def implausibility(ms: Ms) -> str:
    """Return why a time outside this century is refused, with the unit that may have been meant."""
    reason = "is not between the years 2000 and 2100"
    for unit, times, over in _MISTAKEN_UNITS:
        if EARLIEST <= ms * times // over < TOO_LATE:
            return f"{reason}: it looks like {unit}, not milliseconds"
    return reason


def format_timestamp(ms: Ms) -> str:
    """Return the time as RFC 3339 in UTC; as a number beyond the calendar."""
    try:
        when = _EPOCH + ms * _MILLISECOND
    except OverflowError:
        return str(ms)
    return format_datetime(when)


def format_datetime(when: datetime, timespec: str = "milliseconds") -> str:
    """Return a time with its offset as RFC 3339. An offset of zero is `Z`, which every parser accepts."""
    text = when.isoformat(timespec=timespec)
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text

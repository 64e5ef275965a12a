"""Query parameters of pages.

Responsible for parsing them, and for rejecting invalid ones with a sentence. Must not know what they select.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headcount.dashboard.renderer import TEXTS
from headcount.errors import BadInput
from headcount.kernel.attributes import AttributeFilter
from headcount.kernel.events import Ms

_MAX_LENGTH: Final = 512
_MAX_ATTRIBUTES: Final = 8
_MAX_NUMBER: Final = 10**9
_MAX_DIGITS: Final = 20
"""Python refuses to parse numbers of thousands of digits."""
_MIDNIGHT: Final = time()


class NotFound(Exception):
    """There is no such room, meeting or page. The message names it."""


def text(query: Mapping[str, str], name: str) -> str | None:
    """Return a text, None if it is missing or empty. Raise `BadInput`."""
    value = query.get(name, "")
    if "\0" in value or len(value) > _MAX_LENGTH:
        raise BadInput(TEXTS("query.text", name=name, most=_MAX_LENGTH))
    return value or None


def number(query: Mapping[str, str], name: str) -> int | None:
    """Return a number, None if it is missing. Raise `BadInput`."""
    value = query.get(name, "").strip()
    if not value:
        return None
    if not value.isdecimal() or not value.isascii() or len(value) > _MAX_DIGITS or int(value) > _MAX_NUMBER:
        raise BadInput(TEXTS("query.number", name=name, given=value[:50]))
    return int(value)


def attributes(query: Mapping[str, str], name: str) -> tuple[AttributeFilter, ...]:
    """Return conditions like `customer=acme, role=host`. A part without `=` continues the value before it. Raise `BadInput`."""
    found: list[AttributeFilter] = []
    given = text(query, name) or ""
    for part in given.split(",") if given.strip() else ():
        key, sign, value = part.partition("=")
        if not sign and found:
            found[-1] = AttributeFilter(found[-1].key, f"{found[-1].value},{part.rstrip()}")
        elif not (key.strip() and value.strip()):
            raise BadInput(TEXTS("query.attributes", name=name, given=part.strip()[:50]))
        else:
            found.append(AttributeFilter(key.strip(), value.strip()))
    if len({condition.key for condition in found}) < len(found) or len(found) > _MAX_ATTRIBUTES:
        raise BadInput(TEXTS("query.attribute_keys", name=name, most=_MAX_ATTRIBUTES))
    return tuple(found)


def choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return one of some words, the first one if it is missing. Raise `BadInput`."""
    value = query.get(name) or choices[0]
    if value not in choices:
        raise BadInput(TEXTS("query.choice", name=name, among=", ".join(choices), given=value[:50]))
    return value


def day(query: Mapping[str, str], name: str) -> date | None:
    """Return a date like 2026-11-23, None if it is missing. Raise `BadInput`."""
    value = query.get(name, "").strip()
    if not value:
        return None
    try:
        parsed = date.fromisoformat(value)
    except ValueError:
        parsed = date.min
    if not date(2000, 1, 1) <= parsed < date(2100, 1, 1):
        raise BadInput(TEXTS("query.day", name=name, given=value[:50]))
    return parsed


def time_of_day(value: str) -> time:
    """Return a time like 10:05 or 10:05:30. Raise `BadInput`."""
    try:
        parsed = time.fromisoformat(value)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None:
        raise BadInput(TEXTS("meeting.invalid_time", given=value[:50]))
    return parsed.replace(microsecond=0)


def start_of(day: date, zone: ZoneInfo, at: time = _MIDNIGHT) -> Ms:
    """Return when a time of a day is, in a time zone; by default when the day starts."""
    return round(datetime.combine(day, at, zone).timestamp() * 1_000)


def end_of(day: date, zone: ZoneInfo) -> Ms:
    """Return when the next day starts, in a time zone."""
    return start_of(day + timedelta(days=1), zone)

"""Asking: what pages are asked for in their addresses. What makes no sense is refused in a sentence."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headcount.dashboard.renderer import TEXTS
from headcount.errors import BadInput
from headcount.kernel.events import Ms

_LONGEST: Final = 512
_MOST: Final = 10**9
_DIGITS: Final = 20
"""Python refuses to read numbers of thousands of digits."""
_MIDNIGHT: Final = time()


class NotThere(Exception):
    """There is no such room, meeting or page. The message says so."""


def text(query: Mapping[str, str], name: str) -> str | None:
    """What is asked for by that name; None if nothing is."""
    found = query.get(name, "")
    if "\0" in found or len(found) > _LONGEST:
        raise BadInput(TEXTS("asking.text", name=name, most=_LONGEST))
    return found or None


def number(query: Mapping[str, str], name: str) -> int | None:
    found = query.get(name, "").strip()
    if not found:
        return None
    if not found.isdecimal() or not found.isascii() or len(found) > _DIGITS or int(found) > _MOST:
        raise BadInput(TEXTS("asking.number", name=name, given=found[:50]))
    return int(found)


def chosen(query: Mapping[str, str], name: str, among: tuple[str, ...]) -> str:
    """One of some words; the first without one."""
    found = query.get(name) or among[0]
    if found not in among:
        raise BadInput(TEXTS("asking.choice", name=name, among=", ".join(among), given=found[:50]))
    return found


def day(query: Mapping[str, str], name: str) -> date | None:
    """A day, as 2026-11-23."""
    found = query.get(name, "").strip()
    if not found:
        return None
    try:
        asked = date.fromisoformat(found)
    except ValueError:
        asked = date.min
    if not date(2000, 1, 1) <= asked < date(2100, 1, 1):
        raise BadInput(TEXTS("asking.day", name=name, given=found[:50]))
    return asked


def time_of_day(told: str) -> time:
    """A time of the day, as 10:05 or 10:05:30."""
    try:
        found = time.fromisoformat(told)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise BadInput(TEXTS("meeting.no_time", given=told[:50]))
    return found.replace(microsecond=0)


def begin_of(asked: date, zone: ZoneInfo, at: time = _MIDNIGHT) -> Ms:
    """When the clocks of a zone show a time of a day; without one, when the day begins."""
    return round(datetime.combine(asked, at, zone).timestamp() * 1_000)


def end_of(asked: date, zone: ZoneInfo) -> Ms:
    """When the day after it begins."""
    return begin_of(asked + timedelta(days=1), zone)

"""Formats of times and durations on pages.

Responsible for their wording. The time zone of a page is shown on it, so a time is shown without it.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

from headcount.kernel.events import Ms

_MINUTE_S = 60
_HOUR_S = 3_600


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Return the names of all time zones, UTC first."""
    names = {
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    }
    return ("UTC", *sorted(names))


def is_zone(name: str) -> bool:
    return name == "UTC" or name in available_timezones()


def offset_of(when: datetime) -> str:
    """Return the offset of a local time: UTC+2 or UTC+5:45."""
    offset = when.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    if not minutes:
        return "UTC"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")


def clock(when: datetime, *, seconds: bool = False) -> str:
    return f"{when:%H:%M:%S}" if seconds else f"{when:%H:%M}"


def length(seconds: int) -> str:
    """Return a duration: 45 s, 12 min, 1 h 05."""
    if seconds < _MINUTE_S:
        return f"{max(0, seconds)} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S:02}"


def ticking(seconds: int) -> str:
    """Return a duration that is updated every second: 0:45, 12:05, 1:05:09."""
    seconds = max(0, seconds)
    minutes = f"{seconds // 60 % 60}:{seconds % 60:02}"
    return minutes if seconds < _HOUR_S else f"{seconds // _HOUR_S}:{minutes:0>5}"


def rule_length(ms: Ms) -> str:
    """Return the duration of a rule: 0.2 s, 10 s, 10 min, 2 h."""
    for unit, name in ((3_600_000, "h"), (60_000, "min")):
        if ms >= unit and not ms % unit:
            return f"{ms // unit} {name}"
    return f"{ms / 1_000:g} s"

"""Time zones: names and offsets, local times, and the starts of hours, days and months.

A day is one of the zone's calendar: it has 23 or 25 hours when clocks change, and does not exist where the calendar
skips it. Times are ms; all periods of this century start on a quarter of an hour of UTC.

Responsible for the calendar. Must not know what happened in a period.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.timestamps import format_datetime

EARLIEST: Final[Ms] = 946_598_400_000  # 1999-12-31, so that 2000 begins in every zone
LATEST: Final[Ms] = 4_102_531_200_000  # 2100-01-02
MAX_PERIODS: Final = 10_000
_HOUR_MS: Final[Ms] = 3_600_000
_QUARTER_MS: Final[Ms] = 900_000
_ABOUT_MS: Final[dict[str, Ms]] = {"hour": _HOUR_MS, "day": 24 * _HOUR_MS, "month": 30 * 24 * _HOUR_MS}


def parse_calendar_zone(name: str) -> tzinfo:
    """Return the zone of a name, or of an offset in quarters of an hour. Raises `BadInput` with similar names."""
    if name.startswith(("+", "-")):
        zone = parse_zone(name)
        offset = zone.utcoffset(None) or timedelta()
        if offset % timedelta(minutes=15):
            raise BadInput(f"an offset must be a multiple of 15 minutes, like +05:45, not {name}")
        return zone
    if name not in _names():
        similar = get_close_matches(name, _names(), n=3, cutoff=0.5) or [
            "Europe/Berlin",
            "America/New_York",
            "UTC",
        ]
        raise BadInput(
            f"no zone is called '{name[:50]}': give a name of the IANA database, like {', '.join(similar)},"
            " or an offset like +02:00"
        )
    return parse_zone(name)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"}) | {"UTC"}


def start_of_day(day: date, zone: tzinfo) -> Ms:
    """Return the start of a day, or of the next one if the zone skipped the day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return round(midnight.astimezone(UTC).timestamp()) * 1_000


def boundaries(group: str, first: Ms, until: Ms, zone: tzinfo) -> list[Ms]:
    """Return the starts of the hours, days or months that overlap [first, until), and the end of the last.

    Raises `BadInput` if there are too many.
    """
    if (until - first) // _ABOUT_MS[group] > 2 * MAX_PERIODS:
        raise _too_many_periods(group)
    found = _candidates(group, first, until, zone)
    begin = max((n for n, at in enumerate(found) if at <= first), default=0)
    end = next(n for n, at in enumerate(found) if at >= until)
    chosen = found[begin : max(end, begin + 1) + 1]
    if len(chosen) - 1 > MAX_PERIODS:
        raise _too_many_periods(group)
    return chosen


def _candidates(group: str, first: Ms, until: Ms, zone: tzinfo) -> list[Ms]:
    """Return the starts of periods from before `first` to after `until`, without duplicates."""
    day = datetime.fromtimestamp(first / 1_000, zone).date() - timedelta(days=1)
    days: list[Ms] = []
    if group == "month":
        day = day.replace(day=1)
    while len(days) < 3 or days[-1] < until:
        days.append(start_of_day(day, zone))
        day = (
            (day.replace(day=28) + timedelta(days=4)).replace(day=1)
            if group == "month"
            else day + timedelta(days=1)
        )
    days.append(start_of_day(day, zone))
    unique = sorted(set(days))
    if group != "hour":
        return unique
    hours = [
        hour for start, end in zip(unique, unique[1:], strict=False) for hour in _hours(start, end, zone)
    ]
    return [*hours, unique[-1]]


def _hours(start: Ms, end: Ms, zone: tzinfo) -> list[Ms]:
    """Return the times of a day at which a new hour starts on its clocks."""
    if _offset(start, zone) == _offset(end - 1, zone) and start % _HOUR_MS == end % _HOUR_MS:
        return list(range(start, end, _HOUR_MS))
    later = range(start + _QUARTER_MS, end, _QUARTER_MS)
    return [start, *(at for at in later if datetime.fromtimestamp(at / 1_000, zone).minute == 0)]


def _offset(at: Ms, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(at / 1_000, zone).utcoffset()


def _too_many_periods(group: str) -> BadInput:
    return BadInput(
        f'from "from" to "to" are more than {MAX_PERIODS:,} {group}s: ask for less at once, or by longer periods'
    )


def format_local(at: Ms, zone: tzinfo) -> str:
    """Return a time as local time of the zone with its offset, or `Z`, in whole seconds."""
    return format_datetime(datetime.fromtimestamp(at // 1_000, zone), "seconds")


_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_zone(name: str) -> tzinfo:
    """Return the zone of a name, like Europe/Berlin, or of an offset, like +02:00. Raises `BadInput`."""
    offset = _OFFSET.fullmatch(name)
    if offset is not None and int(offset[2]) < 24 and int(offset[3]) < 60:
        east = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(east if offset[1] == "+" else -east)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(
            f"no zone is called '{name[:50]}': give one like Europe/Berlin, UTC, or an offset like +02:00"
        ) from error


_ZONE_LABEL: Final = (
    r"(?:UTC|GMT)? ?[+\u2212-]\d{1,2}(?::?\d\d)?|UTC|GMT|Z|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+"
)
_ZONE_AT_END: Final = re.compile(
    rf"(?P<rest>.*?) ?[(\[] ?(?P<bracketed>{_ZONE_LABEL}) ?[)\]]"
    r"|(?P<before>.*(?:^| ))(?P<plain>(?:UTC|GMT)(?: ?[+\u2212-]\d{1,2}(?::?\d\d)?)?|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)"
    r"|(?P<time>.*(?::\d\d(?:\.\d+)?|m\.?)|) ?(?P<offset>Z|[+\u2212-]\d\d(?::?\d\d)?)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_OFFSET_LABEL: Final = re.compile(r"(?:UTC|GMT)? ?([+\u2212-])(\d{1,2}):?(\d\d)?", re.ASCII | re.IGNORECASE)
_MAX_OFFSET: Final = timedelta(hours=14)


def split_zone(text: str) -> tuple[str, str]:
    """Return a text without the time zone at its end, and the name of the zone for `parse_zone`, or ''.

    Zones are UTC, GMT, Z, offsets like GMT+2 and +05:30, and names like Europe/Berlin. They may be in brackets.
    """
    found = _ZONE_AT_END.fullmatch(text)
    if found is None:
        return text, ""
    rest = next(found[part] for part in ("rest", "before", "time") if found[part] is not None)
    label = next(found[part] for part in ("bracketed", "plain", "offset") if found[part] is not None)
    zone = _zone_of_label(label)
    return (rest.rstrip(), zone) if zone else (text, "")


def _zone_of_label(label: str) -> str:
    if label.upper() in {"UTC", "GMT", "Z"}:
        return "UTC"
    offset = _OFFSET_LABEL.fullmatch(label)
    if offset is None:
        return label if is_zone(label) else ""
    hours, minutes = int(offset[2]), int(offset[3] or 0)
    if timedelta(hours=hours, minutes=minutes) > _MAX_OFFSET or minutes > 59:
        return ""
    return f"{'+' if offset[1] == '+' else '-'}{hours:02}:{minutes:02}"


def instants_of(local: datetime, zone: tzinfo) -> Sequence[Ms]:
    """Return the times at which clocks of the zone showed a local time: one, none, or two, the earlier first."""
    found = {
        instant.astimezone(UTC)
        for instant in (local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1))
        if instant.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    }
    return [(at - _EPOCH) // _MILLISECOND for at in sorted(found)]


def zone_name(zone: tzinfo) -> str:
    """Return the name of a zone, or its offset as `parse_zone` takes it."""
    return str(zone).removeprefix("UTC") or "UTC"


def is_zone(name: str) -> bool:
    """Return whether a time zone has this name."""
    return name in _names()


@cache
def zone_names() -> Sequence[str]:
    """Return the names of all zones of a place, UTC first."""
    return (
        "UTC",
        *sorted(name for name in _names() if "/" in name and not name.startswith(("Etc/", "SystemV/"))),
    )


def utc_offset(when: datetime) -> str:
    """Return the offset of a local time: UTC, UTC+2 or UTC+5:45."""
    minutes = round((when.utcoffset() or timedelta()).total_seconds() / 60)
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    if not minutes:
        return "UTC"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")

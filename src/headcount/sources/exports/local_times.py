"""Written: times as people and portals write them, without saying where, nor which number is the day.

"03/04/2026 09:00:15 AM" is in March or in April. A file says which if any of its dates fits only one way; if none
does, the operator has to. "03.04.2026", "2026-04-03" and "Apr 3, 2026" are plain.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.exports.api import ExportOptions
from headcount.timezones import moments_of

_WRITTEN: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<mark>[./-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})(?:T|,? +)"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d))?(?: ?(?P<half>[ap])\.? ?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED: Final = re.compile(
    rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    re.ASCII | re.IGNORECASE,
)
_ZONED: Final = re.compile(r".*\d(?:Z|[+-]\d\d:?\d\d)", re.ASCII | re.IGNORECASE)
_CENTURY: Final = 2_000


class Time(NamedTuple):
    """A time as it is written: the three numbers of its date in their order, and the clock."""

    text: str
    a: int
    b: int
    c: int
    mark: str
    hour: int
    minute: int
    second: int

    @property
    def is_plain(self) -> bool:
        """Whether the order of its date is beyond doubt."""
        return self.mark == "." or self.a > 31

    def shown(self, *, day_first: bool) -> datetime:
        """What clocks showed. Raises `BadInput` if there is no such day."""
        if self.a > 31:
            year, month, day = self.a, self.b, self.c
        elif day_first or self.mark == ".":
            day, month, year = self.a, self.b, self.c
        else:
            month, day, year = self.a, self.b, self.c
        try:
            return datetime(  # noqa: DTZ001 - its zone is what we are asked for
                year if year > 99 else year + _CENTURY, month, day, self.hour, self.minute, self.second
            )
        except ValueError as error:
            raise BadInput(f"'{self.text}' is no time: {error}") from error


def parse_local_time(text: str) -> Time | Ms:
    """A time as it is written; the moment itself, if it says its zone. Raises `BadInput`."""
    if _ZONED.fullmatch(text):
        return fields.ms_from_rfc3339(text, "the time")
    found = _WRITTEN.fullmatch(_NAMED.sub(_in_numbers, text))
    if found is None:
        raise BadInput(
            f"'{text[:50]}' is no time that we read: it should be like 2026-03-31 09:00:15, 03/31/2026 09:00:15 AM"
            " or 31.03.2026 09:00:15"
        )
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise BadInput(f"'{text[:50]}' is no time: there is no {hour} {half}m")
        hour = hour % 12 + (12 if half == "p" else 0)
    second = int(found["second"] or 0)
    return Time(
        text,
        int(found["a"]),
        int(found["b"]),
        int(found["c"]),
        found["mark"],
        hour,
        int(found["minute"]),
        second,
    )


def _in_numbers(date: re.Match[str]) -> str:
    """A date whose month has a name, in numbers."""
    return f"{date['year']}-{_MONTHS.index(date['month'].lower()) + 1:02}-{date['day']}"


class Clock(NamedTuple):
    """How the times of one file are to be read."""

    zone: tzinfo
    day_first: bool

    def moments(self, time: Time | Ms) -> list[Ms]:
        """The moments that a time can mean: one, or two while clocks were set back.

        Raises `BadInput` if there is none.
        """
        if isinstance(time, int):
            return [time]
        found = moments_of(time.shown(day_first=self.day_first), self.zone)
        if not found:
            raise BadInput(
                f"'{time.text}' was never shown by clocks in {self.zone}, which were set forward then: is the zone right?"
            )
        return [fields.valid_ms(moment, f"'{time.text}'") for moment in found]


def infer_clock(times: Iterable[Time | Ms], options: ExportOptions) -> Clock:
    """How the times of a file are to be read, judged by all of them. Raises `BadInput` if they leave it open."""
    written = [time for time in times if isinstance(time, Time)]
    if written and options.timezone is None:
        raise BadInput(
            f"has times without a zone, like '{written[0].text}': say where clocks showed them, like --zone Europe/Berlin"
        )
    return Clock(
        options.timezone or UTC, _is_day_first([time for time in written if not time.is_plain], options)
    )


def _is_day_first(in_doubt: Sequence[Time], options: ExportOptions) -> bool:
    day_first = any(time.a > 12 >= time.b for time in in_doubt)
    month_first = any(time.b > 12 >= time.a for time in in_doubt)
    if day_first and month_first:
        raise BadInput(
            "has dates with the day first and dates with the month first: it is put together of two"
        )
    if day_first or month_first:
        return day_first
    open_still = next((time for time in in_doubt if time.a != time.b), None)
    if open_still is not None and options.day_first is None:
        raise BadInput(
            f"leaves open which number of '{open_still.text}' is the day: say --dates day-first or --dates month-first"
        )
    return bool(options.day_first)

"""Local times of reports: mostly without a time zone, and without the order of day and month.

A zone is in the time itself, in the title of its column, or in a line of the report; otherwise the operator names it.

"03/04/2026 09:00:15 AM" is in March or in April. A file reveals which if any of its dates is valid only one way, first those
of its rows, then all others. If none is, the operator has to decide. "03.04.2026", "2026-04-03" and "Apr 3, 2026" are unambiguous.
Dates are in numbers, in the digits and with the words of many languages, or with an English name of the month.
Must not know the formats of the vendors.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.exports.api import ExportOptions
from headcount.sources.exports.time_words import PlainTime, plain_text, without_words
from headcount.timezones import instants_of, parse_zone, split_zone, zone_name

_DATE: Final = r"(?P<a>\d{1,4}) ?(?P<mark>[./-]) ?(?P<b>\d{1,2}) ?(?P=mark) ?(?P<c>\d{1,4})(?P<dot>\.?)"
_CLOCK: Final = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?)?"
)
_DATE_FIRST: Final = re.compile(rf"{_DATE}[ ,-]*[ ,](?P<bracket>\(?){_CLOCK}\)?", re.ASCII)
_CLOCK_FIRST: Final = re.compile(rf"(?=\d+:){_CLOCK}[ ,]+(?P<bracket>){_DATE}", re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?"
)
_DATES_WITH_MONTH_NAME: Final = (
    re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})", re.ASCII | re.IGNORECASE),
    re.compile(rf"\b(?P<day>\d{{1,2}})[ -]{_MONTH}[ ,-] ?(?P<year>\d{{4}})", re.ASCII | re.IGNORECASE),
)
_FOUR_NUMBERS: Final = re.compile(r"\d\D+\d+\D+\d+\D+\d")  # spares nearly all cells that are no times
_DEVANAGARI: Final = re.compile("[\u0966-\u096f]")
_BUDDHIST_YEARS: Final = range(2500, 2700)
_BUDDHIST_ERA: Final = 543
_EXPECTED: Final = (
    "expected a time like 2026-03-31 09:00:15, 03/31/2026 09:00:15 AM or 31.03.2026 09:00:15,"
    " with the month in numbers or in English, got"
)


class LocalTime(NamedTuple):
    """A time as it is written: the three numbers of its date in their order, the time of day, and its zone if it has one.

    `order` is dmy or ymd where it is certain; None is dmy or mdy.
    """

    text: str
    a: int
    b: int
    c: int
    order: str | None
    hour: int
    minute: int
    second: int
    millisecond: int = 0
    zone: tzinfo | None = None

    def to_datetime(self, *, day_first: bool) -> datetime:
        """Return the naive local time. Raise `BadInput` if there is no such day."""
        order = self.order or ("dmy" if day_first else "mdy")
        numbers = dict(zip(order, (self.a, self.b, self.c), strict=True))
        try:
            return datetime(  # noqa: DTZ001 - its time zone is applied later
                self._year(numbers["y"]),
                numbers["m"],
                numbers["d"],
                self.hour,
                self.minute,
                self.second,
                self.millisecond * 1_000,
            )
        except ValueError as error:
            raise BadInput(f"'{self.text}' is not a time: {error}") from error

    def _year(self, written: int) -> int:
        """Return the Gregorian year. A year of two digits above 56 is Buddhist: 69 is 2569, which is 2026."""
        year = written if written > 99 else written + (2_000 if written < 57 else 2_500)
        year = year - _BUDDHIST_ERA if year in _BUDDHIST_YEARS else year
        if not 2_000 <= year < 2_100:
            raise BadInput(
                f"'{self.text}' has the year {written}, which is neither Gregorian nor Buddhist between 2000 and 2100."
                " Download the report with Gregorian dates"
            )
        return year


def with_zone(cell: str, title: str) -> str:
    """Return a time with the zone that the title of its column names, unless the cell names one or is no time."""
    zone = split_zone(title)[1]
    if not zone or split_zone(cell)[1] or not any(character.isdigit() for character in cell):
        return cell
    return f"{cell} UTC{zone}" if zone.startswith(("+", "-")) else f"{cell} {zone}"


def parse_local_time(text: str) -> LocalTime:
    """Return a time as it is written. Raise `BadInput`."""
    local, zone = split_zone(plain_text(text))
    for date in _DATES_WITH_MONTH_NAME:
        local = date.sub(_date_in_numbers, local)
    plain = without_words(local)
    found = plain and (_DATE_FIRST.fullmatch(plain.numbers) or _CLOCK_FIRST.fullmatch(plain.numbers))
    if not plain or not found:
        raise BadInput(f"{_EXPECTED} '{text[:50]}'")
    return LocalTime(
        text,
        int(found["a"]),
        int(found["b"]),
        int(found["c"]),
        _order(text, plain, found),
        _hour(text, plain, int(found["hour"])),
        int(found["minute"]),
        int(found["second"] or 0),
        int((found["fraction"] or "0")[:3].ljust(3, "0")),
        zone=parse_zone(zone) if zone else None,
    )


def _date_in_numbers(date: re.Match[str]) -> str:
    """Return a date with the name of a month as numbers."""
    return f"{date['year']}-{_MONTHS.index(date['month'].lower()) + 1:02}-{date['day']}"


def _order(text: str, plain: PlainTime, found: re.Match[str]) -> str | None:
    """Return the order of the date, or None if the day or the month is first. Raise `BadInput` if the year may be first."""
    if len(found["a"]) > 2 or int(found["a"]) > 31 or plain.is_year_first:
        return "ymd"
    if len(found["c"]) < 3:
        is_basque, is_korean = bool(found["bracket"]), plain.is_half_first and bool(found["dot"])
        if is_basque or is_korean:
            return "ymd"
        is_marathi = plain.half in {"am", "pm"}
        if found["dot"] or (_DEVANAGARI.search(text) and not is_marathi):
            raise BadInput(
                f"'{text[:50]}' has its year first in some languages, and last in others. Download the report in English"
            )
    return "dmy" if found["mark"] == "." or int(found["c"]) in _BUDDHIST_YEARS else None


def _hour(text: str, plain: PlainTime, hour: int) -> int:
    """Return the hour of 24. Raise `BadInput` for an hour that the half of the day does not have."""
    if not plain.half:
        return hour
    hours = {hour % 12, hour % 12 + 12}.intersection(plain.hours)
    if hour > 12 or len(hours) != 1:
        raise BadInput(f"'{text[:50]}' is not a time: there is no {hour} {plain.half}")
    return hours.pop()


class TimeReader(NamedTuple):
    """Conversion of the times of one file: its time zone, and the order of day and month."""

    timezone: tzinfo
    day_first: bool

    def candidates(self, time: LocalTime) -> list[Ms]:
        """Return the moments that a time can mean: one, or two when clocks were set back.

        Raise `BadInput` if there is none.
        """
        zone = time.zone or self.timezone
        found = instants_of(time.to_datetime(day_first=self.day_first), zone)
        if not found:
            raise BadInput(
                f"'{time.text}' does not exist in {zone}, because clocks were set forward. Check the time zone"
            )
        return [fields.valid_ms(at, f"'{time.text}'") for at in found]


def time_reader(
    times: Iterable[LocalTime], options: ExportOptions, other_cells: Iterable[str] = ()
) -> TimeReader:
    """Return the conversion that fits all times of a file.

    If the times leave the order of day and month open, any other cell of the file that is a time decides.
    Raise `BadInput` if they are ambiguous, or if the operator's zone contradicts that of every time.
    """
    times = list(times)
    local = [time for time in times if time.zone is None]
    if local and options.timezone is None:
        raise BadInput(
            f"its times have no time zone, such as '{local[0].text}'. Name the time zone, such as --timezone Europe/Berlin"
        )
    ambiguous = [time for time in times if time.order is None]
    reader = TimeReader(options.timezone or UTC, _is_day_first(ambiguous, other_cells, options))
    if not local and options.timezone is not None:
        _require_same_zone(times, reader)
    return reader


def _require_same_zone(times: Iterable[LocalTime], reader: TimeReader) -> None:
    """Raise `BadInput` for a time that means another moment in the operator's zone than in its own."""
    for time in times:
        local = time.to_datetime(day_first=reader.day_first)
        if time.zone and not set(instants_of(local, time.zone)) <= set(instants_of(local, reader.timezone)):
            raise BadInput(
                f"its times have a time zone, such as '{time.text}', which contradicts --timezone {zone_name(reader.timezone)}."
                " Omit --timezone"
            )


def _is_day_first(ambiguous: Sequence[LocalTime], other_cells: Iterable[str], options: ExportOptions) -> bool:
    orders = _orders(ambiguous)
    if len(orders) > 1:
        raise BadInput(
            "some dates have the day first, others the month first. Import the two parts separately"
        )
    undecided = next((time for time in ambiguous if time.a != time.b), None)
    if undecided is not None and not orders:
        orders = _orders(_local_times(other_cells))
    if len(orders) == 1:
        return orders.pop()
    if undecided is not None and options.day_first is None:
        raise BadInput(
            f"'{undecided.text}' is ambiguous. Set the order with --date-order dmy or --date-order mdy"
        )
    return bool(options.day_first)


def _orders(times: Iterable[LocalTime]) -> set[bool]:
    """Return what the times reveal: True if one has the day first, False if one has the month first."""
    ambiguous = [time for time in times if time.order is None]
    return {time.a > time.b for time in ambiguous if min(time.a, time.b) <= 12 < max(time.a, time.b)}


def is_local_time(cell: str) -> bool:
    """Return whether a cell is a time with its date."""
    return any(True for _ in _local_times([cell]))


def _local_times(cells: Iterable[str]) -> Iterator[LocalTime]:
    for cell in filter(_FOUR_NUMBERS.search, cells):
        with suppress(BadInput):
            yield parse_local_time(cell)

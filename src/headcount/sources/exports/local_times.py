"""Local times of reports: mostly without a time zone, and without the order of day and month.

A zone is in the time itself, in the title of its column, or in a line of the report; otherwise the operator names it.

"03/04/2026 09:00:15 AM" is in March or in April. A file reveals which if any of its dates is valid only one way, first those
of its rows, then all others. If none is, the operator has to decide. "03.04.2026", "2026-04-03" and "Apr 3, 2026" are unambiguous.
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
from headcount.timezones import instants_of, parse_zone, split_zone, zone_name

_LOCAL_TIME: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<mark>[./-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})(?:T|,? +)"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?(?: ?(?P<half>[ap])\.? ?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE_WITH_MONTH_NAME: Final = re.compile(
    rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    re.ASCII | re.IGNORECASE,
)
_CENTURY: Final = 2_000


class LocalTime(NamedTuple):
    """A time as it is written: the three numbers of its date in their order, the time of day, and its zone if it has one."""

    text: str
    a: int
    b: int
    c: int
    mark: str
    hour: int
    minute: int
    second: int
    millisecond: int = 0
    has_seconds: bool = True
    zone: tzinfo | None = None

    @property
    def is_unambiguous(self) -> bool:
        """True if the order of the date is certain."""
        return self.mark == "." or self.a > 31

    def to_datetime(self, *, day_first: bool) -> datetime:
        """Return the naive local time. Raise `BadInput` if there is no such day."""
        if self.a > 31:
            year, month, day = self.a, self.b, self.c
        elif day_first or self.mark == ".":
            day, month, year = self.a, self.b, self.c
        else:
            month, day, year = self.a, self.b, self.c
        try:
            return datetime(  # noqa: DTZ001 - its time zone is applied later
                year if year > 99 else year + _CENTURY,
                month,
                day,
                self.hour,
                self.minute,
                self.second,
                self.millisecond * 1_000,
            )
        except ValueError as error:
            raise BadInput(f"'{self.text}' is not a time: {error}") from error


def with_zone(cell: str, title: str) -> str:
    """Return a time with the zone that the title of its column names, unless the cell names one or is no time."""
    zone = split_zone(title)[1]
    if not zone or split_zone(cell)[1] or not any(character.isdigit() for character in cell):
        return cell
    return f"{cell} UTC{zone}" if zone.startswith(("+", "-")) else f"{cell} {zone}"


def parse_local_time(text: str) -> LocalTime:
    """Return a time as it is written. Raise `BadInput`."""
    local, zone = split_zone(text)
    found = _LOCAL_TIME.fullmatch(_DATE_WITH_MONTH_NAME.sub(_date_in_numbers, local))
    if found is None:
        raise BadInput(
            f"expected a time like 2026-03-31 09:00:15, 03/31/2026 09:00:15 AM or 31.03.2026 09:00:15, got '{text[:50]}'"
        )
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise BadInput(f"'{text[:50]}' is not a time: there is no {hour} {half}m")
        hour = hour % 12 + (12 if half == "p" else 0)
    return LocalTime(
        text,
        int(found["a"]),
        int(found["b"]),
        int(found["c"]),
        found["mark"],
        hour,
        int(found["minute"]),
        int(found["second"] or 0),
        int((found["fraction"] or "0")[:3].ljust(3, "0")),
        has_seconds=found["second"] is not None,
        zone=parse_zone(zone) if zone else None,
    )


def _date_in_numbers(date: re.Match[str]) -> str:
    """Return a date with the name of a month as numbers."""
    return f"{date['year']}-{_MONTHS.index(date['month'].lower()) + 1:02}-{date['day']}"


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
    ambiguous = [time for time in times if not time.is_unambiguous]
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
    ambiguous = [time for time in times if not time.is_unambiguous]
    return {time.a > time.b for time in ambiguous if min(time.a, time.b) <= 12 < max(time.a, time.b)}


def _local_times(cells: Iterable[str]) -> Iterator[LocalTime]:
    for cell in cells:
        with suppress(BadInput):
            yield parse_local_time(cell)

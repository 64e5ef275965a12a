"""Date ranges of pages: named ones like the last 7 days, and custom ones from the address.

Responsible for the days of each range in the time zone of the page. Must not know what happens on these days.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple, Self

from headcount.dashboard.pages import query
from headcount.dashboard.renderer import TEXTS, View
from headcount.dashboard.sanitize import local
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.store.meeting_lists import MeetingFilter, Page

CUSTOM: Final = "custom"
_YESTERDAY: Final = timedelta(days=1)


class DateRange(NamedTuple):
    """The days from `first` to `last`, both included; None has no bound. `name` is `CUSTOM` or a key of `_RANGES`."""

    name: str
    first: date | None
    last: date | None

    def within_data(self, first_day: date | None) -> Self:
        """Return the range without the days before the first one with data. A custom range does not change."""
        is_earlier = self.last is not None and first_day is not None and first_day > self.last
        if self.name == CUSTOM or first_day is None or is_earlier:
            return self
        return self._replace(first=first_day if self.first is None else max(self.first, first_day))

    @property
    def text(self) -> str:
        """The days in words, empty without any bound."""
        first, last = self.first, self.last
        if first is None or last is None:
            after = TEXTS("range.from", day=_day_text(first)) if first else ""
            return TEXTS("range.until", day=_day_text(last)) if last else after
        if first == last:
            return _day_text(first)
        start = _day_text(first) if first.year != last.year else f"{first.day} {first:%b}"
        if (first.year, first.month) == (last.year, last.month):
            start = str(first.day)
        return f"{start} \N{EN DASH} {_day_text(last)}"


def _day_text(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _last_days(number: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (today - timedelta(days=number - 1), today)


def _last_month(today: date) -> tuple[date, date]:
    end = today.replace(day=1) - _YESTERDAY
    return end.replace(day=1), end


_RANGES: Final[Mapping[str, Callable[[date], tuple[date | None, date | None]]]] = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - _YESTERDAY, today - _YESTERDAY),
    "7d": _last_days(7),
    "30d": _last_days(30),
    "month": lambda today: (today.replace(day=1), today),
    "last_month": _last_month,
    "12m": _last_days(365),
    "all": lambda _: (None, None),
}


def of_address(params: Mapping[str, str], view: View, default: str) -> DateRange:
    """Return the days `from` and `to` of the address if it has any, else the range that it names. Raise `BadInput`."""
    first, last = query.day(params, "from"), query.day(params, "to")
    if first is not None and last is not None and last < first:
        raise BadInput(TEXTS("query.day_order", first=first, last=last))
    if first is not None or last is not None:
        return DateRange(CUSTOM, first, last)
    name = query.choice(params, "range", (default, *_RANGES))
    return DateRange(name, *_RANGES[name](local(view.now, view.zone).date()))


def first_day_of_data(view: View) -> date | None:
    """Return the day of the first meeting of the domain, None without any. It reads the store."""
    first = view.context.store.meetings.page(view.domain, MeetingFilter(), Page(1, ascending=True), view.now)
    return local(first[0].start, view.zone).date() if first else None


def start_ms(days: DateRange, view: View) -> Ms | None:
    """Return when the range starts, None without a bound."""
    return None if days.first is None else query.start_of(days.first, view.zone)


def end_ms(days: DateRange, view: View) -> Ms | None:
    """Return when the range ends (exclusive), None without a bound."""
    return None if days.last is None else query.end_of(days.last, view.zone)

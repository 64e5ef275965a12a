"""Display formats of pages, charts and downloads: durations, numbers, times, and names of people.

Responsible for showing the same thing in the same way everywhere. The time zone of a page is shown on it, so a time is
shown without it. Must not know where something is shown, so it escapes nothing.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final, Protocol

from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.units import format_duration

ONGOING: Final = "ongoing"
"""The end of a span that has none yet."""
_ID_LENGTH: Final = 6


def duration(ms: Ms) -> str:
    """Return a duration with its two largest units: 16s, 35m 25s, 16m, 1h 50m, 1d 23h. Negative ones are 0s."""
    return format_duration(ms)


def age(ms: Ms) -> str:
    """Return how long ago something was, with its largest unit: 16s, 35m, 23h, 3d."""
    return format_duration(ms).partition(" ")[0]


def number(value: float) -> str:
    """Return a number with commas between thousands, and one decimal if it is not whole: 130,999 or 2.5."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.1f}"


def percent(ratio: float) -> str:
    """Return a ratio as a whole percentage: 75%. Only all of it is 100%, and only none of it 0%."""
    if 0 < ratio < 1:
        return f"{min(99, max(1, round(ratio * 100)))}%"
    return f"{round(ratio * 100)}%"


def clock(when: datetime, *, seconds: bool = False) -> str:
    """Return a local time of day: 08:59 or 08:59:58."""
    return f"{when:%H:%M:%S}" if seconds else f"{when:%H:%M}"


def span(start: Ms, end: Ms | None, zone: tzinfo, *, seconds: bool = False, year: bool = False) -> str:
    """Return a span of time with the second date if the days differ: Fri 27 Nov 08:59 – Sun 29 Nov 08:05.

    The years are shown if `year` is set or if they differ. Without an end, the span is ongoing.
    """
    first = local(start, zone)
    last = first if end is None else local(end, zone)
    has_year = year or first.year != last.year
    begin = f"{_date(first, has_year=has_year)} {clock(first, seconds=seconds)}"
    if end is None:
        return f"{begin} – {ONGOING}"
    date = "" if first.date() == last.date() else f"{_date(last, has_year=has_year)} "
    return f"{begin} – {date}{clock(last, seconds=seconds)}"


def _date(when: datetime, *, has_year: bool) -> str:
    return f"{when:%a} {when.day} {when:%b}" + (f" {when.year}" if has_year else "")


class Named(Protocol):
    """A person, or a stay or entry of one."""

    @property
    def participant_id(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def user_name(self) -> str | None: ...


def display_name(user_name: str | None, user_id: str | None, participant_id: str) -> str:
    """Return the name of a person, else the user id, else `Guest · 34787d` with the end of the participant id."""
    return user_name or user_id or f"Guest · {participant_id[-_ID_LENGTH:]}"


def name_of(person: Named) -> str:
    """Return the display name of a person."""
    return display_name(person.user_name, person.user_id, person.participant_id)


def names_of(people: Iterable[Named]) -> list[str]:
    """Return the name of each person once, whatever the number of connections, in alphabetical order."""
    names = {person.user_id or person.participant_id: name_of(person) for person in people}
    return sorted(names.values(), key=str.casefold)

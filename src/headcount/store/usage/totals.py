"""Totals: the usage of a quarter, a room or a value of an attribute, as answers have it.

Responsible for adding usage up. Must not know the database.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from headcount.kernel.events import Ms
from headcount.store.usage.quarters import QUARTER_MS, Quarter


class QuarterUsage(NamedTuple):
    """Meetings that started in a quarter, ms of all participants, peak participants and when they were first reached."""

    meetings: int
    participant_ms: Ms
    peak: int
    peak_at: Ms


QuarterUsages = dict[int, QuarterUsage]
"""The usage of quarters by their number."""


class RoomUsage(NamedTuple):
    """The usage of a room: meetings that started, ms of all participants, and peak participants."""

    room: str
    meetings: int
    participant_ms: Ms
    peak: int

    def plus(self, other: Self) -> "RoomUsage":
        """Return the usage in two times that do not overlap."""
        return RoomUsage(
            self.room,
            self.meetings + other.meetings,
            self.participant_ms + other.participant_ms,
            max(self.peak, other.peak),
        )


class ValueUsage(NamedTuple):
    """The usage of those with a value of an attribute; the value is None for those without the attribute.

    `meetings` have started and had one of them. `peak` is their peak number and `peak_at` when it was first reached.
    """

    value: str | None
    meetings: int
    participant_ms: Ms
    peak: int
    peak_at: Ms

    def plus(self, other: Self) -> "ValueUsage":
        """Return the usage in two times that do not overlap."""
        highest = max(self, other, key=lambda one: (one.peak, -one.peak_at))
        return ValueUsage(
            self.value,
            self.meetings + other.meetings,
            self.participant_ms + other.participant_ms,
            highest.peak,
            highest.peak_at,
        )


def usage_of(number: int, meetings: int, participant_ms: Ms, peak: int, peak_offset: Ms) -> QuarterUsage:
    """Return the usage of a quarter, from its columns in a table."""
    return QuarterUsage(meetings, participant_ms, peak, number * QUARTER_MS + peak_offset)


def usages_of(quarters: Mapping[int, Quarter]) -> QuarterUsages:
    """Return the usage of the quarters with any."""
    return {
        number: usage_of(number, one.meetings, one.participant_ms, *one.peak)
        for number, one in quarters.items()
        if one != Quarter()
    }


def total_of_room(room: str, quarters: Iterable[QuarterUsage]) -> RoomUsage:
    """Return the usage of a room in all quarters, one at least."""
    meetings, times, peaks, _ = zip(*quarters, strict=True)
    return RoomUsage(room, sum(meetings), sum(times), max(peaks))


def total_of_value(value: str | None, quarters: Iterable[QuarterUsage]) -> ValueUsage:
    """Return the usage of a value in all quarters, one at least."""
    meetings, times, peaks, peaks_at = zip(*quarters, strict=True)
    peak, at = max(zip(peaks, (-at for at in peaks_at), strict=True))
    return ValueUsage(value, sum(meetings), sum(times), peak, -at)

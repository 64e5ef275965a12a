"""Quarters: how much was met in each quarter of an hour (UTC), in numbers that can be added up.

The offset of every zone since 2000 is a multiple of a quarter of an hour, so hours, days and months of any zone are made
of whole quarters. What somebody's time in a meeting comes to in a quarter depends on that quarter alone: how
many were in as it began, and who came and went in it. So a correction changes no quarter that it does not touch.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from headcount.intervals import Interval
from headcount.kernel.events import Ms

QUARTER_MS: Final[Ms] = 900_000

Steps = tuple[tuple[Ms, int], ...]
"""Changes of the head count: how far into the quarter, and by how many; in order, one for each moment."""
SCALES: Final = (30 * 96, 96, 1)
"""In how many quarters together each room is summed up."""
_STEPS: Final = msgspec.json.Decoder(Steps)
_encode: Final = msgspec.json.Encoder().encode


class Quarter(NamedTuple):
    """What was met in a quarter: how many meetings began, the ms of all people, who was in before, the steps after."""

    meetings: int = 0
    time: Ms = 0
    before: int = 0
    steps: Steps = ()

    @property
    def most(self) -> tuple[int, Ms]:
        """The largest head count, and how far into the quarter it was first reached."""
        most, at, count = self.before, 0, self.before
        for moment, change in self.steps:
            count += change
            if count > most:
                most, at = count, moment
        return most, at


ByNumber = dict[int, Quarter]
"""Quarters by their number."""


class _Growing:
    """A quarter that is not complete yet."""

    __slots__ = ("before", "meetings", "steps", "time")

    def __init__(self) -> None:
        self.meetings = self.time = self.before = 0
        self.steps: dict[Ms, int] = {}

    def step(self, moment: Ms, change: int) -> None:
        self.steps[moment] = self.steps.get(moment, 0) + change

    def done(self) -> Quarter:
        steps = tuple((moment, change) for moment, change in sorted(self.steps.items()) if change)
        return Quarter(self.meetings, self.time, self.before, steps)


def quarters_of(
    starts: Iterable[Ms], spans: Iterable[Interval], first: int, until: int
) -> dict[int, Quarter]:
    """The quarters from `first` up to `until` in which something was, by their number.

    `starts` are those of meetings, `spans` the times of people in them.
    """
    found: dict[int, _Growing] = {}

    def of(number: int) -> _Growing:
        growing = found.get(number)
        if growing is None:
            growing = found[number] = _Growing()
        return growing

    for start in starts:
        if first <= start // QUARTER_MS < until:
            of(start // QUARTER_MS).meetings += 1
    for join, leave in spans:
        for number in range(max(first, join // QUARTER_MS), min(until, -(-leave // QUARTER_MS))):
            _add(of(number), join - number * QUARTER_MS, leave - number * QUARTER_MS)
    return {number: growing.done() for number, growing in found.items()}


def _add(quarter: _Growing, join: Ms, leave: Ms) -> None:
    """Somebody's time, as seen from the beginning of the quarter."""
    quarter.time += min(leave, QUARTER_MS) - max(join, 0)
    if join < 0:
        quarter.before += 1
    else:
        quarter.step(join, 1)
    if leave < QUARTER_MS:
        quarter.step(leave, -1)


def merged(parts: Iterable[Quarter], less: Iterable[Quarter] = ()) -> Quarter:
    """Quarters of several rooms as one, without those of `less`."""
    growing = _Growing()
    for sign, some in ((1, parts), (-1, less)):
        for part in some:
            growing.meetings += sign * part.meetings
            growing.time += sign * part.time
            growing.before += sign * part.before
            for moment, change in part.steps:
                growing.step(moment, sign * change)
    return growing.done()


def quarters_in(start: Ms, end: Ms) -> Interval:
    """The quarters that a time touches; one at least."""
    first = start // QUARTER_MS
    return first, max(first + 1, -(-end // QUARTER_MS))


def steps_written(steps: Steps) -> str:
    return _encode(steps).decode()


def steps_said(text: str) -> Steps:
    return _STEPS.decode(text)

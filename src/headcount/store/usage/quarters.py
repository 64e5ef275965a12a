"""Quarters: usage of each quarter of an hour (UTC), in numbers that can be added.

The offset of every time zone since 2000 is a multiple of a quarter of an hour, so hours, days and months of any zone
consist of whole quarters. The usage of a quarter depends on that quarter alone: how many were present when it began,
and who joined and left in it. A correction changes only the quarters that it touches.

Responsible for the arithmetic of quarters. Must not know the database.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from headcount.intervals import Interval, clip, union
from headcount.kernel.events import Ms

QUARTER_MS: Final[Ms] = 900_000

Steps = tuple[tuple[Ms, int], ...]
"""Changes of the number of participants: ms since the quarter began, and by how many; in order, one for each moment."""
SCALES: Final = (30 * 96, 96, 1)
"""The numbers of quarters for which each room has totals."""
DAY: Final = SCALES[1]
"""Quarters of a day in UTC."""
_STEPS: Final = msgspec.json.Decoder(Steps)
_encode: Final = msgspec.json.Encoder().encode


class Quarter(NamedTuple):
    """The usage of a quarter: meetings that started, ms of all participants, participants at its start, and the steps."""

    meetings: int = 0
    participant_ms: Ms = 0
    initial: int = 0
    steps: Steps = ()

    @property
    def peak(self) -> tuple[int, Ms]:
        """Peak participants, and the ms since the quarter began when they were first reached."""
        peak, at, count = self.initial, 0, self.initial
        for moment, change in self.steps:
            count += change
            if count > peak:
                peak, at = count, moment
        return peak, at


ByNumber = dict[int, Quarter]
"""Quarters by their number."""


class _Builder:
    """A quarter under construction."""

    __slots__ = ("initial", "meetings", "participant_ms", "steps")

    def __init__(self) -> None:
        self.meetings = self.participant_ms = self.initial = 0
        self.steps: dict[Ms, int] = {}

    def step(self, moment: Ms, change: int) -> None:
        self.steps[moment] = self.steps.get(moment, 0) + change

    def build(self) -> Quarter:
        steps = tuple((moment, change) for moment, change in sorted(self.steps.items()) if change)
        return Quarter(self.meetings, self.participant_ms, self.initial, steps)


def quarters_of(
    starts: Iterable[Ms], spans: Iterable[Interval], first: int, until: int
) -> dict[int, Quarter]:
    """Return the quarters from `first` to `until` (exclusive) with any usage, by number.

    `starts` are the starts of meetings, `spans` the times of participants in them.
    """
    found: dict[int, _Builder] = {}

    def builder_of(number: int) -> _Builder:
        builder = found.get(number)
        if builder is None:
            builder = found[number] = _Builder()
        return builder

    for start in starts:
        if first <= start // QUARTER_MS < until:
            builder_of(start // QUARTER_MS).meetings += 1
    for join, leave in spans:
        for number in range(max(first, join // QUARTER_MS), min(until, -(-leave // QUARTER_MS))):
            _add(builder_of(number), join - number * QUARTER_MS, leave - number * QUARTER_MS)
    return {number: builder.build() for number, builder in found.items()}


def _add(quarter: _Builder, join: Ms, leave: Ms) -> None:
    """Add the time of one participant, relative to the start of the quarter."""
    quarter.participant_ms += min(leave, QUARTER_MS) - max(join, 0)
    if join < 0:
        quarter.initial += 1
    else:
        quarter.step(join, 1)
    if leave < QUARTER_MS:
        quarter.step(leave, -1)


def merged(parts: Iterable[Quarter], subtracted: Iterable[Quarter] = ()) -> Quarter:
    """Return the sum of quarters of several rooms, minus those of `subtracted`."""
    builder = _Builder()
    for sign, some in ((1, parts), (-1, subtracted)):
        for part in some:
            builder.meetings += sign * part.meetings
            builder.participant_ms += sign * part.participant_ms
            builder.initial += sign * part.initial
            for moment, change in part.steps:
                builder.step(moment, sign * change)
    return builder.build()


def quarters_in(start: Ms, end: Ms) -> Interval:
    """Return the range of quarters that [start, end) touches, one at least."""
    first = start // QUARTER_MS
    return first, max(first + 1, -(-end // QUARTER_MS))


def sums_between(edges: Iterable[int], single: Sequence[Interval]) -> list[tuple[int, int, int]]:
    """Return ranges of quarters, each with the length of the sums that it consists of, from the first edge to the last.

    No sum extends beyond an edge. The ranges of `single` lie between the edges, and have sums of one quarter.
    """
    inside = {first for first, _ in single}
    outside = {until for _, until in single}
    found: list[tuple[int, int, int]] = []
    is_single = False
    for first, until in pairwise(sorted({*edges, *inside, *outside})):
        is_single = first in inside or (is_single and first not in outside)
        length = 1 if is_single else until - first
        if found and found[-1][2] == length:
            found[-1] = (found[-1][0], until, length)
        else:
            found.append((first, until, length))
    return found


def periods_without(first: int, until: int, days: AbstractSet[int]) -> Iterator[tuple[int, int, int]]:
    """Yield [first, until) as `periods_of` does, except that the quarters of these days are not part of longer periods."""
    for start, end in clip(union((day * DAY, (day + 1) * DAY) for day in days), first, until):
        yield from periods_of(first, start, SCALES)
        yield 1, start, end
        first = end
    yield from periods_of(first, until, SCALES)


def periods_of(first: int, until: int, scales: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Yield [first, until) as (scale, first period, end), with the longest scale that fits and shorter ones at both ends."""
    if first >= until:
        return
    scale, *shorter = scales
    begin, end = -(-first // scale), until // scale
    if begin >= end:
        if shorter:
            yield from periods_of(first, until, tuple(shorter))
        return
    yield scale, begin, end
    yield from periods_of(first, begin * scale, tuple(shorter) or (1,))
    yield from periods_of(end * scale, until, tuple(shorter) or (1,))


def encode_steps(steps: Steps) -> str:
    """Return steps as JSON."""
    return _encode(steps).decode()


def decode_steps(text: str) -> Steps:
    """Return the steps that `encode_steps` wrote."""
    return _STEPS.decode(text)

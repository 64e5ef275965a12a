"""Summing: from quarters of an hour to the hours, days and months that somebody asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headcount.kernel.events import Ms
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.queries import QuarterUsage


@dataclass(slots=True)
class Sum:
    """What was met from `start` to `end`. `time` is in ms of all people."""

    start: Ms
    end: Ms
    meetings: int = 0
    time: Ms = 0
    most: int = 0
    most_at: Ms | None = None

    def add(self, used: QuarterUsage) -> None:
        self.meetings += used.meetings
        self.time += used.time
        if used.most > self.most:
            self.most, self.most_at = used.most, used.most_at

    def mean(self, now: Ms) -> float:
        """How many were in on the mean, as far as the time has come; to four digits, rounded down."""
        length = min(self.end, now) - self.start
        return self.time * 10_000 // length / 10_000 if length > 0 else 0.0


def sums(edges: Sequence[Ms], quarters: Mapping[int, QuarterUsage]) -> Iterator[Sum]:
    """What was met between each two edges in order, those in which nothing was, too."""
    numbers = iter(sorted(quarters))
    number = next(numbers, None)
    for start, end in zip(edges, edges[1:], strict=False):
        found = Sum(start, end)
        while number is not None and number * QUARTER_MS < end:
            found.add(quarters[number])
            number = next(numbers, None)
        yield found


def whole(edges: Sequence[Ms], quarters: Mapping[int, QuarterUsage]) -> Sum:
    """All of it."""
    found = Sum(edges[0], edges[-1])
    for number in sorted(quarters):
        found.add(quarters[number])
    return found

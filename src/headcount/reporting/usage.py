"""Usage by hour, day or month, added up from quarters of an hour.

Responsible for sums and averages. Must not know how quarters are stored, nor how usage is shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from headcount.kernel.events import Ms
from headcount.store.usage.quarters import QUARTER_MS
from headcount.store.usage.totals import QuarterUsage


@dataclass(slots=True)
class Bucket:
    """Usage in [start, end). `participant_ms` is the total time of all participants.

    `max_participants` is the peak of concurrent participants, `max_participants_at` when it was first reached.
    """

    start: Ms
    end: Ms
    meetings: int = 0
    participant_ms: Ms = 0
    max_participants: int = 0
    max_participants_at: Ms | None = None

    def add(self, used: QuarterUsage) -> None:
        """Add the usage of a quarter, later than those before."""
        self._add(used.meetings, used.participant_ms, used.peak, used.peak_at)

    def merge(self, later: Self) -> None:
        """Add the usage of a later bucket."""
        self._add(later.meetings, later.participant_ms, later.max_participants, later.max_participants_at)

    def _add(self, meetings: int, participant_ms: Ms, peak: int, peak_at: Ms | None) -> None:
        self.meetings += meetings
        self.participant_ms += participant_ms
        if peak > self.max_participants:
            self.max_participants, self.max_participants_at = peak, peak_at

    def avg_participants(self, now: Ms) -> float:
        """Return the average of concurrent participants until `now` or the end, rounded down to four digits."""
        return avg_participants(self.participant_ms, self.start, min(self.end, now))


def avg_participants(participant_ms: Ms, start: Ms, end: Ms) -> float:
    """Return the average of concurrent participants in [start, end), rounded down to four digits."""
    duration_ms = end - start
    return participant_ms * 10_000 // duration_ms / 10_000 if duration_ms > 0 else 0.0


def buckets_of(edges: Sequence[Ms], quarters: Mapping[int, QuarterUsage]) -> Iterator[Bucket]:
    """Yield the usage between each two edges, also where there was none. `quarters` are by number."""
    numbers = iter(sorted(quarters))
    number = next(numbers, None)
    for start, end in zip(edges, edges[1:], strict=False):
        bucket = Bucket(start, end)
        while number is not None and number * QUARTER_MS < end:
            bucket.add(quarters[number])
            number = next(numbers, None)
        yield bucket


def total_of(edges: Sequence[Ms], quarters: Mapping[int, QuarterUsage]) -> Bucket:
    """Return the usage between the first and the last edge."""
    total = Bucket(edges[0], edges[-1])
    for number in sorted(quarters):
        total.add(quarters[number])
    return total

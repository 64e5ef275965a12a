"""Source statistics of one process: counters that wait to be written to the store, totals for metrics, recent event rates.

Responsible for counting what arrives from each source. Must not know HTTP, the store or when counters are written.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.sources import COMPLETE_POLLS, COMPLETE_REQUESTS, SourceRow, SourceStat

_MINUTES: Final = 60
_MINUTE_MS: Final[Ms] = 60_000


def excluded_metric(role: str) -> str:
    """Return the name of the counter of events that were excluded for a role, which is part of the counter `excluded`."""
    return f"excluded_{role}"


class RecentEvents(NamedTuple):
    """The number of events that this process accepted from a source in the last hour, and the age of the newest on arrival."""

    events: int
    lag_ms: Ms


class SourceStats:
    """Counters by source and kind of occurrence. Used by one event loop, read by any thread."""

    def __init__(self) -> None:
        self._minutes: dict[str, deque[tuple[Ms, int]]] = {}
        self._lags: dict[str, Ms] = {}
        self._unwritten: dict[tuple[str, str], SourceStat] = {}
        self._in_writing: dict[tuple[str, str], SourceStat] = {}
        self._complete: dict[str, dict[str, Ms]] = {COMPLETE_REQUESTS: {}, COMPLETE_POLLS: {}}
        self.totals: dict[tuple[str, str], int] = {}
        """Counts since the start of the process, by the source's kind and the kind of occurrence."""

    def add(self, row: SourceRow, what: str, now: Ms, number: int = 1, message: str | None = None) -> None:
        """Count `number` occurrences of `what`; `message` describes the latest one."""
        if not number:
            return
        _merge(self._unwritten, SourceStat(row.token, what, number, now, message))
        self.count(row, what, number)

    def record_request(self, sender: str, received: Ms) -> None:
        """Record that what a source or an API key sent until `received` is in the log."""
        self._complete[COMPLETE_REQUESTS][sender] = received

    def record_poll(self, token: str, until: Ms) -> None:
        """Record that what polls of a source found until a time is in the log."""
        self._complete[COMPLETE_POLLS][token] = until

    def count(self, row: SourceRow, what: str, number: int = 1) -> None:
        """Count occurrences for metrics only."""
        self.totals[row.kind, what] = self.totals.get((row.kind, what), 0) + number

    def record_events(self, token: str, events: int, lag_ms: Ms, now: Ms) -> None:
        """Record accepted events of a source; `lag_ms` is the age of the newest one."""
        self._lags[token] = lag_ms
        minutes = self._minutes.setdefault(token, deque(maxlen=_MINUTES))
        minute = now // _MINUTE_MS
        number = minutes.pop()[1] if minutes and minutes[-1][0] == minute else 0
        minutes.append((minute, number + events))

    def recent(self, now: Ms) -> dict[str, RecentEvents]:
        """Return the events of the last hour by token."""
        since = now // _MINUTE_MS - _MINUTES
        return {
            token: RecentEvents(
                sum(number for minute, number in minutes if minute > since), self._lags[token]
            )
            for token, minutes in self._minutes.items()
        }

    def unwritten(self) -> list[SourceStat]:
        """Return the counters that are not known to be in the store, those in writing included."""
        return [*_merged(self._in_writing, self._unwritten).values(), *self._completeness(self._complete)]

    def start_writing(self) -> list[SourceStat]:
        """Return the counters to write. They stay unwritten until `finish_writing`, so a failed write loses none."""
        unwritten, self._unwritten = self._unwritten, {}
        complete, self._complete = self._complete, {metric: {} for metric in self._complete}
        for stat in self._completeness(complete):
            unwritten[stat.token, stat.metric] = stat
        self._in_writing = _merged(self._in_writing, unwritten)
        return list(self._in_writing.values())

    @staticmethod
    def _completeness(complete: Mapping[str, Mapping[str, Ms]]) -> list[SourceStat]:
        return [
            SourceStat(sender, metric, 0, until)
            for metric, times in complete.items()
            for sender, until in list(times.items())
        ]

    def finish_writing(self) -> None:
        """Forget the counters of `start_writing`: they are in the store."""
        self._in_writing = {}


def _merged(
    older: dict[tuple[str, str], SourceStat], newer: dict[tuple[str, str], SourceStat]
) -> dict[tuple[str, str], SourceStat]:
    both = dict(older)
    for stat in list(newer.values()):
        _merge(both, stat)
    return both


def _merge(stats: dict[tuple[str, str], SourceStat], stat: SourceStat) -> None:
    """Add a counter to those before it; its time and message are the latest."""
    before = stats.get((stat.token, stat.metric))
    stats[stat.token, stat.metric] = stat._replace(total=stat.total + (before.total if before else 0))

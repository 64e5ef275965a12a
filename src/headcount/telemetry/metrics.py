"""Metrics: what Prometheus is told.

What each request counts is kept in plain numbers of our own, since the client library's
counters, with a lock for each, cost a tenth of an answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headcount.store.database import StoreSilent
from headcount.store.records import Appended
from headcount.telemetry.histogram import Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


T = TypeVar("T")
PATIENCE_S: Final = 0.5
"""So long does a probe wait for the store. It must have answered within a second, whatever the store does."""


class Measured(Generic[T]):
    """Something that the store is asked for by probes: in a thread of its own, once at a time, and never waited for long.

    `seen` is what it answered last; None if it did not.
    """

    def __init__(self, measure: Callable[[], T]) -> None:
        self._measure = measure
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._asked: asyncio.Future[T] | None = None
        self.seen: T | None = None

    async def look(self) -> T:
        """Ask. Raise `StoreSilent` if there is no answer in time, and what the store raises."""
        self.seen = None
        asked = self._asked
        if asked is None or asked.done():
            asked = self._asked = asyncio.get_running_loop().run_in_executor(self._thread, self._measure)
        done, _ = await asyncio.wait({asked}, timeout=PATIENCE_S)
        if not done:
            raise StoreSilent(f"there is no answer within {PATIENCE_S:g} s")
        self.seen = asked.result()
        return self.seen


class Numbers(Collector):
    """Numbers that are read when they are asked for: (name, help, whether it only grows, what reads it).

    What is not known, None, is left out.
    """

    def __init__(self, numbers: Iterable[tuple[str, str, bool, Callable[[], float | None]]]) -> None:
        self._numbers = list(numbers)

    def collect(self) -> Iterable[Metric]:
        for name, told, grows, read in self._numbers:
            family = CounterMetricFamily if grows else GaugeMetricFamily
            value = read()
            if value is not None:
                yield family(name, told, value=value)


class Deliveries(Collector):
    """What befell the sources: `totals` by kind and what."""

    def __init__(self, totals: Mapping[tuple[str, str], int]) -> None:
        self._totals = totals

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "headcount_source_deliveries", "What came from sources", labels=["kind", "result"]
        )
        for (kind, what), number in list(self._totals.items()):
            family.add_metric([kind, what], number)
        yield family


class Dropped(Collector):
    """Streams that we ended: `reasons` and how often."""

    def __init__(self, reasons: Mapping[str, int]) -> None:
        self._reasons = reasons

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily("headcount_streams_dropped", "Streams that we ended", labels=["reason"])
        for reason, number in list(self._reasons.items()):
            family.add_metric([reason], number)
        yield family


class Metrics(Collector):
    """One service's metrics, in a registry of their own. Written to by the thread that answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._events: Counter[str] = Counter(accepted=0, duplicate=0)
        self._requests: Counter[tuple[str, int]] = Counter()
        self._times: dict[str, Histogram] = {}

    def took(self, appended: Appended) -> None:
        self._events["accepted"] += appended.accepted
        self._events["duplicate"] += appended.duplicates

    @property
    def duplicates(self) -> int:
        """How many events were known already."""
        return self._events["duplicate"]

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests[route, status] += 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = Histogram(_SECONDS)
        times.add(seconds)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        events = CounterMetricFamily(
            "headcount_events", "Events taken, and those known already", labels=["result"]
        )
        for result, number in self._events.items():
            events.add_metric([result], number)
        yield events
        requests = CounterMetricFamily(
            "headcount_http_requests", "Requests answered", labels=["route", "status"]
        )
        for (route, status), number in list(self._requests.items()):
            requests.add_metric([route, str(status)], number)
        yield requests
        times = HistogramMetricFamily("headcount_http_request_seconds", "Time to answer", labels=["route"])
        for route, taken in list(self._times.items()):
            taken.tell(times, [route])
        yield times

"""Metrics: what Prometheus is told.

What each request counts is kept in plain numbers of our own, since the client library's
counters, with a lock for each, cost a tenth of an answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headcount.histograms import Histogram
from headcount.store.rows import Appended

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Numbers(Collector):
    """Numbers that are read when they are asked for: (name, help, whether it only grows, what reads it)."""

    def __init__(self, numbers: Iterable[tuple[str, str, bool, Callable[[], float]]]) -> None:
        self._numbers = list(numbers)

    def collect(self) -> Iterable[Metric]:
        for name, told, grows, read in self._numbers:
            family = CounterMetricFamily if grows else GaugeMetricFamily
            yield family(name, told, value=read())


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

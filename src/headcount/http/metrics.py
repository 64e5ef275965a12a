"""Metrics: what Prometheus is told."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

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


disable_created_metrics()


class Metrics:
    """One service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        events = Counter(
            "headcount_events",
            "Events taken, and those that were known already",
            ["result"],
            registry=self.registry,
        )
        self._accepted = events.labels("accepted")
        self._duplicates = events.labels("duplicate")
        self._requests = Counter(
            "headcount_http_requests", "Requests answered", ["route", "status"], registry=self.registry
        )
        self._times = Histogram(
            "headcount_http_request_seconds",
            "Time to answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._by_route: dict[str, Histogram] = {}
        self._by_status: dict[tuple[str, int], Counter] = {}

    def took(self, appended: Appended) -> None:
        self._accepted.inc(appended.accepted)
        if appended.duplicates:
            self._duplicates.inc(appended.duplicates)

    def answered(self, route: str, status: int, seconds: float) -> None:
        times = self._by_route.get(route)
        if times is None:
            times = self._by_route[route] = self._times.labels(route)
        times.observe(seconds)
        requests = self._by_status.get((route, status))
        if requests is None:
            requests = self._by_status[route, status] = self._requests.labels(route, str(status))
        requests.inc()

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)

"""Prometheus metrics of one process: the catalog of its numbers, and the counters of HTTP requests and accepted events.

Responsible for names, help texts and the text exposition. Must not know how a number is measured: the service passes
functions that read it.

Per-request counters are plain integers, because the client library's counters take a lock each, which cost a tenth of
the time of a request.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headcount.store.records import AppendResult
from headcount.telemetry.histogram import Histogram

_REQUEST_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

Reader = Callable[[], float | None]
"""A function that returns the current value of a metric, or None while the value is unknown."""


_SOURCE_FAMILIES: Final = (
    (
        "headcount_source_requests",
        "Inbound requests of sources by result",
        {
            "accepted": "accepted",
            "ignored": "ignored",
            "dead_letters": "dead_letter",
            "malformed": "malformed",
            "rejected": "rejected",
        },
    ),
    (
        "headcount_source_events",
        "Events in inbound requests by result",
        {"events": "accepted", "duplicates": "duplicate", "excluded": "excluded"},
    ),
    (
        "headcount_source_polls",
        "Polls of video servers by result",
        {"polls": "succeeded", "failed_polls": "failed"},
    ),
    (
        "headcount_source_inferred_events",
        "Missing joins and leaves inferred from polls",
        {"inferred_joins": "join", "inferred_leaves": "leave"},
    ),
)
"""Each metric of sources: its name, its help, and the label of each counter of the source statistics."""


class Definition(NamedTuple):
    """A metric without labels."""

    name: str
    help: str
    family: type[CounterMetricFamily | GaugeMetricFamily]


_C: Final = CounterMetricFamily
_G: Final = GaugeMetricFamily

CATALOG: Final = (
    Definition("headcount_engine_events_processed", "Log entries processed by this process", _C),
    Definition("headcount_engine_batches", "Batches committed by the engine", _C),
    Definition("headcount_engine_commit_seconds", "Time spent in commits of the engine", _C),
    Definition("headcount_engine_failures", "Batches that the database rejected; the engine retries them", _C),
    Definition("headcount_engine_leader", "1 if this process runs the engine, else 0", _G),
    Definition("headcount_engine_lag_entries", "Log entries not yet processed", _G),
    Definition("headcount_engine_lag_seconds", "Age of the oldest log entry not yet processed", _G),
    Definition("headcount_late_events", "Events that arrived after the late grace period", _C),
    Definition("headcount_corrections", "Corrections caused by late events", _C),
    Definition("headcount_duplicate_joins", "Duplicate join events ignored", _C),
    Definition("headcount_expired_events", "Events of a time that retention has deleted, ignored", _C),
    Definition("headcount_orphan_leaves", "Leave events of participants who were not in the room, ignored", _C),
    Definition("headcount_rooms_active", "Rooms with at least one participant", _G),
    Definition("headcount_participants_active", "Participants in a room now", _G),
    Definition("headcount_quarantined_rooms", "Rooms whose events could not be processed; see /v1/health/rooms", _G),
    Definition("headcount_append_commits", "Commits to the event log by this process", _C),
    Definition("headcount_append_commit_seconds", "Time spent in commits to the event log", _C),
    Definition("headcount_database_up", "1 if the database answered this request in time, else 0", _G),
    Definition("headcount_database_reconnects", "Database connections that were reopened", _C),
    Definition("headcount_clock_ahead_seconds", "How far the service time is ahead of the system clock", _G),
    Definition("headcount_access_log_dropped", "Accesses that the access log lacks because they could not be stored", _C),
    Definition("headcount_streams_open", "Open event streams of this process", _G),
    Definition("headcount_stream_events", "Events sent to streams", _C),
)  # fmt: skip
"""The metrics that are read when Prometheus scrapes, in the order in which they are exposed."""


class BuildInfo(Collector):
    """The version of Headcount, of Python, and the kind of database, as labels of a constant 1."""

    def __init__(self, version: str, database: str) -> None:
        self._labels = {"version": version, "python": platform.python_version(), "database": database}

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "headcount_build_info",
            "Version and database of this process; always 1",
            labels=list(self._labels),
        )
        family.add_metric(list(self._labels.values()), 1)
        yield family


def engine_process_metrics(pid: Callable[[], int]) -> Collector:
    """Return the metrics of the engine process, as the client library has them of this one. `pid` returns 0 without one."""
    return ProcessCollector(namespace="headcount_engine", pid=pid, registry=None)


class ProcessMetrics(Collector):
    """The metrics of `CATALOG`. `readers` has one function for each name; unknown values are skipped."""

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        assert readers.keys() == {metric.name for metric in CATALOG}
        self._readers = readers

    def collect(self) -> Iterable[Metric]:
        for metric in CATALOG:
            value = self._readers[metric.name]()
            if value is not None:
                yield metric.family(metric.name, metric.help, value=value)


class SourceMetrics(Collector):
    """Inbound requests, their events, and polls, by the source's kind and the result.

    `totals` has the counters of the source statistics. It is read when Prometheus scrapes. Once a kind is counted, all its
    results appear: Prometheus does not see the increase of a counter that appears with 1.
    """

    def __init__(self, totals: Mapping[tuple[str, str], int]) -> None:
        self._totals = totals

    def collect(self) -> Iterable[Metric]:
        totals = dict(self._totals)
        kinds = sorted({kind for kind, _ in totals})
        for name, text, results in _SOURCE_FAMILIES:
            family = CounterMetricFamily(name, text, labels=["kind", "result"])
            for kind in kinds:
                for counter, result in results.items():
                    family.add_metric([kind, result], totals.get((kind, counter), 0))
            yield family


class StreamMetrics(Collector):
    """Streams closed by the server, by reason. `disconnected` is read when Prometheus scrapes."""

    def __init__(self, disconnected: Mapping[str, int]) -> None:
        self._disconnected = disconnected

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "headcount_streams_disconnected", "Streams that the server closed, by reason", labels=["reason"]
        )
        for reason, number in list(self._disconnected.items()):
            family.add_metric([reason], number)
        yield family


class Metrics(Collector):
    """The registry of one service and its counters of requests and events. Written to by the thread of the event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self._events: Counter[str] = Counter(accepted=0, duplicate=0)
        self._requests: Counter[tuple[str, int]] = Counter()
        self._durations: dict[str, Histogram] = {}

    def count_events(self, appended: AppendResult) -> None:
        self._events["accepted"] += appended.accepted
        self._events["duplicate"] += appended.duplicates

    @property
    def duplicates(self) -> int:
        """The number of duplicate events."""
        return self._events["duplicate"]

    def count_request(self, route: str, status: int, duration_s: float) -> None:
        self._requests[route, status] += 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = Histogram(_REQUEST_BUCKETS_S)
        durations.add(duration_s)

    def text(self) -> bytes:
        """Return all metrics of the registry in the Prometheus text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        events = CounterMetricFamily(
            "headcount_events", "Events by result: accepted, or ignored as duplicates", labels=["result"]
        )
        for result, number in self._events.items():
            events.add_metric([result], number)
        yield events
        requests = CounterMetricFamily(
            "headcount_http_requests", "HTTP requests by route and status", labels=["route", "status"]
        )
        for (route, status), number in list(self._requests.items()):
            requests.add_metric([route, str(status)], number)
        yield requests
        family = HistogramMetricFamily(
            "headcount_http_request_duration_seconds", "Duration of HTTP requests by route", labels=["route"]
        )
        for route, durations in list(self._durations.items()):
            durations.add_to(family, [route])
        yield family

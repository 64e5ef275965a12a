"""Counting: what Prometheus is told of deliveries."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headcount.kernel.events import Ms
from headcount.outbound.webhooks.retry_policy import Next
from headcount.telemetry.histogram import Histogram

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 900.0)
_WORDS: Final = {Next.DONE: "delivered", Next.AGAIN: "failed", Next.PARKED: "parked"}


class Counted(Collector):
    """What became of tries, and how long messages were on their way, from the commit to a 200.

    `standing` tells how many messages are parked and how many endpoints failed, None if that is not known; `waiting` how
    many are on their way.
    """

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter(dict.fromkeys(_WORDS.values(), 0))
        self._times = Histogram(_SECONDS)
        self.waiting: Callable[[], int] = int
        self.standing: Callable[[], tuple[int, int] | None] = lambda: (0, 0)

    def tried(self, next_: Next, latency_ms: Ms) -> None:
        self._tries[_WORDS[next_]] += 1
        if next_ is Next.DONE:
            self._times.add(max(0.0, latency_ms / 1_000))

    def collect(self) -> Iterable[Metric]:
        tries = CounterMetricFamily(
            "headcount_webhook_tries", "Tries to deliver a message, by what came of them", labels=["result"]
        )
        for result, number in self._tries.items():
            tries.add_metric([result], number)
        yield tries
        times = HistogramMetricFamily(
            "headcount_webhook_delivery_seconds", "Time from the commit of a message to its 200"
        )
        self._times.add_to(times)
        yield times
        parked, failed = self.standing() or (None, None)
        gauges: tuple[tuple[str, str, int | None], ...] = (
            ("headcount_webhook_waiting_messages", "Messages on their way to endpoints", self.waiting()),
            ("headcount_webhook_parked_messages", "Messages that were given up", parked),
            ("headcount_webhook_failed_endpoints", "Endpoints that are sent nothing more", failed),
        )
        for name, told, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, told, value=value)

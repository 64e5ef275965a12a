"""Prometheus metrics of outgoing webhooks.

Responsible for names, help texts and counters of attempts. Must not know how messages are delivered.
"""

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
from headcount.outbound.webhooks.retry_policy import Outcome
from headcount.telemetry.histogram import Histogram

_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 900.0)


class WebhookMetrics(Collector):
    """Attempts by result, and the time from the commit of a message to its 200.

    `pending` returns the number of messages in queues; `failed` the numbers of failed messages and disabled endpoints, or
    None while they are unknown.
    """

    def __init__(self) -> None:
        self._attempts: Counter[str] = Counter(dict.fromkeys(map(str, Outcome), 0))
        self._latencies = Histogram(_BUCKETS_S)
        self.pending: Callable[[], int] = int
        self.failed: Callable[[], tuple[int, int] | None] = lambda: (0, 0)

    def count_attempt(self, outcome: Outcome, latency_ms: Ms) -> None:
        self._attempts[outcome] += 1
        if outcome is Outcome.DELIVERED:
            self._latencies.add(max(0.0, latency_ms / 1_000))

    def collect(self) -> Iterable[Metric]:
        attempts = CounterMetricFamily(
            "headcount_webhook_attempts", "Attempts to deliver webhook messages, by result", labels=["result"]
        )
        for result, number in self._attempts.items():
            attempts.add_metric([result], number)
        yield attempts
        latencies = HistogramMetricFamily(
            "headcount_webhook_delivery_seconds", "Time from the commit of a message to its delivery"
        )
        self._latencies.add_to(latencies)
        yield latencies
        messages, endpoints = self.failed() or (None, None)
        gauges: tuple[tuple[str, str, int | None], ...] = (
            ("headcount_webhook_messages_pending", "Webhook messages queued in this process", self.pending()),
            (
                "headcount_webhook_messages_failed",
                "Webhook messages that failed after all attempts",
                messages,
            ),
            (
                "headcount_webhook_endpoints_disabled",
                "Webhook endpoints disabled after consecutive failures",
                endpoints,
            ),
        )
        for name, text, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)

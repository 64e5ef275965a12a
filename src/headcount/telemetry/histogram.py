"""Histograms: how long things took, in plain numbers.

The client library's have a lock for each number, which cost a tenth of an answer.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily


class Histogram:
    """How often something took up to each of some bounds, in seconds, and how long it took in all."""

    __slots__ = ("_bounds", "_counts", "_spent")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._spent = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._spent += seconds

    def tell(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add it to what Prometheus reads."""
        bounds = [*map(str, self._bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(self._counts), strict=True)), self._spent)

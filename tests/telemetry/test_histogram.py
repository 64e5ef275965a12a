"""Histograms count observations in cumulative buckets, as Prometheus expects."""

from prometheus_client.metrics_core import HistogramMetricFamily

from headcount.telemetry.histogram import Histogram


def test_an_observation_counts_in_its_bucket_and_all_above():
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.1, 0.5, 3.0):
        histogram.add(seconds)
    family = HistogramMetricFamily("request_seconds", "Duration of a request, in seconds.")
    histogram.add_to(family)
    buckets = {sample.labels.get("le", sample.name): sample.value for sample in family.samples}
    assert buckets == {"0.1": 1, "1.0": 2, "+Inf": 3, "request_seconds_count": 3, "request_seconds_sum": 3.6}

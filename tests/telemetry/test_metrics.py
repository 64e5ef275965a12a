"""Metrics: names, labels and values in the text that Prometheus reads."""

import os
import platform

from prometheus_client import CollectorRegistry, generate_latest

from headcount.ingest.source_stats import SourceStats
from headcount.store.sources import SourceRow
from headcount.telemetry.metrics import BuildInfo, Metrics, SourceMetrics, engine_process_metrics

ROW = SourceRow("t" * 24, "livekit", "default", "lk", ("secret",))


def exposed(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def test_a_request_of_a_source_has_one_result_and_the_others_are_0():
    stats = SourceStats()
    stats.add(ROW, "requests", 0)
    stats.count(ROW, "accepted")
    stats.add(ROW, "events", 0, 3)
    stats.add(ROW, "rejected", 0, message="no signature")
    text = exposed(SourceMetrics(stats.totals))
    requests = [line for line in text.splitlines() if line.startswith("headcount_source_requests_total{")]
    assert requests == [
        'headcount_source_requests_total{kind="livekit",result="accepted"} 1.0',
        'headcount_source_requests_total{kind="livekit",result="ignored"} 0.0',
        'headcount_source_requests_total{kind="livekit",result="dead_letter"} 0.0',
        'headcount_source_requests_total{kind="livekit",result="malformed"} 0.0',
        'headcount_source_requests_total{kind="livekit",result="rejected"} 1.0',
    ]
    assert 'headcount_source_events_total{kind="livekit",result="accepted"} 3.0' in text


def test_polls_have_metrics_of_their_own():
    stats = SourceStats()
    stats.add(ROW, "polls", 0)
    stats.add(ROW, "failed_polls", 0, 2)
    stats.add(ROW, "inferred_leaves", 0, 4)
    text = exposed(SourceMetrics(stats.totals))
    assert 'headcount_source_polls_total{kind="livekit",result="succeeded"} 1.0' in text
    assert 'headcount_source_polls_total{kind="livekit",result="failed"} 2.0' in text
    assert 'headcount_source_inferred_events_total{kind="livekit",result="leave"} 4.0' in text


def test_build_info_names_the_versions_and_the_database():
    expected = (
        f'headcount_build_info{{database="sqlite",python="{platform.python_version()}",version="1.2.3"}} 1.0'
    )
    assert expected in exposed(BuildInfo("1.2.3", "sqlite"))


def test_the_registry_has_the_metrics_of_the_process():
    text = Metrics().text().decode()
    assert "process_resident_memory_bytes" in text
    assert "process_open_fds" in text


def test_the_engine_has_the_same_metrics_of_its_process_once_it_runs():
    text = exposed(engine_process_metrics(os.getpid))
    for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds"):
        assert f"headcount_engine_process_{name}" in text
    assert exposed(engine_process_metrics(lambda: 0)) == ""

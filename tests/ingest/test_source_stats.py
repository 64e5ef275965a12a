"""Counters of sources: none is lost or hidden while it is written."""

import pytest

from headcount.ingest.source_stats import SourceStats
from headcount.store.sources import SourceRow, SourceStat

ROW = SourceRow("token", "generic", "acme", "own", ("secret",), {}, created=0)


@pytest.fixture
def stats():
    stats = SourceStats()
    stats.add(ROW, "events", 1, number=2)
    return stats


def test_counters_are_unwritten_until_the_write_is_finished(stats):
    assert stats.start_writing() == stats.unwritten() == [SourceStat("token", "events", 2, 1, None)]
    stats.finish_writing()
    assert stats.unwritten() == []


def test_a_write_that_fails_loses_no_counter(stats):
    stats.start_writing()
    stats.add(ROW, "events", 5, message="late")
    assert stats.start_writing() == [SourceStat("token", "events", 3, 5, "late")]


def test_what_is_counted_during_a_write_is_written_next(stats):
    stats.start_writing()
    stats.add(ROW, "refused", 5)
    stats.finish_writing()
    assert stats.unwritten() == [SourceStat("token", "refused", 1, 5, None)]

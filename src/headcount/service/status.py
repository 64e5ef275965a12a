"""Status of one process: the numbers that its metrics and the dashboard show.

Responsible for where each number is read. Must not know how it is shown.
"""

from collections.abc import Callable, Mapping
from typing import Final

from headcount.engine.engine import EngineStats
from headcount.ingest.dead_letters import RetryResult, retry_dead_letters
from headcount.ingest.source_stats import RecentEvents
from headcount.kernel.events import Ms
from headcount.maintenance.completeness import Completeness, read_completeness
from headcount.maintenance.health import ProcessStatus
from headcount.outbound.broadcast import Broadcaster
from headcount.service.core import Core
from headcount.service.readiness import Readiness
from headcount.telemetry.metrics import Reader
from headcount.ttl_cache import TtlCache

_COMPLETENESS_TTL_MS: Final[Ms] = 1_000


class Status:
    """What the dashboard shows of this process besides the store."""

    def __init__(self, core: Core, readiness: Readiness) -> None:
        self._core = core
        self._readiness = readiness
        self._completeness: TtlCache[str, Completeness] = TtlCache(_COMPLETENESS_TTL_MS)

    def completeness(self, domain: str) -> Completeness:
        """Return until when the answers about a domain are complete, as of the last second. Reads the store."""
        core, now = self._core, self._core.clock.now()
        cached = self._completeness.get(domain, now)
        if cached is not None:
            return cached[0]
        unsaved = core.source_stats.unwritten()
        found = read_completeness(
            core.store, domain, now, self._readiness.cursor(), core.rules.late_grace_ms, unsaved
        )
        self._completeness.put(domain, found, now)
        return found

    def process_status(self) -> ProcessStatus:
        """Return the status of engine, log and clock. Reads the store."""
        core = self._core
        return ProcessStatus(
            core.engine.alive(), self._readiness.measure_lag(), core.engine.stats(),
            core.engine.failures, core.metrics.duplicates, core.appender.commits, core.appender.commit_s,
            core.clock.ahead_ms(),
        )  # fmt: skip

    def recent_events(self) -> Mapping[str, RecentEvents]:
        """Return the events of the last hour by token of the source."""
        return self._core.source_stats.recent(self._core.clock.wall_time())

    def retry_dead_letters(self, domain: str) -> RetryResult:
        """Parse the dead letters of a domain again. Reads and writes the store."""
        core = self._core
        retried = retry_dead_letters(core.store, core.clock.now, core.settings.limits(), domain)
        core.engine.wake()
        return retried


def metric_readers(core: Core, readiness: Readiness, broadcaster: Broadcaster) -> Mapping[str, Reader]:
    """Return the function that reads each metric of `telemetry.metrics.CATALOG`."""
    engine, appender, clock = core.engine, core.appender, core.clock

    def stat(read: Callable[[EngineStats], float]) -> Reader:
        return lambda: 0 if (stats := engine.stats()) is None else read(stats)

    def lag(field: int) -> Reader:
        return lambda: None if readiness.lag.latest is None else readiness.lag.latest[field]

    def occupancy(field: int) -> Reader:
        return lambda: None if readiness.occupancy.latest is None else readiness.occupancy.latest[field]

    return {
        "headcount_engine_events_processed": stat(lambda stats: stats.entries),
        "headcount_engine_batches": stat(lambda stats: stats.batches),
        "headcount_late_events": stat(lambda stats: stats.late),
        "headcount_corrections": stat(lambda stats: stats.corrections),
        "headcount_duplicate_joins": stat(lambda stats: stats.duplicate_joins),
        "headcount_orphan_leaves": stat(lambda stats: stats.orphan_leaves),
        "headcount_expired_events": stat(lambda stats: stats.expired),
        "headcount_engine_commit_seconds": stat(lambda stats: stats.commit_s),
        "headcount_engine_failures": lambda: engine.failures,
        "headcount_quarantined_rooms": occupancy(2),
        "headcount_engine_leader": lambda: float(engine.leads()),
        "headcount_engine_lag_entries": lag(0),
        "headcount_engine_lag_seconds": lag(1),
        "headcount_database_up": lambda: float(readiness.lag.latest is not None),
        "headcount_rooms_active": occupancy(0),
        "headcount_participants_active": occupancy(1),
        "headcount_clock_ahead_seconds": lambda: clock.ahead_ms() / 1_000,
        "headcount_append_commits": lambda: appender.commits,
        "headcount_append_commit_seconds": lambda: appender.commit_s,
        "headcount_streams_open": lambda: float(len(broadcaster)),
        "headcount_stream_events": lambda: broadcaster.sent,
        "headcount_database_reconnects": lambda: core.store.database.reconnects,
        "headcount_access_log_dropped": lambda: core.access_recorder.dropped,
    }

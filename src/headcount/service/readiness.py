"""Readiness of one process: whether it can store events and keeps up with the log, as /readyz and the metrics show it.

Responsible for measuring within a bounded time, whatever the store does. Must not know HTTP.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, NamedTuple, TypeVar

import structlog

from headcount.maintenance.health import Lag, Problem, check_engine, measure_lag
from headcount.service.core import Core
from headcount.store.database import StoreError, StoreTimeout
from headcount.store.shard_sink import Occupancy, ShardSink
from headcount.store.stored_secrets import require_readable
from headcount.store.webhooks import DeliveryState, EndpointStatus

T = TypeVar("T")

PROBE_TIMEOUT_S: Final = 0.5
"""A probe waits this long for the store, because /readyz and /metrics must answer within a second."""
_WRITE_INTERVAL_S: Final = 1.0
_FAILED_COMMIT_S: Final = 30
"""A failed commit of events counts for this long unless another succeeds: without requests there is none."""

log = structlog.get_logger("headcount")


class FailedDeliveries(NamedTuple):
    """Webhook messages that failed for good, and endpoints that are disabled."""

    messages: int
    endpoints: int


class Probe(Generic[T]):
    """A measurement that blocks: runs in its own thread, one at a time, and is waited for at most `PROBE_TIMEOUT_S`.

    `latest` is None if the last measurement failed or did not finish in time. It stays while the next one runs: several
    requests of /metrics and /readyz may be in progress.
    """

    def __init__(self, measure: Callable[[], T]) -> None:
        self._measure = measure
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._running: asyncio.Future[T] | None = None
        self.latest: T | None = None

    async def measure(self) -> T:
        """Measure now. Raise `StoreTimeout` after the timeout, and what the measurement raises."""
        running = self._running
        if running is None or running.done():
            running = self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._measure)
        done, _ = await asyncio.wait({running}, timeout=PROBE_TIMEOUT_S)
        self.latest = None
        if not done:
            raise StoreTimeout(f"no response within {PROBE_TIMEOUT_S:g} s")
        self.latest = running.result()
        return self.latest


class Readiness:
    """Checks of one process."""

    def __init__(self, core: Core) -> None:
        self._store = core.store
        self._appender = core.appender
        self._engine = core.engine
        self._clock = core.clock
        self._max_lag_s = core.settings["ready_max_lag_s"]
        self._write_error: str | None = None
        self._write_attempted_s = float("-inf")
        self.lag = Probe(self.measure_lag)
        self.failed_deliveries = Probe(self._measure_failed_deliveries)
        self.occupancy = Probe(self._measure_occupancy)

    async def problem(self) -> str | None:
        """Return why this process is not ready, or None."""
        try:
            lag = await self.lag.measure()
        except StoreError as error:
            return f"the database does not answer: {error.reason}"
        try:
            await asyncio.to_thread(require_readable, self._store.database)
        except StoreError as error:
            return f"the secrets in the database cannot be read: {error.reason}"
        write_problem = await self._write_problem()
        if write_problem is not None:
            return f"the store cannot be written: {write_problem}"
        for finding in check_engine(lag, self._max_lag_s, is_alive=self._engine.alive()):
            if finding.problem is Problem.ENGINE_STOPPED:
                return self._engine.stopped
            return f"the engine is {lag.seconds:.0f} s ({lag.entries:,} entries) behind"
        return None

    async def refresh(self) -> None:
        """Run all probes for the metrics. Those that the store does not answer have no latest value."""
        results = await asyncio.gather(
            self.lag.measure(),
            self.failed_deliveries.measure(),
            self.occupancy.measure(),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, StoreError):
                raise result

    def cursor(self) -> int:
        """Return the position up to which the engine processed the log, whichever process runs it."""
        cursor = self._engine.cursor()
        return self._store.projections.cursor()[0] if cursor is None else cursor

    def measure_lag(self) -> Lag:
        """Measure the lag now. Reads the store."""
        now = self._clock.now()
        lag = self._engine.lag(now)
        return measure_lag(self._store, self.cursor(), now) if lag is None else lag

    async def _write_problem(self) -> str | None:
        """Return why the store cannot be written, or None.

        A test write needs less space than a commit of events, so the last failed commit counts, too. Anybody may request
        /readyz, so there is at most one test write per second.
        """
        if time.monotonic() - self._write_attempted_s >= _WRITE_INTERVAL_S:
            self._write_attempted_s = time.monotonic()
            try:
                await asyncio.to_thread(self._store.projections.require_writable)
            except StoreError as error:
                self._write_error = error.reason
                log.warning("database test write failed", reason=str(error))
            else:
                self._write_error = None
        failed = self._appender.failed
        if failed is not None and time.monotonic() - failed[0] < _FAILED_COMMIT_S:
            return failed[1].reason
        return self._write_error

    def _measure_occupancy(self) -> Occupancy:
        known = self._engine.occupancy()
        return ShardSink(self._store.database).occupancy() if known is None else known

    def _measure_failed_deliveries(self) -> FailedDeliveries:
        counts = self._store.deliveries.counts()
        messages = sum(number for (_, fate), number in counts.items() if fate is DeliveryState.FAILED)
        return FailedDeliveries(
            messages, sum(row.state is EndpointStatus.FAILED for row in self._store.endpoints.all())
        )

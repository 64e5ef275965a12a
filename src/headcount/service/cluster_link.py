"""Cluster link: the part of an engine process, in a service with a live query on a cluster as its engine.

The query reports its progress in the store. This link reads it, wakes what waits for new results, and decides
which of several services delivers webhooks, polls and tallies.

Responsible for what the other parts of a service ask of their engine. Must not know Spark.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from headcount.engine.engine import EngineStats
from headcount.kernel.events import Ms
from headcount.maintenance.health import Lag, query_lag, query_runs
from headcount.store.cell import CellRule
from headcount.store.database import StoreError
from headcount.store.leadership import Leadership
from headcount.store.shard_sink import Occupancy, Progress, ShardSink

_POLL_S: Final = 0.2
_COUNT_S: Final = 5.0
"""Counting open stays reads all of them, so it is done less often."""

log = structlog.get_logger("headcount.engine")


class ClusterLink:
    """The side of the service. `on_batch` is called after each batch with results, in a thread."""

    stopped: Final = "the live query of the cluster does not run"

    def __init__(
        self,
        sink: ShardSink,
        leadership: Leadership,
        wall_time: Callable[[], Ms],
        on_batch: Callable[[], None],
    ) -> None:
        self._sink = sink
        self._leadership = leadership
        self._wall_time = wall_time
        self._on_batch = on_batch
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="cluster link", daemon=True)
        self._progress: Progress | None = None
        self._occupancy = Occupancy()
        self._cell = sink.cell()
        self._leads = False
        self.failures = 0
        """The number of times that the progress could not be read."""

    def start(self) -> None:
        """Start to follow the query."""
        self._thread.start()

    def stop(self) -> None:
        """Let another service lead."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._leadership.give_up()

    def wake(self) -> None:
        """Do nothing: the query reads the topic all the time."""

    def hurry(self) -> None:
        """Do nothing, as `wake`."""

    def leads(self) -> bool:
        """Return whether this service delivers webhooks, polls and tallies."""
        return self._leads

    def alive(self) -> bool:
        """Return whether the query has reported its progress recently."""
        progress = self._progress
        return progress is not None and query_runs(progress, self._wall_time())

    def ended(self) -> bool:
        """Return False: there is no process that could end."""
        return False

    def cursor(self) -> int | None:
        """Return the time in ms up to which the query has processed what the topic received."""
        return 0 if self._progress is None else self._progress.processed_until

    def lag(self, now: Ms) -> Lag | None:
        """Return how far the query is behind the topic."""
        return Lag(0, 0.0) if self._progress is None else query_lag(self._progress, now)

    def cell(self) -> CellRule:
        """Return which domains the cell has, as of the last second."""
        return self._cell

    def stats(self) -> EngineStats | None:
        """Return the counters of the query, if this service leads."""
        if self._progress is None or not self._leads:
            return None
        return EngineStats(self._progress.entries, self._progress.batches)

    @property
    def pid(self) -> int:
        """0: the query is no process of this machine."""
        return 0

    def occupancy(self) -> Occupancy | None:
        """Return what the tables had in the last seconds; zeros if another service leads."""
        return self._occupancy

    def _follow(self) -> None:
        counted_s = float("-inf")
        while not self._stopping.wait(_POLL_S):
            try:
                self._leads = self._leadership.still_leads() or self._leadership.try_lead() is not None
                progress, self._cell = self._sink.progress(), self._sink.cell()
                if not self._leads:
                    self._occupancy, counted_s = Occupancy(), float("-inf")
                elif time.monotonic() - counted_s > _COUNT_S:
                    self._occupancy, counted_s = self._sink.occupancy(), time.monotonic()
            except StoreError as error:
                self.failures += 1
                self._leads = False
                log.warning("the progress of the cluster cannot be read; will retry", reason=str(error))
                self._stopping.wait(1)
            else:
                known, self._progress = self._progress, progress
                if progress is not None and (known is None or progress.batches != known.batches):
                    self._on_batch()

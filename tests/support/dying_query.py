"""`headcount cluster run`, which dies once between two commits: a round is in the database, and Spark has not saved its state.

    python -m support.dying_query FILE cluster run ...

If FILE exists, the task that has written the next round deletes it, and kills all processes of the query.
"""

import os
import sys
from pathlib import Path

from headcount.cli import run
from headcount.cluster import live
from support.live_query import kill_all, processes_of


class DyingWorker:
    """The worker of a process of Spark, which dies after a write."""

    def __init__(self, worker, order):
        self._worker = worker
        self._order = order

    def __getattr__(self, name):
        return getattr(self._worker, name)

    def write(self, *arguments):
        self._worker.write(*arguments)
        if self._order.exists():
            self._order.unlink()
            kill_all(pid for pid in processes_of(os.getsid(0)) if pid != os.getpid())
            os.kill(os.getpid(), 9)


class DyingProcessor(live.ShardProcessor):
    """What Spark calls for each shard."""

    def __init__(self, settings):
        super().__init__(settings)
        self._order = ORDER

    def init(self, handle):
        super().init(handle)
        self._worker = DyingWorker(self._worker, self._order)


if __name__ == "__main__":
    ORDER = Path(sys.argv.pop(1))
    live.ShardProcessor = DyingProcessor
    run()

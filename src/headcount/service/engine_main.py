"""What runs in the engine process: a store of its own, and the worker with the engine.

Responsible for building these. Must not know how the process is started and watched.
"""

from collections.abc import Callable
from importlib.metadata import version

import structlog

from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.engine.expired_names import ExpiredNames
from headcount.engine.expiry import Expirer
from headcount.engine.worker import Worker
from headcount.garbage import ENGINE_OBJECTS, collect_rarely
from headcount.service.engine_process import EngineLink
from headcount.service.runtime import new_clock
from headcount.settings import Settings
from headcount.store.erasures import Erasure
from headcount.store.expiry import Expiry
from headcount.store.leadership import Leadership, service_leadership
from headcount.store.open import open_store
from headcount.store.shard_sink import ShardSink

log = structlog.get_logger("headcount.engine")


class _WatchedLeadership:
    """Leads only while the service runs: its other parts must not be paused where the engine runs."""

    def __init__(self, inner: Leadership, is_running: Callable[[], bool]) -> None:
        self._inner = inner
        self._is_running = is_running

    def try_lead(self) -> int | None:
        """Return the epoch, or None while another process leads or the service is paused."""
        return self._inner.try_lead() if self._is_running() else None

    def still_leads(self) -> bool:
        """Return whether this process still leads."""
        if not self._is_running():
            self.give_up()
        return self._inner.still_leads()

    def give_up(self) -> None:
        """Let another process lead."""
        self._inner.give_up()


def _log_erasure(erasure: Erasure) -> None:
    log.info("an erasure is done", number=erasure.number, domain=erasure.domain, **erasure.counts)


def run_engine(settings: Settings, link: EngineLink) -> None:
    """Run the engine until the service stops it."""
    collect_rarely(ENGINE_OBJECTS)
    store = open_store(
        settings["database"], durability=settings["durability"], keyring=settings.keyring(),
        erasure_list=settings["erasure_list"],
    )  # fmt: skip
    clock, rules = new_clock(store.log.end()[1]), settings.rules()

    def build_engine(epoch: int) -> Engine:
        ShardSink(store.database).forget_query()
        return Engine(
            store, rules, epoch, stale_after=settings.stale_after(), reorder_window=settings.reorder_window(),
            release=version("headcount"), eraser=new_eraser(store.database, store.erasure_list, _log_erasure),
        )  # fmt: skip

    leadership = _WatchedLeadership(service_leadership(store.database), link.service_is_running)
    expiry, names = Expiry(store.database), ExpiredNames(store.database)
    worker = Worker(
        leadership, build_engine, clock.now, lambda: link.report_batch(worker),
        background=lambda engine: Expirer(engine, store.retention, expiry, names).step,
    )  # fmt: skip
    worker.start()
    link.follow(worker)
    worker.stop()
    store.close()

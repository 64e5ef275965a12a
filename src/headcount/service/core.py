"""Core parts of one process: settings, store, clock, engine, log writer and counters. All other parts are built from them.

Responsible for opening the store and for checks that must pass before anything starts. Must not know HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from headcount.clock import Clock
from headcount.engine.engine import Engine
from headcount.engine.rules_guard import require_same_rules
from headcount.engine.worker import Worker
from headcount.ingest.source_config import sync_declared_sources
from headcount.ingest.source_stats import SourceStats
from headcount.kernel.rules import Rules
from headcount.service.runtime import new_clock, new_token
from headcount.settings import Settings
from headcount.store.group_commit import GroupCommit
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.sqlite import SqliteDatabase
from headcount.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Core:
    """The core parts of one process."""

    settings: Settings
    rules: Rules
    store: Store
    clock: Clock
    worker: Worker
    appender: GroupCommit
    metrics: Metrics
    source_stats: SourceStats


def build_core(settings: Settings, on_batch: Callable[[], None]) -> Core:
    """Open the store and build the core parts; `on_batch` is called after each batch of the engine.

    Raise `StoreError` if the store cannot be opened, `BadInput` if it was written under other rules.
    """
    rules = settings.rules()
    store = open_store(settings["database"], durability=settings["durability"])
    if isinstance(store.database, SqliteDatabase):
        store.database.own()
    leader = leadership(store.database)
    require_same_rules(store, rules)
    clock = new_clock(store.log.end()[1])
    sync_declared_sources(store.sources, settings.sources, settings["domain"], new_token, clock.now())

    def build_engine(epoch: int) -> Engine:
        return Engine(
            store, rules, epoch, stale_after=settings.stale_after(), reorder_window=settings.reorder_window(),
            release=version("headcount"),
        )  # fmt: skip

    worker = Worker(leader, build_engine, clock.now, on_batch)
    appender = GroupCommit(store.log, worker.wake, settings["request_timeout_s"])
    return Core(settings, rules, store, clock, worker, appender, Metrics(), SourceStats())

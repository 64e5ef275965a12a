"""Core parts of one process: engine process, settings, store, clock, log writer and counters. All other parts are built from them.

Responsible for opening the store and for checks that must pass before anything starts. Must not know HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from headcount.clock import Clock
from headcount.engine.rules_guard import require_same_rules
from headcount.ingest.source_config import sync_declared_sources
from headcount.ingest.source_stats import SourceStats
from headcount.kernel.rules import Rules
from headcount.service.engine_main import run_engine
from headcount.service.engine_process import EngineProcess
from headcount.service.runtime import new_clock, new_token
from headcount.settings import Settings
from headcount.store.group_commit import GroupCommit
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
    engine: EngineProcess
    appender: GroupCommit
    metrics: Metrics
    source_stats: SourceStats


def build_core(settings: Settings, on_batch: Callable[[], None]) -> Core:
    """Open the store and build the core parts; `on_batch` is called after each batch of the engine.

    Raise `StoreError` if the store cannot be opened, `BadInput` if it was written under other rules.
    """
    engine = EngineProcess(partial(run_engine, settings), on_batch)
    try:
        return _build_core(settings, engine)
    except BaseException:
        engine.stop()
        raise


def _build_core(settings: Settings, engine: EngineProcess) -> Core:
    rules = settings.rules()
    store = open_store(settings["database"], durability=settings["durability"])
    if isinstance(store.database, SqliteDatabase):
        store.database.leave_checkpoints()
        store.database.own()
    require_same_rules(store, rules)
    clock = new_clock(store.log.end()[1])
    sync_declared_sources(store.sources, settings.sources, settings["domain"], new_token, clock.now())
    appender = GroupCommit(store.log, engine.wake, settings["request_timeout_s"])
    return Core(settings, rules, store, clock, engine, appender, Metrics(), SourceStats())

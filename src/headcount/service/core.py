"""Core parts of one process: engine process, settings, store, clock, log writer and counters. All other parts are built from them.

Responsible for opening the store and for checks that must pass before anything starts. Must not know HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from headcount.clock import Clock
from headcount.engine.rules_guard import require_same_rules
from headcount.errors import BadInput
from headcount.ingest.declared_sources import declared_sources, sync_declared_sources
from headcount.ingest.source_stats import SourceStats
from headcount.kernel.rules import Rules
from headcount.service.cluster_link import ClusterLink
from headcount.service.engine_main import run_engine
from headcount.service.engine_process import EngineProcess
from headcount.service.logs import cluster_history, kafka_log
from headcount.service.runtime import new_clock, new_token
from headcount.settings import Settings
from headcount.store.database import file_of
from headcount.store.group_commit import GroupCommit
from headcount.store.leadership import leadership
from headcount.store.log import NoLog
from headcount.store.open import Store, open_store
from headcount.store.shard_sink import ShardSink
from headcount.store.sqlite import SqliteDatabase
from headcount.store.stored_secrets import encrypt_plain_secrets
from headcount.telemetry.access_recorder import AccessRecorder
from headcount.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Core:
    """The core parts of one process."""

    settings: Settings
    rules: Rules
    store: Store
    clock: Clock
    engine: EngineProcess | ClusterLink
    appender: GroupCommit
    metrics: Metrics
    source_stats: SourceStats
    access_recorder: AccessRecorder


def build_core(settings: Settings, on_batch: Callable[[], None]) -> Core:
    """Open the store and build the core parts; `on_batch` is called after each batch of the engine.

    Raise `StoreError` if the store cannot be opened, `BadInput` if it was written under other rules.
    """
    _require_consistent(settings)
    if settings["engine"] == "off":
        return _build_without_engine(settings, on_batch)
    engine = EngineProcess(partial(run_engine, settings), on_batch)
    try:
        return _build_core(settings, engine)
    except BaseException:
        engine.stop()
        raise


def _require_consistent(settings: Settings) -> None:
    """Raise `BadInput` for settings that do not fit each other."""
    is_off = settings["engine"] == "off"
    if settings["log"] and not is_off:
        raise BadInput(
            "with a topic as the log, a live query on a cluster processes the events: also set --engine off",
            where=settings.origins["log"],
        )
    if settings["archive"] and not is_off:
        raise BadInput(
            "a server with an engine has its log in the database: also set --engine off, or remove the archive",
            where=settings.origins["archive"],
        )
    if is_off and file_of(settings["database"]) is not None:
        raise BadInput(
            "an SQLite file has no second writer: a server without an engine needs a postgresql:// database",
            where=settings.origins["engine"],
        )


def _build_without_engine(settings: Settings, on_batch: Callable[[], None]) -> Core:
    """Build the core parts of a service with a live query on a cluster as its engine."""
    rules, topic = settings.rules(), settings.topic()
    store = open_store(settings["database"], durability=settings["durability"], keyring=settings.keyring())
    require_same_rules(store, rules)
    database, timeout_s = store.database, settings["request_timeout_s"]
    clock = new_clock()
    engine = ClusterLink(
        ShardSink(database), leadership(database, begins_epoch=False), clock.wall_time, on_batch
    )
    store = replace(
        store,
        log=NoLog(database) if topic is None else kafka_log(database, topic, timeout_s, engine.cell),
        history=cluster_history(database, settings["archive"]),
    )
    encrypt_plain_secrets(store.database)
    sync_declared_sources(store.sources, declared_sources(settings), new_token, clock.now())
    appender = GroupCommit(store.log, engine.wake, timeout_s)
    access_recorder = AccessRecorder(store.access_log, clock.now, enabled=settings["access_log"] == "on")
    return Core(settings, rules, store, clock, engine, appender, Metrics(), SourceStats(), access_recorder)


def _build_core(settings: Settings, engine: EngineProcess) -> Core:
    rules = settings.rules()
    store = open_store(settings["database"], durability=settings["durability"], keyring=settings.keyring())
    if isinstance(store.database, SqliteDatabase):
        store.database.leave_checkpoints()
        store.database.own()
    require_same_rules(store, rules)
    clock = new_clock(store.log.end()[1])
    encrypt_plain_secrets(store.database)
    sync_declared_sources(store.sources, declared_sources(settings), new_token, clock.now())
    appender = GroupCommit(store.log, engine.wake, settings["request_timeout_s"])
    access_recorder = AccessRecorder(store.access_log, clock.now, enabled=settings["access_log"] == "on")
    return Core(settings, rules, store, clock, engine, appender, Metrics(), SourceStats(), access_recorder)

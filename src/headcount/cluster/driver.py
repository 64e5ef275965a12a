"""Driver: one live query from its start to its end, and the Spark session that it needs.

Responsible for the epoch, the configuration of Spark, and for starting the query again after a failure. Must not know
what the query does.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Final, NamedTuple

import structlog
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from headcount.cluster.archive import start_archive
from headcount.cluster.live import LiveSettings, Observer, start_query
from headcount.cluster.records import FIRST
from headcount.cluster.shard import ShardSettings
from headcount.cluster.shard_state import UnknownStateFormat
from headcount.cluster.topics import prepare_topic, required_topic
from headcount.engine.rules_guard import require_same_rules
from headcount.errors import BadInput, HeadcountError
from headcount.kernel.events import Ms
from headcount.settings import Settings
from headcount.store.archive import Archive
from headcount.store.database import LeadershipLost, StoreBusy, file_of
from headcount.store.open import open_store
from headcount.store.shard_sink import ShardSink, StateMismatch

CONNECTOR: Final = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
_JAVA: Final = "-XX:TieredStopAtLevel=1"
_LOCAL_FILES: Final = (
    "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
)
"""How Spark writes its state into a directory. Its default starts the programs chmod and readlink for each file."""
_PAUSE_S: Final = 5.0
_ARCHIVED: Final = 1_000_000
"""Records in one batch of the archive."""
_FINAL: Final = (LeadershipLost, StateMismatch, UnknownStateFormat)
"""Errors after which another start would fail again."""

log = structlog.get_logger("headcount.cluster")


class SparkOptions(NamedTuple):
    """How Spark runs. `jars` is a directory with the connector, or '' to download it; `extra` overrides everything.

    Without a `master`, Spark runs where `spark-submit` has started this process, or in this process.
    """

    master: str = ""
    jars: str = ""
    shuffle_partitions: int = 2
    extra: Mapping[str, str] = {}
    needs_kafka: bool = True


class RunOptions(NamedTuple):
    """How a live query runs: where its state is, how many records a batch has, and how often there is one.

    `partitions` are those of a topic that does not exist yet. `retention` is how long a shard knows the past of a room.
    `archive` is the directory of the archive, or '', and `archive_trigger` the time between two files of a partition.
    """

    checkpoint: str
    records: int = 100_000
    trigger: str = "1 second"
    partitions: int = 64
    retention: Ms = 86_400_000
    archive: str = ""
    archive_trigger: str = "1 minute"


def spark_session(options: SparkOptions) -> SparkSession:
    """Return a session with the settings that a live query needs."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    settings = {
        "spark.sql.shuffle.partitions": str(options.shuffle_partitions),
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "200000",
        "spark.sql.execution.arrow.transformWithStateInPySpark.maxRecordsPerBatch": "1000000",
        "spark.sql.session.timeZone": "UTC",
        "spark.speculation": "false",  # two tasks of one shard would write the same round
        # Most of Spark's own work is planning small batches. Compiling that twice costs more than it saves.
        "spark.driver.extraJavaOptions": _JAVA,
        "spark.executor.extraJavaOptions": _JAVA,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        **(_jars(options.jars) if options.needs_kafka else {}),
        **options.extra,
    }
    builder = SparkSession.builder.appName("headcount")
    if options.master or "PYSPARK_GATEWAY_PORT" not in os.environ:  # of spark-submit
        builder = builder.master(options.master or "local[*]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _state_files(checkpoint: str) -> dict[str, str]:
    """Return the setting for the files of the state. Spark's default is the right one where the state is not a directory."""
    if "://" in checkpoint:
        return {}
    return {"spark.sql.streaming.checkpointFileManagerClass": _LOCAL_FILES}


def _jars(directory: str) -> dict[str, str]:
    """Return the setting that gives Spark its Kafka connector."""
    if not directory:
        return {"spark.jars.packages": CONNECTOR}
    jars = sorted(Path(directory).glob("*.jar"))
    if not jars:
        raise BadInput(
            f"there is no .jar in it; it must have {CONNECTOR} and what that needs", where=directory
        )
    return {"spark.jars": ",".join(str(jar.absolute()) for jar in jars)}


def require_server(settings: Settings) -> None:
    """Raise `BadInput` if the database of the settings is a file."""
    if file_of(settings["database"]) is not None:
        raise BadInput(
            "the results of a cluster are written by several processes: the database must be a postgresql:// URL",
            where=settings.origins["database"],
        )


def run_live(settings: Settings, spark: SparkOptions, run: RunOptions, stopping: Event) -> None:
    """Run a live query until it is stopped. Raise `HeadcountError` if it cannot run.

    It begins an epoch: a query that runs elsewhere for the same database writes nothing more.
    """
    require_server(settings)
    topic = required_topic(settings)
    partitions = prepare_topic(topic, topic.topic, run.partitions)
    prepare_topic(topic, topic.inferred, partitions)
    store = open_store(settings["database"], durability=settings["durability"], keyring=settings.keyring())
    require_same_rules(store, settings.rules())
    ShardSink(store.database).prepare(partitions)
    live = LiveSettings(
        topic, settings["database"], store.projections.take_over(), partitions,
        ShardSettings(settings.rules(), settings.stale_after(), settings.reorder_window(), run.retention),
        ShardSink(store.database).cell(), run.archive,
    )  # fmt: skip
    session = spark_session(spark._replace(extra={**_state_files(run.checkpoint), **spark.extra}))
    log.info("the live query runs", topic=topic.topic, shards=partitions, epoch=live.epoch)
    try:
        while not stopping.is_set():
            _run_once(session, live, run, ShardSink(store.database), stopping)
    finally:
        session.stop()
        store.close()


def _run_once(
    session: SparkSession, live: LiveSettings, run: RunOptions, sink: ShardSink, stopping: Event
) -> None:
    """Run the query until it fails or is stopped. Raise `HeadcountError` if it would fail again."""
    queries: list[StreamingQuery] = []
    try:
        offsets = {number: shard.next_offset for number, shard in sink.shards().items()}
        if run.archive:
            queries.append(_start_archive(session, live, run))
        if any(offsets.values()) and _is_new(session, run.checkpoint):
            _wait_for_archive(queries, run, offsets, stopping)
        if stopping.is_set():
            return
        observer = Observer(live)
        query = start_query(
            session, live, observer, run.checkpoint, limit=run.records, trigger=run.trigger,
            offsets={number: offset or FIRST for number, offset in offsets.items()},
        )  # fmt: skip
        queries.append(query)
        while not stopping.is_set() and not query.awaitTermination(1):
            _require_running(queries)
            observer.behind = _records_behind(query.lastProgress, live.partitions)
            observer.report()
    except StoreBusy as error:
        log.warning("the progress of the live query cannot be reported", reason=str(error))
    except StreamingQueryException as error:
        reason = str(error)
        if "failOnDataLoss" in reason:
            raise HeadcountError(
                f"{live.topic.topic}: the topic has deleted records that the query has not read: its retention.ms is shorter"
                " than the outage. If the archive has them, write all tables again with 'headcount cluster backfill'"
            ) from error
        for one in _FINAL:
            if f"{one.__name__}:" in reason:
                raise HeadcountError(
                    reason.partition(f"{one.__name__}:")[2].partition("\n")[0].strip()
                ) from error
        log.error("the live query failed; it starts again from its last batch", reason=reason)  # noqa: TRY400 - Spark's own text has the traces
        stopping.wait(_PAUSE_S)
    finally:
        for one in queries:
            one.stop()


def _start_archive(session: SparkSession, live: LiveSettings, run: RunOptions) -> StreamingQuery:
    return start_archive(
        session, live.topic, live.partitions, run.archive, f"{run.checkpoint}-archive", cell=live.cell,
        limit=_ARCHIVED, trigger=run.archive_trigger,
    )  # fmt: skip


def _is_new(session: SparkSession, checkpoint: str) -> bool:
    """Return whether no batch has been committed to a checkpoint."""
    path = session._jvm.org.apache.hadoop.fs.Path(f"{checkpoint}/commits")  # noqa: SLF001 - Spark's own file systems
    files = path.getFileSystem(session._jsc.hadoopConfiguration())  # noqa: SLF001 - likewise
    return not files.exists(path) or not files.listStatus(path)


def _wait_for_archive(
    queries: Sequence[StreamingQuery],
    run: RunOptions,
    offsets: Mapping[int, int],
    stopping: Event,
) -> None:
    """Wait until the archive has all entries that shards without state need. Raise `StateMismatch` if there is none."""
    if not run.archive:
        raise StateMismatch(
            f"the tables were written by an earlier query, and the checkpoint {run.checkpoint} is empty: give the"
            " checkpoint of that query, or --archive, from which the state can be recovered"
        )
    log.info("the checkpoint is new: the shards recover from the database and the archive")
    while not stopping.wait(1):
        _require_running(queries)
        if Archive(run.archive).has(offsets):
            return


def _require_running(queries: Sequence[StreamingQuery]) -> None:
    """Raise the error of a query that has failed."""
    for query in queries:
        error = query.exception()
        if error is not None:
            raise error


def _records_behind(progress: Any, partitions: int) -> int:
    """Return how many records of the topic the query has not read, by its last progress."""
    if not progress:
        return 0
    average = progress["sources"][0]["metrics"].get("avgOffsetsBehindLatest", 0)
    return round(float(average) * partitions)

"""Live query: a Spark application that reads a topic, works its shards, and writes their results.

A shard is a partition of the topic, so the records of a shard arrive in the order of their offsets, and the time of
the newest one is how far the shard has come. Each shard runs in `transformWithStateInPandas`, and its state is in
Spark's state store. A task writes the results of a round before Spark saves its state. If the process dies in between,
Spark repeats the round with the same records and the same time, and the sink recognizes it by its number.

Responsible for what Spark calls. Must not know rules, or what a round contains.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import time_ns
from typing import Any, Final

import pandas as pd
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.streaming import StatefulProcessor, StatefulProcessorHandle
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.stateful_processor import ExpiredTimerInfo, MapState, TimerValues

from headcount.cluster.further_topics import FurtherTopics
from headcount.cluster.records import COLUMNS, Decoded, decode_records, read_topic
from headcount.cluster.recovery import recovered
from headcount.cluster.shard import Shard, ShardSettings, round_time
from headcount.cluster.shard_state import Chunks, Head, begin
from headcount.garbage import ENGINE_OBJECTS, collect_rarely
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.settings import TopicUrl
from headcount.store.archive import Archive
from headcount.store.cell import CellRule
from headcount.store.open import connect
from headcount.store.records import BatchChanges
from headcount.store.shard_sink import Progress, ShardProgress, ShardSink, when_available

_COLUMNS: Final = "shard int, entries int, bad int, processed_until long, cached boolean"
"""What a round reports. What the topic received up to `processed_until` is processed."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Settings of a live query. `epoch` is that of its driver, `partitions` the number of the topic's partitions.

    `archive` is where the archive is, or '' if there is none.
    """

    topic: TopicUrl
    database: str
    epoch: int
    partitions: int
    shard: ShardSettings
    cell: CellRule
    archive: str = ""


class Worker:
    """What one Python process of Spark keeps between tasks: shards in memory, and its connections."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._database = connect(settings.database)
        self._sink = ShardSink(self._database)
        self._epoch = settings.epoch
        self.topics = FurtherTopics(settings.topic)
        collect_rarely(ENGINE_OBJECTS)
        self.shards: dict[int, Shard] = {}

    def recover(self, shard: int, chunks: Chunks) -> Head | None:
        """Save the state of a shard as of its last round that is written, and return its head; None if there is none."""
        reached = self._sink.shards()[shard]
        if reached == ShardProgress():
            return None
        archive = Archive(self._settings.archive)
        store = recovered(
            self._database, archive, shard, self._settings.partitions, reached, self._settings.shard.retention
        )
        return begin(reached, chunks, store)

    def write(self, shard: int, reached: ShardProgress, batches: Sequence[BatchChanges]) -> None:
        """Write a round, as soon as the database can be used: see `when_available`."""
        when_available(partial(self._sink.write, shard, reached, batches, self._epoch))


_workers: Final[dict[LiveSettings, Worker]] = {}
"""The worker of this process."""


def _worker_of(settings: LiveSettings) -> Worker:
    """Return the worker of this process. That of another query is replaced."""
    if settings not in _workers:
        _workers.clear()
        _workers[settings] = Worker(settings)
    return _workers[settings]


class ShardProcessor(StatefulProcessor):
    """What Spark calls for each shard."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._handle = handle
        self._head = handle.getValueState("head", "value binary")
        self._chunks = SparkChunks(handle.getMapState("chunks", "number long", "value binary"))
        self._worker = _worker_of(self._settings)

    def handleInitialState(  # noqa: N802 - Spark's name
        self,
        key: Any,
        initialState: pd.DataFrame,  # noqa: ARG002, N803 - likewise
        timerValues: TimerValues,  # noqa: N803 - likewise
    ) -> None:
        head = self._worker.recover(int(key[0]), self._chunks)
        if head is not None:
            self._set_timer(head, timerValues.getCurrentProcessingTimeInMs() + 1, None)
            self._head.update((head.encode(),))

    def handleInputRows(  # noqa: N802 - Spark's name
        self,
        key: Any,
        rows: Iterator[pd.DataFrame],
        timerValues: TimerValues,  # noqa: N803 - likewise
    ) -> Iterator[pd.DataFrame]:
        records = pd.concat(list(rows)).sort_values("offset")
        columns = (records[name].tolist() for name in COLUMNS)
        read = decode_records(*columns, partitions=self._settings.partitions, cell=self._settings.cell)
        self._worker.topics.append_bad(read.bad)
        newest = int(records["timestamp"].iloc[-1])
        now = timerValues.getCurrentProcessingTimeInMs()
        next_offset = int(records["offset"].iloc[-1]) + 1
        yield self._round(int(key[0]), read, next_offset, round_time(newest, now), now, newest - 1, None)

    def handleExpiredTimer(  # noqa: N802 - Spark's name
        self,
        key: Any,
        timerValues: TimerValues,  # noqa: N803 - likewise
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803 - likewise
    ) -> Iterator[pd.DataFrame]:
        now = timerValues.getCurrentProcessingTimeInMs()
        expired = expiredTimerInfo.getExpiryTimeInMs()
        yield self._round(int(key[0]), Decoded([], [], [], []), None, now, now, now, expired)

    def _round(
        self,
        number: int,
        read: Decoded,
        next_offset: int | None,
        time: Ms,
        now: Ms,
        processed_until: Ms,
        expired: Ms | None,
    ) -> pd.DataFrame:
        saved = self._head.get()
        head = Head() if saved is None else Head.decode(saved[0])
        shard = self._worker.shards.pop(number, None)
        is_cached = shard is not None and shard.version == head.version
        if shard is None or not is_cached:
            shard = Shard(self._settings.shard, head, self._chunks)
        before, timer = head.version, head.timer
        batches = shard.work(
            head, self._chunks, read.entries, time, next_offset=next_offset, pasts=read.pasts
        )
        late = shard.take_late()
        self._worker.topics.append_late(late)
        self._worker.topics.append_inferred([entry for batch in batches for entry in batch.inferred])
        if head.version != before:
            self._worker.write(number, head.progress, batches)
        self._set_timer(head, max(shard.deadline, now + 1), expired)
        if (head.version, head.timer) != (before, timer):
            self._head.update((head.encode(),))
        self._worker.shards[number] = shard
        values = (
            number,
            len(read.entries) - len(late),
            len(read.bad) + len(late),
            processed_until,
            is_cached,
        )
        return pd.DataFrame([values], columns=[column.split()[0] for column in _COLUMNS.split(", ")])

    def _set_timer(self, head: Head, deadline: Ms, expired: Ms | None) -> None:
        """Set the timer of the shard to its deadline. Spark deletes the expired one itself.

        A shard that waits for nothing has no timer, and costs nothing.
        """
        timer = None if deadline >= NEVER else deadline
        if timer == head.timer:
            return
        if head.timer not in (None, expired):
            self._handle.deleteTimer(head.timer)
        if timer is not None:
            self._handle.registerTimer(timer)
        head.timer = timer


class SparkChunks:
    """The chunks of a shard in a map of Spark's state store."""

    def __init__(self, state: MapState) -> None:
        self._state = state

    def get(self, number: int) -> bytes:
        value: bytes = self._state.getValue((number,))[0]
        return value

    def put(self, number: int, value: bytes) -> None:
        self._state.updateValue((number,), (value,))

    def remove(self, number: int) -> None:
        self._state.removeKey((number,))


class Observer:
    """Runs each batch, whose tasks write the results, and reports the progress of the query."""

    def __init__(self, settings: LiveSettings) -> None:
        self._sink = ShardSink(connect(settings.database))
        self._epoch = settings.epoch
        self._end_of_last: Ms = 0
        """When the last batch ended. What was received before was offered to this batch."""
        self._processed_until: Ms = 0
        self.behind = 0
        """The number of records that are not read yet."""

    def __call__(self, rounds: DataFrame, batch: int) -> None:  # noqa: ARG002 - Spark's signature
        rows = rounds.collect()
        # A shard that is behind has a row. One without a row has nothing that it has not read.
        until = min([self._end_of_last, *(row.processed_until for row in rows)])
        self._processed_until = max(self._processed_until, until)
        self.report(rows)
        self._end_of_last = time_ns() // 1_000_000

    def report(self, rounds: Sequence[Row] | None = None) -> None:
        """Report that the query runs, and the rounds of a batch. Raise `LeadershipLost` if another query runs."""
        done = rounds or ()
        progress = Progress(
            reported=time_ns() // 1_000_000,
            processed_until=self._processed_until,
            batches=int(rounds is not None),
            entries=sum(row.entries for row in done),
            bad_records=sum(row.bad for row in done),
            behind=self.behind,
            rounds=len(done),
            cached_rounds=sum(row.cached for row in done),
        )
        self._sink.report(progress, self._epoch)


def start_query(
    spark: SparkSession,
    settings: LiveSettings,
    observer: Observer,
    checkpoint: str,
    *,
    limit: int,
    trigger: str,
    offsets: Mapping[int, int],
) -> StreamingQuery:
    """Start the query. A batch has at most `limit` records; `trigger` is the interval of batches, like `1 second`.

    If the checkpoint is new, the query begins at `offsets`, by partition, and each shard at its last round that is written.
    """
    topic = settings.topic
    records = read_topic(spark, topic, {topic.topic: offsets}, limit).select(*COLUMNS)
    shards = spark.range(settings.partitions).selectExpr("cast(id as int) as partition")
    rounds = records.groupBy("partition").transformWithStateInPandas(
        ShardProcessor(settings), _COLUMNS, "Update", "ProcessingTime",
        initialState=shards.groupBy("partition"),
    )  # fmt: skip
    writer = rounds.writeStream.outputMode("update").foreachBatch(observer).trigger(processingTime=trigger)
    return writer.option("checkpointLocation", checkpoint).start()

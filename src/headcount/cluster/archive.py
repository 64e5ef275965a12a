"""Archive: the events of a topic as Parquet files, by partition and day. It is the long-term log of a cluster.

They are files of events like any others: `headcount sessionize` reads them, and repeated rows count once. So a batch that
is repeated after a failure changes nothing. A partition has all events of its rooms, so each can be processed alone
(`backfill.py`). What shards infer from snapshots is in a topic of its own, and in the archive, too.

Responsible for the query that writes the files. Must not know who reads them.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from headcount.cluster.records import COLUMNS, decode_records, read_topic
from headcount.ingest.topic_records import partition_of, record_key
from headcount.settings import TopicUrl
from headcount.store.records import DAY_MS, KINDS, SNAPSHOT, LogEntry

_TIMES: Final = ("at", "joined_at", "received")
_TEXTS: Final = ("domain", "room", "kind", "participant_id", "user_id", "user_name", "source_session", "inferred",
                 "attributes", "event_id", "sender")  # fmt: skip
_TIME: Final = pa.timestamp("us", tz="UTC")
_FIELDS: Final = (
    *((name, _TIME, "timestamp") for name in _TIMES),
    *((name, pa.string(), "string") for name in _TEXTS),
    ("origin", pa.int32(), "int"),
    ("digest", pa.binary(), "binary"),
    ("partition", pa.int32(), "int"),
    ("day", pa.int32(), "int"),
)
"""Name, type in Arrow and type in Spark of each column. `day` is the number of the day of receipt (UTC) since 1970."""


def start_archive(
    spark: SparkSession,
    topic: TopicUrl,
    partitions: int,
    directory: str,
    checkpoint: str,
    *,
    limit: int,
    trigger: str,
) -> StreamingQuery:
    """Start the query that appends the events of the topic to files in `directory`, at most `limit` in a batch."""

    def events(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = (batch.column(name).to_pylist() for name in COLUMNS)
            entries, _ = decode_records(*columns, partitions=partitions)
            yield _table(entries, partitions)

    columns = ", ".join(f"{name} {spark_type}" for name, _, spark_type in _FIELDS)
    source = read_topic(spark, topic, (topic.topic, topic.inferred), limit)
    writer = source.mapInArrow(events, columns).writeStream.format("parquet").partitionBy("partition", "day")
    writer = writer.option("path", directory).option("checkpointLocation", checkpoint)
    return writer.outputMode("append").trigger(processingTime=trigger).start()


def _table(entries: list[LogEntry], partitions: int) -> pa.RecordBatch:
    """Return the entries that are events as rows."""
    events = [entry for entry in entries if entry.kind != SNAPSHOT]
    arrays = [
        pa.array([_value(entry, name, partitions) for entry in events], kind) for name, kind, _ in _FIELDS
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _, _ in _FIELDS])


def _value(entry: LogEntry, name: str, partitions: int) -> Any:
    match name:
        case "kind":
            return KINDS[entry.kind].value
        case "at" | "joined_at" | "received":
            at = getattr(entry, name)
            return None if at is None else at * 1_000
        case "partition":
            return partition_of(record_key(entry.domain, entry.room), partitions)
        case "day":
            return entry.received // DAY_MS
        case _:
            return getattr(entry, name)

"""Records: those of a topic as Spark reads them, and the entries in them.

Responsible for reading and decoding them. Must not know what happens to the entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from headcount.cluster.further_topics import BadRecord
from headcount.errors import BadInput
from headcount.ingest.topic_records import decode_record, require_partition
from headcount.kernel.events import Ms
from headcount.limits import WIDEST_LIMITS
from headcount.settings import TopicUrl
from headcount.store.cell import CellRule
from headcount.store.records import LogEntry

COLUMNS: Final = ("partition", "offset", "timestamp", "key", "value")
"""Columns of a record to decode; `timestamp` is the time of receipt in ms."""


def read_topic(
    spark: SparkSession,
    topic: TopicUrl,
    names: Sequence[str],
    limit: int,
    offsets: Mapping[int, int] | None = None,
) -> DataFrame:
    """Return the records of topics, at most `limit` in a batch. A new query begins at `offsets` of the first topic, by partition.

    Without them, it begins with the first record.
    """
    starting = "earliest"
    if offsets is not None:
        starting = msgspec.json.encode(
            {names[0]: {str(number): at for number, at in offsets.items()}}
        ).decode()
    options = {
        "kafka.bootstrap.servers": topic.servers,
        "subscribe": ",".join(names),
        "startingOffsets": starting,
        "maxOffsetsPerTrigger": str(limit),
        **{f"kafka.{name}": value for name, value in topic.options},
    }
    source = spark.readStream.format("kafka").options(**options).load()
    return source.withColumn("timestamp", sql.unix_millis("timestamp"))


def decode_records(
    numbers: Iterable[int],
    offsets: Iterable[int],
    times: Iterable[Ms],
    keys: Iterable[bytes | None],
    values: Iterable[bytes | None],
    *,
    partitions: int,
    cell: CellRule,
) -> tuple[list[LogEntry], list[BadRecord]]:
    """Return the entries of records in their order, and the records that cannot be read."""
    entries: list[LogEntry] = []
    bad: list[BadRecord] = []
    for partition, offset, received, key, value in zip(numbers, offsets, times, keys, values, strict=True):
        try:
            entry = decode_record(key, value, received, WIDEST_LIMITS)
            require_partition(entry, partition, partitions)
            _require_domain(entry, cell)
        except BadInput as error:
            bad.append(BadRecord(partition, offset, key, value, str(error)))
        else:
            entries.append(entry)
    return entries, bad


def _require_domain(entry: LogEntry, cell: CellRule) -> None:
    problem = cell.problem(entry.domain)
    if problem is not None:
        raise BadInput(f"{problem}: produce the record to the topic of its own cell")

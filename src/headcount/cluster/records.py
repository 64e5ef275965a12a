"""Records: those of a topic as Spark reads them, and the entries in them.

Responsible for reading and decoding them. Must not know what happens to the entries.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from headcount.cluster.further_topics import BadRecord
from headcount.cluster.shard_room import RoomPast
from headcount.cluster.shard_state import decode_past
from headcount.errors import BadInput
from headcount.ingest.topic_records import PastRecord, decode_record, require_partition
from headcount.kernel.events import Ms
from headcount.limits import WIDEST_LIMITS
from headcount.settings import TopicUrl
from headcount.store.cell import CellRule
from headcount.store.records import LogEntry

COLUMNS: Final = ("partition", "offset", "timestamp", "key", "value")
"""Columns of a record to decode; `timestamp` is the time of receipt in ms."""

FIRST: Final = -2
"""Kafka's number of the first offset that a partition has."""
Offsets = Mapping[str, Mapping[int, int]]
"""Offsets of all partitions of some topics."""


def read_topic(spark: SparkSession, topic: TopicUrl, offsets: Offsets, limit: int) -> DataFrame:
    """Return the records of topics, at most `limit` in a batch. A new query begins at `offsets`."""
    starting = {name: {str(number): at for number, at in of.items()} for name, of in offsets.items()}
    options = {
        "kafka.bootstrap.servers": topic.servers,
        "subscribe": ",".join(offsets),
        "startingOffsets": msgspec.json.encode(starting).decode(),
        "maxOffsetsPerTrigger": str(limit),
        **{f"kafka.{name}": value for name, value in topic.options},
    }
    source = spark.readStream.format("kafka").options(**options).load()
    return source.withColumn("timestamp", sql.unix_millis("timestamp"))


class Decoded(NamedTuple):
    """What is in some records: entries with their offsets, pasts of rooms, and the records that cannot be read."""

    entries: list[LogEntry]
    offsets: list[int]
    pasts: list[RoomPast]
    bad: list[BadRecord]


def decode_records(
    numbers: Iterable[int],
    offsets: Iterable[int],
    times: Iterable[Ms],
    keys: Iterable[bytes | None],
    values: Iterable[bytes | None],
    *,
    partitions: int,
    cell: CellRule,
) -> Decoded:
    """Return what is in records, in their order."""
    found = Decoded([], [], [], [])
    for partition, offset, received, key, value in zip(numbers, offsets, times, keys, values, strict=True):
        try:
            one = decode_record(key, value, received, WIDEST_LIMITS)
            require_partition(one.domain, one.room, partition, partitions)
            _require_domain(one.domain, cell)
            if isinstance(one, PastRecord):
                found.pasts.append(_past(one))
                continue
        except BadInput as error:
            found.bad.append(BadRecord(partition, offset, key, value, str(error)))
        else:
            found.entries.append(one)
            found.offsets.append(offset)
    return found


def _require_domain(domain: str, cell: CellRule) -> None:
    problem = cell.problem(domain)
    if problem is not None:
        raise BadInput(f"{problem}: produce the record to the topic of its own cell")


def _past(record: PastRecord) -> RoomPast:
    try:
        past = decode_past(record.content)
    except (msgspec.MsgspecError, TypeError, ValueError, KeyError):
        raise BadInput(
            '"past" was written by another release: run "headcount cluster repair" again'
        ) from None
    if (past.domain, past.room) != (record.domain, record.room):
        raise BadInput('"past" is that of another room')
    return past

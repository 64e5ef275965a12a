"""Archive query: the entries of a topic as files, in batches.

A partition has all events of its rooms, so each can be processed alone (`backfill.py`). What shards infer from snapshots
is in a topic of its own, and in the archive, too.

Responsible for the query that writes the files. Must not know who reads them.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from headcount.cluster.records import COLUMNS, FIRST, decode_records, read_topic
from headcount.settings import TopicUrl
from headcount.store.archive import Archive, ArchivedEntry, ArchiveState
from headcount.store.cell import CellRule

_COLUMNS = "inferred boolean, partition int, next long"
"""What a task reports of each partition: the next offset that is not archived."""


def start_archive(
    spark: SparkSession,
    topic: TopicUrl,
    partitions: int,
    location: str,
    checkpoint: str,
    *,
    cell: CellRule,
    limit: int,
    trigger: str,
) -> StreamingQuery:
    """Start the query that appends the entries of the topic to the archive at `location`, at most `limit` in a batch.

    If the checkpoint is new, it continues where the archive ends.
    """

    def write_files(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        archive = Archive(location)
        for batch in batches:
            for part in _by_partition(pa.table(batch)):
                yield _write(archive, part, topic, partitions, cell)

    def write(records: DataFrame, batch: int) -> None:  # noqa: ARG001 - Spark's signature
        rows = records.mapInArrow(write_files, _COLUMNS).collect()
        ends: dict[bool, dict[int, int]] = {False: {}, True: {}}
        for row in rows:
            known = ends[row.inferred]
            known[row.partition] = max(row.next, known.get(row.partition, 0))
        Archive(location).advance(partitions, ends[False], ends[True])

    state = Archive(location).state() or ArchiveState(partitions, {}, {})
    offsets = {
        topic.topic: {number: state.events.get(number, FIRST) for number in range(partitions)},
        topic.inferred: {number: state.inferred.get(number, FIRST) for number in range(partitions)},
    }
    source = read_topic(spark, topic, offsets, limit).select("topic", *COLUMNS)
    writer = source.writeStream.foreachBatch(write).option("checkpointLocation", checkpoint)
    return writer.trigger(processingTime=trigger).start()


def _by_partition(records: pa.Table) -> Iterator[pa.Table]:
    """Yield the records of each partition of each topic, in the order of their offsets. A task nearly always has one."""
    for row in records.group_by(["topic", "partition"]).aggregate([]).to_pylist():
        of_topic = pc.equal(records["topic"], row["topic"])
        of_partition = pc.equal(records["partition"], row["partition"])
        yield records.filter(pc.and_(of_topic, of_partition)).sort_by("offset")


def _write(
    archive: Archive, records: pa.Table, topic: TopicUrl, partitions: int, cell: CellRule
) -> pa.RecordBatch:
    columns = [records[name].to_pylist() for name in COLUMNS]
    number, offsets, is_inferred = columns[0][0], columns[1], records["topic"][0].as_py() == topic.inferred
    found = decode_records(*columns, partitions=partitions, cell=cell)
    entries = zip(found.entries, found.offsets, strict=True)
    archive.write(number, (ArchivedEntry(entry, offset, is_inferred) for entry, offset in entries))
    row = {"inferred": is_inferred, "partition": number, "next": offsets[-1] + 1}
    schema = pa.schema([("inferred", pa.bool_()), ("partition", pa.int32()), ("next", pa.int64())])
    return pa.RecordBatch.from_pylist([row], schema=schema)

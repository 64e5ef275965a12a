"""Backfill: the meetings of an archive, all at once, as files or in the tables of a database.

Spark hands out the partitions of the archive, and each is processed where it is read: a partition has all events of its
rooms, so nothing is shuffled. Files are read and written by Arrow.

Responsible for dividing the work. Must not know the rules.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession

from headcount.batch.io.writers import write_sessions
from headcount.batch.sessionize import sessionize
from headcount.cluster.load import LoadSettings, load_partition
from headcount.cluster.shard import ShardSettings
from headcount.engine.rules_guard import require_same_rules
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.store.archive import Archive
from headcount.store.encryption import Keyring
from headcount.store.open import connect, open_store
from headcount.store.shard_sink import ShardProgress, ShardSink

_COLUMNS: Final = "partition string, events long, meetings long"


_LOADED_COLUMNS: Final = "partition int, events long, meetings long, stays long, rooms long, recent_rooms long, next_offset long, time long"
"""The fields of `Loaded`."""


class Backfilled(NamedTuple):
    """What was read and found. `recent_rooms` are those that an engine has processed for a database."""

    partitions: int
    events: int
    meetings: int
    rooms: int = 0
    recent_rooms: int = 0


def backfill(spark: SparkSession, archive: str, output: str, rules: Rules, as_of: Ms) -> Backfilled:
    """Write the meetings of an archive as of `as_of` ms into `output`, in a directory for each partition.

    Raise `BadInput` if it is no archive.
    """
    names = sorted(path.name for path in Path(archive).glob("partition=*") if path.is_dir())
    if not names:
        raise BadInput("it has no directories partition=…: give the directory of --archive", where=archive)

    def sessions(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in batch.column("value").to_pylist():
                found = sessionize(str(Path(archive) / name), rules=rules, as_of=as_of, threads=1)
                write_sessions(found, Path(output) / name)
                row = {"partition": name, "events": found.summary.events, "meetings": found.meetings.num_rows}
                yield pa.RecordBatch.from_pylist([row])

    divided = spark.createDataFrame([(name,) for name in names], "value string").repartition(len(names))
    rows = divided.mapInArrow(sessions, _COLUMNS).collect()
    return Backfilled(len(rows), sum(row.events for row in rows), sum(row.meetings for row in rows))


def load(
    spark: SparkSession, archive: str, database: str, shard: ShardSettings, keyring: Keyring, *, replace: bool
) -> Backfilled:
    """Write the meetings of an archive into a database, from which a live query can continue.

    The tables must be empty; with `replace`, they are emptied. Raise `BadInput` if it is no archive, and `StoreError` if the
    tables cannot be loaded.
    """
    partitions = Archive(archive).require_state().partitions
    store = open_store(database, keyring=keyring)
    try:
        require_same_rules(store, shard.rules)
        sink = ShardSink(store.database)
        settings = LoadSettings(archive, sink.begin_load(partitions, replace=replace), shard)
        rows = _load_all(spark, settings, database, partitions)
        reached = {row.partition: ShardProgress(0, row.next_offset, row.time) for row in rows}
        sink.end_load(reached, settings.epoch)
    finally:
        store.close()
    return Backfilled(
        len(rows),
        sum(row.events for row in rows),
        sum(row.meetings for row in rows),
        sum(row.rooms for row in rows),
        sum(row.recent_rooms for row in rows),
    )


def _load_all(spark: SparkSession, settings: LoadSettings, database: str, partitions: int) -> list[Any]:
    def loaded(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        connected = connect(database)
        try:
            for batch in batches:
                for number in batch.column("id").to_pylist():
                    row = load_partition(settings, ShardSink(connected), number)._asdict()
                    yield pa.RecordBatch.from_pylist([row], schema=schema)
        finally:
            connected.close()

    wide = ("events", "meetings", "stays", "rooms", "recent_rooms", "next_offset", "time")
    schema = pa.schema([("partition", pa.int32()), *((name, pa.int64()) for name in wide)])
    divided = spark.range(0, partitions, 1, partitions)
    rows: list[Any] = divided.mapInArrow(loaded, _LOADED_COLUMNS).collect()
    return rows

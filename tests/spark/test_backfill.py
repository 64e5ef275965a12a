"""A backfill on Spark: the same meetings as `sessionize`, and a live query that continues from the tables."""

import json
import subprocess
import sys
import time
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from headcount import Rules, sessionize
from headcount.cluster.backfill import backfill
from headcount.cluster.driver import SparkOptions, spark_session
from headcount.cluster.records import decode_records
from headcount.demo.sample import sample_table
from headcount.kernel.events import Event, Kind
from headcount.store.archive import Archive, ArchivedEntry
from headcount.store.cell import CellRule
from spark.test_live import HOUR, records
from support.archives import archive_of_table
from support.engines import kernel
from support.live_query import LiveQuery
from support.stored import DOMAIN, meetings_in

PARTITIONS = 4
EVENTS = 2_000_000


@pytest.fixture
def spark():
    session = spark_session(SparkOptions("local[2]", extra={"spark.driver.memory": "1g"}, needs_kafka=False))
    yield session
    session.stop()


def test_two_million_events_are_as_sessionize_finds_them(tmp_path, spark):
    archive = archive_of_table(tmp_path / "archive", sample_table(EVENTS), PARTITIONS).location
    whole = sessionize(archive)
    done = backfill(spark, archive, str(tmp_path / "out"), Rules(), whole.as_of)
    assert (done.partitions, done.events, done.meetings) == (PARTITIONS, EVENTS, whole.summary.meetings)
    for name in ("meetings", "participants"):
        parts = [
            pq.read_table(path) for path in sorted((tmp_path / "out").glob(f"partition=*/{name}.parquet"))
        ]
        assert in_order(pa.concat_tables(parts)).equals(in_order(getattr(whole, name))), name


def in_order(table):
    """Return the rows of a table in an order that follows from them, without dictionaries."""
    plain = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    table = pa.table(plain, names=table.column_names)
    keys = [name for name in ("id", "meeting_id", "join", "participant_id") if name in table.column_names]
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in keys])).combine_chunks()


def archive_topic(broker, topic, size, location):
    """Write all records of a topic as its archive."""
    found = broker.consume(topic, size)
    ends = {}
    for number in range(PARTITIONS):
        own = sorted((one for one in found if one.partition() == number), key=lambda one: one.offset())
        if own:
            columns = zip(
                *((number, one.offset(), one.timestamp()[1], one.key(), one.value()) for one in own),
                strict=True,
            )
            read = decode_records(*columns, partitions=PARTITIONS, cell=CellRule())
            entries = zip(read.entries, read.offsets, strict=True)
            Archive(location).write(
                number, [ArchivedEntry(entry, offset, is_inferred=False) for entry, offset in entries]
            )
            ends[number] = own[-1].offset() + 1
    Archive(location).advance(PARTITIONS, ends, {})


def history(seed, rooms, until):
    """Events of some rooms in the last hours, in the order in which they arrive: out of order, repeated and late."""
    chance = Random(seed)
    events = []
    for number in range(rooms):
        room, at = f"room-{number}", until - 6 * HOUR + chance.randrange(HOUR)
        while at < until - HOUR:
            who, length = chance.choice("abcde"), chance.choice((5_000, 40_000, 700_000, 1_500_000))
            known = {"user_id": who.upper(), "user_name": f"Name of {who}"}
            events.append((at, Event(Kind.JOIN, room, at, who, **known)))
            if chance.random() < 0.9:
                joined = at if chance.random() < 0.2 else None
                events.append((at + length, Event(Kind.LEAVE, room, at + length, who, joined_at=joined)))
            if chance.random() < 0.03:
                events.append((at + length, Event(Kind.END, room, at + length)))
            at += chance.choice((0, 3_000, 60_000, 900_000))
    late = [(at + chance.choice((0, 0, 0, 2_000, 90_000, 1_200_000)), event) for at, event in events]
    return [event for _, event in sorted([*late, *chance.sample(late, 20)], key=lambda pair: pair[0])]


def test_a_live_query_continues_from_a_backfill(tmp_path, broker, postgres):
    """Neither is an event lost between them, nor is one processed twice."""
    until = time.time_ns() // 1_000_000
    old, new = history(3, 30, until - 48 * HOUR), history(2, 30, until)
    events = [*old, *new]
    half = len(old) + len(new) // 2
    topic, database, archive = broker.topic(PARTITIONS), postgres.database(), str(tmp_path / "archive")
    broker.produce(topic, records(events[:half]))
    archive_topic(broker, topic, half, archive)
    command = [sys.executable, "-m", "headcount.cli", "cluster", "backfill", archive, "--database", database]
    command.append("--json")
    loaded = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert loaded["events"] == half
    broker.produce(topic, records(events[half:]))
    query = LiveQuery(tmp_path, broker, database, topic, "--archive", archive)
    try:
        query.start()
        query.until_processed(len(events) - half, 120)
        assert (query.sink.progress().entries, query.sink.progress().bad_records) == (len(events) - half, 0)
        assert meetings_in(query.store) == kernel(events, as_of=until + HOUR, domain=DOMAIN)
        assert query.stop() == 0
    finally:
        if query.process.poll() is None:
            query.kill()

"""Shard sink: what the shards of a cluster write at the same time."""

import threading
from random import Random

import pytest

from headcount.store.database import StoreBusy
from headcount.store.meeting_counts import PERIOD_MS
from headcount.store.open import open_store
from headcount.store.records import DAY_MS, BatchChanges, LogEntry, MeetingRow, Origin, StayRow
from headcount.store.shard_sink import Progress, ShardProgress, ShardSink

SHARDS, ROUNDS, BATCHES, MEETINGS = 8, 20, 3, 12
MINUTE = 60_000


def batch_of(shard, number, chance):
    """A batch of a shard: its own meetings, on days and with attributes and sizes that those of the others have, too."""
    batch = BatchChanges(number)
    for meeting in range(MEETINGS):
        name = f"{shard}-{number}-{meeting}"
        domain, room = chance.choice(("acme", "zoo")), f"room-{name}"
        start = PERIOD_MS + chance.randrange(20) * DAY_MS
        end = start + chance.randrange(1, 6) * MINUTE
        attributes = f'{{"key-{chance.randrange(30)}":"{chance.randrange(3)}"}}'
        batch.meetings[domain, name] = MeetingRow(domain, name, room, start, end, chance.randrange(1, 4))
        stay = StayRow(domain, room, start, f"p-{name}", end, "reported", None, None, attributes)
        batch.stays[stay[:4]] = stay
    return batch


@pytest.fixture
def store(postgres):
    opened = open_store(postgres.database(), durability="normal")
    yield opened
    opened.close()


def deadlocks(store):
    with store.database.reading() as connection:
        text = "select deadlocks, pg_stat_clear_snapshot() from pg_stat_database where datname = current_database()"
        return connection.query(text, {})[0][0]


def run_at_once(*calls):
    """Run these in threads of their own, and raise the first error of any."""
    errors = []

    def run(call):
        try:
            call()
        except Exception as error:  # noqa: BLE001 - raised by the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_shards_that_count_in_the_same_rows_never_deadlock(store):
    """Each transaction has several batches, and all of them change the counts of the same days, sizes and values."""
    sink = ShardSink(store.database)
    sink.prepare(SHARDS)
    epoch = store.projections.take_over()

    def write(shard):
        chance = Random(shard)
        for number in range(1, ROUNDS + 1):
            batches = [batch_of(shard, number * BATCHES + some, chance) for some in range(BATCHES)]
            try:
                sink.write(shard, ShardProgress(number), batches, epoch)
            except StoreBusy as error:
                raise AssertionError(str(error)) from error

    run_at_once(*(lambda shard=shard: write(shard) for shard in range(SHARDS)))
    assert deadlocks(store) == 0
    written = SHARDS * ROUNDS * BATCHES * MEETINGS
    with store.database.reading() as connection:
        for table in ("meeting_counts", "ended_meeting_counts", "meeting_attribute_counts"):
            ((total,),) = connection.query(f"select sum(meetings) from {table}", {})
            assert (table, total) == (table, written)


def test_an_engine_that_takes_over_does_not_process_what_a_shard_has_inferred(store):
    """The log of a cluster is the topic. What a shard infers is in the database, too: a shard that lost its state needs it."""
    sink = ShardSink(store.database)
    sink.prepare(1)
    batch = batch_of(0, 1, Random(1))
    batch.inferred.append(
        LogEntry("acme", "room-0", 2, 5, 6, "ann", None, None, None, None, "snapshot", None, b"k" * 16, 2)
    )
    epoch = store.projections.take_over()
    assert sink.write(0, ShardProgress(1), [batch], epoch)
    sink.report(Progress(1, 0, 1, 1, 0, 0), epoch)
    assert len(store.log.after(0, 10)) == 1
    sink.forget_query()
    assert store.log.after(store.projections.cursor()[0], 10) == []


def test_the_cursor_moves_past_what_shards_have_inferred(store):
    """It is processed when it is written, and a room that was inferred empty long ago is not active."""
    sink = ShardSink(store.database)
    sink.prepare(1)
    epoch = store.projections.take_over()
    batch = BatchChanges(1)
    batch.inferred = [
        LogEntry("acme", f"room-{number}", 2, PERIOD_MS, PERIOD_MS, "ann", None, None, None, None, "snapshot", None,
                 number.to_bytes(16, "big"), Origin.INFERRED)
        for number in range(1_500)
    ]  # fmt: skip
    sink.write(0, ShardProgress(1, 1, PERIOD_MS), [batch], epoch)
    assert store.meetings.active_among("acme", ["room-7"]) == set()
    assert store.projections.cursor() == (0, epoch)
    sink.report(Progress(PERIOD_MS, PERIOD_MS, 1, 1, 0, 0), epoch)
    end, _ = store.log.end()
    assert store.projections.cursor() == (end, epoch)
    assert end >= 1_500
    store.log.append([[batch.inferred[0]._replace(origin=Origin.LIVE, key=b"live" * 4)]])
    batch.inferred = [entry._replace(key=b"again" + entry.key[5:]) for entry in batch.inferred]
    sink.write(0, ShardProgress(2, 2, PERIOD_MS), [batch], epoch)
    sink.report(Progress(PERIOD_MS, PERIOD_MS, 1, 1, 0, 0), epoch)
    assert [entry.origin for entry in store.log.after(store.projections.cursor()[0], 1)] == [Origin.LIVE]

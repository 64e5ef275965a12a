"""Every table of a cluster is that of one engine: of all tables if both read the same in each round, else of those of the results."""

from random import Random

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS
from headcount.store.replacement import first_difference
from support.engines import NEW_YEAR
from support.lives import HOUR, MINUTE, lives
from support.shards import RecoveredShards, StoredShards
from support.stored import StoredEngine

SINCE, UNTIL = NEW_YEAR, NEW_YEAR + 2 * HOUR
STALE_AFTER = 45 * MINUTE
OTHERS = {
    "corrections": "domain, room, corrected_ms, first_ms, last_ms, late_ms, reason, before_and_after",
    "superseded_meetings": "domain, id, room, start_ms, superseded_ms",
    "published_meetings": "domain, id, room, start_ms, end_ms, max_participants, participants, revisions",
    "pending_notifications": "domain, id, due_ms, room, start_ms, reason",
    "rooms": "domain, room, finalized_ms, deadline_ms, created_ms",
    "messages": "domain, id, type, room, at_ms, created_ms, payload",
}
"""The tables that a rebuild cannot compare, and their columns without a number in the order of commits."""


def rounds_of(entries, chance):
    """Return the rounds in which entries are read: pairs of a time and entries, at least every ten minutes."""
    rounds, now, start = [], SINCE, 0
    while start < len(entries):
        now += chance.choice((200, 1_000, 15_000, MINUTE, 10 * MINUTE))
        end = start
        while end < len(entries) and entries[end].received <= now:
            end += 1
        rounds.append((now, entries[start:end]))
        start = end
    return rounds


def written(made, folder, rounds, is_restarted, *, stale_after=STALE_AFTER, **options):
    """Return a store after all rounds, and the keys of the entries that were inferred."""
    stored = made(folder, stale_after=stale_after, **options)
    for number, (now, entries) in enumerate(rounds):
        if is_restarted(number):
            stored.start()
        stored.append_entries(entries)
        stored.show(now - REORDER_WINDOW_MS)
    stored.show(UNTIL + 3 * HOUR)
    stored.store.usage_rollup.finish()
    return stored


def rows(store, table):
    with store.database.reading() as connection:
        return sorted(map(repr, connection.query(f"select {OTHERS[table]} from {table}", {})))


def assert_same(one, other):
    """Raise if any table or inferred entry differs, and close both stores."""
    try:
        assert first_difference(one.store.database, other.store.database) is None
        for table in OTHERS:
            assert rows(one.store, table) == rows(other.store, table), table
        assert one.inferred_facts() == other.inferred_facts() != []
    finally:
        one.close()
        other.close()


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("cache", ["kept", "lost now and then", "lost in each round"])
@pytest.mark.parametrize("seed", range(6))
def test_shards_write_every_table_as_one_engine_does(folder, seed, cache):
    chance = Random(seed)
    rounds = rounds_of(lives(seed, 6, SINCE, UNTIL, is_truthful=False), chance)
    lost = {"kept": 0.0, "lost now and then": 0.1, "lost in each round": 1.0}[cache]
    engine = written(StoredEngine, folder, rounds, lambda _: False, stopwatch=None)
    shards = written(
        StoredShards, folder, rounds, lambda _: chance.random() < lost, shards=chance.randint(1, 4)
    )
    assert_same(engine, shards)


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("retention", [10 * HOUR, 20 * MINUTE], ids=["remembered", "forgotten"])
@pytest.mark.parametrize("seed", range(6))
def test_shards_that_lose_their_states_write_every_table_as_one_engine_does(folder, seed, retention):
    """They recover from the tables and the archive. Nothing is late for a shard that forgets."""
    chance = Random(seed)
    known = lives(seed, 6, SINCE, UNTIL, is_truthful=False)
    entries = [entry for entry in known if entry.received - entry.first_at < retention // 2]
    rounds = rounds_of(entries, chance)
    engine = written(StoredEngine, folder, rounds, lambda _: False, stopwatch=None)
    shards = written(
        RecoveredShards, folder, rounds, lambda _: chance.random() < 0.3, shards=2, retention=retention
    )
    assert shards.late == []
    assert (shards.forgotten() > 0) == (retention < HOUR)
    assert_same(engine, shards)


@pytest.mark.parametrize("seed", range(6))
def test_an_engine_that_restarts_after_each_round_writes_every_table_alike(folder, seed):
    """It knows which history was imported, and how far the time of each room has come."""
    rounds = rounds_of(lives(seed, 6, SINCE, UNTIL, is_truthful=False), Random(seed))
    one = written(StoredEngine, folder, rounds, lambda _: False, stopwatch=None)
    assert_same(one, written(StoredEngine, folder, rounds, lambda _: True, stopwatch=None))


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("seed", range(12))
def test_results_do_not_depend_on_the_borders_of_rounds(folder, seed):
    """A backlog has several lists of who is in a room, and each is compared with what the list before it revealed."""
    chance = Random(seed)
    entries = lives(seed, 6, SINCE, UNTIL, is_truthful=False)
    live = written(StoredEngine, folder, rounds_of(entries, chance), lambda _: False, stale_after=None)
    borders = sorted(chance.sample(range(len(entries)), 5))
    parts = zip([0, *borders], [*borders, len(entries)], strict=True)
    backlog = [(UNTIL + HOUR + start, entries[start:end]) for start, end in parts]
    for made in (StoredEngine, StoredShards):
        late = written(made, folder, backlog, lambda _: chance.random() < 0.3, stale_after=None)
        assert first_difference(live.store.database, late.store.database) is None
        assert live.inferred_facts() == late.inferred_facts() != []
        late.close()
    live.close()

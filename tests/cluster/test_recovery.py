"""Recovery: a shard that has lost its state continues from the tables and the archive, and late entries can be repaired."""

import shutil
from random import Random

import pytest

from cluster.test_crashes import assert_all_is_published
from engine.test_crashes import LONG, said_by
from headcount.kernel.rules import Rules
from headcount.store.open import open_store
from support.engines import NEW_YEAR, by_rooms, kernel
from support.oracle import oracle_presence
from support.shards import ShardedEngine

RULES = Rules()
HOUR = 3_600_000


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("headcount.cluster.shard_state._MIN_BASE_BYTES", 600)


@pytest.fixture
def shards(folder):
    store = open_store(str(folder / "recovery.db"), durability="off")
    yield lambda **settings: ShardedEngine(store, RULES, archive=folder / "archive", **settings)
    store.close()
    shutil.rmtree(folder / "archive", ignore_errors=True)
    for file in folder.glob("recovery.db*"):
        file.unlink()


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_no_loss_of_a_state_changes_a_result(folder, first):
    lost = sum(live(folder, seed)[0] for seed in range(first, first + 50))
    assert lost > 20


@pytest.mark.parametrize("first", range(1_000, 1_200, 50))
def test_what_came_too_late_is_repaired_as_if_nothing_had_been_forgotten(folder, first):
    repaired = sum(
        live(folder, seed, retention=700_000, latest=5_000_000)[1] for seed in range(first, first + 50)
    )
    assert repaired > 5


def live(folder, seed, latest=700_000, **settings):
    """Return how often a shard lost its state, and how many late entries were repaired."""
    chance = Random(seed)
    store = open_store(str(folder / f"{seed}.db"), durability="off")
    archive = folder / f"archive-{seed}"
    shards = ShardedEngine(store, RULES, shards=chance.randint(1, 2), archive=archive, **settings)
    events = said_by(Random(seed))
    moment, lost, repaired = NEW_YEAR, 0, 0
    for event in sorted(events, key=lambda event: event.at + chance.choice((0, 0, 300, 20_000, latest))):
        moment = max(moment, event.at) + chance.choice((0, 100, 1_000, 11_000))
        shards.append(event, received=moment)
        if chance.random() < 0.7:
            shards.show(moment)
            if chance.random() < 0.2:
                lost += 1
                shards.lose(chance.randrange(len(shards.states)))
            if chance.random() < 0.3:
                repaired += len(shards.late)
                shards.repair(moment)
    moment += LONG
    shards.show(moment)
    while shards.late:
        repaired += len(shards.late)
        shards.repair(moment)
    try:
        assert_all_is_published(store, shards, events, moment + LONG, seed)
    finally:
        store.close()
        shutil.rmtree(archive)
    return lost, repaired


@pytest.mark.parametrize("first", range(2_000, 2_100, 50))
def test_shards_continue_from_a_backfill_as_if_it_had_been_live(folder, first):
    over = sum(backfilled(folder, seed) for seed in range(first, first + 50))
    assert over > 5


def backfilled(folder, seed):
    """Return how many pasts were over when they were backfilled."""
    chance = Random(seed)
    stores = [open_store(str(folder / f"{seed}-{number}.db"), durability="off") for number in range(2)]
    archive = folder / f"archive-{seed}"
    shards = ShardedEngine(
        stores[0],
        RULES,
        shards=chance.randint(1, 2),
        archive=archive,
        retention=chance.choice((60_000, 10**9)),
    )
    events = said_by(Random(seed))
    moment, over = NEW_YEAR, 0
    turn = chance.randrange(len(events))
    for number, event in enumerate(
        sorted(events, key=lambda event: event.at + chance.choice((0, 0, 300, 20_000)))
    ):
        moment = max(moment, event.at) + chance.choice((0, 100, 1_000, 11_000))
        shards.append(event, received=moment)
        if number == turn:
            over = shards.backfill(stores[1])
        elif chance.random() < 0.5:
            shards.show(moment)
    moment += LONG
    shards.show(moment)
    while shards.late:
        shards.repair(moment)
    try:
        assert shards.meetings() == kernel(events, as_of=moment, rules=RULES), f"seed {seed}"
        present = [stay for _, own in by_rooms(events) for stay in oracle_presence(own, as_of=moment)]
        assert shards.presence() == present, f"seed {seed}"
    finally:
        for store in stores:
            store.close()
        shutil.rmtree(archive)
    return over

"""Crashes: a shard's process dies anywhere, the round runs again, and every result is written once.

A round that runs again has the same entries and the same time, as Spark repeats a batch. The state of a round is
saved after its results are written, so a process may die between the two.
"""

from dataclasses import replace
from random import Random

import pytest

from engine.test_crashes import LONG, said_by
from headcount.kernel.rules import Rules
from headcount.store.database import LeadershipLost
from headcount.store.open import open_store
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.shards import ShardedEngine

RULES = Rules()


LATEST = 700_000
"""The latest that an event arrives. It may be read when the next event arrives, which is ten minutes later at most."""


class CrashError(Exception):
    """The process died here."""


class MortalShards(ShardedEngine):
    """Shards whose process may die in a round before and after its results are written, and before its state is saved."""

    chance = Random(0)
    crashes = 0

    def round(self, number, now):
        while True:
            try:
                return super().round(number, now)
            except CrashError:
                self.crashes += 1
                if self.chance.random() < 0.5:
                    self.start()

    def before(self, step):
        if self.chance.random() < 0.15:
            raise CrashError(step)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("headcount.cluster.shard_state._MIN_BASE_BYTES", 600)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_no_crash_loses_or_doubles_a_result(folder, first):
    crashes = [live(folder, seed, said_by(Random(seed)))[0] for seed in range(first, first + 50)]
    assert sum(crashes) > 50


@pytest.mark.parametrize("first", range(1_000, 1_200, 50))
def test_forgetting_what_no_event_reaches_any_more_changes_nothing(folder, first):
    """A leave that knows a join of long ago would reach it."""
    forgotten = 0
    for seed in range(first, first + 50):
        events = [replace(event, joined_at=None) for event in said_by(Random(seed))]
        forgotten += live(folder, seed, events, retention=LATEST + 1_300_000)[1]
    assert forgotten > 10


def live(folder, seed, events, **settings):
    """Return how often the process died, and in how many rooms it has forgotten a past."""
    chance = Random(seed)
    store = open_store(str(folder / f"{seed}.db"), durability="off")
    shards = MortalShards(store, RULES, shards=chance.randint(1, 3), **settings)
    shards.chance = chance
    moment = NEW_YEAR
    for event in sorted(events, key=lambda event: event.at + chance.choice((0, 0, 300, 20_000, LATEST))):
        moment = max(moment, event.at) + chance.choice((0, 100, 1_000, 11_000))
        shards.append(event)
        if chance.random() < 0.7:
            shards.show(moment)
    moment += chance.choice((0, 10_000, 30_000, 600_000, 1_300_000))
    shards.show(moment)
    try:
        assert shards.meetings() == kernel(events, as_of=moment, rules=RULES), f"seed {seed}"
        assert_all_is_published(store, shards, events, moment + LONG, seed)
    finally:
        store.close()
    assert shards.late == [], f"seed {seed}"
    return shards.crashes, shards.forgotten()


def assert_all_is_published(store, shards, events, moment, seed):
    """Raise unless the tables and a receiver of all messages have what is so at `moment`."""
    shards.show(moment)
    assert shards.meetings() == kernel(events, as_of=moment, rules=RULES), f"seed {seed}"
    heard = Receiver(store.messages.after(0))
    horizon = moment + shards.settings.reorder_window - RULES.late_grace_ms
    assert heard.meetings == as_received(kernel(events, as_of=horizon, rules=RULES)), f"seed {seed}"
    assert heard.inside == inside(events, RULES, moment), f"seed {seed}"


def test_a_driver_that_was_replaced_writes_nothing(folder):
    store = open_store(str(folder / "replaced.db"), durability="off")
    old = ShardedEngine(store, RULES, shards=1)
    new = ShardedEngine(store, RULES, shards=1)
    joined = said_by(Random(1))
    old.append(*joined)
    with pytest.raises(LeadershipLost):
        old.show(NEW_YEAR + LONG)
    assert new.meetings() == []
    new.append(*joined)
    new.show(NEW_YEAR + LONG)
    assert new.meetings() == kernel(joined, as_of=NEW_YEAR + LONG, rules=RULES)
    store.close()

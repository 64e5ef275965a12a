"""Shards agree with `sessionize` and the oracle on the same events, wherever they are restarted from their state (R13)."""

from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.store.open import open_store
from support import engines
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.oracle import oracle_presence
from support.scenario import SCENARIOS, parse
from support.shards import ShardedEngine
from support.stored import shifted
from support.strategies import (
    EAGER,
    SCALED,
    asked_as_of,
    histories,
    rule_numbers,
    tidy_histories,
    uncertain_histories,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def opened(folder):
    path = folder / "shards.db"
    store = open_store(str(path), durability="off")
    try:
        yield store
    finally:
        store.close()
        for file in folder.glob("shards.db*"):
            file.unlink()


def tables(folder, order, rules, as_of, ticks=(), restarts=(), **options):
    """Return meetings and presence of `order` in the tables at `as_of`, with ticks and restarts of the shards."""
    with opened(folder) as store:
        shards = ShardedEngine(store, rules, **options)
        for number, event in enumerate(order):
            if number < len(ticks):
                shards.show(min(ticks[number], as_of))
            if number in restarts:
                shards.start()
            shards.append(event)
        shards.show(as_of)
        return shards.meetings(), shards.presence()


def truth(events, as_of, rules):
    return kernel(events, as_of=as_of, rules=rules), oracle_presence(events, as_of=as_of)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that few events are enough for merged chunks and for a base in parts."""
    monkeypatch.setattr("headcount.cluster.shard_state._MIN_BASE_BYTES", 600)
    monkeypatch.setattr("headcount.cluster.shard_state._BASE_ROOMS", 1)


@QUICK
@given(st.data())
def test_shards_agree_with_the_kernel_in_any_order_with_restarts_anywhere(folder, data):
    rules = data.draw(rule_numbers())
    events = [shifted(event) for event in data.draw(histories(rules))]
    as_of = data.draw(asked_as_of([*events], rules))
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    moments = st.integers(NEW_YEAR - 100, NEW_YEAR + 3_000)
    ticks = sorted(data.draw(st.lists(moments, max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    assert tables(folder, order, rules, as_of, ticks, restarts) == truth(events, as_of, rules)


@QUICK
@given(st.data())
def test_inferred_leaves_are_confirmed_or_overridden_alike(folder, data):
    events = [shifted(event) for event in data.draw(uncertain_histories())]
    as_of = data.draw(asked_as_of([*events], EAGER))
    order = data.draw(st.permutations(events))
    ticks = sorted(data.draw(st.lists(st.integers(NEW_YEAR - 5, NEW_YEAR + 30), max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    assert tables(folder, order, EAGER, as_of, ticks, restarts) == truth(events, as_of, EAGER)


@QUICK
@given(st.data())
def test_a_restart_after_every_round_changes_nothing(folder, data):
    """Nothing is cached: every round begins with the saved state, in which every room has a checkpoint."""
    events = [shifted(event) for event in data.draw(tidy_histories())]
    as_of = data.draw(asked_as_of([*events], SCALED))
    order = data.draw(st.permutations(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headcount.engine.room_cache._CHECKPOINT_EVENTS", 0)
        ticks = sorted(data.draw(st.lists(st.integers(NEW_YEAR - 5, NEW_YEAR + 3_000), max_size=len(order))))
        found = tables(folder, order, SCALED, as_of, ticks, range(len(order)))
    assert found == truth(events, as_of, SCALED)


@QUICK
@given(st.data())
def test_a_receiver_of_the_messages_knows_what_is_so(folder, data):
    rules = data.draw(rule_numbers())
    events = [shifted(event) for event in data.draw(histories(rules))]
    order = data.draw(st.permutations(events))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    until = NEW_YEAR + 10_000_000
    with opened(folder) as store:
        shards = ShardedEngine(store, rules)
        for number, event in enumerate(order):
            if number in restarts:
                shards.start()
            shards.append(event)
            shards.show(event.at)
        shards.show(until)
        heard = Receiver(store.messages.after(0, limit=100_000))
    assert heard.meetings == as_received(kernel(events, as_of=until - rules.late_grace_ms, rules=rules))
    assert heard.inside == inside(events, rules, until)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "restored"])
def test_a_scenario_yields_the_same_meetings_from_shards(folder, path, cached):
    story = parse(path.read_text())

    def ask(events, *, as_of, rules, domain):
        restarts = () if cached else range(len(events))
        return tables(folder, events, rules, as_of, [event.at for event in events], restarts)[0]

    asked = {"as_of": story.as_of, "rules": story.rules, "domain": "default"}
    assert engines.in_scenario_time(ask)(story.events, **asked) == engines.in_scenario_time(kernel)(
        story.events, **asked
    )

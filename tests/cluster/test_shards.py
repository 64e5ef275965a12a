"""Shards: every scenario, the messages that they publish, and what they refuse."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.test_same_as_batch import tables
from headcount.store.open import open_store
from headcount.store.shard_sink import ShardSink, StateMismatch
from support import engines
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.scenario import SCENARIOS, parse
from support.shards import StoredShards
from support.stored import shifted
from support.strategies import histories, rule_numbers

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.data())
def test_a_receiver_of_the_messages_knows_what_is_so(folder, data):
    rules = data.draw(rule_numbers())
    events = [shifted(event) for event in data.draw(histories(rules))]
    order = data.draw(st.permutations(events))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    until = NEW_YEAR + 10_000_000
    shards = StoredShards(folder, rules)
    for number, event in enumerate(order):
        if number in restarts:
            shards.start()
        shards.append(event)
        shards.show(event.at)
    shards.show(until)
    heard = Receiver(shards.store.messages.after(0, limit=100_000))
    shards.close()
    assert heard.meetings == as_received(kernel(events, as_of=until - rules.late_grace_ms, rules=rules))
    assert heard.inside == inside(events, rules, until)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "restored"])
def test_a_scenario_yields_the_same_meetings_from_shards(folder, path, cached):
    story = parse(path.read_text())

    def ask(events, *, as_of, rules, domain):
        restarts = () if cached else range(len(events))
        ticks = [event.at for event in events]
        return tables(StoredShards, folder, events, rules, as_of, ticks, restarts)[0]

    asked = {"as_of": story.as_of, "rules": story.rules, "domain": "default"}
    assert engines.in_scenario_time(ask)(story.events, **asked) == engines.in_scenario_time(kernel)(
        story.events, **asked
    )


def test_the_number_of_shards_cannot_change(folder):
    store = open_store(str(folder / "number.db"), durability="off")
    ShardSink(store.database).prepare(4)
    ShardSink(store.database).prepare(4)
    with pytest.raises(
        StateMismatch, match="the topic has 8 partitions, and the tables were written by 4 shards"
    ):
        ShardSink(store.database).prepare(8)
    store.close()

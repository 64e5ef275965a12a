"""Shards: every scenario, the messages that they publish, and what they refuse."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.store.open import open_store
from headcount.store.shard_sink import ShardSink, StateMismatch
from support import engines
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.scenario import SCENARIOS, parse
from support.shards import StoredShards
from support.stored import DOMAIN, shifted
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


def in_time(events, shards):
    """Let each event be read before its room's time reaches it."""
    for event in sorted(events, key=lambda event: event.at):
        yield shards.append(event)
        shards.show(event.at)


def late(events, shards):
    """Let each event be read when its room's time has passed it."""
    for event in events:
        shards.show(event.at)
        yield shards.append(event)


def shuffled(events, shards):
    """Let the events be read in any order, the first ones long before their time and the last ones long after it."""
    for event, now in zip(
        Random(0).sample(events, len(events)), sorted(event.at for event in events), strict=True
    ):
        yield shards.append(event)
        shards.show(now)


def at_once(events, shards):
    yield shards.append(*events)


@pytest.mark.usefixtures("tiny_chunks")
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("arrival", [in_time, late, shuffled, at_once])
def test_a_scenario_yields_its_meetings_from_shards_in_memory_or_restored(folder, path, arrival):
    story = parse(path.read_text())

    def ask(events, *, as_of, rules, domain):
        found = []
        for is_restored in (False, True):
            shards = StoredShards(folder, rules)
            for _ in arrival([event for event in events if event.at <= as_of], shards):
                if is_restored:
                    shards.start()
            shards.show(as_of)
            found.append(shards.meetings())
            shards.close()
        assert found[0] == found[1]
        return found[0]

    meetings = engines.in_scenario_time(ask)(
        story.events, as_of=story.as_of, rules=story.rules, domain=DOMAIN
    )
    assert story.format(meetings) == story.expected


def test_the_number_of_shards_cannot_change(folder):
    store = open_store(str(folder / "number.db"), durability="off")
    ShardSink(store.database).prepare(4)
    ShardSink(store.database).prepare(4)
    with pytest.raises(
        StateMismatch, match="the topic has 8 partitions, and the tables were written by 4 shards"
    ):
        ShardSink(store.database).prepare(8)
    store.close()

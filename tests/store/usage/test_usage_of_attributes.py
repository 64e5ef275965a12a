"""Usage by attributes: single cases that random lives seldom have."""

import pytest

from headcount.engine.engine import Engine
from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.open import open_store
from support.engines import NEW_YEAR
from support.stored import entry_of

QUARTER = 900_000
FIRST = NEW_YEAR // QUARTER
LAST = FIRST + 96
NOW = NEW_YEAR + 20 * 3_600_000


class World:
    """A store, its engine, and usage of the first day."""

    def __init__(self, store):
        self.store = store
        self.engine = Engine(store, Rules(), store.projections.take_over())

    def send(self, *events, roll_up=True):
        for kind, who, second, *attributes in events:
            event = Event(
                Kind(kind), "blue", NEW_YEAR + second * 1_000, who, attributes=canonical(*attributes or ({},))
            )
            self.store.log.append([[entry_of(event, event.at)]])
        for now in (NEW_YEAR + events[-1][2] * 1_000, NEW_YEAR + events[-1][2] * 1_000 + 16_000):
            while self.engine.step(now):
                pass
        if roll_up:
            self.store.usage_rollup.finish()

    def minutes(self, key, **more):
        values, _ = self.store.usage.by_value("default", key, None, FIRST, LAST, NOW, **more)
        return {one.value: one.participant_ms / 60_000 for one in values}


@pytest.fixture
def world(tmp_path):
    store = open_store(str(tmp_path / "store.db"), durability="off")
    yield World(store)
    store.close()


def test_attributes_learned_after_a_reset_count_in_the_meeting_before(world):
    world.send(("join", "a", 0), ("join", "b", 60), ("leave", "b", 600), ("join", "c", 1_260))
    world.send(("leave", "c", 1_320))
    assert world.minutes("role") == {None: 1_200 + 9 + 1}
    world.send(("join", "a", 1_380, {"role": "host"}))
    assert world.minutes("role") == {"host": 1_200, None: 10}
    world.send(("leave", "a", 1_800, {"customer": "acme"}))
    assert world.minutes("role") == {"host": 30, None: 10}
    assert world.minutes("customer") == {"acme": 30, None: 10}

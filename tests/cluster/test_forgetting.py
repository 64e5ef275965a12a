"""Forgetting: the past of a room that is over is dropped after the retention, and what comes later is late for good."""

from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules
from headcount.store.open import open_store
from support.engines import NEW_YEAR, kernel
from support.shards import ShardedEngine

HOUR = 3_600_000
DAY = 24 * HOUR


def visit(room, start, *people, **more):
    for who in people:
        yield Event(Kind.JOIN, room, start, who, **more)
        yield Event(Kind.LEAVE, room, start + HOUR, who, **more)


def show_hourly(shards, since, hours):
    for hour in range(hours):
        shards.show(since + hour * HOUR)


def test_a_shard_forgets_rooms_that_are_over_and_never_their_end(folder):
    store = open_store(str(folder / "forgetting.db"), durability="off")
    shards = ShardedEngine(store, Rules(), shards=1)
    old = [*visit("old", NEW_YEAR, "ann", "bob")]
    shards.append(*old)
    shards.show(NEW_YEAR + 2 * HOUR)
    busy = []
    for day in range(5):
        start = NEW_YEAR + day * DAY + 3 * HOUR
        busy += visit("busy", start, f"cid-{day}")
        shards.append(*busy[-2:])
        show_hourly(shards, start + 2 * HOUR, 12)
    shard = shards.memory[0].store
    assert list(shard.rooms) == [("default", "busy")]
    assert {entry.participant_id for entry in shard.rooms["default", "busy"].entries} <= {"cid-3", "cid-4"}
    sizes = [len(value) for value in shards.states[0].saved.values()]
    shards.start()
    late = Event(Kind.LEAVE, "old", NEW_YEAR + HOUR - 5, "ann")
    shards.append(late)
    shards.show(NEW_YEAR + 6 * DAY)
    assert [(entry.room, entry.at) for entry in shards.late] == [("old", late.at)]
    again = [*visit("old", NEW_YEAR + 6 * DAY + HOUR, "ann")]
    shards.append(*again)
    shards.show(NEW_YEAR + 6 * DAY + 5 * HOUR)
    assert shards.meetings() == kernel([*old, *busy, *again], as_of=NEW_YEAR + 7 * DAY)
    assert sum(sizes) < 20_000
    store.close()


def test_an_inferred_leave_that_a_report_may_override_is_not_forgotten(folder):
    store = open_store(str(folder / "unconfirmed.db"), durability="off")
    shards = ShardedEngine(store, Rules(), shards=1)
    events = [
        Event(Kind.JOIN, "r", NEW_YEAR, "ann"),
        Event(Kind.LEAVE, "r", NEW_YEAR + HOUR, "ann", inferred=Inferred.SNAPSHOT),
        *visit("r", NEW_YEAR + 2 * HOUR, "bob"),
    ]
    shards.append(*events)
    show_hourly(shards, NEW_YEAR + 4 * HOUR, 80)
    reported = Event(Kind.LEAVE, "r", NEW_YEAR + 3 * DAY, "ann")
    shards.append(reported)
    shards.show(NEW_YEAR + 4 * DAY)
    assert shards.late == []
    assert shards.meetings() == kernel([*events, reported], as_of=NEW_YEAR + 4 * DAY)
    store.close()

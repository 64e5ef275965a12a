"""The engine: the counters and the cost of its batches."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import NEVER
from headcount.store.database import StoreBusy
from headcount.store.records import SNAPSHOT, LogEntry, Origin
from headcount.store.shard_sink import ShardSink
from support.engines import NEW_YEAR, kernel
from support.stored import DOMAIN, IN_MEMORY, StoredEngine, entry_of

AN_HOUR = 3_600_000


@pytest.fixture
def folder():
    with TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@pytest.fixture
def stored(folder):
    made = StoredEngine(folder, batch_size=2)
    yield made
    made.close()


def visit(who, hour):
    """A stay of half an hour: its join and its leave."""
    came = NEW_YEAR + int(hour * AN_HOUR)
    return Event(Kind.JOIN, "r", came, who), Event(Kind.LEAVE, "r", came + AN_HOUR // 2, who)


def test_imported_history_in_order_is_never_refolded(stored):
    history = [event for hour in range(20) for event in visit(f"p{hour}", hour)]
    later = NEW_YEAR + 1_000 * AN_HOUR
    stored.append(*history, received=later, origin=Origin.IMPORTED)
    stored.show(later)
    assert stored.meetings() == kernel(history, as_of=later)
    assert stored.engine.stats.late == 0


def test_an_imported_future_event_does_not_advance_the_time(stored):
    now = NEW_YEAR + 2 * AN_HOUR
    history = [*visit("ann", 1), *visit("bob", 100), *visit("cid", 101)]
    stored.append(*history, received=now, origin=Origin.IMPORTED)
    stored.show(now)
    assert stored.meetings() == kernel(history, as_of=now)


def occupancy(stored):
    return ShardSink(stored.store.database).occupancy()


def test_a_participant_who_just_joined_is_one_open_stay(stored):
    join, _ = visit("ann", 0)
    stored.append(join)
    stored.show(join.at + 1_000)
    assert occupancy(stored).participants == 1


def test_only_stays_longer_than_the_limit_are_closed(folder):
    stored = StoredEngine(folder, stale_after=AN_HOUR)
    (ann, _), (bob, _) = visit("ann", 0), visit("bob", 0.5)
    stored.append(ann, bob)
    stored.show(NEW_YEAR + AN_HOUR - 1)
    assert occupancy(stored).participants == 2
    assert stored.store.log.after(2, 10) == []
    stored.show(NEW_YEAR + AN_HOUR + 1)
    left = stored.store.log.after(2, 10)
    stored.close()
    assert [(entry.event.participant_id, entry.at) for entry in left] == [("ann", NEW_YEAR + AN_HOUR)]


def test_a_room_with_many_events_has_one_deadline_for_each_reason(folder):
    """Somebody who was left alone is to be reset in ten minutes, however many look in meanwhile."""
    stored = StoredEngine(folder)
    stored.append(*(Event(Kind.JOIN, "r", NEW_YEAR, who) for who in ("always", "b")))
    stored.append(Event(Kind.LEAVE, "r", NEW_YEAR + 30_000, "b"))
    for n in range(30):
        at = NEW_YEAR + 60_000 + 10_000 * n
        stored.append(Event(Kind.JOIN, "r", at, f"p-{n}"), Event(Kind.LEAVE, "r", at + 1_000, f"p-{n}"))
        stored.show(at + 9_000)
    assert stored.engine.deadline_count < 5
    stored.close()


# What the engine counts.


def event(kind, who, at, **more):
    return Event(kind, more.pop("room", "r"), NEW_YEAR + at, who, **more)


def stepped(stored, at):
    while stored.engine.step(NEW_YEAR + at):
        pass
    return stored.engine.stats


@pytest.mark.parametrize(("at", "late"), [(85_000, 0), (84_999, 1)])
def test_a_change_to_something_published_counts_as_late(stored, at, late):
    stored.append(event(Kind.JOIN, "a", 0), event(Kind.LEAVE, "a", 90_000))
    assert stepped(stored, 100_000).late == 0
    stored.append(event(Kind.LEAVE, "b", at, joined_at=NEW_YEAR + at - 20_000))
    tally = stepped(stored, 100_000)
    assert (tally.late, tally.corrections) == (late, late)


def test_ignored_events_are_counted_by_reason(stored):
    stored.append(
        event(Kind.JOIN, "a", 0),
        event(Kind.JOIN, "a", 10),
        event(Kind.JOIN, "a", 20),
        event(Kind.LEAVE, "b", 30),
    )
    tally = stepped(stored, 60_000)
    assert (tally.entries, tally.duplicate_joins, tally.orphan_leaves, tally.late) == (4, 2, 1, 0)
    assert tally.commit_s > 0


def test_the_counters_of_a_new_engine_are_zero(stored):
    tally = stored.engine.stats
    assert (tally.entries, tally.batches, tally.late, tally.corrections) == (0, 0, 0, 0)
    assert (tally.duplicate_joins, tally.orphan_leaves, tally.commit_s) == (0, 0, 0.0)


def test_occupied_rooms_are_counted_also_before_they_are_in_memory(stored):
    stored.append(
        event(Kind.JOIN, "a", 0), event(Kind.JOIN, "b", 0, room="s"), event(Kind.LEAVE, "b", 20_000, room="s")
    )
    stepped(stored, 60_000)
    assert (stored.engine.room_count, occupancy(stored)) == (2, (1, 1, 0))
    stored.start()
    assert (stored.engine.room_count, stored.engine.cursor, occupancy(stored)) == (0, 3, (1, 1, 0))


def test_step_returns_true_while_batches_are_full(stored):
    stored.append(*(event(Kind.JOIN, f"p{n}", n) for n in range(5)))
    now = NEW_YEAR + 1_000
    assert [stored.engine.step(now) for _ in range(3)] == [True, True, False]
    assert (stored.engine.cursor, stored.engine.stats.batches) == (5, 3)


def test_a_restarted_engine_wakes_a_room_once_for_each_deadline(stored):
    stored.append(event(Kind.JOIN, "a", 0))
    stepped(stored, 5_000)
    assert stored.engine.deadline_count == 1
    assert stored.engine.deadline == NEW_YEAR + 10_000 + REORDER_WINDOW_MS
    stored.start()
    stored.append(event(Kind.JOIN, "a", 1))
    stepped(stored, 6_000)
    assert stored.engine.deadline_count == 1


def test_a_room_without_anything_to_come_has_no_deadline(stored):
    stored.append(event(Kind.JOIN, "a", 0), event(Kind.LEAVE, "a", 1_000))
    stored.engine.step(NEW_YEAR + 1_000)
    assert len(stored.store.projections.deadlines()) == 1
    stepped(stored, 60_000)
    assert stored.store.projections.deadlines() == []


def test_a_failed_batch_is_repeated_from_the_store(stored):
    events = [event(Kind.JOIN, "a", 0), event(Kind.LEAVE, "a", 40_000)]
    stored.append(*events)
    with stored.store.database.writing() as connection:
        connection.run_text("pragma busy_timeout = 0")
    with closing(sqlite3.connect(stored.path)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreBusy, match="locked"):
            stepped(stored, 60_000)
        assert stored.engine.room_count == 0
        other.rollback()
    stepped(stored, 60_000)
    assert stored.store.projections.deferred_rooms() == []
    assert stored.meetings() == kernel(events, as_of=NEW_YEAR + 60_000)


def test_a_room_that_never_empties_has_a_checkpoint_until_it_does(folder, monkeypatch):
    monkeypatch.setattr("headcount.engine.room_cache._CHECKPOINT_EVENTS", 4)
    stored = StoredEngine(folder)

    def checkpoint():
        return stored.store.projections.room(DOMAIN, "r").checkpoint

    stored.append(event(Kind.JOIN, "a", 0), *(event(Kind.JOIN, "a", n) for n in range(1, 4)))
    stepped(stored, 1_000)
    assert checkpoint() is None
    stored.append(event(Kind.JOIN, "a", 1_500))
    stepped(stored, 2_000)
    assert json.loads(checkpoint())["room"] == "r"
    stored.append(event(Kind.LEAVE, "a", 60_000))
    stepped(stored, 90_000)
    assert checkpoint() is None
    stored.close()


def test_a_room_with_many_people_has_a_checkpoint_after_more_events(folder, monkeypatch):
    monkeypatch.setattr("headcount.engine.room_cache._CHECKPOINT_EVENTS", 4)
    stored = StoredEngine(folder)
    stored.append(*(event(Kind.JOIN, f"p{n}", n) for n in range(6)))
    stepped(stored, 60_000)
    assert stored.store.projections.room(DOMAIN, "r").checkpoint is None
    stored.append(*(event(Kind.JOIN, f"p{n}", 60_000 + n) for n in range(6)))
    stepped(stored, 90_000)
    assert stored.store.projections.room(DOMAIN, "r").checkpoint is None
    stored.append(event(Kind.JOIN, "p0", 91_000))
    stepped(stored, 92_000)
    assert stored.store.projections.room(DOMAIN, "r").checkpoint is not None
    stored.close()


def test_an_engine_that_does_not_publish_leaves_the_outbox_as_it_is(folder):
    stored = StoredEngine(folder)
    stored.append(event(Kind.JOIN, "a", 0), event(Kind.JOIN, "b", 0))
    stepped(stored, 11_000)
    due = stored.store.notifications.due(NEVER, 10)
    before = len(stored.store.messages.after(0))
    stored.options["publishes"] = False
    stored.start()
    stored.append(event(Kind.LEAVE, "a", 50_000), event(Kind.LEAVE, "b", 50_000))
    stepped(stored, 90_000)
    assert len(due) == 1
    assert stored.store.notifications.due(NEVER, 10) == due
    assert len(stored.store.messages.after(0)) == before
    assert stored.engine.deadline == NEVER
    stored.close()


# Lists of those present.


def listing(at, *people):
    listed = json.dumps([{"participant_id": who} for who in people])
    return LogEntry(
        DOMAIN, "r", SNAPSHOT, NEW_YEAR + at, NEW_YEAR + at, None, None, None, None, None, None, None, b"list", snapshot=listed
    )  # fmt: skip


def inferred(stored):
    return [
        (entry.event.kind.value, entry.event.participant_id, entry.at - NEW_YEAR)
        for entry in stored.store.log.after(0, 100)
        if entry.event is not None and entry.event.inferred is not None
    ]


def test_a_snapshot_is_compared_with_the_events_before_it_only(folder):
    stored = StoredEngine(folder)
    before, after = event(Kind.JOIN, "a", 0), event(Kind.LEAVE, "c", 70_000)
    entries = [
        entry_of(before),
        entry_of(event(Kind.JOIN, "b", 1)),
        listing(60_000, "b", "c"),
        entry_of(after),
    ]
    stored.store.log.append([entries])
    stepped(stored, 90_000)
    assert inferred(stored) == [("leave", "a", 60_000), ("join", "c", 60_000)]
    assert [row.participant_id for row in stored.store.meetings.open_stays(DOMAIN)] == ["b"]
    stored.close()


def test_a_snapshot_in_the_log_has_a_list_and_no_event(stored):
    stored.store.log.append([[listing(60_000, "b")]])
    (entry,) = stored.store.log.after(0, 10)
    assert (entry.event, json.loads(entry.snapshot)) == (None, [{"participant_id": "b"}])

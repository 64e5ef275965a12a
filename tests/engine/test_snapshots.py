"""Snapshots, restarts and rebuilds: the projections follow from the log.

A snapshot lists who is present at one moment. The engine compares it with all that the log said before it and
appends what it infers. So the log alone decides: rebuilt from it, the tables are the same to the last mark,
and nothing new is inferred.
"""

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.engine.inference import SnapshotParticipant
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.dedup import hash_key
from headcount.store.open import open_store
from headcount.store.records import SNAPSHOT, LogEntry
from headcount.store.replacement import copy_log, first_difference
from support.engines import NEW_YEAR, kernel
from support.stored import DOMAIN, StoredEngine, entry_of, shifted
from support.strategies import EAGER, PEOPLE, ROOM, SCALED, histories, moments

QUICK = settings(
    max_examples=300,
    phases=[p for p in Phase if p is not Phase.shrink],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONG = 10_000_000


def snapshot(at, people, number=0, room=ROOM):
    """The entry of a list of those present at `at`."""
    listed = msgspec.json.encode([SnapshotParticipant(who) for who in people]).decode()
    return LogEntry(
        DOMAIN, room, SNAPSHOT, at, at, None, None, None, None, None, None, None,
        hash_key("snapshot", room, str(at), listed, str(number)), snapshot=listed,
    )  # fmt: skip


def append(stored, *entries):
    stored.store.log.append([[e if isinstance(e, LogEntry) else entry_of(e, e.at) for e in entries]])


def rebuilt(stored, folder, moment, **options):
    """A store whose tables are worked out anew from the log of another one."""
    anew = StoredEngine(folder, stored.rules, **options)
    copy_log(stored.store.database, anew.store.database)
    anew.start()
    anew.show(moment)
    return anew


def said_in(stored):
    """Every event in the log, inferred ones included."""
    return [entry.event for entry in stored.store.log.after(0, 100_000) if entry.kind != SNAPSHOT]


def assert_rebuilds_alike(stored, folder, moment):
    stored.store.usage_rollup.finish()
    before = stored.store.log.end()
    anew = rebuilt(stored, folder, moment)
    try:
        anew.store.usage_rollup.finish()
        assert anew.store.log.end() == before, "the rebuild inferred what the live engine did not"
        assert first_difference(stored.store.database, anew.store.database) is None
    finally:
        anew.close()


@st.composite
def lists_of_those_present(draw):
    people = draw(st.sets(st.sampled_from(PEOPLE[:3]), max_size=3))
    return sorted(people)


@st.composite
def lives(draw, rules):
    """What a source says of a room, snapshots among it, in any order; clock ticks and restarts in between."""
    events = [shifted(event) for event in draw(histories(rules, max_people=3, max_events=10))]
    looks = [
        NEW_YEAR + at for at in draw(st.lists(st.sampled_from([0, *draw(moments(3, rules))]), max_size=3))
    ]
    entries = [entry_of(event, event.at) for event in events]
    entries += [snapshot(at, draw(lists_of_those_present()), n) for n, at in enumerate(looks)]
    steps = draw(st.permutations(entries))
    moved = st.sampled_from(sorted({entry.at for entry in entries}))
    ticks = draw(
        st.dictionaries(st.integers(0, len(steps)), st.tuples(moved, st.sampled_from((0, 1, 15, 300))))
    )
    restarts = draw(st.sets(st.integers(0, len(steps)), max_size=3))
    return steps, ticks, restarts


@QUICK
@given(st.data(), st.sampled_from([SCALED, EAGER]))
def test_live_batch_and_rebuild_agree_for_any_snapshots_and_restarts(folder, data, rules):
    steps, ticks, restarts = data.draw(lives(rules))
    options = {"reorder_window": data.draw(st.sampled_from((0, 15, REORDER_WINDOW_MS)))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "headcount.engine.room_cache._CHECKPOINT_EVENTS", data.draw(st.sampled_from((0, 1_000)))
        )
        patch.setattr("headcount.kernel.checkpoints.SPACING", data.draw(st.sampled_from((1, 2, 1_000))))
        patch.setattr("headcount.kernel.checkpoints.SMALL_ROOM", data.draw(st.sampled_from((0, 1_000))))
        stored = StoredEngine(folder, rules, batch_size=data.draw(st.sampled_from((1, 3, 5_000))), **options)
        try:
            for number, entry in enumerate(steps):
                if number in ticks:
                    at, later = ticks[number]
                    stored.show(at + later)
                if number in restarts:
                    stored.start()
                append(stored, entry)
            end = NEW_YEAR + LONG
            stored.show(end)
            assert stored.meetings() == kernel(said_in(stored), as_of=end, rules=rules)
            assert_rebuilds_alike(stored, folder, end)
        finally:
            stored.close()


def join(at, who):
    return shifted(Event(Kind.JOIN, ROOM, at, who))


def leave(at, who, joined_at=None):
    return shifted(Event(Kind.LEAVE, ROOM, at, who, joined_at=joined_at))


def seconds(moment):
    return moment * 1_000


def test_a_leave_that_knows_its_join_is_processed_after_a_restart(folder):
    """The room is recalled from what its leaves say of joins, too; nothing folds the same stretch for ever."""
    stored = StoredEngine(folder, Rules())
    now = NEW_YEAR + seconds(3_600)
    append(stored, join(0, "a"), snapshot(NEW_YEAR + seconds(100), []), join(seconds(150), "b"))
    append(stored, leave(seconds(400), "a", joined_at=seconds(200)), leave(seconds(300), "a"))
    stored.show(now)
    stored.start()
    append(stored, join(seconds(3_500), "c"))
    stored.show(now)
    assert stored.meetings() == kernel(said_in(stored), as_of=now)
    assert_rebuilds_alike(stored, folder, now)
    stored.close()


def test_a_snapshot_knows_of_a_join_that_a_later_leave_brings(folder):
    """What a leave says of its join is known at the moment of the join, though the leave is still to come (R1)."""
    stored = StoredEngine(folder, Rules())
    append(
        stored, leave(seconds(1_000), "a", joined_at=seconds(350)), snapshot(NEW_YEAR + seconds(750), ["a"])
    )
    stored.show(NEW_YEAR + seconds(2_000))
    assert [event.inferred for event in said_in(stored)] == [None], "a was known to be in"
    assert_rebuilds_alike(stored, folder, NEW_YEAR + seconds(2_000))
    stored.close()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("left", "withdrawing"),
    [
        (leave(589, "c"), [join(589, "c")]),
        (snapshot(NEW_YEAR + 589, ["a"]), [snapshot(NEW_YEAR + 589, ["a", "c"], 1)]),
        (snapshot(NEW_YEAR + 589, ["a"]), [snapshot(NEW_YEAR + 589, ["a", "c"], 1), join(589, "c")]),
        (snapshot(NEW_YEAR + 589, ["a"]), [join(589, "c")]),
    ],
)
def test_a_join_at_the_instant_of_an_undecided_leave_withdraws_it(folder, left, withdrawing, restarts):
    """The leave is stored at once, and the join before it is pending, so that nothing is decided (R2, R14)."""
    stored = StoredEngine(folder, SCALED, reorder_window=0)
    now = NEW_YEAR + 590
    append(stored, join(0, "c"), join(585, "a"), left)
    stored.show(now)
    assert [one.participant_id for one in stored.presence()] == ["a"]
    if restarts:
        stored.start()
    append(stored, *withdrawing)
    stored.show(now)
    assert stored.meetings() == kernel(said_in(stored), as_of=now, rules=SCALED)
    assert [one.participant_id for one in stored.presence()] == ["c", "a"]
    assert_rebuilds_alike(stored, folder, now)
    stored.close()


def test_a_store_survives_a_second_engine_on_its_log(folder):
    """A rebuild beside the live engine reads the same log and infers nothing new."""
    stored = StoredEngine(folder, Rules())
    append(stored, join(0, "a"), join(0, "b"), snapshot(NEW_YEAR + seconds(60), ["a"]))
    stored.show(NEW_YEAR + seconds(600))
    end = stored.store.log.end()
    again = open_store(str(stored.path), durability="off")
    engine = Engine(again, stored.rules, again.projections.take_over())
    while engine.step(NEW_YEAR + seconds(600)):
        pass
    assert again.log.end() == end
    again.close()
    stored.close()

"""Messages and their ids follow from the events, however a history is divided into rounds and among engines."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.events import Event, Kind
from support.engines import NEW_YEAR
from support.shards import StoredShards
from support.stored import DOMAIN, StoredEngine, shifted
from support.strategies import SCALED, histories, tidy_histories

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
T = NEW_YEAR
FAR = T + 10_000
WINDOW = 5
JOINS_AND_LEAVES = ("participant.joined", "participant.left")


def published(made, folder, rounds, restarts=(), until=FAR, **options):
    """Return all messages after rounds, which are pairs of a time and events with their times of receipt."""
    stored = made(folder, SCALED, reorder_window=WINDOW, **options)
    try:
        for number, (now, events) in enumerate(rounds):
            if number in restarts:
                stored.start()
            for received, event in events:
                stored.append(event, received=received)
            stored.show(now - WINDOW)
        stored.show(until)
        found = stored.store.messages.after(0, limit=100_000)
        return sorted((one.id, one.type, one.room, one.at, one.payload) for one in found)
    finally:
        stored.close()


def of_rooms(data, drawn, names=("red", "blue", "green")):
    """Draw events of some rooms, each as `drawn`."""
    rooms = data.draw(st.integers(1, len(names)))
    return [replace(shifted(event), room=room) for room in names[:rooms] for event in data.draw(drawn)]


def draw_arrivals(data, events):
    """Draw when events are received: all within the reorder window."""
    delays = st.integers(0, WINDOW - 1)
    return sorted(((event.at + data.draw(delays), event) for event in events), key=lambda pair: pair[0])


def draw_division(data, arrivals):
    """Draw rounds that read all arrivals in their order, each at a time between its last arrival and the next one."""
    inner = st.sets(st.integers(1, max(1, len(arrivals) - 1)), max_size=len(arrivals))
    borders = sorted({0, len(arrivals), *data.draw(inner)})
    rounds = []
    for start, end in pairwise(borders):
        last = arrivals[end - 1][0]
        following = arrivals[end][0] if end < len(arrivals) else last + 1
        rounds.append((data.draw(st.integers(last, max(last, following - 1))), arrivals[start:end]))
    return rounds


def draw_restarts(data, rounds):
    return data.draw(st.sets(st.integers(0, len(rounds)), max_size=3))


@QUICK
@given(st.data())
def test_an_engine_and_shards_publish_the_same_about_late_events(folder, data):
    """Whatever is late, if all of them read the same in each round."""
    events = of_rooms(data, histories(max_events=8))
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=2))]))
    times = sorted(data.draw(st.lists(st.integers(T - 100, T + 3_000), min_size=1, max_size=6)))
    size = -(-len(order) // len(times))
    rounds = [
        (now, [(now, event) for event in order[number * size : (number + 1) * size]])
        for number, now in enumerate(times)
    ]
    one = published(StoredEngine, folder, rounds, stopwatch=None)
    shards = data.draw(st.integers(1, 4))
    assert published(StoredEngine, folder, rounds, draw_restarts(data, rounds), stopwatch=None) == one
    assert published(StoredShards, folder, rounds, draw_restarts(data, rounds), shards=shards) == one


@QUICK
@given(st.data())
def test_joins_and_leaves_do_not_depend_on_the_borders_of_batches(folder, data):
    """Leaves that know their join and overridden leaves repeat joins, and nothing arrives after the reorder window."""
    arrivals = draw_arrivals(data, of_rooms(data, histories(max_events=8)))
    found = []
    for made in (StoredEngine, StoredEngine, StoredShards):
        rounds = draw_division(data, arrivals)
        messages = published(made, folder, rounds, draw_restarts(data, rounds))
        found.append([one for one in messages if one[1] in JOINS_AND_LEAVES])
    assert found[0] == found[1] == found[2]


@QUICK
@given(st.data())
def test_no_message_depends_on_the_borders_of_batches_if_no_event_reaches_back(folder, data):
    arrivals = draw_arrivals(data, of_rooms(data, tidy_histories(max_stays=4)))
    found = []
    for made in (StoredEngine, StoredEngine, StoredShards):
        rounds = draw_division(data, arrivals)
        found.append(published(made, folder, rounds, draw_restarts(data, rounds)))
    assert found[0] == found[1] == found[2]


def again_and_again(stored):
    """Let a join be published twice and a leave be published between: Ann's earlier stay becomes known step by step."""
    steps = [
        Event(Kind.JOIN, "r", T + 100, "ann"),
        Event(Kind.JOIN, "r", T + 50, "ann"),
        Event(Kind.LEAVE, "r", T + 70, "ann"),
    ]
    for number, event in enumerate(steps):
        stored.append(event)
        stored.show(T + 1_000 + number)
    return [one.id for one in stored.store.messages.after(0) if one.type in JOINS_AND_LEAVES]


@pytest.fixture(params=[StoredEngine, StoredShards], ids=["engine", "shards"])
def stored(request, folder):
    made = request.param(folder, SCALED)
    yield made
    made.close()


def test_a_repeated_join_has_a_number(stored):
    first, left, again = again_and_again(stored)
    assert again == f"{first}-2"
    assert left.startswith(f"ptcpt-left-{T + 70}-")


def test_a_number_follows_the_latest_that_is_known(stored):
    """The first message was deleted with the old ones, and a message of the second number is there."""
    stored.append(Event(Kind.JOIN, "r", T + 100, "ann"))
    stored.show(T + 1_000)
    (first,) = (one for one in stored.store.messages.after(0) if one.type in JOINS_AND_LEAVES)
    with stored.store.database.writing() as connection:
        connection.run_text("delete from messages")
        row = (DOMAIN, f"{first.id}-2", first.type, "r", first.at, first.created, first.payload)
        connection.write("insert_message", [row])
    assert again_and_again(stored)[-1] == f"{first.id}-3"

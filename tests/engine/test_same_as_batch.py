"""The store and an engine agree with `sessionize` on the same events (R13), ids included, and with the oracle on presence.

So do the shards of a cluster, wherever they are restored from their state.
"""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import REORDER_WINDOW_MS
from support.engines import NEW_YEAR, kernel
from support.oracle import oracle_presence
from support.shards import StoredShards
from support.stored import StoredEngine, shifted
from support.strategies import (
    EAGER,
    SCALED,
    asked_as_of,
    histories,
    rule_numbers,
    tidy_histories,
    uncertain_histories,
    undecided_histories,
)

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=[StoredEngine, StoredShards], ids=["engine", "shards"])
def made(request, small_chunks):
    return request.param


def tables(made, folder, order, rules, as_of, ticks=(), restarts=(), **options):
    """Return meetings and presence of `order` in the tables at `as_of`, with ticks and restarts of the engine."""
    stored = made(folder, rules, **options)
    try:
        for number, event in enumerate(order):
            if number < len(ticks):
                stored.show(min(ticks[number], as_of))
            if number in restarts:
                stored.start()
            stored.append(event)
        stored.show(as_of)
        return stored.meetings(), stored.presence()
    finally:
        stored.close()


def truth(events, as_of, rules):
    return kernel(events, as_of=as_of, rules=rules), oracle_presence(events, as_of=as_of)


@QUICK
@given(st.data())
def test_projections_agree_with_the_kernel_in_any_order_with_restarts_anywhere(made, folder, data):
    rules = data.draw(rule_numbers())
    events = [shifted(event) for event in data.draw(histories(rules))]
    as_of = data.draw(asked_as_of([*events], rules))
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    moments = st.integers(NEW_YEAR - 100, NEW_YEAR + 3_000)
    ticks = sorted(data.draw(st.lists(moments, max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    waits = data.draw(st.sampled_from((0, 1, REORDER_WINDOW_MS, 2 * REORDER_WINDOW_MS)))
    found = tables(made, folder, order, rules, as_of, ticks, restarts, reorder_window=waits)
    assert found == truth(events, as_of, rules)


@QUICK
@given(st.data())
def test_inferred_leaves_are_confirmed_or_overridden_alike(made, folder, data):
    events = [shifted(event) for event in data.draw(uncertain_histories())]
    as_of = data.draw(asked_as_of([*events], EAGER))
    order = data.draw(st.permutations(events))
    ticks = sorted(data.draw(st.lists(st.integers(NEW_YEAR - 5, NEW_YEAR + 30), max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    found = tables(made, folder, order, EAGER, as_of, ticks, restarts)
    assert found == truth(events, as_of, EAGER)


@QUICK
@given(st.data())
def test_leaves_that_are_not_decided_yet_are_right_at_every_moment(made, folder, data):
    """A late event may withdraw a leave that is stored already, though the join before it is still pending."""
    events = [shifted(event) for event in data.draw(undecided_histories())]
    restarts = data.draw(st.sets(st.integers(0, len(events)), max_size=3))
    batches = sorted(data.draw(st.sets(st.integers(3, len(events)), max_size=4)) | {len(events)})
    stored = made(folder, SCALED, reorder_window=0)
    moment = NEW_YEAR + 103
    try:
        for first, last in pairwise([0, *batches]):
            if first in restarts:
                stored.start()
            stored.append(*events[first:last])
            stored.show(moment)
            assert (stored.meetings(), stored.presence()) == truth(events[:last], moment, SCALED)
    finally:
        stored.close()


@QUICK
@given(st.data())
def test_small_batches_and_checkpoints_change_nothing(made, folder, data):
    """With a round after every few entries, a checkpoint after each, and nobody kept in memory."""
    events = [shifted(event) for event in data.draw(tidy_histories())]
    as_of = data.draw(asked_as_of([*events], SCALED))
    order = data.draw(st.permutations(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headcount.engine.room_cache._CHECKPOINT_EVENTS", 0)
        ticks = sorted(data.draw(st.lists(st.integers(NEW_YEAR - 5, NEW_YEAR + 3_000), max_size=len(order))))
        options = {"batch_size": data.draw(st.integers(1, 4))} if made is StoredEngine else {}
        found = tables(made, folder, order, SCALED, as_of, ticks, range(len(order)), **options)
    assert found == truth(events, as_of, SCALED)

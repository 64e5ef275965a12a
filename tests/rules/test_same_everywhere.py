"""Live = batch = oracle: all implementations find the same meetings (R13)."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import Event, Kind
from headcount.kernel.events import Inferred
from support import engines
from support.strategies import (
    DEFAULT,
    EAGER,
    SCALED,
    asked_as_of,
    default_histories,
    histories,
    rule_numbers,
    uncertain_histories,
)

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
SLOW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

oracle, kernel, live, batch, interpreted = map(
    engines.in_scenario_time,
    (engines.oracle, engines.kernel, engines.live, engines.batch, engines.interpreted),
)


@QUICK
@given(st.data())
def test_the_kernel_agrees_with_the_oracle(data):
    history = data.draw(histories())
    as_of = data.draw(asked_as_of(history))
    assert kernel(history, as_of=as_of, rules=SCALED) == oracle(history, as_of=as_of, rules=SCALED)


@QUICK
@given(st.data())
def test_the_kernel_agrees_with_the_oracle_by_any_rules(data):
    rules = data.draw(rule_numbers())
    history = data.draw(histories(rules, latest=400))
    as_of = data.draw(asked_as_of(history, rules))
    assert kernel(history, as_of=as_of, rules=rules) == oracle(history, as_of=as_of, rules=rules)


@QUICK
@given(st.data())
def test_a_live_room_agrees_in_any_order_with_ticks_and_resumes_anywhere(data):
    history = data.draw(histories())
    as_of = data.draw(asked_as_of(history))
    order = data.draw(st.permutations([*history, *data.draw(st.lists(st.sampled_from(history), max_size=3))]))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3000), max_size=len(order))))
    resumes = data.draw(st.lists(st.integers(0, len(order)), max_size=3))
    found = live(order, as_of=as_of, rules=SCALED, ticks=ticks, resumes=resumes)
    assert found == kernel(history, as_of=as_of, rules=SCALED)


@QUICK
@given(st.data())
def test_kernel_and_live_room_agree_on_inferred_leaves(data):
    history = data.draw(uncertain_histories())
    as_of = data.draw(asked_as_of(history, EAGER))
    expected = oracle(history, as_of=as_of, rules=EAGER)
    assert kernel(history, as_of=as_of, rules=EAGER) == expected
    order = data.draw(st.permutations(history))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3000), max_size=len(order))))
    assert live(order, as_of=as_of, rules=EAGER, ticks=ticks) == expected


@SLOW
@given(st.data())
def test_batch_agrees_on_inferred_leaves(data):
    history = data.draw(uncertain_histories())
    as_of = data.draw(asked_as_of(history, EAGER))
    order = data.draw(st.permutations(history))
    expected = kernel(history, as_of=as_of, rules=EAGER)
    assert batch(order, as_of=as_of, rules=EAGER) == expected
    assert interpreted(order, as_of=as_of, rules=EAGER) == expected


@pytest.mark.parametrize("reasons", list(permutations(Inferred, 2)), ids="-".join)
def test_of_two_inferred_leaves_at_one_instant_the_same_reason_counts(reasons):
    stays = [Event(Kind.JOIN, "r", 0, who) for who in "ab"] + [Event(Kind.LEAVE, "r", 60_000, "a")]
    history = stays + [Event(Kind.LEAVE, "r", 60_000, "b", inferred=reason) for reason in reasons]
    (meeting,) = kernel(history, as_of=100_000, rules=EAGER)
    assert batch(history, as_of=100_000, rules=EAGER) == [meeting]
    assert interpreted(history, as_of=100_000, rules=EAGER) == [meeting]
    assert meeting.participants[1].left_by == min(reasons)


@SLOW
@given(st.data())
def test_batch_agrees_with_the_kernel(data):
    rules = data.draw(rule_numbers())
    history = data.draw(histories(rules))
    as_of = data.draw(asked_as_of(history, rules))
    order = data.draw(st.permutations(history))
    expected = kernel(history, as_of=as_of, rules=rules)
    assert batch(order, as_of=as_of, rules=rules) == expected
    assert interpreted(order, as_of=as_of, rules=rules) == expected


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_all_agree_by_the_default_rules(data):
    history = data.draw(default_histories())
    as_of = data.draw(asked_as_of(history, DEFAULT))
    expected = oracle(history, as_of=as_of)
    assert kernel(history, as_of=as_of) == expected
    assert live(history, as_of=as_of) == expected
    assert batch(history, as_of=as_of) == expected
    assert interpreted(history, as_of=as_of) == expected

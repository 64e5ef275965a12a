"""Live = batch = oracle: the one property that holds the engines together (R13)."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import engines
from support.strategies import (
    EAGER,
    SCALED,
    TRUE,
    asked_as_of,
    doubtful_histories,
    histories,
    rule_numbers,
    true_histories,
)

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
SLOW = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

oracle, kernel, live, batch = map(
    engines.of_stories, (engines.oracle, engines.kernel, engines.live, engines.batch)
)


@QUICK
@given(st.data())
def test_the_kernel_says_what_the_oracle_says(data):
    said = data.draw(histories())
    as_of = data.draw(asked_as_of(said))
    assert kernel(said, as_of=as_of, rules=SCALED) == oracle(said, as_of=as_of, rules=SCALED)


@QUICK
@given(st.data())
def test_the_kernel_says_what_the_oracle_says_by_any_rules(data):
    rules = data.draw(rule_numbers())
    said = data.draw(histories(rules, latest=400))
    as_of = data.draw(asked_as_of(said, rules))
    assert kernel(said, as_of=as_of, rules=rules) == oracle(said, as_of=as_of, rules=rules)


@QUICK
@given(st.data())
def test_a_live_room_says_the_same_in_any_order_with_ticks_and_resumes_anywhere(data):
    said = data.draw(histories())
    as_of = data.draw(asked_as_of(said))
    order = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said), max_size=3))]))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3000), max_size=len(order))))
    resumes = data.draw(st.lists(st.integers(0, len(order)), max_size=3))
    found = live(order, as_of=as_of, rules=SCALED, ticks=ticks, resumes=resumes)
    assert found == kernel(said, as_of=as_of, rules=SCALED)


@QUICK
@given(st.data())
def test_doubts_are_resolved_alike(data):
    said = data.draw(doubtful_histories())
    as_of = data.draw(asked_as_of(said, EAGER))
    told = oracle(said, as_of=as_of, rules=EAGER)
    assert kernel(said, as_of=as_of, rules=EAGER) == told
    order = data.draw(st.permutations(said))
    ticks = sorted(data.draw(st.lists(st.integers(-100, 3000), max_size=len(order))))
    assert live(order, as_of=as_of, rules=EAGER, ticks=ticks) == told


@SLOW
@given(st.data())
def test_doubts_are_resolved_alike_by_the_batch_side(data):
    said = data.draw(doubtful_histories())
    as_of = data.draw(asked_as_of(said, EAGER))
    order = data.draw(st.permutations(said))
    assert batch(order, as_of=as_of, rules=EAGER) == kernel(said, as_of=as_of, rules=EAGER)


@SLOW
@given(st.data())
def test_the_batch_side_says_what_the_kernel_says(data):
    rules = data.draw(rule_numbers())
    said = data.draw(histories(rules))
    as_of = data.draw(asked_as_of(said, rules))
    order = data.draw(st.permutations(said))
    assert batch(order, as_of=as_of, rules=rules) == kernel(said, as_of=as_of, rules=rules)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_all_say_the_same_by_the_true_numbers(data):
    said = data.draw(true_histories())
    as_of = data.draw(asked_as_of(said, TRUE))
    told = oracle(said, as_of=as_of)
    assert kernel(said, as_of=as_of) == told
    assert live(said, as_of=as_of) == told
    assert batch(said, as_of=as_of) == told

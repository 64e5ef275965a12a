"""The retry policy, for arbitrary runs of results."""

from hypothesis import given
from hypothesis import strategies as st

from headcount.outbound.webhooks.retry_policy import (
    BACKOFFS,
    MAX_ATTEMPTS,
    EndpointHealth,
    Outcome,
    decide,
    delay_ms,
    is_success,
)
from headcount.store.webhooks import EndpointStatus, RetryType

ANSWERS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5_000), st.floats(0, 1, exclude_max=True)), max_size=30
)


@given(st.sampled_from(RetryType), ANSWERS)
def test_an_endpoint_is_disabled_after_three_consecutive_failures_only_with_a_circuit_breaker(
    retry_type, answers
):
    health, now, in_a_row, counted_at = EndpointHealth(), 0, 0, None
    for delivered, later, chance in answers:
        now += later
        decision = decide(delivered, health, retry_type, 1, now, chance)
        if health.state is EndpointStatus.FAILED:
            assert decision.health == health
        elif delivered:
            in_a_row, counted_at = 0, None
        elif counted_at is None or now - counted_at >= 1_000:
            in_a_row, counted_at = in_a_row + 1, now
        health = decision.health
        assert health.failed_count == in_a_row
        assert (health.state is EndpointStatus.FAILED) == (
            in_a_row >= 3 and retry_type is RetryType.CIRCUIT_BREAKER
        )


@given(st.sampled_from(RetryType), st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_a_message_has_five_attempts_and_no_delay_exceeds_a_quarter_of_an_hour(retry_type, chances):
    now, pauses = 0, []
    for attempts, chance in enumerate(chances, 1):
        # The endpoint answers others meanwhile, so that no breaker opens.
        decision = decide(False, EndpointHealth(), retry_type, attempts, now, chance)
        if attempts == MAX_ATTEMPTS:
            assert decision.outcome is Outcome.FAILED
            break
        assert decision.outcome is Outcome.RETRY
        pauses.append(decision.retry_at - now)
        now = decision.retry_at
    backoff = BACKOFFS[retry_type]
    assert len(pauses) == 4
    assert all(backoff.initial_ms / 2 <= pause <= backoff.max_ms <= 900_000 for pause in pauses)


@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True))
def test_delays_grow_for_any_random_number(attempts, chance):
    backoff = BACKOFFS[RetryType.EXPONENTIAL]
    assert delay_ms(backoff, attempts, 0.999) <= delay_ms(backoff, attempts + 1, chance) or delay_ms(backoff, attempts + 1, 0.999) > backoff.max_ms * 0.99  # fmt: skip


@given(st.sampled_from(RetryType), st.integers(1, 10), st.integers(0, 10**9))
def test_a_message_does_not_fail_when_the_circuit_breaker_opens(retry_type, attempts, now):
    decision = decide(False, EndpointHealth(failed_count=2), retry_type, attempts, now, 0.5)
    if retry_type is RetryType.CIRCUIT_BREAKER:
        assert (decision.health.state, decision.outcome) == (EndpointStatus.FAILED, Outcome.RETRY)
    else:
        assert decision.health.state is EndpointStatus.ACTIVE


def test_only_200_is_success():
    assert [status for status in (None, 101, 200, 201, 204, 301, 302, 400, 500) if is_success(status)] == [
        200
    ]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_the_circuit_breaker_of_a_dead_endpoint_opens_before_its_only_message_fails(chances):
    health, now = EndpointHealth(), 0
    for attempts, chance in enumerate(chances, 1):
        decision = decide(False, health, RetryType.CIRCUIT_BREAKER, attempts, now, chance)
        health, now = decision.health, decision.retry_at
        assert decision.outcome is not Outcome.FAILED
        if health.state is EndpointStatus.FAILED:
            return
    raise AssertionError("it never opened")

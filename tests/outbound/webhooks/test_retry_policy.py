"""What follows an answer, for any run of answers."""

from hypothesis import given
from hypothesis import strategies as st

from headcount.outbound.webhooks.retry_policy import (
    MOST_TRIES,
    PACES,
    Next,
    Standing,
    after,
    backoff,
    is_success,
)
from headcount.store.webhooks import RetryType, State

ANSWERS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5_000), st.floats(0, 1, exclude_max=True)), max_size=30
)


@given(st.sampled_from(RetryType), ANSWERS)
def test_an_endpoint_fails_after_three_failures_in_a_row_and_only_with_a_breaker(retry_type, answers):
    standing, now, in_a_row, counted = Standing(), 0, 0, None
    for delivered, later, chance in answers:
        now += later
        verdict = after(delivered, standing, retry_type, 1, now, chance)
        if standing.state is State.FAILED:
            assert verdict.standing == standing
        elif delivered:
            in_a_row, counted = 0, None
        elif counted is None or now - counted >= 1_000:
            in_a_row, counted = in_a_row + 1, now
        standing = verdict.standing
        assert standing.failed_count == in_a_row
        assert (standing.state is State.FAILED) == (in_a_row >= 3 and retry_type is RetryType.CIRCUIT_BREAKER)


@given(st.sampled_from(RetryType), st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_a_message_is_tried_five_times_and_no_pause_is_longer_than_a_quarter_of_an_hour(retry_type, chances):
    now, pauses = 0, []
    for tries, chance in enumerate(chances, 1):
        # The endpoint answers others meanwhile, so that no breaker opens.
        verdict = after(False, Standing(), retry_type, tries, now, chance)
        if tries == MOST_TRIES:
            assert verdict.next is Next.PARKED
            break
        assert verdict.next is Next.AGAIN
        pauses.append(verdict.at - now)
        now = verdict.at
    pace = PACES[retry_type]
    assert len(pauses) == 4
    assert all(pace.first / 2 <= pause <= pace.most <= 900_000 for pause in pauses)


@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_whatever_chance_says(tries, chance):
    pace = PACES[RetryType.EXPONENTIAL]
    assert backoff(pace, tries, 0.999) <= backoff(pace, tries + 1, chance) or backoff(pace, tries + 1, 0.999) > pace.most * 0.99  # fmt: skip


@given(st.sampled_from(RetryType), st.integers(1, 10), st.integers(0, 10**9))
def test_when_the_breaker_opens_the_message_is_kept_and_not_parked(retry_type, tries, now):
    verdict = after(False, Standing(failed_count=2), retry_type, tries, now, 0.5)
    if retry_type is RetryType.CIRCUIT_BREAKER:
        assert (verdict.standing.state, verdict.next) == (State.FAILED, Next.AGAIN)
    else:
        assert verdict.standing.state is State.ACTIVE


def test_only_200_is_success():
    assert [status for status in (None, 101, 200, 201, 204, 301, 302, 400, 500) if is_success(status)] == [
        200
    ]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_the_breaker_of_a_dead_endpoint_opens_before_its_only_message_is_given_up(chances):
    standing, now = Standing(), 0
    for tries, chance in enumerate(chances, 1):
        verdict = after(False, standing, RetryType.CIRCUIT_BREAKER, tries, now, chance)
        standing, now = verdict.standing, verdict.at
        assert verdict.next is not Next.PARKED
        if standing.state is State.FAILED:
            return
    raise AssertionError("it never opened")

"""Each transition of R4-R8 at its boundary."""

import pytest

from headcount.kernel.rules import (  # fmt: skip
    EMPTY,
    NEVER,
    InvalidRules,
    Rules,
    State,
    due,
    expire,
    falls_due,
    is_too_short,
    step,
)

RULES = Rules(10, 30, 600, 15)
FORMING = State(1, 100, False, NEVER, 1)
MEETING = State(2, 100, True, NEVER, 3)
LEFT_ALONE = State(1, 100, True, 200, 3)
ALONE_MEETING = State(1, 100, True, NEVER, 1)


@pytest.mark.parametrize(("lasted", "too_short"), [(9, True), (10, False), (11, False)])
def test_a_stay_of_the_minimum_duration_counts(lasted, too_short):
    assert is_too_short(5, 5 + lasted, RULES) is too_short


@pytest.mark.parametrize(
    ("state", "due_at"),
    [(EMPTY, NEVER), (FORMING, 130), (MEETING, NEVER), (LEFT_ALONE, 800), (ALONE_MEETING, NEVER)],
)
def test_something_is_due_only_while_forming_or_left_alone(state, due_at):
    assert due(state, RULES) == due_at


def test_in_an_empty_room_nothing_is_due():
    assert due(State(0, 100, True, 200, 3), RULES) == NEVER


@pytest.mark.parametrize(
    ("state", "due_at", "t", "n", "happens"),
    [
        (LEFT_ALONE, 799, 800, 0, True),
        (LEFT_ALONE, 800, 800, 0, False),  # left when the time is over: no reset
        (LEFT_ALONE, 800, 800, 1, True),
        (LEFT_ALONE, 800, 800, 2, True),
        (LEFT_ALONE, 801, 800, 2, False),
        (FORMING, 130, 130, 0, True),  # exactly long enough is a meeting
        (FORMING, 131, 130, 0, False),
    ],
)
def test_what_is_due_happens_before_a_step_unless_it_is_a_reset_of_an_empty_room(
    state, due_at, t, n, happens
):
    assert falls_due(state, due_at, t, n) is happens


def test_an_expired_sitting_is_a_meeting_since_its_beginning():
    assert expire(FORMING, RULES) == State(1, 100, True, NEVER, 1)


def test_a_reset_begins_a_meeting_when_the_time_is_over():
    assert expire(LEFT_ALONE, RULES) == State(1, 800, True, NEVER, 1)


@pytest.mark.parametrize(
    ("state", "n", "after"),
    [
        (EMPTY, 1, State(1, 300, False, NEVER, 1)),
        (EMPTY, 2, State(2, 300, True, NEVER, 2)),
        (EMPTY, 3, State(3, 300, True, NEVER, 3)),
        (FORMING, 0, EMPTY),
        (MEETING, 0, EMPTY),
        (FORMING, 2, State(2, 100, True, NEVER, 2)),
        (MEETING, 1, State(1, 100, True, 300, 3)),
        (MEETING, 2, State(2, 100, True, NEVER, 3)),
        (MEETING, 4, State(4, 100, True, NEVER, 4)),
        (LEFT_ALONE, 1, LEFT_ALONE),
        (LEFT_ALONE, 2, State(2, 100, True, NEVER, 3)),
        (ALONE_MEETING, 1, ALONE_MEETING),
        (FORMING, 1, FORMING),
    ],
)
def test_a_step_of_the_head_count_changes_the_state(state, n, after):
    assert step(state, 300, n) == after


def test_the_state_of_an_empty_room():
    assert EMPTY == (0, NEVER, False, NEVER, 0)


@pytest.mark.parametrize("name", Rules._fields)
def test_thresholds_have_a_minimum_and_a_maximum(name):
    least = 1 if name == "reset_alone_ms" else 0
    for number in (least, NEVER // 4 - 1):
        assert getattr(Rules(**{name: number}), name) == number
    for number, problem in (
        (least - 1, f"must be {least} or more, not {least - 1}"),
        (NEVER // 4, "is too large"),
    ):
        with pytest.raises(InvalidRules, match=f"^{name} {problem}"):
            Rules(**{name: number})


def test_never_is_later_than_any_time_and_fits_into_64_bits():
    assert NEVER == 2**62

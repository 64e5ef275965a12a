"""Rules: each transition of rules 4-8 at its boundary."""

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
STANDING = State(1, 100, True, NEVER, 1)


@pytest.mark.parametrize(("lasted", "void"), [(9, True), (10, False), (11, False)])
def test_a_stay_of_the_least_length_counts(lasted, void):
    assert is_too_short(5, 5 + lasted, RULES) is void


@pytest.mark.parametrize(
    ("state", "moment"),
    [(EMPTY, NEVER), (FORMING, 130), (MEETING, NEVER), (LEFT_ALONE, 800), (STANDING, NEVER)],
)
def test_time_alone_changes_a_room_that_waits_and_no_other(state, moment):
    assert due(state, RULES) == moment


def test_in_an_empty_room_nothing_falls_due_whatever_else_is_remembered():
    assert due(State(0, 100, True, 200, 3), RULES) == NEVER


@pytest.mark.parametrize(
    ("state", "moment", "t", "n", "happens"),
    [
        (LEFT_ALONE, 799, 800, 0, True),
        (LEFT_ALONE, 800, 800, 0, False),  # gone when the time is over: no reset
        (LEFT_ALONE, 800, 800, 1, True),
        (LEFT_ALONE, 800, 800, 2, True),
        (LEFT_ALONE, 801, 800, 2, False),
        (FORMING, 130, 130, 0, True),  # exactly long enough is a meeting
        (FORMING, 131, 130, 0, False),
    ],
)
def test_what_falls_due_as_somebody_moves_happens_first_unless_it_is_a_reset_of_nobody(
    state, moment, t, n, happens
):
    assert falls_due(state, moment, t, n) is happens


def test_a_sitting_that_waited_long_enough_is_a_meeting_since_its_beginning():
    assert expire(FORMING, RULES) == State(1, 100, True, NEVER, 1)


def test_a_reset_begins_a_meeting_at_the_end_of_the_wait_with_those_who_are_in():
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
        (STANDING, 1, STANDING),
        (FORMING, 1, FORMING),
    ],
)
def test_a_new_head_count_makes_of_a_room_what_the_rules_say(state, n, after):
    assert step(state, 300, n) == after


def test_an_empty_room_is_this():
    assert EMPTY == (0, NEVER, False, NEVER, 0)


@pytest.mark.parametrize("name", Rules._fields)
def test_the_numbers_reach_from_their_least_to_a_lifetime(name):
    least = 1 if name == "reset_alone_ms" else 0
    for number in (least, NEVER // 4 - 1):
        assert getattr(Rules(**{name: number}), name) == number
    for number in (least - 1, NEVER // 4):
        with pytest.raises(InvalidRules, match=f"^{name} must be {least} or more"):
            Rules(**{name: number})


def test_never_is_later_than_any_moment_and_fits_into_64_bits():
    assert NEVER == 2**62

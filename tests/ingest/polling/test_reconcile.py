"""What a list of those present adds to what is known."""

import pytest

from support.presence_lists import (
    ROOM,
    Inferred,
    KnownPresence,
    PollMemory,
    came,
    reconcile,
    there,
    went,
    who,
)

EMPTY = PollMemory()


def test_who_is_known_to_be_in_and_is_listed_changes_nothing():
    found = reconcile([there("ann", 10)], {who("ann"): KnownPresence(10)}, EMPTY, 100)
    assert (found.joins, found.leaves, found.memory) == ([], [], EMPTY)


def test_whom_nobody_spoke_of_came_when_the_list_says():
    found = reconcile([there("ann", 40, user_id="u-1", user_name="Ann", source_session="s")], {}, EMPTY, 100)
    (event,) = found.joins
    assert (event.at, event.user_id, event.user_name, event.source_session) == (40, "u-1", "Ann", "s")
    assert event.inferred is Inferred.SNAPSHOT


def test_without_a_time_they_came_when_the_list_was_asked_for():
    assert came(reconcile([there("ann")], {}, EMPTY, 100)) == [("ann", 100)]


def test_who_is_missing_once_stays():
    found = reconcile([], {who("ann"): KnownPresence(10)}, EMPTY, 100)
    assert (found.leaves, found.memory.missing_since) == ([], {who("ann"): 100})


def test_who_is_missing_twice_left_when_the_first_list_was_asked_for():
    known = {who("ann"): KnownPresence(10)}
    first = reconcile([], known, EMPTY, 100)
    second = reconcile([], known, first.memory, 115)
    assert went(second) == [("ann", 100)]
    assert second.memory == EMPTY


def test_who_is_listed_in_between_is_missing_once_again():
    known = {who("ann"): KnownPresence(10)}
    memory = reconcile([], known, EMPTY, 100).memory
    memory = reconcile([there("ann")], known, memory, 115).memory
    found = reconcile([], known, memory, 130)
    assert (found.leaves, found.memory.missing_since) == ([], {who("ann"): 130})


@pytest.mark.parametrize("said", [100, 101, 120])
def test_what_was_said_since_the_first_list_begins_the_count_anew(said):
    memory = reconcile([], {who("ann"): KnownPresence(10)}, EMPTY, 100).memory
    found = reconcile([], {who("ann"): KnownPresence(said)}, memory, 115)
    assert (found.leaves, found.memory.missing_since) == ([], {who("ann"): 115})


def test_who_left_after_the_list_was_asked_for_is_not_let_in_again():
    for surely in (True, False):
        found = reconcile([there("ann", 10)], {who("ann"): KnownPresence(100, 100, surely)}, EMPTY, 100)
        assert (found.joins, found.memory) == ([], EMPTY)


def test_a_list_that_lags_does_not_undo_a_reported_leave():
    known = {who("ann"): KnownPresence(90, 90)}
    memory = EMPTY
    for started in (100, 115, 130):
        found = reconcile([there("ann", 10)], known, memory, started)
        assert found.joins == []
        memory = found.memory


def test_who_is_listed_as_having_come_after_their_leave_is_in_again():
    assert came(reconcile([there("ann", 95)], {who("ann"): KnownPresence(90, 90)}, EMPTY, 100)) == [
        ("ann", 95)
    ]


def test_without_times_two_lists_after_a_reported_leave_let_somebody_in_again():
    known = {who("ann"): KnownPresence(90, 90)}
    first = reconcile([there("ann")], known, EMPTY, 100)
    assert (first.joins, first.memory.returned_since) == ([], {who("ann"): 100})
    assert came(reconcile([there("ann")], known, first.memory, 115)) == [("ann", 100)]


def test_a_leave_between_two_such_lists_begins_the_count_anew():
    first = reconcile([there("ann")], {who("ann"): KnownPresence(90, 90)}, EMPTY, 100)
    second = reconcile([there("ann")], {who("ann"): KnownPresence(110, 110)}, first.memory, 115)
    assert (second.joins, second.memory.returned_since) == ([], {who("ann"): 115})
    third = reconcile([there("ann")], {who("ann"): KnownPresence(110, 110)}, second.memory, 130)
    assert came(third) == [("ann", 115)]


def test_a_guess_gives_way_to_one_list():
    assert came(reconcile([there("ann", 10)], {who("ann"): KnownPresence(90, 80, False)}, EMPTY, 100)) == [
        ("ann", 100)
    ]


def test_who_is_about_to_come_neither_comes_nor_goes():
    arriving = there("ann", 95, has_joined=False)
    assert reconcile([arriving], {}, EMPTY, 100).joins == []
    assert reconcile([arriving], {who("ann"): KnownPresence(10)}, EMPTY, 100).memory.missing_since == {}


def test_an_empty_list_means_that_everybody_has_gone():
    known = {who("ann"): KnownPresence(10), who("bob"): KnownPresence(20)}
    memory = reconcile([], known, EMPTY, 100).memory
    assert went(reconcile([], known, memory, 115)) == [("ann", 100), ("bob", 100)]


def test_nobody_leaves_a_room_that_is_unclear():
    known = {who("ann"): KnownPresence(10)}
    memory = EMPTY
    for started in (100, 115, 130):
        found = reconcile([], known, memory, started, {ROOM})
        assert (found.leaves, found.memory) == ([], EMPTY)
        memory = found.memory


def test_an_unclear_list_between_two_begins_the_count_anew():
    known = {who("ann"): KnownPresence(10)}
    memory = reconcile([], known, EMPTY, 100).memory
    memory = reconcile([], known, memory, 115, {ROOM}).memory
    found = reconcile([], known, memory, 130)
    assert (found.leaves, found.memory.missing_since) == ([], {who("ann"): 130})


def test_who_is_listed_in_an_unclear_room_has_come():
    assert came(reconcile([there("ann", 40)], {}, EMPTY, 100, {ROOM})) == [("ann", 40)]

"""What a polled list of participants adds to what is known."""

import pytest

from support.presence_lists import (
    ROOM,
    Inferred,
    KnownPresence,
    PollMemory,
    joins_of,
    key,
    leaves_of,
    listed,
    reconcile,
)

EMPTY = PollMemory()


def test_a_listed_participant_who_is_known_to_be_in_the_room_changes_nothing():
    found = reconcile([listed("ann", 10)], {key("ann"): KnownPresence(10)}, EMPTY, 100)
    assert (found.joins, found.leaves, found.memory) == ([], [], EMPTY)


def test_a_participant_without_events_joined_at_the_time_of_the_list():
    found = reconcile([listed("ann", 40, user_id="u-1", user_name="Ann", source_session="s")], {}, EMPTY, 100)
    (event,) = found.joins
    assert (event.at, event.user_id, event.user_name, event.source_session) == (40, "u-1", "Ann", "s")
    assert event.inferred is Inferred.SNAPSHOT


def test_an_inferred_join_has_the_attributes_of_the_list():
    (event,) = reconcile([listed("ann", 40, attributes='{"role":"host"}')], {}, EMPTY, 100).joins
    assert event.attributes == '{"role":"host"}'


def test_a_participant_without_events_and_times_joined_when_the_list_was_requested():
    assert joins_of(reconcile([listed("ann")], {}, EMPTY, 100)) == [("ann", 100)]


def test_a_participant_who_is_missing_once_stays():
    found = reconcile([], {key("ann"): KnownPresence(10)}, EMPTY, 100)
    assert (found.leaves, found.memory.missing_since) == ([], {key("ann"): 100})


def test_a_participant_who_is_missing_twice_left_when_the_first_list_was_requested():
    known = {key("ann"): KnownPresence(10)}
    first = reconcile([], known, EMPTY, 100)
    second = reconcile([], known, first.memory, 115)
    assert leaves_of(second) == [("ann", 100)]
    assert second.memory == EMPTY


def test_a_participant_who_is_listed_in_between_is_missing_once():
    known = {key("ann"): KnownPresence(10)}
    memory = reconcile([], known, EMPTY, 100).memory
    memory = reconcile([listed("ann")], known, memory, 115).memory
    found = reconcile([], known, memory, 130)
    assert (found.leaves, found.memory.missing_since) == ([], {key("ann"): 130})


@pytest.mark.parametrize("mentioned_at", [100, 101, 120])
def test_an_event_after_the_first_list_restarts_the_count(mentioned_at):
    memory = reconcile([], {key("ann"): KnownPresence(10)}, EMPTY, 100).memory
    found = reconcile([], {key("ann"): KnownPresence(mentioned_at)}, memory, 115)
    assert (found.leaves, found.memory.missing_since) == ([], {key("ann"): 115})


def test_a_leave_after_the_list_was_requested_stands():
    for is_reported in (True, False):
        found = reconcile([listed("ann", 10)], {key("ann"): KnownPresence(100, 100, is_reported)}, EMPTY, 100)
        assert (found.joins, found.memory) == ([], EMPTY)


def test_a_list_that_lags_does_not_undo_a_reported_leave():
    known = {key("ann"): KnownPresence(90, 90)}
    memory = EMPTY
    for started in (100, 115, 130):
        found = reconcile([listed("ann", 10)], known, memory, started)
        assert found.joins == []
        memory = found.memory


def test_a_participant_who_is_listed_with_a_join_after_their_leave_has_joined_again():
    assert joins_of(reconcile([listed("ann", 95)], {key("ann"): KnownPresence(90, 90)}, EMPTY, 100)) == [
        ("ann", 95)
    ]


def test_without_times_two_lists_after_a_reported_leave_are_a_join():
    known = {key("ann"): KnownPresence(90, 90)}
    first = reconcile([listed("ann")], known, EMPTY, 100)
    assert (first.joins, first.memory.returned_since) == ([], {key("ann"): 100})
    assert joins_of(reconcile([listed("ann")], known, first.memory, 115)) == [("ann", 100)]


def test_a_leave_between_two_such_lists_restarts_the_count():
    first = reconcile([listed("ann")], {key("ann"): KnownPresence(90, 90)}, EMPTY, 100)
    second = reconcile([listed("ann")], {key("ann"): KnownPresence(110, 110)}, first.memory, 115)
    assert (second.joins, second.memory.returned_since) == ([], {key("ann"): 115})
    third = reconcile([listed("ann")], {key("ann"): KnownPresence(110, 110)}, second.memory, 130)
    assert joins_of(third) == [("ann", 115)]


def test_one_list_overrides_an_inferred_leave():
    assert joins_of(
        reconcile([listed("ann", 10)], {key("ann"): KnownPresence(90, 80, False)}, EMPTY, 100)
    ) == [("ann", 100)]


def test_a_participant_who_is_still_connecting_neither_joins_nor_leaves():
    arriving = listed("ann", 95, has_joined=False)
    assert reconcile([arriving], {}, EMPTY, 100).joins == []
    assert reconcile([arriving], {key("ann"): KnownPresence(10)}, EMPTY, 100).memory.missing_since == {}


def test_an_empty_list_means_that_everybody_has_left():
    known = {key("ann"): KnownPresence(10), key("bob"): KnownPresence(20)}
    memory = reconcile([], known, EMPTY, 100).memory
    assert leaves_of(reconcile([], known, memory, 115)) == [("ann", 100), ("bob", 100)]


def test_nobody_leaves_an_unclear_room():
    known = {key("ann"): KnownPresence(10)}
    memory = EMPTY
    for started in (100, 115, 130):
        found = reconcile([], known, memory, started, {ROOM})
        assert (found.leaves, found.memory) == ([], EMPTY)
        memory = found.memory


def test_an_unclear_list_between_two_restarts_the_count():
    known = {key("ann"): KnownPresence(10)}
    memory = reconcile([], known, EMPTY, 100).memory
    memory = reconcile([], known, memory, 115, {ROOM}).memory
    found = reconcile([], known, memory, 130)
    assert (found.leaves, found.memory.missing_since) == ([], {key("ann"): 130})


def test_a_participant_who_is_listed_in_an_unclear_room_has_joined():
    assert joins_of(reconcile([listed("ann", 40)], {}, EMPTY, 100, {ROOM})) == [("ann", 40)]

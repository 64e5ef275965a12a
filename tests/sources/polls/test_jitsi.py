"""Jitsi: responses of `mod_muc_census` as documented, and the rooms that have ended."""

import pytest

from headcount.ingest.polling.reconcile import KnownPresence, PollMemory, reconcile
from headcount.kernel.events import Inferred
from headcount.sources.polls.api import PollFailed, PollResponse, PollResult
from headcount.sources.polls.jitsi import POLL
from support.poll_requests import poll_result, response

BLUE, RED = "blue@conference.meet.example", "red@conference.meet.example"


def room(name, participants=2, **more):
    return {"room_name": name, "participants": participants, "created_time": 1772442000, **more}


def test_listed_rooms_are_unclear_regardless_of_their_counts():
    census = {"room_census": [room(BLUE, 0, leaked=False), room(RED, -1)]}
    found = poll_result(POLL, lambda _: response(census), active_rooms=[BLUE, "gone@conference.meet.example"])
    assert found == PollResult([], frozenset({BLUE, RED}))


def test_a_leaked_room_has_no_participants_but_its_breakout_rooms_may_have():
    census = {"room_census": [room(BLUE, leaked=True), room(RED, leaked=None)]}
    found = poll_result(POLL, lambda _: response(census), active_rooms=[BLUE, f"{BLUE}/b-1", RED])
    assert found == PollResult([], frozenset({RED, f"{BLUE}/b-1"}))


@pytest.mark.parametrize(
    ("answers", "leaves"),
    [([True, True], 1), ([True, False], 0), ([True, False, True], 0), ([False, True, True], 1)],
)
def test_nobody_is_in_a_room_that_leaked_twice_in_a_row(answers, leaves):
    known = {(BLUE, "ann"): KnownPresence(0)}
    memory, found = PollMemory(), []
    for number, leaked in enumerate(answers, 1):
        polled = poll_result(
            POLL,
            lambda _, leaked=leaked: response({"room_census": [room(BLUE, leaked=leaked)]}),
            active_rooms=[BLUE],
        )
        changes = reconcile(polled.participants, known, memory, number * 15_000, polled.unclear_rooms)
        memory, found = changes.memory, found + changes.leaves
    assert [(one.room, one.participant_id, one.inferred) for one in found] == [
        (BLUE, "ann", Inferred.SNAPSHOT)
    ] * leaves


@pytest.mark.parametrize("empty", [[], {}])
def test_an_empty_list_means_that_all_rooms_have_ended(empty):
    assert poll_result(
        POLL, lambda _: response({"room_census": empty}), active_rooms=[BLUE, f"{BLUE}/b-1"]
    ) == PollResult([])


def test_a_breakout_room_exists_as_long_as_its_main_room():
    found = poll_result(
        POLL, lambda _: response({"room_census": [room(BLUE)]}), active_rooms=[f"{BLUE}/b-1", f"{RED}/b-1"]
    )
    assert found.unclear_rooms == {BLUE, f"{BLUE}/b-1"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (PollResponse(200, b"<html>"), "is not what mod_muc_census answers"),
        (response({}), "is not what mod_muc_census answers"),
        (response([]), "is not what mod_muc_census answers"),
        (response({"room_census": None}), "is not what mod_muc_census answers"),
        (response({"room_census": {"blue": 1}}), "is not what mod_muc_census answers"),
        (response({"room_census": [{"participants": 2}]}), "is not what mod_muc_census answers"),
        (PollResponse(400, b""), "answered 400"),
        (PollResponse(404, b"<h1>Unknown host: meet.example</h1>"), "answered 404: '<h1>Unknown host"),
    ],
)
def test_an_unusable_response_fails(answer, why):
    with pytest.raises(PollFailed, match=why):
        poll_result(POLL, lambda _: answer)

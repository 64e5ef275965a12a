"""What Prosody's `mod_muc_census` answers, after its documentation, and which rooms are gone by that."""

import pytest

from headcount.sources.polls.api import PollFailed, PollResponse
from headcount.sources.polls.jitsi import POLL
from support.poll_requests import listed, told

BLUE, RED = "blue@conference.meet.example", "red@conference.meet.example"


def room(name, participants=2, **more):
    return {"room_name": name, "participants": participants, "created_time": 1772442000, **more}


def test_of_rooms_that_are_listed_nothing_is_said_whatever_their_counts():
    census = {"room_census": [room(BLUE, 0, leaked=False), room(RED, -1)]}
    found = listed(POLL, lambda _: told(census), rooms=[BLUE, "gone@conference.meet.example"])
    assert found == ([], frozenset({BLUE, RED}))


@pytest.mark.parametrize("empty", [[], {}])
def test_no_room_means_that_all_are_gone(empty):
    assert listed(POLL, lambda _: told({"room_census": empty}), rooms=[BLUE, f"{BLUE}/b-1"]) == (
        [],
        frozenset(),
    )


def test_a_breakout_room_is_there_as_long_as_its_main_room():
    found = listed(POLL, lambda _: told({"room_census": [room(BLUE)]}), rooms=[f"{BLUE}/b-1", f"{RED}/b-1"])
    assert found.unclear == {BLUE, f"{BLUE}/b-1"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (PollResponse(200, b"<html>"), "is not what mod_muc_census answers"),
        (told({}), "is not what mod_muc_census answers"),
        (told([]), "is not what mod_muc_census answers"),
        (told({"room_census": None}), "is not what mod_muc_census answers"),
        (told({"room_census": {"blue": 1}}), "is not what mod_muc_census answers"),
        (told({"room_census": [{"participants": 2}]}), "is not what mod_muc_census answers"),
        (PollResponse(400, b""), "answered 400"),
        (PollResponse(404, b"<h1>Unknown host: meet.example</h1>"), "answered 404: '<h1>Unknown host"),
    ],
)
def test_what_is_no_answer_is_none(answer, why):
    with pytest.raises(PollFailed, match=why):
        listed(POLL, lambda _: answer)

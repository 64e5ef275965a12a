"""Galene: responses for administrators, and their participants."""

import pytest

from headcount.sources.polls.api import CredentialsRejected, PollFailed, PollResponse, PollResult
from headcount.sources.polls.galene import POLL
from support.poll_requests import poll_result, present, response

UP = [{"id": "s1", "maxBitrate": 9000, "tracks": [{"bitrate": 1, "loss": 0.5, "rtt": 2.5}]}]


def test_groups_and_subgroups_have_clients():
    groups = [
        {"name": "empty"},
        {"name": "none", "clients": []},
        {"name": "null", "clients": None},
        {"name": "school/maths", "clients": [{"id": "b", "up": UP}, {"id": "c", "down": UP}]},
        {"name": "standup", "clients": [{"id": "a"}]},
    ]
    found = poll_result(POLL, lambda _: response(groups))
    assert present(found) == [
        ("school/maths", "b", None),
        ("school/maths", "c", None),
        ("standup", "a", None),
    ]
    assert not found.unclear_rooms


def test_groups_may_be_empty():
    assert poll_result(POLL, lambda _: response([])) == PollResult([], frozenset())


def test_the_administrators_name_and_password_are_sent():
    def server(ask):
        assert ask[:3] == ("GET", "/galene-api/v0/.stats", {"authorization": "Basic cm9vdDpww6Q="})
        return response([])

    poll_result(POLL, server, secret="root:pä")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (PollResponse(200, b"<html>"), "is not what Galene answers"),
        (response(None), "is not what Galene answers"),
        (response({"groups": []}), "is not what Galene answers"),
        (PollResponse(404, b"404 page not found"), "answered 404"),
    ],
)
def test_an_unusable_response_fails(answer, why):
    with pytest.raises(PollFailed, match=why):
        poll_result(POLL, lambda _: answer)


def test_a_wrong_password_is_reported_as_such():
    with pytest.raises(CredentialsRejected, match="refused the key"):
        poll_result(POLL, lambda _: PollResponse(401, b"Haha!"))

"""Janus: responses of the Admin API, as version 1.1.2 was seen to send them, and their participants."""

import json

import pytest

from headcount.sources.polls.api import CredentialsRejected, PollFailed, PollResponse, PollResult
from headcount.sources.polls.janus import POLL
from support.poll_requests import KEY, poll_result, present, response

CODES = {"videoroom": (426, 430), "audiobridge": (485, 484), "textroom": (417, 414)}


class Janus:
    """A server: its rooms by plugin, their participants, and the private rooms. Rooms have numbers unless `texts`."""

    def __init__(self, name="eu-1", texts=False):
        self.name, self.texts = name, texts
        self.rooms = {"videoroom": {}, "audiobridge": {}, "textroom": {}}
        self.private = set()
        self.asked = []

    def __call__(self, ask):
        request = json.loads(ask.body)
        assert (ask.method, ask.path, request["admin_secret"]) == ("POST", "", KEY)
        self.asked.append(request)
        if request["janus"] == "info":
            return response(
                {"janus": "server_info", "transaction": "t", "server-name": self.name, "version": 1102}
            )
        plugin = request["plugin"].removeprefix("janus.plugin.")
        if plugin not in self.rooms:
            return response({"janus": "error", "error": {"code": 460, "reason": "Invalid plugin"}})
        return response({"janus": "success", "response": self.answers(plugin, request["request"])})

    def answers(self, plugin, body):
        rooms = self.rooms[plugin]
        if "transaction" not in body and plugin == "textroom":
            return {
                "textroom": "error",
                "error_code": 413,
                "error": "Missing mandatory element (transaction)",
            }
        if body["request"] == "list":
            public = [
                {"room": room, "num_participants": len(participant)}
                for room, participant in rooms.items()
                if room not in self.private
            ]
            return {plugin: "success", "list": public}
        no_such, no_name = CODES[plugin]
        if isinstance(body["room"], str) != self.texts:
            return {plugin: "event", "error_code": no_name, "error": "Invalid element type"}
        if body["room"] not in rooms:
            return {plugin: "event", "error_code": no_such, "error": f"No such room ({body['room']})"}
        return {plugin: "participants", "room": body["room"], "participants": rooms[body["room"]]}


@pytest.fixture
def janus():
    return Janus()


def test_rooms_may_be_empty(janus):
    janus.rooms["videoroom"] = {1234: []}
    assert poll_result(POLL, janus) == PollResult([], frozenset())


def test_rooms_are_named_after_the_server_and_the_plugin(janus):
    janus.rooms = {
        "videoroom": {1234: [{"id": 7, "display": "Ann", "publisher": True, "talking": False}, {"id": 8, "publisher": False}]},
        "audiobridge": {1234: [{"id": 7, "display": "Bob", "setup": True, "muted": False}]},
        "textroom": {1234: [{"username": "carol"}, {"username": "dan", "display": "Dan"}]},
    }  # fmt: skip
    assert present(poll_result(POLL, janus)) == [
        ("eu-1/1234", "7", "Ann"),
        ("eu-1/1234", "8", None),
        ("eu-1/audiobridge/1234", "7", "Bob"),
        ("eu-1/textroom/1234", "carol", "carol"),
        ("eu-1/textroom/1234", "dan", "Dan"),
    ]


def test_ids_of_rooms_and_participants_may_be_texts():
    janus = Janus("a/b", texts=True)
    janus.rooms["videoroom"] = {"blue": [{"id": "ann"}], "12": [{"id": "bob"}]}
    janus.private = {"12"}
    found = poll_result(POLL, janus, active_rooms=["a%2Fb/12"])
    assert present(found) == [("a%2Fb/12", "bob", None), ("a%2Fb/blue", "ann", None)]
    assert not found.unclear_rooms


def test_a_private_room_is_queried_if_it_is_active(janus):
    janus.rooms["videoroom"] = {12: [{"id": 7}]}
    janus.rooms["audiobridge"] = {13: [{"id": 8}]}
    janus.private = {12, 13}
    assert present(poll_result(POLL, janus)) == []
    found = poll_result(POLL, janus, active_rooms=["eu-1/12", "eu-1/audiobridge/13"])
    assert present(found) == [("eu-1/12", "7", None), ("eu-1/audiobridge/13", "8", None)]


def test_a_room_that_no_longer_exists_is_empty(janus):
    assert poll_result(
        POLL, janus, active_rooms=["eu-1/99", "eu-1/textroom/99", f"eu-1/{'9' * 40}", "eu-1/blue"]
    ) == PollResult([])


def test_a_room_that_the_server_refuses_is_unclear(janus):
    janus.rooms["videoroom"] = {12: [{"id": 7}]}
    answers = janus.answers
    janus.answers = lambda plugin, body: (
        answers(plugin, body)
        if body["request"] == "list"
        else {"videoroom": "event", "error_code": 433, "error": "Unauthorized"}
    )
    assert poll_result(POLL, janus) == PollResult([], frozenset({"eu-1/12"}))


def test_rooms_of_another_server_are_unclear(janus):
    assert poll_result(POLL, janus, active_rooms=["eu-2/12", "12", "eu-11/3"]).unclear_rooms == {
        "eu-2/12",
        "12",
        "eu-11/3",
    }


def test_a_missing_plugin_has_no_rooms(janus):
    del janus.rooms["audiobridge"]
    janus.rooms["videoroom"] = {12: [{"id": 7}]}
    found = poll_result(POLL, janus, active_rooms=["eu-1/audiobridge/3"])
    assert present(found) == [("eu-1/12", "7", None)]
    assert not found.unclear_rooms


def test_each_room_with_participants_costs_one_request(janus):
    janus.rooms["videoroom"] = {number: [{"id": 7}] * (number // 10) for number in range(20)}
    found = poll_result(POLL, janus, active_rooms=["eu-1/3"])
    assert len(janus.asked) == 1 + 3 + 10
    assert not found.unclear_rooms


def test_a_wrong_secret_is_reported_as_such():
    wrong = {
        "janus": "error",
        "error": {"code": 403, "reason": "Unauthorized request (wrong or missing secret/token)"},
    }
    with pytest.raises(CredentialsRejected, match=r"refused the key \(403\): Unauthorized"):
        poll_result(POLL, lambda _: response(wrong))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (PollResponse(200, b"<html>"), "is not what Janus answers"),
        (PollResponse(200, b""), "is not what Janus answers"),
        (PollResponse(404, b""), "answered 404"),
        (response({}), "is not what Janus answers"),
        (response({"janus": "server_info"}), "does not report its name"),
        (response({"janus": "error", "server-name": "eu-1", "error": {"code": 450, "reason": "no"}}), "error: 450 no"),
        (response({"janus": "success", "server-name": "eu-1"}), "no response"),
        (response({"janus": "success", "server-name": "eu-1", "response": {"error_code": 5, "error": "x"}}), "no rooms: 5 x"),
    ],
)  # fmt: skip
def test_an_unusable_response_fails(answer, why):
    with pytest.raises(PollFailed, match=why):
        poll_result(POLL, lambda _: answer)

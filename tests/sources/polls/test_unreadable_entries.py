"""Entries of a polled list: names of any JSON type, and an entry that cannot be read makes its room unclear."""

import pytest

from headcount.ingest.polling.poller import Observation, summarize
from headcount.sources.polls import daily, galene, janus, livekit
from support.poll_requests import poll_result, response

ACTIVE = ["blue", "red"]
LISTS = {
    "daily": lambda entries: (daily.POLL, lambda _: response({"blue": entries})),
    "galene": lambda entries: (galene.POLL, lambda _: response([{"name": "blue", "clients": entries}])),
    "livekit": lambda entries: (livekit.POLL, lambda asked: livekits_response(asked, entries)),
    "janus": lambda entries: (janus.POLL, lambda asked: januss_response(asked, entries)),
}
ROOMS = {"janus": "eu-1/blue"}
KEYS = {"livekit": "sid"}
every_list = pytest.mark.parametrize("kind", LISTS)


def livekits_response(asked, entries):
    if asked.path.endswith("ListRooms"):
        return response({"rooms": [{"name": "blue", "sid": 7}]})
    return response({"participants": entries})


def januss_response(asked, entries):
    if b"message_plugin" not in asked.body:
        return response({"janus": "success", "server-name": "eu-1"})
    if b"listparticipants" in asked.body:
        return response({"janus": "success", "response": {"participants": entries}})
    rooms = [{"room": "blue", "num_participants": 2}] if b"videoroom" in asked.body else []
    return response({"janus": "success", "response": {"list": rooms}})


def polled(kind, *entries):
    poll, server = LISTS[kind](list(entries))
    return poll_result(poll, server, active_rooms=ACTIVE)


def entry(kind, participant, **more):
    return {KEYS.get(kind, "id"): participant, "state": "ACTIVE", **more}


@every_list
@pytest.mark.parametrize("bad", [None, 3, "x", [], {}, {"id": True, "sid": {}}, {"id": "", "sid": ""}])
def test_an_entry_that_cannot_be_read_makes_its_room_unclear(kind, bad):
    found = polled(kind, bad, entry(kind, "ann"), bad)
    assert [one.participant_id for one in found.participants] == ["ann"]
    assert ROOMS.get(kind, "blue") in found.unclear_rooms
    assert len(found.problems) == 2


@every_list
def test_an_entry_that_can_be_read_makes_no_room_unclear(kind):
    found = polled(kind, entry(kind, "ann"))
    assert ROOMS.get(kind, "blue") not in found.unclear_rooms
    assert found.problems == ()


@every_list
@pytest.mark.parametrize(
    ("value", "text"), [(42, "42"), (42.0, "42"), (True, None), ({}, None), (None, None)]
)
def test_names_may_have_any_type(kind, value, text):
    names = dict.fromkeys(("name", "display", "identity", "userId", "userName"), value)
    (found,) = polled(kind, entry(kind, 7, **names)).participants
    assert found.participant_id == "7"
    assert {found.user_id, found.user_name} <= {text, None}


@pytest.mark.parametrize("kind", ["galene", "livekit", "janus"])
def test_an_entry_without_a_room_makes_all_active_rooms_unclear(kind):
    rooms = {
        "galene": lambda _: response([{"clients": [{"id": "a"}]}]),
        "livekit": lambda _: response({"rooms": [{"sid": "RM_1"}]}),
        "janus": lambda asked: januss_room_list(asked, [{"num_participants": 1}]),
    }
    poll = {"galene": galene.POLL, "livekit": livekit.POLL, "janus": janus.POLL}[kind]
    found = poll_result(poll, rooms[kind], active_rooms=ACTIVE)
    assert found.participants == []
    assert found.unclear_rooms >= {*ACTIVE}
    assert found.problems


def januss_room_list(asked, rooms):
    if b"message_plugin" not in asked.body:
        return response({"janus": "success", "server-name": "eu-1"})
    return response({"janus": "success", "response": {"list": rooms}})


def test_the_summary_of_a_poll_names_what_could_not_be_read():
    found = polled("daily", None, entry("daily", "ann"))
    observed = Observation(0, list(found.participants), 0, found.unclear_rooms, found.problems)
    assert summarize(observed) == (
        "1 in 1 room; 1 room without a list of participants; 1 could not be read: blue: is not an object"
    )

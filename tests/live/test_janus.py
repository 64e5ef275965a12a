"""Real people in a real Janus: what Headcount makes of what the server says of them.

Stays count at once here (`min_stay_s` is 0), so that nobody has to wait.
"""

import json
import time

import pytest

from live.behind import Service, Was
from live.gate import Gate
from live.janus_server import EMITTER, PASSWORD, SESSION_TIMEOUT_S, USER, Janus
from live.janus_somebody import Guest
from support.waiting import wait_until

NOTICED_S = SESSION_TIMEOUT_S + 4
"""Janus looks every two seconds for sessions that are silent."""
GIVEN_UP_S = 7
"""So long does a batch wait that cannot be sent: seven times, 50 ms and then twice as long each time."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    service = Service(
        tmp_path_factory.mktemp("service"), "janus", "--secret", f"{USER}:{PASSWORD}", min_stay_s=0
    )
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount, tmp_path_factory):
    gate = Gate(headcount)
    yield gate
    gate.close()
    gate.keep(tmp_path_factory.getbasetemp() / "janus.jsonl")


@pytest.fixture(scope="module")
def janus(tmp_path_factory, gate, headcount):
    server = Janus(tmp_path_factory.mktemp("janus"), gate.url + headcount.path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def room(janus, request):
    """A room for one test, of a number of its own."""
    number = 1_000 + sum(request.node.name.encode())
    for plugin in ("videoroom", "audiobridge"):
        janus.ask(plugin, request="create", room=number, publishers=6)
    return number


@pytest.fixture
def comes(janus):
    """Lets somebody come to a room; whoever is still there after the test is taken out."""
    everybody = []

    def comes(room, name, plugin="videoroom"):
        everybody.append(Guest(janus, room, name, plugin))
        return everybody[-1].is_in()

    yield comes
    for guest in everybody:
        guest.is_gone()


def said(gate, word, room=None, who=None):
    """The events of one kind that were let through: when each happened, in seconds."""
    told = [
        event for one in list(gate.deliveries) if one["answered"] == 200 for event in json.loads(one["body"])
    ]
    return [event["timestamp"] / 10**6 for event in told if _is(event, word, room, who)]


def _is(event, word, room, who):
    if event["type"] == 256:
        return event["event"]["status"] == word
    if event["type"] != 64:
        return False
    data = event["event"]["data"]
    return (data["event"], data["room"]) == (word, room) and who in (None, str(data.get("id")))


def hears(gate, word, room=None, who=None, seconds=20):
    """Wait for the first such event, and say when it happened."""
    return wait_until(lambda: said(gate, word, room, who), seconds, f"no '{word}' in {room}")[0]


def met(headcount, room, plugin=""):
    """Who was in the only meeting of a room."""
    (meeting,) = headcount.meetings(f"{EMITTER}/{plugin}{room}")
    return meeting.people


def fill(comes, room):
    """Two in the room where one is seen, and two in the one where one talks."""
    for name, plugin in (
        ("ann", "videoroom"),
        ("bob", "videoroom"),
        ("carol", "audiobridge"),
        ("dan", "audiobridge"),
    ):
        comes(room, name, plugin)


def test_two_people_meet(gate, headcount, comes, room):
    ann, bob = comes(room, "ann"), comes(room, "bob")
    ann.leaves()
    bob.leaves()
    left = [hears(gate, "leaving", room, who.sid) for who in (ann, bob)]
    joined = [hears(gate, "joined", room, who.sid) for who in (ann, bob)]
    assert met(headcount, room) == [
        Was("user-ann", int(joined[0]), int(left[0]), "reported"),
        Was("user-bob", int(joined[1]), int(left[1]), "reported"),
    ]
    for guest, came, went in zip((ann, bob), joined, left, strict=True):
        assert guest.asked <= came <= guest.joined
        assert guest.left <= went <= guest.left + 1


def test_two_people_meet_who_only_talk(gate, headcount, comes, room):
    ann, bob = comes(room, "ann", "audiobridge"), comes(room, "bob", "audiobridge")
    ann.leaves()
    bob.leaves()
    hears(gate, "left", room, bob.sid)
    people = met(headcount, room, "audiobridge/")
    assert [(was.user, was.left_by) for was in people] == [("user-ann", "reported"), ("user-bob", "reported")]


def test_who_is_killed_has_left_when_janus_gives_them_up(gate, headcount, comes, room):
    ann, bob = comes(room, "ann"), comes(room, "bob")
    ann.is_killed()
    left = hears(gate, "leaving", room, ann.sid)
    assert ann.left + SESSION_TIMEOUT_S - 2 < left < ann.left + NOTICED_S
    was, still = met(headcount, room)
    assert (was.leave, was.left_by) == (int(left), "reported")
    assert (still.user, still.leave) == ("user-bob", None)
    bob.leaves()


def test_who_loses_the_network_for_good_and_comes_back_has_two_stays(gate, headcount, comes, room):
    lost, _bob = comes(room, "ann"), comes(room, "bob")
    lost.loses_the_network()
    hears(gate, "leaving", room, lost.sid)
    again = comes(room, "ann")
    assert again.sid != lost.sid
    people = met(headcount, room)
    assert [(was.user, was.left_by) for was in people] == [
        ("user-ann", "reported"), ("user-bob", None), ("user-ann", None),
    ]  # fmt: skip


def test_who_is_put_out_has_left(janus, gate, headcount, comes, room):
    ann, _bob = comes(room, "ann"), comes(room, "bob")
    janus.ask("videoroom", request="kick", room=room, id=int(ann.sid))
    kicked = hears(gate, "kicked", room, ann.sid)
    was, still = met(headcount, room)
    assert (was.leave, was.left_by, still.leave) == (int(kicked), "reported", None)


def test_a_room_that_is_destroyed_lets_everybody_go_without_a_word(janus, gate, headcount, comes, room):
    ann, bob = comes(room, "ann"), comes(room, "bob")
    janus.ask("videoroom", request="destroy", room=room)
    destroyed = hears(gate, "destroyed", room)
    for guest in (ann, bob):
        guest.is_killed()
    assert [was[2:] for was in met(headcount, room)] == [(int(destroyed), "room_ended")] * 2
    assert not said(gate, "leaving", room)


def test_a_server_that_is_shut_down_lets_everybody_go(janus, gate, headcount, comes, room):
    fill(comes, room)
    before = len(said(gate, "shutdown"))
    janus.is_shut_down()
    wait_until(lambda: len(said(gate, "shutdown")) > before, 20)
    down = said(gate, "shutdown")[-1]
    janus.start()
    people = [*met(headcount, room), *met(headcount, room, "audiobridge/")]
    assert [was[2:] for was in people] == [(int(down), "room_ended")] * 4
    assert not said(gate, "leaving", room)
    assert not said(gate, "left", room)


def test_a_server_that_was_killed_has_nobody_when_it_starts_again(janus, gate, headcount, comes, room):
    fill(comes, room)
    before = len(said(gate, "started"))
    janus.kill()
    janus.start()
    wait_until(lambda: len(said(gate, "started")) > before, 20)
    up = said(gate, "started")[-1]
    people = [*met(headcount, room), *met(headcount, room, "audiobridge/")]
    assert [was[2:] for was in people] == [(int(up), "superseded")] * 4


def test_what_happens_while_headcount_is_down_is_told_when_it_is_up_again(gate, headcount, comes, room):
    ann, bob = comes(room, "ann"), comes(room, "bob")
    gate.close()
    headcount.kill()
    ann.leaves()
    carol = comes(room, "carol")
    headcount.start()
    gate.open()
    left = hears(gate, "leaving", room, ann.sid)
    joined = hears(gate, "joined", room, carol.sid)
    people = met(headcount, room)
    assert [(was.user, was.left_by) for was in people] == [
        ("user-ann", "reported"), ("user-bob", None), ("user-carol", None),
    ]  # fmt: skip
    assert (people[0].leave, people[2].join) == (int(left), int(joined))
    assert ann.left <= left <= ann.left + 1
    bob.leaves()


def test_what_is_lost_is_told_by_the_end_of_the_room(janus, gate, headcount, comes, room):
    """Nobody listens for longer than Janus tries."""
    ann, bob = comes(room, "ann"), comes(room, "bob")
    gate.close()
    ann.leaves()
    time.sleep(GIVEN_UP_S)  # what is waited for is time itself
    gate.open()
    bob.leaves()
    hears(gate, "leaving", room, bob.sid)
    janus.ask("videoroom", request="destroy", room=room)
    destroyed = hears(gate, "destroyed", room)
    assert not said(gate, "leaving", room, ann.sid)
    people = met(headcount, room)
    assert [was.left_by for was in people] == ["room_ended", "reported"]
    assert people[0].leave == int(destroyed)


def test_what_is_answered_with_an_error_is_not_sent_again(gate, comes, room):
    """Janus looks at connections, not at answers."""
    ann = comes(room, "ann")
    gate.refusing.set()
    ann.leaves()
    wait_until(lambda: any("leaving" in one["body"] for one in gate.deliveries if one["answered"] == 503), 20)
    gate.refusing.clear()
    bob = comes(room, "bob")
    hears(gate, "joined", room, bob.sid)
    assert not said(gate, "leaving", room, ann.sid)

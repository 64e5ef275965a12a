"""Real people in a real Prosody that tells of them as Jitsi's does: what Headcount makes of it.

Stays count at once here (`min_stay_s` is 0). As in Jitsi, a room is made by its focus, of which nothing is told.
"""

import json
import time

import pytest

from live.behind import Service, Was
from live.gate import Gate
from live.prosody_server import HIBERNATION_S, RETRIES, RETRY_S, ROOMS, WORD, Prosody
from live.prosody_somebody import Guest
from support.waiting import wait_until

GIVEN_UP_S = (RETRIES + 1) * RETRY_S


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"), "jitsi", "--secret", WORD, min_stay_s=0)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount, tmp_path_factory):
    gate = Gate(headcount)
    yield gate
    gate.close()
    gate.keep(tmp_path_factory.getbasetemp() / "prosody.jsonl")


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, gate, headcount):
    server = Prosody(tmp_path_factory.mktemp("prosody"), gate.url + headcount.path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def comes(prosody):
    """Lets somebody come to a room; whoever is still there after the test is taken out."""
    everybody = []

    def comes(room, name):
        everybody.append(Guest(prosody, room, name))
        return everybody[-1].is_in()

    yield comes
    for guest in everybody:
        guest.is_gone()


def said(gate, event, room, who=None, answered=200):
    """What was told of one kind in one room, in the order in which it came."""
    told = [json.loads(one["body"]) for one in list(gate.deliveries) if one["answered"] == answered]
    return [
        one for one in told
        if (one["event_name"], one["room_name"]) == (f"muc-{event}", room)
        and who in (None, one.get("occupant", {}).get("occupant_jid"))
    ]  # fmt: skip


def hears(gate, event, room, who=None):
    return wait_until(lambda: said(gate, event, room, who), 20, f"no {event} in {room}")[0]


def left_at(gate, room, who):
    return hears(gate, "occupant-left", room, who)["occupant"]["left_at"]


def met(headcount, room):
    """Who was in the only meeting of a room: whole seconds."""
    (meeting,) = headcount.meetings(f"{room}@{ROOMS}")
    return meeting.people


def time_passes(seconds):
    """What is being waited for is time itself."""
    time.sleep(seconds)


def test_two_people_meet(gate, headcount, comes):
    comes("standup", "focus")
    ann, bob = comes("standup", "ann"), comes("standup", "bob")
    time_passes(1.1)
    ann.leaves()
    bob.leaves()
    left = [left_at(gate, "standup", who.sid) for who in (ann, bob)]
    joined = [
        said(gate, "occupant-joined", "standup", who.sid)[0]["occupant"]["joined_at"] for who in (ann, bob)
    ]
    # Without tokens nobody has a name; people are told apart by their connections.
    assert met(headcount, "standup") == [
        Was(None, came, went, "reported") for came, went in zip(joined, left, strict=True)
    ]
    for guest, came, went in zip((ann, bob), joined, left, strict=True):
        assert int(guest.asked) <= came <= guest.joined
        assert int(guest.left) <= went <= guest.left + 1


def test_who_is_killed_has_left_when_prosody_gives_them_up(gate, headcount, comes):
    comes("crash", "focus")
    ann, _bob = comes("crash", "ann"), comes("crash", "bob")
    ann.is_killed()
    left = left_at(gate, "crash", ann.sid)
    assert ann.left + HIBERNATION_S - 1 <= left <= ann.left + HIBERNATION_S + 2
    # Both may have come within one second: then their connections decide who is first.
    was, still = sorted(met(headcount, "crash"), key=lambda one: one.leave is None)
    assert (was.leave, was.left_by, still.leave) == (left, "reported", None)


def test_a_join_that_was_refused_comes_after_the_leave(gate, headcount, comes):
    comes("hasty", "focus")
    comes("hasty", "bob")
    hears(gate, "occupant-joined", "hasty")
    gate.refusing.set()
    ann = comes("hasty", "ann")
    wait_until(lambda: said(gate, "occupant-joined", "hasty", ann.sid, answered=503), 20)
    gate.refusing.clear()
    time_passes(1.1)
    ann.leaves()
    left = left_at(gate, "hasty", ann.sid)
    assert not said(gate, "occupant-joined", "hasty", ann.sid)
    first = met(headcount, "hasty")
    joined = hears(gate, "occupant-joined", "hasty", ann.sid)["occupant"]["joined_at"]
    assert met(headcount, "hasty") == first
    assert (None, joined, left, "reported") in first


def test_a_leave_that_was_lost_is_told_by_the_end_of_the_room(gate, headcount, comes):
    focus = comes("lost", "focus")
    ann, bob = comes("lost", "ann"), comes("lost", "bob")
    time_passes(1.1)
    gate.refusing.set()
    ann.leaves()
    refused = lambda: said(gate, "occupant-left", "lost", ann.sid, answered=503)  # noqa: E731 - asked again and again
    wait_until(lambda: len(refused()) == RETRIES + 1, GIVEN_UP_S + 10)
    gate.refusing.clear()
    assert met(headcount, "lost")[0].leave is None
    bob.leaves()
    focus.leaves()
    hears(gate, "room-destroyed", "lost")
    left = refused()[0]["occupant"]["left_at"]
    was, _ = met(headcount, "lost")
    assert (was.leave, was.left_by) == (left, "reported")


def test_nobody_is_left_of_a_server_that_was_killed(prosody, gate, headcount, comes):
    comes("fallen", "focus")
    comes("fallen", "ann")
    comes("fallen", "bob")
    hears(gate, "occupant-joined", "fallen")
    time_passes(1.1)
    prosody.kill()
    prosody.start()
    assert [was.leave for was in met(headcount, "fallen")] == [None, None]
    comes("fallen", "focus")
    anew = wait_until(lambda: said(gate, "room-created", "fallen")[1:], 20)[0]["created_at"]
    assert [was[2:] for was in met(headcount, "fallen")] == [(anew, "superseded")] * 2


def test_what_happens_while_headcount_is_down_is_told_when_it_is_up_again(gate, headcount, comes):
    comes("quiet", "focus")
    ann, _bob = comes("quiet", "ann"), comes("quiet", "bob")
    hears(gate, "occupant-joined", "quiet", ann.sid)
    time_passes(1.1)
    gate.close()
    headcount.kill()
    ann.leaves()
    headcount.start()
    gate.open()
    left = left_at(gate, "quiet", ann.sid)
    was, still = met(headcount, "quiet")
    assert (was.leave, was.left_by, still.leave) == (left, "reported", None)
    assert int(ann.left) <= left <= ann.left + 1


def test_a_leave_without_anybody_is_nobodys(gate, comes):
    """The focus, which Jitsi's component never knew."""
    focus = comes("empty", "focus")
    focus.leaves()
    assert "occupant" not in hears(gate, "occupant-left", "empty")
    hears(gate, "room-destroyed", "empty")

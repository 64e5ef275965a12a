"""A real LiveKit server that is asked who is in: webhooks that never come, ghosts, and no webhooks at all."""

import time

import pytest

from live.behind import Service, Was
from live.gate import Gate
from live.livekit_server import KEY, SECRET, LiveKit
from support.running_service import headcount as run
from support.waiting import wait_until

EVERY_S = 3
TWICE_S = 2 * EVERY_S + 3
"""Within this must two polls have been made, and what follows show."""
LONG_ENOUGH_S = 11.2


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """Its server's address is known only once there is a server; so the source is made to poll below."""
    service = Service(tmp_path_factory.mktemp("service"), "livekit", "--secret", f"{KEY}:{SECRET}")
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount):
    gate = Gate(headcount)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def livekit(tmp_path_factory, gate, headcount):
    server = LiveKit(tmp_path_factory.mktemp("livekit"), gate.url + headcount.path)
    server.start()
    polls = ("--poll", server.url, "--every", str(EVERY_S))
    run("source", "change", "livekit", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _gate_is_open(gate):
    yield
    gate.refusing.clear()


@pytest.fixture
def no_webhooks(gate):
    """Nothing is let through."""
    gate.refusing.set()


def present(headcount, room):
    return {one["userId"] for one in headcount.answers(f"/rooms/{room}/presence")["data"]}


def the_meeting(headcount, room):
    (meeting,) = headcount.meetings(room)
    return meeting


def time_passes(*, after, seconds=LONG_ENOUGH_S):
    time.sleep(max(0, after + seconds - time.time()))


def test_polling_alone_tells_who_met(no_webhooks, headcount, comes):
    ann, bob = comes("alone", "ann", "Ann Other"), comes("alone", "bob")
    wait_until(lambda: present(headcount, "alone") == {"ann", "bob"}, LONG_ENOUGH_S + TWICE_S)
    time_passes(after=bob.joined)
    ann.leaves()
    bob.leaves()
    wait_until(lambda: not present(headcount, "alone"), TWICE_S)
    meeting = the_meeting(headcount, "alone")
    assert [was.user for was in meeting.people] == ["ann", "bob"]
    for somebody, was in zip((ann, bob), meeting.people, strict=True):
        assert somebody.asked - 1.1 < was.join <= somebody.joined
        assert -1 < was.leave - somebody.left <= EVERY_S + 1
        assert was.left_by == "snapshot"


def test_a_join_that_was_never_told_is_found(gate, no_webhooks, headcount, comes):
    ann = comes("unheard", "ann")
    wait_until(lambda: present(headcount, "unheard") == {"ann"}, LONG_ENOUGH_S + TWICE_S)
    time_passes(after=ann.joined, seconds=LONG_ENOUGH_S + 1)
    gate.refusing.clear()
    ann.leaves()
    said = gate.hears("participant_left", "unheard", identity="ann")[1]
    time.sleep(TWICE_S)
    joined = int(said["participant"]["joinedAt"])
    stays = headcount.answers("/rooms/unheard/at", **{"from": joined})["data"]
    told = [(was["user_id"], was["join_time"], was["leave_time"], was["left_by"]) for was in stays]
    assert told == [("ann", joined, int(said["createdAt"]), "reported")]


def test_a_leave_that_was_never_told_is_found(gate, headcount, comes):
    ann, bob = comes("unsaid", "ann"), comes("unsaid", "bob")
    gate.hears("participant_joined", "unsaid", identity="bob")
    time_passes(after=bob.joined)
    gate.refusing.set()
    ann.leaves()
    wait_until(lambda: present(headcount, "unsaid") == {"bob"}, TWICE_S)
    meeting = the_meeting(headcount, "unsaid")
    gate.refusing.clear()
    first = next(was for was in meeting.people if was.user == "ann")
    assert -1 < first.leave - ann.left <= EVERY_S + 1
    assert first.left_by == "snapshot"
    bob.leaves()


def test_the_ghosts_of_a_server_that_was_killed_are_gone_once_it_is_back(livekit, gate, headcount, comes):
    ann, bob = comes("haunted", "ann"), comes("haunted", "bob")
    gate.hears("participant_joined", "haunted", identity="bob")
    time_passes(after=bob.joined)
    ann.is_killed()
    bob.is_killed()
    livekit.kill()
    time.sleep(2 * EVERY_S)
    assert present(headcount, "haunted") == {"ann", "bob"}  # no answer says nothing
    livekit.start()
    back = time.time()
    wait_until(lambda: not present(headcount, "haunted"), TWICE_S)
    for was in the_meeting(headcount, "haunted").people:
        assert was.left_by == "snapshot"
        assert was.leave <= back + EVERY_S + 1


def test_who_left_while_headcount_was_down_is_found_at_once(gate, headcount, comes):
    ann, bob = comes("asleep", "ann"), comes("asleep", "bob")
    gate.hears("participant_joined", "asleep", identity="bob")
    time_passes(after=bob.joined)
    headcount.kill()
    gate.refusing.set()
    ann.leaves()
    headcount.start()
    wait_until(lambda: present(headcount, "asleep") == {"bob"}, TWICE_S)
    gate.refusing.clear()
    bob.leaves()


def test_what_webhooks_tell_is_left_as_it_is(gate, headcount, comes):
    ann, bob = comes("plain", "ann"), comes("plain", "bob")
    comes("plain", "rec", kind="egress", hidden=True, recorder=True)
    time_passes(after=bob.joined)
    ann.leaves()
    bob.leaves()
    left = [gate.hears("participant_left", "plain", identity=who)[1] for who in ("ann", "bob")]
    time.sleep(TWICE_S)
    assert the_meeting(headcount, "plain").people == [
        Was(who, int(said["participant"]["joinedAt"]), int(said["createdAt"]), "reported")
        for who, said in zip(("ann", "bob"), left, strict=True)
    ]


def test_one_poll_can_be_tried_without_changing_anything(livekit, headcount, comes):
    comes("tried", "ann", "Ann Other")
    shown = run("source", "poll", "livekit", "--database", headcount.running.database).stdout
    assert "  tried  Ann Other since " in shown
    assert "polled " in run("source", "list", "--database", headcount.running.database).stdout

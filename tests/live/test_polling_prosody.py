"""A real Prosody that is asked which rooms there are: ghosts of rooms that are gone go, and nobody else does.

It answers as Jitsi's `mod_muc_census` does, by a module of ours.
"""

import time

import pytest

from live.behind import Service
from live.gate import Gate
from live.prosody_server import ROOMS, WORD, Prosody
from live.prosody_somebody import Guest
from support.running_service import headcount as run
from support.waiting import wait_until

EVERY_S = 1
TWICE_S = 2 * EVERY_S + 4
"""Within this must two polls have been made, and what follows show."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """Its server's address is known only once there is a server; so the source is made to poll below."""
    service = Service(tmp_path_factory.mktemp("service"), "jitsi", "--secret", WORD, min_stay_s=0)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount):
    gate = Gate(headcount)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, gate, headcount):
    server = Prosody(tmp_path_factory.mktemp("prosody"), gate.url + headcount.path)
    server.start()
    polls = ("--poll", server.web, "--every", str(EVERY_S))
    run("source", "change", "jitsi", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _gate_is_open(gate):
    yield
    gate.refusing.clear()


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


def come_to_be_in(headcount, room, *guests):
    name, ids = f"{room}@{ROOMS}", {guest.sid for guest in guests}
    wait_until(lambda: {one["id"] for one in headcount.answers("/presence").get(name, [])} == ids, TWICE_S)


def several_polls_pass(headcount):
    """What is waited for is time itself; the tally is written down only now and then."""
    time.sleep(TWICE_S)


def test_who_is_in_a_room_that_is_there_stays_in(headcount, comes):
    """Also somebody whom the focus has left, who makes a count of 0."""
    focus, ann = comes("there", "focus"), comes("there", "ann")
    bob = comes("there", "bob")
    focus.leaves()
    bob.leaves()
    come_to_be_in(headcount, "there", ann)
    several_polls_pass(headcount)
    come_to_be_in(headcount, "there", ann)
    shown = run("source", "poll", "jitsi", "--database", headcount.running.database).stdout
    assert shown.startswith("0 in 0 rooms; 1 room of which nobody is named")
    assert shown.endswith("\n  nothing\n")
    ann.leaves()
    come_to_be_in(headcount, "there")


def test_the_ghosts_of_a_room_whose_end_was_lost_go(gate, headcount, comes):
    guests = [comes("unsaid", name) for name in ("focus", "ann", "bob")]
    other = comes("other", "carol")
    come_to_be_in(headcount, "unsaid", *guests[1:])
    gate.refusing.set()
    for guest in guests:
        guest.leaves()
    come_to_be_in(headcount, "unsaid")
    come_to_be_in(headcount, "other", other)
    (meeting,) = headcount.meetings(f"unsaid@{ROOMS}")
    for was in meeting.people:
        assert was.left_by == "snapshot"
        assert guests[1].left - 1.1 < was.leave <= guests[2].left + EVERY_S + 1.1


def test_the_ghosts_of_a_server_that_was_killed_go_once_it_is_back(prosody, gate, headcount, comes):
    guests = [comes("crash", name) for name in ("focus", "ann", "bob")]
    come_to_be_in(headcount, "crash", *guests[1:])
    gate.refusing.set()
    prosody.kill()
    several_polls_pass(headcount)
    come_to_be_in(headcount, "crash", *guests[1:])  # no answer says nothing
    for guest in guests:
        guest.is_killed()
    prosody.start()
    come_to_be_in(headcount, "crash")

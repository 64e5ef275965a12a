"""A real Janus that is asked who is in: events that never come, ghosts, private rooms, and no events at all.

Stays count at once here (`min_stay_s` is 0), so that nobody has to wait.
"""

import time

import pytest

from live.behind import Service
from live.gate import Gate
from live.janus_server import ADMIN_SECRET, EMITTER, PASSWORD, USER, Janus
from live.janus_somebody import Guest
from support.running_service import headcount as run
from support.waiting import wait_until

EVERY_S = 1
TWICE_S = 2 * EVERY_S + 4
"""Within this must two polls have been made, and what follows show."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """Its server's address is known only once there is a server; so the source is made to poll below."""
    service = Service(
        tmp_path_factory.mktemp("service"), "janus", "--secret", f"{USER}:{PASSWORD}", min_stay_s=0
    )
    yield service
    service.stop()


@pytest.fixture(scope="module")
def gate(headcount):
    gate = Gate(headcount)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def janus(tmp_path_factory, gate, headcount):
    server = Janus(tmp_path_factory.mktemp("janus"), gate.url + headcount.path)
    server.start()
    polls = ("--poll", server.admin_url, "--poll-key", ADMIN_SECRET, "--every", str(EVERY_S))
    run("source", "change", "janus", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _gate_is_open(gate):
    yield
    gate.refusing.clear()


@pytest.fixture
def no_events(gate):
    """Nothing is let through."""
    gate.refusing.set()


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


def called(room, plugin=""):
    return f"{EMITTER}/{plugin}{room}"


def present(headcount, name):
    return {one["userName"] for one in headcount.answers("/presence").get(name, [])}


def come_to_be_in(headcount, name, *people):
    wait_until(
        lambda: present(headcount, name) == set(people), TWICE_S, lambda: str(present(headcount, name))
    )


def the_meeting(headcount, name):
    (meeting,) = headcount.meetings(name)
    return meeting


@pytest.mark.parametrize("plugin", ["videoroom", "audiobridge"])
def test_polling_alone_tells_who_met(no_events, headcount, comes, room, plugin):
    name = called(room, "" if plugin == "videoroom" else f"{plugin}/")
    ann, bob = comes(room, "ann", plugin), comes(room, "bob", plugin)
    come_to_be_in(headcount, name, "Ann", "Bob")
    ann.leaves()
    bob.leaves()
    come_to_be_in(headcount, name)
    meeting = the_meeting(headcount, name)
    assert len(meeting.people) == 2
    for was in meeting.people:
        assert ann.asked - 1.1 < was.join <= bob.joined + EVERY_S + 1
        assert ann.left - 1.1 < was.leave <= bob.left + EVERY_S + 1
        assert was.left_by == "snapshot"


def test_a_join_that_was_never_told_is_found_and_its_leave_is_reported(
    gate, no_events, headcount, comes, room
):
    ann, bob = comes(room, "ann"), comes(room, "bob")
    come_to_be_in(headcount, called(room), "Ann", "Bob")
    gate.refusing.clear()
    ann.leaves()
    wait_until(
        lambda: any('"leaving"' in one["body"] and ann.sid in one["body"] for one in list(gate.deliveries)),
        20,
    )
    come_to_be_in(headcount, called(room), "Bob")
    gone = next(was for was in the_meeting(headcount, called(room)).people if was.leave is not None)
    assert gone.left_by == "reported"
    assert ann.left - 1.1 < gone.leave <= ann.left + 1
    bob.leaves()


def test_a_leave_that_was_never_told_is_found(gate, headcount, comes, room):
    ann, _bob = comes(room, "ann"), comes(room, "bob")
    come_to_be_in(headcount, called(room), "Ann", "Bob")
    gate.refusing.set()
    ann.leaves()
    come_to_be_in(headcount, called(room), "Bob")
    gone = next(was for was in the_meeting(headcount, called(room)).people if was.user == "user-ann")
    assert gone.left_by == "snapshot"
    assert ann.left - 1.1 < gone.leave <= ann.left + EVERY_S + 1


def test_who_is_in_a_private_room_stays_in_and_is_found_to_have_left(janus, gate, headcount, comes, room):
    janus.ask("videoroom", request="create", room=room + 1, publishers=6, is_private=True)
    ann, _bob = comes(room + 1, "ann"), comes(room + 1, "bob")
    come_to_be_in(headcount, called(room + 1), "Ann", "Bob")
    time.sleep(TWICE_S)  # what is waited for is time itself: polls that do not list the room
    assert present(headcount, called(room + 1)) == {"Ann", "Bob"}
    gate.refusing.set()
    ann.leaves()
    come_to_be_in(headcount, called(room + 1), "Bob")


def test_a_room_whose_end_was_never_told_is_empty(janus, gate, headcount, comes, room):
    guests = comes(room, "ann"), comes(room, "bob")
    come_to_be_in(headcount, called(room), "Ann", "Bob")
    gate.refusing.set()
    janus.ask("videoroom", request="destroy", room=room)
    come_to_be_in(headcount, called(room))
    for guest in guests:
        guest.is_killed()


def test_while_a_killed_server_is_down_nothing_changes_and_its_ghosts_go_once_it_is_back(
    janus, gate, headcount, comes, room
):
    guests = comes(room, "ann"), comes(room, "bob")
    come_to_be_in(headcount, called(room), "Ann", "Bob")
    gate.refusing.set()
    janus.kill()
    for guest in guests:
        guest.is_killed()
    time.sleep(TWICE_S)  # what is waited for is time itself: polls that nobody answers
    assert present(headcount, called(room)) == {"Ann", "Bob"}
    shown = ("source", "list", "--database", headcount.running.database)
    wait_until(lambda: "poll failed" in run(*shown).stdout, 30)
    janus.start()
    come_to_be_in(headcount, called(room))
    assert {was.left_by for was in the_meeting(headcount, called(room)).people} == {"snapshot"}


def test_one_poll_can_be_tried_without_changing_anything(janus, headcount, comes, room):
    comes(room, "ann")
    shown = run("source", "poll", "janus", "--database", headcount.running.database).stdout
    assert f"  {called(room)}  Ann\n" in shown

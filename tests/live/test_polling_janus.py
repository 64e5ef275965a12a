"""Polling of a real Janus: lost events, stale stays, private rooms, and no events at all.

Stays count at once here (`min_stay_s` is 0), so that no test has to wait.
"""

import time

import pytest

from live.headcount_service import Service
from live.janus_client import Participant
from live.janus_server import ADMIN_SECRET, EMITTER, PASSWORD, USER, Janus
from live.webhook_proxy import WebhookProxy
from support.running_service import headcount as run
from support.waiting import wait_until

POLL_INTERVAL_S = 1
TWO_POLLS_S = 2 * POLL_INTERVAL_S + 4
"""Time within which two polls have been made and their result is visible."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """The server's address is known only after its start; so polling is enabled below."""
    service = Service(
        tmp_path_factory.mktemp("service"), "janus", "--secret", f"{USER}:{PASSWORD}", min_stay_s=0
    )
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def janus(tmp_path_factory, proxy, headcount):
    server = Janus(tmp_path_factory.mktemp("janus"), proxy.url + headcount.path)
    server.start()
    polls = ("--poll", server.admin_url, "--poll-key", ADMIN_SECRET, "--poll-interval", f"{POLL_INTERVAL_S}s")
    run("source", "update", "janus", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _proxy_is_open(proxy):
    yield
    proxy.refusing.clear()


@pytest.fixture
def no_events(proxy):
    """Let no request through."""
    proxy.refusing.set()


@pytest.fixture
def room(janus, request):
    """Return the number of a room for one test."""
    number = 1_000 + sum(request.node.name.encode())
    for plugin in ("videoroom", "audiobridge"):
        janus.call_api(plugin, request="create", room=number, publishers=6)
    return number


@pytest.fixture
def join(janus):
    """Let participants join a room; those who are still present after the test are removed."""
    participants = []

    def join(room, name, plugin="videoroom"):
        participants.append(Participant(janus, room, name, plugin))
        return participants[-1].wait_until_joined()

    yield join
    for participant in participants:
        participant.clean_up()


def room_name(room, plugin=""):
    return f"{EMITTER}/{plugin}{room}"


def present_users(headcount, name):
    return {one["userName"] for one in headcount.get_json("/presence").get(name, [])}


def wait_until_present(headcount, name, *stays):
    wait_until(
        lambda: present_users(headcount, name) == set(stays),
        TWO_POLLS_S,
        lambda: str(present_users(headcount, name)),
    )


def only_meeting(headcount, name):
    (meeting,) = headcount.meetings(name)
    return meeting


@pytest.mark.parametrize("plugin", ["videoroom", "audiobridge"])
def test_polling_alone_gives_the_meeting(no_events, headcount, join, room, plugin):
    name = room_name(room, "" if plugin == "videoroom" else f"{plugin}/")
    ann, bob = join(room, "ann", plugin), join(room, "bob", plugin)
    wait_until_present(headcount, name, "Ann", "Bob")
    ann.leave_room()
    bob.leave_room()
    wait_until_present(headcount, name)
    meeting = only_meeting(headcount, name)
    assert len(meeting.stays) == 2
    for stay in meeting.stays:
        assert ann.requested_at - 1.1 < stay.join <= bob.joined_at + POLL_INTERVAL_S + 1
        assert ann.left_at - 1.1 < stay.leave <= bob.left_at + POLL_INTERVAL_S + 1
        assert stay.left_by == "snapshot"


def test_a_lost_join_is_found_by_polling_and_its_leave_is_reported(proxy, no_events, headcount, join, room):
    ann, bob = join(room, "ann"), join(room, "bob")
    wait_until_present(headcount, room_name(room), "Ann", "Bob")
    proxy.refusing.clear()
    ann.leave_room()
    wait_until(
        lambda: any('"leaving"' in one["body"] and ann.sid in one["body"] for one in list(proxy.requests)),
        20,
    )
    wait_until_present(headcount, room_name(room), "Bob")
    leave_event = next(
        stay for stay in only_meeting(headcount, room_name(room)).stays if stay.leave is not None
    )
    assert leave_event.left_by == "reported"
    assert ann.left_at - 1.1 < leave_event.leave <= ann.left_at + 1
    bob.leave_room()


def test_a_lost_leave_is_found_by_polling(proxy, headcount, join, room):
    ann, _bob = join(room, "ann"), join(room, "bob")
    wait_until_present(headcount, room_name(room), "Ann", "Bob")
    proxy.refusing.set()
    ann.leave_room()
    wait_until_present(headcount, room_name(room), "Bob")
    leave_event = next(
        stay for stay in only_meeting(headcount, room_name(room)).stays if stay.user == "user-ann"
    )
    assert leave_event.left_by == "snapshot"
    assert ann.left_at - 1.1 < leave_event.leave <= ann.left_at + POLL_INTERVAL_S + 1


def test_participants_of_a_private_room_are_found_by_polling(janus, proxy, headcount, join, room):
    janus.call_api("videoroom", request="create", room=room + 1, publishers=6, is_private=True)
    ann, _bob = join(room + 1, "ann"), join(room + 1, "bob")
    wait_until_present(headcount, room_name(room + 1), "Ann", "Bob")
    time.sleep(TWO_POLLS_S)  # the test needs time to pass: polls that do not list the room
    assert present_users(headcount, room_name(room + 1)) == {"Ann", "Bob"}
    proxy.refusing.set()
    ann.leave_room()
    wait_until_present(headcount, room_name(room + 1), "Bob")


def test_a_room_whose_end_was_lost_is_empty(janus, proxy, headcount, join, room):
    participants = join(room, "ann"), join(room, "bob")
    wait_until_present(headcount, room_name(room), "Ann", "Bob")
    proxy.refusing.set()
    janus.call_api("videoroom", request="destroy", room=room)
    wait_until_present(headcount, room_name(room))
    for participant in participants:
        participant.kill()


def test_stale_stays_of_a_killed_server_end_once_it_is_back(janus, proxy, headcount, join, room):
    participants = join(room, "ann"), join(room, "bob")
    wait_until_present(headcount, room_name(room), "Ann", "Bob")
    proxy.refusing.set()
    janus.kill()
    for participant in participants:
        participant.kill()
    time.sleep(TWO_POLLS_S)  # the test needs time to pass: polls that nobody answers
    assert present_users(headcount, room_name(room)) == {"Ann", "Bob"}
    shown = ("source", "list", "--database", headcount.running.database)
    wait_until(lambda: "failed polls" in run(*shown).stdout, 30)
    janus.start()
    wait_until_present(headcount, room_name(room))
    assert {stay.left_by for stay in only_meeting(headcount, room_name(room)).stays} == {"snapshot"}


def test_one_poll_can_be_tried_without_effects(janus, headcount, join, room):
    join(room, "ann")
    shown = run("source", "poll", "janus", "--database", headcount.running.database).stdout
    assert f"  {room_name(room)}  Ann\n" in shown

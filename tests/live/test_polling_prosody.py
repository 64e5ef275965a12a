"""Polling of a real Prosody, which lists its rooms: stale stays of rooms that have ended end, and no others.

It answers as Jitsi's `mod_muc_census` does, by a module of ours.
"""

import time

import pytest

from live.headcount_service import Service
from live.prosody_client import Participant
from live.prosody_server import ROOMS, TOKEN, Prosody
from live.webhook_proxy import WebhookProxy
from support.running_service import headcount as run
from support.waiting import wait_until

POLL_INTERVAL_S = 1
TWO_POLLS_S = 2 * POLL_INTERVAL_S + 4
"""Time within which two polls have been made and their result is visible."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """The server's address is known only after its start; so polling is enabled below."""
    service = Service(tmp_path_factory.mktemp("service"), "jitsi", "--secret", TOKEN, min_stay_s=0)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, proxy, headcount):
    server = Prosody(tmp_path_factory.mktemp("prosody"), proxy.url + headcount.path)
    server.start()
    polls = ("--poll", server.web, "--poll-interval", f"{POLL_INTERVAL_S}s")
    run("source", "update", "jitsi", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _proxy_is_open(proxy):
    yield
    proxy.refusing.clear()


@pytest.fixture
def join(prosody):
    """Let participants join a room; those who are still present after the test are removed."""
    participants = []

    def join(room, name):
        participants.append(Participant(prosody, room, name))
        return participants[-1].wait_until_joined()

    yield join
    for participant in participants:
        participant.clean_up()


def wait_until_present(headcount, room, *participants):
    name, ids = f"{room}@{ROOMS}", {participant.sid for participant in participants}
    wait_until(
        lambda: {one["id"] for one in headcount.get_json("/presence").get(name, [])} == ids, TWO_POLLS_S
    )


def sleep_several_polls(headcount):
    """The test needs time to pass; the statistics are stored only from time to time."""
    time.sleep(TWO_POLLS_S)


def test_participants_of_an_existing_room_stay(headcount, join):
    """One participant may be left after the focus, with a count of 0."""
    focus, ann = join("there", "focus"), join("there", "ann")
    bob = join("there", "bob")
    focus.leave_room()
    bob.leave_room()
    wait_until_present(headcount, "there", ann)
    sleep_several_polls(headcount)
    wait_until_present(headcount, "there", ann)
    shown = run("source", "poll", "jitsi", "--database", headcount.running.database).stdout
    assert shown.startswith("0 in 0 rooms; 1 room without a list of participants:")
    assert shown.endswith("\n  nothing\n")
    ann.leave_room()
    wait_until_present(headcount, "there")


def test_stale_stays_of_a_room_whose_end_was_lost_end(proxy, headcount, join):
    participants = [join("unsaid", name) for name in ("focus", "ann", "bob")]
    other = join("other", "carol")
    wait_until_present(headcount, "unsaid", *participants[1:])
    proxy.refusing.set()
    for participant in participants:
        participant.leave_room()
    wait_until_present(headcount, "unsaid")
    wait_until_present(headcount, "other", other)
    (meeting,) = headcount.meetings(f"unsaid@{ROOMS}")
    for stay in meeting.stays:
        assert stay.left_by == "snapshot"
        assert participants[1].left_at - 1.1 < stay.leave <= participants[2].left_at + POLL_INTERVAL_S + 1.1


def test_stale_stays_of_a_killed_server_end_once_it_is_back(prosody, proxy, headcount, join):
    participants = [join("crash", name) for name in ("focus", "ann", "bob")]
    wait_until_present(headcount, "crash", *participants[1:])
    proxy.refusing.set()
    prosody.kill()
    sleep_several_polls(headcount)
    wait_until_present(headcount, "crash", *participants[1:])  # no response changes nothing
    for participant in participants:
        participant.kill()
    prosody.start()
    wait_until_present(headcount, "crash")

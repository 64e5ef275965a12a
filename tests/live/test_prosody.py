"""Stays in a real Prosody that sends events as Jitsi's does, and the meetings that Headcount makes of them.

Stays count at once here (`min_stay_s` is 0). As in Jitsi, a room is created by its focus, for which no events are sent.
"""

import json
import time

import pytest

from live.headcount_service import Service, Stay
from live.prosody_client import Participant
from live.prosody_server import HIBERNATION_S, RETRIES, RETRY_S, ROOMS, TOKEN, Prosody
from live.webhook_proxy import WebhookProxy
from support.waiting import wait_until

RETRY_PERIOD_S = (RETRIES + 1) * RETRY_S


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"), "jitsi", "--secret", TOKEN, min_stay_s=0)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount, tmp_path_factory):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()
    proxy.save(tmp_path_factory.getbasetemp() / "prosody.jsonl")


@pytest.fixture(scope="module")
def prosody(tmp_path_factory, proxy, headcount):
    server = Prosody(tmp_path_factory.mktemp("prosody"), proxy.url + headcount.path)
    server.start()
    yield server
    server.kill()


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


def events(proxy, event, room, who=None, answered=200):
    """Return the payloads of one kind of event in one room, in order of arrival."""
    payloads = [json.loads(one["body"]) for one in list(proxy.requests) if one["answered"] == answered]
    return [
        one for one in payloads
        if (one["event_name"], one["room_name"]) == (f"muc-{event}", room)
        and who in (None, one.get("occupant", {}).get("occupant_jid"))
    ]  # fmt: skip


def wait_for_event(proxy, event, room, who=None):
    return wait_until(lambda: events(proxy, event, room, who), 20, f"no {event} in {room}")[0]


def left_at(proxy, room, who):
    return wait_for_event(proxy, "occupant-left", room, who)["occupant"]["left_at"]


def stays_in(headcount, room):
    """Return the stays of the only meeting of a room, in whole seconds."""
    (meeting,) = headcount.meetings(f"{room}@{ROOMS}")
    return meeting.stays


def sleep(seconds):
    """The test needs time to pass."""
    time.sleep(seconds)


def test_two_participants_meet(proxy, headcount, join):
    join("standup", "focus")
    ann, bob = join("standup", "ann"), join("standup", "bob")
    sleep(1.1)
    ann.leave_room()
    bob.leave_room()
    left = [left_at(proxy, "standup", who.sid) for who in (ann, bob)]
    joined = [
        events(proxy, "occupant-joined", "standup", who.sid)[0]["occupant"]["joined_at"] for who in (ann, bob)
    ]
    # Without tokens nobody has a name; stays differ by their connections.
    assert stays_in(headcount, "standup") == [
        Stay(None, join_at, leave_at, "reported") for join_at, leave_at in zip(joined, left, strict=True)
    ]
    for participant, join_at, leave_at in zip((ann, bob), joined, left, strict=True):
        assert int(participant.requested_at) <= join_at <= participant.joined_at
        assert int(participant.left_at) <= leave_at <= participant.left_at + 1


def test_a_killed_client_has_left_when_prosody_closes_its_connection(proxy, headcount, join):
    join("crash", "focus")
    ann, _bob = join("crash", "ann"), join("crash", "bob")
    ann.kill()
    left = left_at(proxy, "crash", ann.sid)
    assert ann.left_at + HIBERNATION_S - 1 <= left <= ann.left_at + HIBERNATION_S + 2
    # Both may have joined within one second: then their connections decide the order.
    first, second = sorted(stays_in(headcount, "crash"), key=lambda one: one.leave is None)
    assert (first.leave, first.left_by, second.leave) == (left, "reported", None)


def test_a_refused_join_arrives_after_the_leave(proxy, headcount, join):
    join("hasty", "focus")
    join("hasty", "bob")
    wait_for_event(proxy, "occupant-joined", "hasty")
    proxy.refusing.set()
    ann = join("hasty", "ann")
    wait_until(lambda: events(proxy, "occupant-joined", "hasty", ann.sid, answered=503), 20)
    proxy.refusing.clear()
    sleep(1.1)
    ann.leave_room()
    left = left_at(proxy, "hasty", ann.sid)
    assert not events(proxy, "occupant-joined", "hasty", ann.sid)
    first = stays_in(headcount, "hasty")
    joined = wait_for_event(proxy, "occupant-joined", "hasty", ann.sid)["occupant"]["joined_at"]
    assert stays_in(headcount, "hasty") == first
    assert (None, joined, left, "reported") in first


def test_a_lost_leave_is_replaced_by_the_end_of_the_room(proxy, headcount, join):
    focus = join("lost", "focus")
    ann, bob = join("lost", "ann"), join("lost", "bob")
    sleep(1.1)
    proxy.refusing.set()
    ann.leave_room()
    refused = lambda: events(proxy, "occupant-left", "lost", ann.sid, answered=503)  # noqa: E731 - called repeatedly
    wait_until(lambda: len(refused()) == RETRIES + 1, RETRY_PERIOD_S + 10)
    proxy.refusing.clear()
    assert stays_in(headcount, "lost")[0].leave is None
    bob.leave_room()
    focus.leave_room()
    wait_for_event(proxy, "room-destroyed", "lost")
    left = refused()[0]["occupant"]["left_at"]
    stay, _ = stays_in(headcount, "lost")
    assert (stay.leave, stay.left_by) == (left, "reported")


def test_stays_on_a_killed_server_end_when_the_room_is_created_again(prosody, proxy, headcount, join):
    join("fallen", "focus")
    join("fallen", "ann")
    join("fallen", "bob")
    wait_for_event(proxy, "occupant-joined", "fallen")
    sleep(1.1)
    prosody.kill()
    prosody.start()
    assert [stay.leave for stay in stays_in(headcount, "fallen")] == [None, None]
    join("fallen", "focus")
    restarted_at = wait_until(lambda: events(proxy, "room-created", "fallen")[1:], 20)[0]["created_at"]
    assert [stay[2:] for stay in stays_in(headcount, "fallen")] == [(restarted_at, "room_restarted")] * 2


def test_events_while_headcount_is_down_arrive_after_its_restart(proxy, headcount, join):
    join("quiet", "focus")
    ann, _bob = join("quiet", "ann"), join("quiet", "bob")
    wait_for_event(proxy, "occupant-joined", "quiet", ann.sid)
    sleep(1.1)
    proxy.close()
    headcount.kill()
    ann.leave_room()
    headcount.start()
    proxy.open()
    left = left_at(proxy, "quiet", ann.sid)
    first, second = stays_in(headcount, "quiet")
    assert (first.leave, first.left_by, second.leave) == (left, "reported", None)
    assert int(ann.left_at) <= left <= ann.left_at + 1


def test_a_leave_without_an_occupant_is_ignored(proxy, join):
    """The focus is unknown to Jitsi's component."""
    focus = join("empty", "focus")
    focus.leave_room()
    assert "occupant" not in wait_for_event(proxy, "occupant-left", "empty")
    wait_for_event(proxy, "room-destroyed", "empty")

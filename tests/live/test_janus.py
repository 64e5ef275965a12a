"""Stays in a real Janus, and the meetings that Headcount makes of its events.

Stays count at once here (`min_stay_s` is 0), so that no test has to wait.
"""

import json
import time

import pytest

from live.headcount_service import Service, Stay
from live.janus_client import Participant
from live.janus_server import EMITTER, PASSWORD, SESSION_TIMEOUT_S, USER, Janus
from live.webhook_proxy import WebhookProxy
from support.waiting import wait_until

MAX_DETECTION_S = SESSION_TIMEOUT_S + 4
"""Janus looks every two seconds for sessions that are silent."""
RETRY_PERIOD_S = 7
"""Time for which a batch is retried: seven times, 50 ms and then twice as long each time."""


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    service = Service(
        tmp_path_factory.mktemp("service"), "janus", "--secret", f"{USER}:{PASSWORD}", min_stay_s=0
    )
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount, tmp_path_factory):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()
    proxy.save(tmp_path_factory.getbasetemp() / "janus.jsonl")


@pytest.fixture(scope="module")
def janus(tmp_path_factory, proxy, headcount):
    server = Janus(tmp_path_factory.mktemp("janus"), proxy.url + headcount.path)
    server.start()
    yield server
    server.kill()


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


def events(proxy, word, room=None, who=None):
    """Return the times of the forwarded events of one kind, in seconds."""
    all_events = [
        event for one in list(proxy.requests) if one["answered"] == 200 for event in json.loads(one["body"])
    ]
    return [event["timestamp"] / 10**6 for event in all_events if _is(event, word, room, who)]


def _is(event, word, room, who):
    if event["type"] == 256:
        return event["event"]["status"] == word
    if event["type"] != 64:
        return False
    data = event["event"]["data"]
    return (data["event"], data["room"]) == (word, room) and who in (None, str(data.get("id")))


def wait_for_event(proxy, word, room=None, who=None, seconds=20):
    """Wait for the first such event, and return its time."""
    return wait_until(lambda: events(proxy, word, room, who), seconds, f"no '{word}' in {room}")[0]


def stays_in(headcount, room, plugin=""):
    """Return the stays of the only meeting of a room."""
    (meeting,) = headcount.meetings(f"{EMITTER}/{plugin}{room}")
    return meeting.stays


def fill(join, room):
    """Let two participants join the VideoRoom, and two the AudioBridge."""
    for name, plugin in (
        ("ann", "videoroom"),
        ("bob", "videoroom"),
        ("carol", "audiobridge"),
        ("dan", "audiobridge"),
    ):
        join(room, name, plugin)


def test_two_participants_meet(proxy, headcount, join, room):
    ann, bob = join(room, "ann"), join(room, "bob")
    ann.leave_room()
    bob.leave_room()
    left = [wait_for_event(proxy, "leaving", room, who.sid) for who in (ann, bob)]
    joined = [wait_for_event(proxy, "joined", room, who.sid) for who in (ann, bob)]
    assert stays_in(headcount, room) == [
        Stay("user-ann", int(joined[0]), int(left[0]), "reported"),
        Stay("user-bob", int(joined[1]), int(left[1]), "reported"),
    ]
    for participant, joined_at, left_at in zip((ann, bob), joined, left, strict=True):
        assert participant.requested_at <= joined_at <= participant.joined_at
        assert participant.left_at <= left_at <= participant.left_at + 1


def test_two_participants_meet_in_an_audiobridge(proxy, headcount, join, room):
    ann, bob = join(room, "ann", "audiobridge"), join(room, "bob", "audiobridge")
    ann.leave_room()
    bob.leave_room()
    wait_for_event(proxy, "left", room, bob.sid)
    stays = stays_in(headcount, room, "audiobridge/")
    assert [(stay.user, stay.left_by) for stay in stays] == [
        ("user-ann", "reported"),
        ("user-bob", "reported"),
    ]


def test_a_killed_client_has_left_when_janus_closes_its_session(proxy, headcount, join, room):
    ann, bob = join(room, "ann"), join(room, "bob")
    ann.kill()
    left = wait_for_event(proxy, "leaving", room, ann.sid)
    assert ann.left_at + SESSION_TIMEOUT_S - 2 < left < ann.left_at + MAX_DETECTION_S
    first, second = stays_in(headcount, room)
    assert (first.leave, first.left_by) == (int(left), "reported")
    assert (second.user, second.leave) == ("user-bob", None)
    bob.leave_room()


def test_a_participant_who_comes_back_after_a_long_network_loss_has_two_stays(proxy, headcount, join, room):
    lost, _bob = join(room, "ann"), join(room, "bob")
    lost.suspend_network()
    wait_for_event(proxy, "leaving", room, lost.sid)
    again = join(room, "ann")
    assert again.sid != lost.sid
    stays = stays_in(headcount, room)
    assert [(stay.user, stay.left_by) for stay in stays] == [
        ("user-ann", "reported"), ("user-bob", None), ("user-ann", None),
    ]  # fmt: skip


def test_a_removed_participant_has_left(janus, proxy, headcount, join, room):
    ann, _bob = join(room, "ann"), join(room, "bob")
    janus.call_api("videoroom", request="kick", room=room, id=int(ann.sid))
    kicked = wait_for_event(proxy, "kicked", room, ann.sid)
    first, second = stays_in(headcount, room)
    assert (first.leave, first.left_by, second.leave) == (int(kicked), "reported", None)


def test_destroying_a_room_ends_all_stays_without_leaves(janus, proxy, headcount, join, room):
    ann, bob = join(room, "ann"), join(room, "bob")
    janus.call_api("videoroom", request="destroy", room=room)
    destroyed = wait_for_event(proxy, "destroyed", room)
    for participant in (ann, bob):
        participant.kill()
    assert [stay[2:] for stay in stays_in(headcount, room)] == [(int(destroyed), "room_ended")] * 2
    assert not events(proxy, "leaving", room)


def test_shutting_a_server_down_ends_all_stays(janus, proxy, headcount, join, room):
    fill(join, room)
    before = len(events(proxy, "shutdown"))
    janus.shut_down()
    wait_until(lambda: len(events(proxy, "shutdown")) > before, 20)
    down = events(proxy, "shutdown")[-1]
    janus.start()
    stays = [*stays_in(headcount, room), *stays_in(headcount, room, "audiobridge/")]
    assert [stay[2:] for stay in stays] == [(int(down), "room_ended")] * 4
    assert not events(proxy, "leaving", room)
    assert not events(proxy, "left", room)


def test_stays_on_a_killed_server_end_when_it_starts_again(janus, proxy, headcount, join, room):
    fill(join, room)
    before = len(events(proxy, "started"))
    janus.kill()
    janus.start()
    wait_until(lambda: len(events(proxy, "started")) > before, 20)
    up = events(proxy, "started")[-1]
    stays = [*stays_in(headcount, room), *stays_in(headcount, room, "audiobridge/")]
    assert [stay[2:] for stay in stays] == [(int(up), "room_restarted")] * 4


def test_events_while_headcount_is_down_arrive_after_its_restart(proxy, headcount, join, room):
    ann, bob = join(room, "ann"), join(room, "bob")
    proxy.close()
    headcount.kill()
    ann.leave_room()
    carol = join(room, "carol")
    headcount.start()
    proxy.open()
    left = wait_for_event(proxy, "leaving", room, ann.sid)
    joined = wait_for_event(proxy, "joined", room, carol.sid)
    stays = stays_in(headcount, room)
    assert [(stay.user, stay.left_by) for stay in stays] == [
        ("user-ann", "reported"), ("user-bob", None), ("user-carol", None),
    ]  # fmt: skip
    assert (stays[0].leave, stays[2].join) == (int(left), int(joined))
    assert ann.left_at <= left <= ann.left_at + 1
    bob.leave_room()


def test_a_lost_leave_is_replaced_by_the_end_of_the_room(janus, proxy, headcount, join, room):
    """The proxy is closed for longer than Janus retries."""
    ann, bob = join(room, "ann"), join(room, "bob")
    proxy.close()
    ann.leave_room()
    time.sleep(RETRY_PERIOD_S)  # the test needs time to pass
    proxy.open()
    bob.leave_room()
    wait_for_event(proxy, "leaving", room, bob.sid)
    janus.call_api("videoroom", request="destroy", room=room)
    destroyed = wait_for_event(proxy, "destroyed", room)
    assert not events(proxy, "leaving", room, ann.sid)
    stays = stays_in(headcount, room)
    assert [stay.left_by for stay in stays] == ["room_ended", "reported"]
    assert stays[0].leave == int(destroyed)


def test_a_request_that_is_answered_with_an_error_is_not_repeated(proxy, join, room):
    """Janus checks connections, not responses."""
    ann = join(room, "ann")
    proxy.refusing.set()
    ann.leave_room()
    wait_until(lambda: any("leaving" in one["body"] for one in proxy.requests if one["answered"] == 503), 20)
    proxy.refusing.clear()
    bob = join(room, "bob")
    wait_for_event(proxy, "joined", room, bob.sid)
    assert not events(proxy, "leaving", room, ann.sid)

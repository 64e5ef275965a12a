"""Polling of a real LiveKit server: lost webhooks, stale stays, and no webhooks at all."""

import time

import pytest

from live.headcount_service import Service, Stay
from live.livekit_server import KEY, SECRET, LiveKit
from live.webhook_proxy import WebhookProxy
from support.running_service import headcount as run
from support.waiting import wait_until

POLL_INTERVAL_S = 3
TWO_POLLS_S = 2 * POLL_INTERVAL_S + 3
"""Time within which two polls have been made and their result is visible."""
LONG_ENOUGH_S = 11.2


@pytest.fixture(scope="module")
def headcount(tmp_path_factory):
    """The server's address is known only after its start; so polling is enabled below."""
    flags = ("--secret", f"{KEY}:{SECRET}", "--attribute", "plan=/room/metadata/plan")
    service = Service(tmp_path_factory.mktemp("service"), "livekit", *flags)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def proxy(headcount):
    proxy = WebhookProxy(headcount)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def livekit(tmp_path_factory, proxy, headcount):
    server = LiveKit(tmp_path_factory.mktemp("livekit"), proxy.url + headcount.path)
    server.start()
    polls = ("--poll", server.url, "--poll-interval", f"{POLL_INTERVAL_S}s")
    run("source", "update", "livekit", *polls, "--database", headcount.running.database)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _proxy_is_open(proxy):
    yield
    proxy.refusing.clear()


@pytest.fixture
def no_webhooks(proxy):
    """Let no request through."""
    proxy.refusing.set()


def present_users(headcount, room):
    return {one["userId"] for one in headcount.get_json(f"/rooms/{room}/presence")["data"]}


def only_meeting(headcount, room):
    (meeting,) = headcount.meetings(room)
    return meeting


def sleep_until(*, after, seconds=LONG_ENOUGH_S):
    time.sleep(max(0, after + seconds - time.time()))


def test_polling_alone_gives_the_meeting(no_webhooks, headcount, join):
    ann, bob = join("alone", "ann", "Ann Other"), join("alone", "bob")
    wait_until(lambda: present_users(headcount, "alone") == {"ann", "bob"}, LONG_ENOUGH_S + TWO_POLLS_S)
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    bob.leave_room()
    wait_until(lambda: not present_users(headcount, "alone"), TWO_POLLS_S)
    meeting = only_meeting(headcount, "alone")
    assert [stay.user for stay in meeting.stays] == ["ann", "bob"]
    for participant, stay in zip((ann, bob), meeting.stays, strict=True):
        assert participant.requested_at - 1.1 < stay.join <= participant.joined_at
        assert -1 < stay.leave - participant.left_at <= POLL_INTERVAL_S + 1
        assert stay.left_by == "snapshot"


def test_a_lost_join_is_found_by_polling(proxy, no_webhooks, headcount, join):
    ann = join("unheard", "ann")
    wait_until(lambda: present_users(headcount, "unheard") == {"ann"}, LONG_ENOUGH_S + TWO_POLLS_S)
    sleep_until(after=ann.joined_at, seconds=LONG_ENOUGH_S + 1)
    proxy.refusing.clear()
    ann.leave_room()
    event = proxy.wait_for("participant_left", "unheard", identity="ann")[1]
    time.sleep(TWO_POLLS_S)
    joined = int(event["participant"]["joinedAt"])
    stays = headcount.get_json("/rooms/unheard/presence", **{"from": joined})["data"]
    reported = [(stay["user_id"], stay["join_time"], stay["leave_time"], stay["left_by"]) for stay in stays]
    assert reported == [("ann", joined, int(event["createdAt"]), "reported")]


def test_polling_finds_the_attributes_of_a_lost_join(livekit, no_webhooks, headcount, join):
    livekit.call_api("CreateRoom", room="forms", name="forms", metadata='{"plan": "pro"}')
    ann = join("forms", "ann", attributes={"role": "host"}, metadata='{"customer": "acme"}')
    caller = join("forms", "sip_+4930", kind="sip")
    wait_until(lambda: len(present_users(headcount, "forms")) == 2, LONG_ENOUGH_S + TWO_POLLS_S)
    sleep_until(after=caller.joined_at)
    assert headcount.attributes("forms") == {
        "ann": {"role": "host", "customer": "acme", "plan": "pro"},
        "sip_+4930": {"kind": "phone", "plan": "pro"},
    }
    ann.leave_room()


def test_a_lost_leave_is_found_by_polling(proxy, headcount, join):
    ann, bob = join("unsaid", "ann"), join("unsaid", "bob")
    proxy.wait_for("participant_joined", "unsaid", identity="bob")
    sleep_until(after=bob.joined_at)
    proxy.refusing.set()
    ann.leave_room()
    wait_until(lambda: present_users(headcount, "unsaid") == {"bob"}, TWO_POLLS_S)
    meeting = only_meeting(headcount, "unsaid")
    proxy.refusing.clear()
    first = next(stay for stay in meeting.stays if stay.user == "ann")
    assert -1 < first.leave - ann.left_at <= POLL_INTERVAL_S + 1
    assert first.left_by == "snapshot"
    bob.leave_room()


def test_stale_stays_of_a_killed_server_end_once_it_is_back(livekit, proxy, headcount, join):
    ann, bob = join("haunted", "ann"), join("haunted", "bob")
    proxy.wait_for("participant_joined", "haunted", identity="bob")
    sleep_until(after=bob.joined_at)
    ann.kill()
    bob.kill()
    livekit.kill()
    time.sleep(2 * POLL_INTERVAL_S)
    assert present_users(headcount, "haunted") == {"ann", "bob"}  # no response changes nothing
    livekit.start()
    back = time.time()
    wait_until(lambda: not present_users(headcount, "haunted"), TWO_POLLS_S)
    for stay in only_meeting(headcount, "haunted").stays:
        assert stay.left_by == "snapshot"
        assert stay.leave <= back + POLL_INTERVAL_S + 1


def test_a_leave_while_headcount_was_down_is_found_after_its_restart(proxy, headcount, join):
    ann, bob = join("asleep", "ann"), join("asleep", "bob")
    proxy.wait_for("participant_joined", "asleep", identity="bob")
    sleep_until(after=bob.joined_at)
    headcount.kill()
    proxy.refusing.set()
    ann.leave_room()
    headcount.start()
    wait_until(lambda: present_users(headcount, "asleep") == {"bob"}, TWO_POLLS_S)
    proxy.refusing.clear()
    bob.leave_room()


def test_polling_does_not_change_what_webhooks_reported(proxy, headcount, join):
    ann, bob = join("plain", "ann"), join("plain", "bob")
    join("plain", "rec", kind="egress", hidden=True, recorder=True)
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    bob.leave_room()
    left = [proxy.wait_for("participant_left", "plain", identity=who)[1] for who in ("ann", "bob")]
    time.sleep(TWO_POLLS_S)
    assert only_meeting(headcount, "plain").stays == [
        Stay(who, int(event["participant"]["joinedAt"]), int(event["createdAt"]), "reported")
        for who, event in zip(("ann", "bob"), left, strict=True)
    ]


def test_one_poll_can_be_tried_without_effects(livekit, headcount, join):
    join("tried", "ann", "Ann Other")
    store = ("--database", headcount.running.database)
    shown = run("source", "poll", "livekit", *store).stdout
    assert "  tried  Ann Other since " in shown
    wait_until(lambda: "last poll  " in run("source", "list", *store).stdout)

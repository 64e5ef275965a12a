"""Stays in a real LiveKit server, and the meetings that Headcount makes of its webhooks."""

import time
from contextlib import contextmanager

import pytest

from live.headcount_service import Stay
from live.livekit_server import DEPARTURE_TIMEOUT_S
from live.livekit_signalling import signal_only
from support.waiting import wait_until

LONG_ENOUGH_S = 11.2
"""A stay of ten seconds counts; a leave is reported up to a second too early."""
MAX_DETECTION_S = 25
"""Time within which LiveKit notices a lost client: some 20 seconds in practice."""


def sleep_until(*, after, seconds=LONG_ENOUGH_S):
    """The test needs time to pass."""
    time.sleep(max(0, after + seconds - time.time()))


def is_close(seconds, actual, within=1.5):
    """LiveKit reports whole seconds, and needs a moment itself."""
    return seconds - within <= actual <= seconds + 0.5


def stay_of(meeting, user):
    (stay,) = [one for one in meeting.stays if one.user == user]
    return stay


def created_second(event):
    return int(event[1]["createdAt"])


def test_two_participants_meet(livekit, proxy, headcount, join):
    ann, bob = join("standup", "ann", "Ann Other"), join("standup", "bob")
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    bob.leave_room()
    left = [
        created_second(proxy.wait_for("participant_left", "standup", identity=who)) for who in ("ann", "bob")
    ]
    (meeting,) = headcount.meetings("standup")
    joined = [
        int(proxy.wait_for("participant_joined", "standup", identity=who)[1]["participant"]["joinedAt"])
        for who in ("ann", "bob")
    ]
    assert meeting == (joined[0], max(left), 2, [
        Stay("ann", joined[0], left[0], "reported"), Stay("bob", joined[1], left[1], "reported"),
    ])  # fmt: skip
    for participant, stay in zip((ann, bob), meeting.stays, strict=True):
        assert participant.requested_at - 1.1 < stay.join <= participant.joined_at
        assert is_close(participant.left_at, stay.leave)


def test_a_join_is_reported_to_the_millisecond(proxy, join):
    ann = join("precise", "ann")
    (_, event) = proxy.wait_for("participant_joined", "precise", identity="ann")
    reported = int(event["participant"]["joinedAtMs"]) / 1_000
    assert ann.requested_at - 0.002 < reported < ann.joined_at
    assert int(event["participant"]["joinedAt"]) == int(reported)


def test_participants_of_different_rooms_do_not_meet(proxy, headcount, join):
    rooms = ["north", "south", "east/west"]
    participants = [join(room, who) for who in ("ann", "bob") for room in rooms]
    sleep_until(after=participants[-1].joined_at)
    for participant in participants:
        participant.leave_room()
    for room in rooms:
        for who in ("ann", "bob"):
            proxy.wait_for("participant_left", room, identity=who)
        (meeting,) = headcount.meetings(room)
        assert [(stay.user, stay.left_by) for stay in meeting.stays] == [
            ("ann", "reported"),
            ("bob", "reported"),
        ]


def test_a_killed_client_has_left_when_the_server_notices(proxy, headcount, join):
    ann, bob = join("crash", "ann"), join("crash", "bob")
    sleep_until(after=bob.joined_at)
    ann.kill()
    event = proxy.wait_for("participant_left", "crash", identity="ann")
    assert event[1]["participant"]["disconnectReason"] == "CONNECTION_TIMEOUT"
    (meeting,) = headcount.meetings("crash")
    assert stay_of(meeting, "ann")[2:] == (created_second(event), "reported")
    assert 14 < created_second(event) + 1 - ann.left_at < MAX_DETECTION_S
    assert (stay_of(meeting, "bob").leave, meeting.end) == (None, None)


def test_a_short_network_loss_changes_nothing(proxy, headcount, join):
    ann, bob = join("tunnel", "ann"), join("tunnel", "bob")
    ann.suspend_network()
    sleep_until(after=time.time(), seconds=5)
    ann.resume_network()
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    proxy.wait_for("participant_left", "tunnel", identity="ann")
    (meeting,) = headcount.meetings("tunnel")
    assert [stay.user for stay in meeting.stays] == ["ann", "bob"]
    assert is_close(ann.left_at, stay_of(meeting, "ann").leave)


def test_a_participant_who_comes_back_after_a_long_network_loss_has_two_stays(proxy, headcount, join):
    ann, bob = join("desert", "ann"), join("desert", "bob")
    sleep_until(after=bob.joined_at)
    ann.suspend_network()
    leave_event = proxy.wait_for("participant_left", "desert", identity="ann", sid=ann.sid)
    ann.resume_network()
    ann.wait_for("reconnected")
    back = wait_until(lambda: proxy.received("participant_joined", "desert", identity="ann")[1:], 30)[0]
    sleep_until(after=back[0]["t"])
    (meeting,) = headcount.meetings("desert")
    first, second = [stay for stay in meeting.stays if stay.user == "ann"]
    assert first[2:] == (created_second(leave_event), "reported")
    assert (second.join, second.leave) == (int(back[1]["participant"]["joinedAt"]), None)
    assert meeting.peak_participants == 2


def test_a_participant_who_joins_again_while_the_old_connection_is_open_has_two_stays(proxy, headcount, join):
    lost, _bob = join("double", "ann"), join("double", "bob")
    sleep_until(after=lost.joined_at)
    lost.suspend_network()
    again = join("double", "ann")
    leave_event = proxy.wait_for("participant_left", "double", sid=lost.sid)
    assert leave_event[1]["participant"]["disconnectReason"] == "DUPLICATE_IDENTITY"
    sleep_until(after=again.joined_at)
    (meeting,) = headcount.meetings("double")
    first, second = [stay for stay in meeting.stays if stay.user == "ann"]
    assert first[2:] == (created_second(leave_event), "reported")
    assert second.leave is None
    assert 0 <= second.join - first.leave <= 1
    assert meeting.peak_participants == 2


def test_a_connection_without_media_is_no_participant(livekit, proxy, headcount):
    signal_only(livekit, "hollow", "ann", seconds=1)
    event = proxy.wait_for("participant_connection_aborted", "hollow", identity="ann")[1]
    assert "joinedAtMs" in event["participant"]
    assert not proxy.received("participant_joined", "hollow")
    proxy.wait_for("room_finished", "hollow")
    assert headcount.meetings("hollow") == []


def test_a_room_is_finished_a_while_after_the_last_leave(proxy, headcount, join):
    ann, bob = join("brief", "ann"), join("brief", "bob")
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    bob.leave_room()
    finished = created_second(proxy.wait_for("room_finished", "brief"))
    (meeting,) = headcount.meetings("brief")
    assert meeting.end == created_second(proxy.wait_for("participant_left", "brief", identity="bob"))
    assert finished >= meeting.end + DEPARTURE_TIMEOUT_S


def test_deleting_a_room_sends_leaves(livekit, proxy, headcount, join):
    join("deleted", "ann")
    bob = join("deleted", "bob")
    sleep_until(after=bob.joined_at)
    livekit.call_api("DeleteRoom", room="deleted")
    left = proxy.wait_for("participant_left", "deleted", identity="ann")
    assert left[1]["participant"]["disconnectReason"] == "ROOM_DELETED"
    proxy.wait_for("participant_left", "deleted", identity="bob")
    (meeting,) = headcount.meetings("deleted")
    assert {stay.left_by for stay in meeting.stays} == {"reported"}


def test_a_removed_participant_has_left(livekit, proxy, headcount, join):
    ann, bob = join("guarded", "ann"), join("guarded", "bob")
    sleep_until(after=bob.joined_at)
    livekit.call_api("RemoveParticipant", room="guarded", identity="ann")
    event = proxy.wait_for("participant_left", "guarded", identity="ann", sid=ann.sid)
    assert event[1]["participant"]["disconnectReason"] == "PARTICIPANT_REMOVED"
    (meeting,) = headcount.meetings("guarded")
    assert stay_of(meeting, "ann")[2:] == (created_second(event), "reported")


def test_only_people_callers_and_agents_count(proxy, headcount, join):
    join("mixed", "ann")
    join("mixed", "spy", hidden=True)
    join("mixed", "agent-1", kind="agent")
    join("mixed", "sip_+4930", kind="sip")
    join("mixed", "EG_1", kind="egress", hidden=True, recorder=True)
    join("mixed", "old-recorder", hidden=True, recorder=True)
    last = join("mixed", "film", kind="ingress")
    sleep_until(after=last.joined_at)
    (meeting,) = headcount.meetings("mixed")
    assert [stay.user for stay in meeting.stays] == ["ann", "agent-1", "sip_+4930"]
    assert meeting.peak_participants == 3


def test_attributes_of_participants_show_on_the_meeting(livekit, proxy, headcount, join):
    token = {
        "attributes": {"role": "host", "customer": "north-clinic"},
        "metadata": '{"role": "nurse", "seat": 7}',
    }
    ann = join("clinic", "ann", can_update_own_metadata=True, **token)
    proxy.wait_for("participant_joined", "clinic", identity="ann")
    livekit.call_api("UpdateRoomMetadata", room="clinic", metadata='{"plan": "pro"}')
    bob = join("clinic", "bob", attributes={"role": "guest"})
    agent = join("clinic", "agent-1", kind="agent")
    ann.set_attributes(role="viewer", rating="5")
    sleep_until(after=agent.joined_at)
    at_join = {"role": "host", "customer": "north-clinic", "seat": 7}
    others = {"bob": {"role": "guest", "plan": "pro"}, "agent-1": {"kind": "bot", "plan": "pro"}}
    assert headcount.attributes("clinic") == {"ann": at_join} | others
    for participant in (ann, bob):
        participant.leave_room()
        proxy.wait_for("participant_left", "clinic", identity=participant.identity)
    # The leave has what was set later, and counts for the time of the join: of two roles, the first in order.
    assert headcount.attributes("clinic") == {"ann": at_join | {"rating": "5", "plan": "pro"}} | others


def refused(proxy, headcount):
    proxy.refusing.set()
    yield
    proxy.refusing.clear()


def not_listening(proxy, headcount):
    proxy.close()
    yield
    proxy.open()


def killed(proxy, headcount):
    headcount.kill()
    yield
    headcount.start()


@pytest.mark.parametrize("interrupted", [refused, not_listening, killed])
def test_an_interruption_of_some_seconds_loses_nothing(proxy, headcount, join, interrupted):
    room = interrupted.__name__
    with contextmanager(interrupted)(proxy, headcount):
        ann, bob = join(room, "ann"), join(room, "bob")
        sleep_until(after=bob.joined_at, seconds=4)
    proxy.wait_for("participant_joined", room, identity="bob")
    sleep_until(after=bob.joined_at)
    (meeting,) = headcount.meetings(room)
    assert [stay.user for stay in meeting.stays] == ["ann", "bob"]
    for participant, stay in zip((ann, bob), meeting.stays, strict=True):
        assert participant.requested_at - 1.1 < stay.join <= participant.joined_at


def test_a_lost_join_is_restored_by_its_leave(proxy, headcount, join):
    proxy.refusing.set()
    ann, bob = join("forgotten", "ann"), join("forgotten", "bob")
    # The room's start is retried for 15 seconds, Ann's join after it for another 15; then both are dropped.
    sleep_until(after=ann.requested_at, seconds=33)
    proxy.refusing.clear()
    ann.leave_room()
    bob.leave_room()
    for who in ("ann", "bob"):
        proxy.wait_for("participant_left", "forgotten", identity=who)
    assert not proxy.received("participant_joined", "forgotten", identity="ann")
    (meeting,) = headcount.meetings("forgotten")
    assert [(stay.user, stay.left_by) for stay in meeting.stays] == [("ann", "reported"), ("bob", "reported")]
    assert stay_of(meeting, "ann").join <= ann.joined_at < stay_of(meeting, "ann").join + 2


def test_a_lost_leave_is_replaced_by_the_end_of_the_room(proxy, headcount, join):
    ann, bob = join("unsaid", "ann"), join("unsaid", "bob")
    sleep_until(after=bob.joined_at)
    proxy.refusing.set()
    ann.leave_room()
    bob.leave_room()
    wait_until(lambda: len(proxy.refused_requests("unsaid")) >= 5, 30)
    proxy.refusing.clear()
    finished = created_second(proxy.wait_for("room_finished", "unsaid"))
    (meeting,) = headcount.meetings("unsaid")
    assert stay_of(meeting, "ann")[2:] == (finished, "room_ended")
    assert stay_of(meeting, "bob").left_by == "reported"


def test_stays_on_a_killed_server_end_when_the_room_starts_again(livekit, proxy, headcount, join):
    ann, bob = join("fallen", "ann"), join("fallen", "bob")
    sleep_until(after=bob.joined_at)
    bob.kill()
    livekit.kill()
    (meeting,) = headcount.meetings("fallen")
    assert (meeting.end, {stay.left_by for stay in meeting.stays}) == (None, {None})
    livekit.start()
    ann.wait_for("reconnected")
    started = wait_until(lambda: proxy.received("room_started", "fallen")[1:], 30)[0][1]
    proxy.wait_for("participant_joined", "fallen", identity="ann")
    meeting = headcount.meetings("fallen")[0]
    restarted_at = int(started["room"]["creationTimeMs"]) // 1_000
    assert {stay[2:] for stay in meeting.stays} == {(restarted_at, "room_restarted")}


def test_a_server_that_is_requested_to_stop_waits_for_its_participants(livekit, proxy, headcount, join):
    ann, bob = join("patient", "ann"), join("patient", "bob")
    livekit.request_stop()
    sleep_until(after=bob.joined_at)
    ann.leave_room()
    bob.leave_room()
    livekit.wait_until_stopped()
    livekit.start()
    left = [
        created_second(proxy.wait_for("participant_left", "patient", identity=who)) for who in ("ann", "bob")
    ]
    (meeting,) = headcount.meetings("patient")
    assert [stay[2:] for stay in meeting.stays] == [(at, "reported") for at in left]


def test_leaves_that_a_hurried_server_does_not_send_are_replaced_when_the_room_starts_again(
    livekit, proxy, headcount, join
):
    """After two requests it removes all participants, and ends before it has sent all leaves, or any."""
    ann, bob = join("closing", "ann"), join("closing", "bob")
    sleep_until(after=bob.joined_at)
    bob.kill()
    livekit.request_stop()
    sleep_until(after=time.time(), seconds=0.5)  # two requests at once would count as one
    livekit.request_stop()
    livekit.wait_until_stopped()
    livekit.start()
    ann.clean_up()
    join("closing", "carol")
    proxy.wait_for("participant_joined", "closing", identity="carol")
    meeting = headcount.meetings("closing")[0]
    assert [stay.user for stay in meeting.stays] == ["ann", "bob"]
    assert {stay.left_by for stay in meeting.stays} <= {"reported", "room_ended", "room_restarted"}

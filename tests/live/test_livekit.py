"""Real people in a real LiveKit server: what Headcount makes of what the server says of them."""

import time
from contextlib import contextmanager

import pytest

from live.behind import Was
from live.livekit_server import DEPARTURE_TIMEOUT_S
from live.livekit_signalling import only_signals
from support.waiting import wait_until

LONG_ENOUGH_S = 11.2
"""A stay of ten seconds counts; a leave is told up to a second too early."""
NOTICED_S = 25
"""So long may LiveKit take to notice that somebody is gone: some 20 seconds as seen."""


def time_passes(*, after, seconds=LONG_ENOUGH_S):
    """What is being waited for is time itself."""
    time.sleep(max(0, after + seconds - time.time()))


def about(seconds, actual, within=1.5):
    """LiveKit tells whole seconds, and takes a little while itself."""
    return seconds - within <= actual <= seconds + 0.5


def of(meeting, user):
    (was,) = [one for one in meeting.people if one.user == user]
    return was


def told_second(said):
    return int(said[1]["createdAt"])


def test_two_people_meet(livekit, gate, headcount, comes):
    ann, bob = comes("standup", "ann", "Ann Other"), comes("standup", "bob")
    time_passes(after=bob.joined)
    ann.leaves()
    bob.leaves()
    left = [told_second(gate.hears("participant_left", "standup", identity=who)) for who in ("ann", "bob")]
    (meeting,) = headcount.meetings("standup")
    joined = [
        int(gate.hears("participant_joined", "standup", identity=who)[1]["participant"]["joinedAt"])
        for who in ("ann", "bob")
    ]
    assert meeting == (joined[0], max(left), 2, [
        Was("ann", joined[0], left[0], "reported"), Was("bob", joined[1], left[1], "reported"),
    ])  # fmt: skip
    for somebody, was in zip((ann, bob), meeting.people, strict=True):
        assert somebody.asked - 1.1 < was.join <= somebody.joined
        assert about(somebody.left, was.leave)


def test_a_join_is_told_to_the_millisecond(gate, comes):
    ann = comes("precise", "ann")
    (_, said) = gate.hears("participant_joined", "precise", identity="ann")
    told = int(said["participant"]["joinedAtMs"]) / 1_000
    assert ann.asked - 0.002 < told < ann.joined
    assert int(said["participant"]["joinedAt"]) == int(told)


def test_nobody_meets_anybody_of_another_room(gate, headcount, comes):
    rooms = ["north", "south", "east/west"]
    people = [comes(room, who) for who in ("ann", "bob") for room in rooms]
    time_passes(after=people[-1].joined)
    for somebody in people:
        somebody.leaves()
    for room in rooms:
        for who in ("ann", "bob"):
            gate.hears("participant_left", room, identity=who)
        (meeting,) = headcount.meetings(room)
        assert [(was.user, was.left_by) for was in meeting.people] == [
            ("ann", "reported"),
            ("bob", "reported"),
        ]


def test_somebody_who_is_killed_has_left_when_the_server_notices(gate, headcount, comes):
    ann, bob = comes("crash", "ann"), comes("crash", "bob")
    time_passes(after=bob.joined)
    ann.is_killed()
    said = gate.hears("participant_left", "crash", identity="ann")
    assert said[1]["participant"]["disconnectReason"] == "CONNECTION_TIMEOUT"
    (meeting,) = headcount.meetings("crash")
    assert of(meeting, "ann")[2:] == (told_second(said), "reported")
    assert 14 < told_second(said) + 1 - ann.left < NOTICED_S
    assert (of(meeting, "bob").leave, meeting.end) == (None, None)


def test_a_short_loss_of_the_network_changes_nothing(gate, headcount, comes):
    ann, bob = comes("tunnel", "ann"), comes("tunnel", "bob")
    ann.loses_the_network()
    time_passes(after=time.time(), seconds=5)
    ann.finds_the_network()
    time_passes(after=bob.joined)
    ann.leaves()
    gate.hears("participant_left", "tunnel", identity="ann")
    (meeting,) = headcount.meetings("tunnel")
    assert [was.user for was in meeting.people] == ["ann", "bob"]
    assert about(ann.left, of(meeting, "ann").leave)


def test_who_comes_back_after_a_long_loss_has_two_stays(gate, headcount, comes):
    ann, bob = comes("desert", "ann"), comes("desert", "bob")
    time_passes(after=bob.joined)
    ann.loses_the_network()
    gone = gate.hears("participant_left", "desert", identity="ann", sid=ann.sid)
    ann.finds_the_network()
    ann.hears("reconnected")
    back = wait_until(lambda: gate.said("participant_joined", "desert", identity="ann")[1:], 30)[0]
    time_passes(after=back[0]["t"])
    (meeting,) = headcount.meetings("desert")
    first, second = [was for was in meeting.people if was.user == "ann"]
    assert first[2:] == (told_second(gone), "reported")
    assert (second.join, second.leave) == (int(back[1]["participant"]["joinedAt"]), None)
    assert meeting.most == 2


def test_who_comes_anew_while_their_old_connection_lives_has_two_stays(gate, headcount, comes):
    lost, _bob = comes("double", "ann"), comes("double", "bob")
    time_passes(after=lost.joined)
    lost.loses_the_network()
    anew = comes("double", "ann")
    gone = gate.hears("participant_left", "double", sid=lost.sid)
    assert gone[1]["participant"]["disconnectReason"] == "DUPLICATE_IDENTITY"
    time_passes(after=anew.joined)
    (meeting,) = headcount.meetings("double")
    first, second = [was for was in meeting.people if was.user == "ann"]
    assert first[2:] == (told_second(gone), "reported")
    assert second.leave is None
    assert 0 <= second.join - first.leave <= 1
    assert meeting.most == 2


def test_a_connection_without_media_is_nobody(livekit, gate, headcount):
    only_signals(livekit, "hollow", "ann", seconds=1)
    said = gate.hears("participant_connection_aborted", "hollow", identity="ann")[1]
    assert "joinedAtMs" in said["participant"]
    assert not gate.said("participant_joined", "hollow")
    gate.hears("room_finished", "hollow")
    assert headcount.meetings("hollow") == []


def test_a_room_is_finished_a_while_after_the_last_one_left(gate, headcount, comes):
    ann, bob = comes("brief", "ann"), comes("brief", "bob")
    time_passes(after=bob.joined)
    ann.leaves()
    bob.leaves()
    finished = told_second(gate.hears("room_finished", "brief"))
    (meeting,) = headcount.meetings("brief")
    assert meeting.end == told_second(gate.hears("participant_left", "brief", identity="bob"))
    assert finished >= meeting.end + DEPARTURE_TIMEOUT_S


def test_a_room_that_is_deleted_lets_everybody_leave(livekit, gate, headcount, comes):
    comes("deleted", "ann")
    bob = comes("deleted", "bob")
    time_passes(after=bob.joined)
    livekit.ask("DeleteRoom", room="deleted")
    left = gate.hears("participant_left", "deleted", identity="ann")
    assert left[1]["participant"]["disconnectReason"] == "ROOM_DELETED"
    gate.hears("participant_left", "deleted", identity="bob")
    (meeting,) = headcount.meetings("deleted")
    assert {was.left_by for was in meeting.people} == {"reported"}


def test_who_is_put_out_has_left(livekit, gate, headcount, comes):
    ann, bob = comes("guarded", "ann"), comes("guarded", "bob")
    time_passes(after=bob.joined)
    livekit.ask("RemoveParticipant", room="guarded", identity="ann")
    said = gate.hears("participant_left", "guarded", identity="ann", sid=ann.sid)
    assert said[1]["participant"]["disconnectReason"] == "PARTICIPANT_REMOVED"
    (meeting,) = headcount.meetings("guarded")
    assert of(meeting, "ann")[2:] == (told_second(said), "reported")


def test_people_callers_and_agents_count_and_nobody_else(gate, headcount, comes):
    comes("mixed", "ann")
    comes("mixed", "spy", hidden=True)
    comes("mixed", "agent-1", kind="agent")
    comes("mixed", "sip_+4930", kind="sip")
    comes("mixed", "EG_1", kind="egress", hidden=True, recorder=True)
    comes("mixed", "old-recorder", hidden=True, recorder=True)
    last = comes("mixed", "film", kind="ingress")
    time_passes(after=last.joined)
    (meeting,) = headcount.meetings("mixed")
    assert [was.user for was in meeting.people] == ["ann", "agent-1", "sip_+4930"]
    assert meeting.most == 3


def refused(gate, headcount):
    gate.refusing.set()
    yield
    gate.refusing.clear()


def not_listening(gate, headcount):
    gate.close()
    yield
    gate.open()


def killed(gate, headcount):
    headcount.kill()
    yield
    headcount.start()


@pytest.mark.parametrize("interrupted", [refused, not_listening, killed])
def test_an_interruption_of_some_seconds_costs_nothing(gate, headcount, comes, interrupted):
    room = interrupted.__name__
    with contextmanager(interrupted)(gate, headcount):
        ann, bob = comes(room, "ann"), comes(room, "bob")
        time_passes(after=bob.joined, seconds=4)
    gate.hears("participant_joined", room, identity="bob")
    time_passes(after=bob.joined)
    (meeting,) = headcount.meetings(room)
    assert [was.user for was in meeting.people] == ["ann", "bob"]
    for somebody, was in zip((ann, bob), meeting.people, strict=True):
        assert somebody.asked - 1.1 < was.join <= somebody.joined


def test_a_lost_join_comes_with_its_leave(gate, headcount, comes):
    gate.refusing.set()
    ann, bob = comes("forgotten", "ann"), comes("forgotten", "bob")
    # The room's start is tried for 15 seconds, Ann's join behind it for another 15; then both are forgotten.
    time_passes(after=ann.asked, seconds=33)
    gate.refusing.clear()
    ann.leaves()
    bob.leaves()
    for who in ("ann", "bob"):
        gate.hears("participant_left", "forgotten", identity=who)
    assert not gate.said("participant_joined", "forgotten", identity="ann")
    (meeting,) = headcount.meetings("forgotten")
    assert [(was.user, was.left_by) for was in meeting.people] == [("ann", "reported"), ("bob", "reported")]
    assert of(meeting, "ann").join <= ann.joined < of(meeting, "ann").join + 2


def test_a_lost_leave_is_mended_by_the_end_of_the_room(gate, headcount, comes):
    ann, bob = comes("unsaid", "ann"), comes("unsaid", "bob")
    time_passes(after=bob.joined)
    gate.refusing.set()
    ann.leaves()
    bob.leaves()
    wait_until(lambda: len(gate.refused("unsaid")) >= 5, 30)
    gate.refusing.clear()
    finished = told_second(gate.hears("room_finished", "unsaid"))
    (meeting,) = headcount.meetings("unsaid")
    assert of(meeting, "ann")[2:] == (finished, "room_ended")
    assert of(meeting, "bob").left_by == "reported"


def test_a_server_that_is_killed_loses_its_people_until_the_room_starts_anew(livekit, gate, headcount, comes):
    ann, bob = comes("fallen", "ann"), comes("fallen", "bob")
    time_passes(after=bob.joined)
    bob.is_killed()
    livekit.kill()
    (meeting,) = headcount.meetings("fallen")
    assert (meeting.end, {was.left_by for was in meeting.people}) == (None, {None})
    livekit.start()
    ann.hears("reconnected")
    started = wait_until(lambda: gate.said("room_started", "fallen")[1:], 30)[0][1]
    gate.hears("participant_joined", "fallen", identity="ann")
    meeting = headcount.meetings("fallen")[0]
    anew = int(started["room"]["creationTimeMs"]) // 1_000
    assert {was[2:] for was in meeting.people} == {(anew, "superseded")}


def test_a_server_that_is_asked_to_stop_waits_for_its_people(livekit, gate, headcount, comes):
    ann, bob = comes("patient", "ann"), comes("patient", "bob")
    livekit.asked_to_stop()
    time_passes(after=bob.joined)
    ann.leaves()
    bob.leaves()
    livekit.has_stopped()
    livekit.start()
    left = [told_second(gate.hears("participant_left", "patient", identity=who)) for who in ("ann", "bob")]
    (meeting,) = headcount.meetings("patient")
    assert [was[2:] for was in meeting.people] == [(at, "reported") for at in left]


def test_what_a_server_in_a_hurry_does_not_tell_is_mended_when_the_room_starts_anew(
    livekit, gate, headcount, comes
):
    """Asked twice, it puts everybody out, and ends before all of that is told: as seen, none of it up to all."""
    ann, bob = comes("closing", "ann"), comes("closing", "bob")
    time_passes(after=bob.joined)
    bob.is_killed()
    livekit.asked_to_stop()
    time_passes(after=time.time(), seconds=0.5)  # both would count as one if they came at once
    livekit.asked_to_stop()
    livekit.has_stopped()
    livekit.start()
    ann.is_gone()
    comes("closing", "carol")
    gate.hears("participant_joined", "closing", identity="carol")
    meeting = headcount.meetings("closing")[0]
    assert [was.user for was in meeting.people] == ["ann", "bob"]
    assert {was.left_by for was in meeting.people} <= {"reported", "room_ended", "superseded"}

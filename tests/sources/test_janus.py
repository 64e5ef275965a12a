"""Janus: the stays of its events, and of events of a real server in tests/captures."""

import gzip
import json
import random
from pathlib import Path

import pytest

from headcount import BadInput
from headcount.kernel.events import Kind
from headcount.kernel.replay import meetings_of
from headcount.kernel.rules import Rules
from headcount.sources.api import InboundRequest, VerificationFailed, expand_server_ends, verify_and_parse
from headcount.sources.captures import parse_capture
from headcount.sources.janus import SOURCE, parse
from support.source_payloads import meeting_stays, ms


def fact(word, at, participant=None, room=1234, plugin="videoroom", emitter="eu-1"):
    data = {"event": word, "room": room} | ({} if participant is None else {"id": participant})
    event = {"plugin": f"janus.plugin.{plugin}", "data": data}
    return {"emitter": emitter, "type": 64, "timestamp": ms(at) * 1_000, "event": event}


def core(status, at, emitter="eu-1"):
    return {"emitter": emitter, "type": 256, "timestamp": ms(at) * 1_000, "event": {"status": status}}


def request(*events, **headers):
    return InboundRequest(headers, json.dumps(events).encode())


def events(*events):
    """Return the events of one request per event, with server-wide ends expanded to rooms."""
    return list(expand_server_ends(one for event in events for one in parse(request(event))))


# How it is known.

BASIC = "Basic bXl1c2VyOm15cHdk"


def test_the_name_and_password_of_janus_are_accepted():
    """As a real server sent `backend_user` myuser and `backend_pwd` mypwd."""
    assert verify_and_parse(SOURCE, request(authorization=BASIC), ["myuser:mypwd"]) == []


@pytest.mark.parametrize(
    "shown", ["", "Basic", "Basic ", "Bearer bXl1c2VyOm15cHdk", "bXl1c2VyOm15cHdk", f"{BASIC}x"]
)
def test_any_other_header_is_rejected(shown):
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, request(authorization=shown), ["myuser:mypwd"])


def test_with_the_address_as_the_secret_no_header_is_needed():
    assert verify_and_parse(SOURCE, request(), ["address"]) == []


def test_a_body_may_be_compressed():
    join = request(fact("joined", 0, 11))
    assert parse(join._replace(body=gzip.compress(join.body))) == parse(join)
    with pytest.raises(BadInput, match="gzip"):
        parse(join._replace(body=gzip.compress(join.body)[:-9]))


# Stays.

ANN, BOB = ("11", 0, 60, "reported"), ("12", 10, 90, "reported")


def join(participant, at, **more):
    return fact("joined", at, participant, **more)


def leave(participant, at, **more):
    return fact("leaving", at, participant, **more)


MET = [join(11, 0), join(12, 10), leave(11, 60), leave(12, 90)]


def test_two_participants_meet():
    assert meeting_stays(events(*MET)) == [[ANN, BOB]]


def test_requests_in_any_order_and_repeated_give_the_same_stays():
    assert meeting_stays(events(*reversed(MET), *MET)) == [[ANN, BOB]]


def test_turning_a_camera_off_is_no_leave():
    off = fact("unpublished", 20, 11)
    assert meeting_stays(events(*MET[:2], off, off, *MET[2:])) == [[ANN, BOB]]


def test_a_kicked_participant_has_left():
    assert meeting_stays(events(*MET[:2], fact("kicked", 60, 11), leave(12, 90))) == [[ANN, BOB]]


def test_destroying_a_room_ends_all_of_its_stays():
    found = events(*MET[:3], fact("destroyed", 100))
    assert meeting_stays(found) == [[ANN, ("12", 10, 100, "room_ended")]]


def test_a_lost_destroyed_is_replaced_when_the_room_is_created_again():
    found = events(*MET[:3], fact("created", 100), join(13, 110), leave(13, 200))
    assert meeting_stays(found) == [[ANN, ("12", 10, 100, "room_restarted")], [("13", 110, 200, "reported")]]


def test_a_participant_who_comes_back_with_the_same_id_has_two_stays():
    again = events(join(11, 0), join(12, 0), leave(11, 30), join(11, 40), leave(11, 90), leave(12, 90))
    assert [entry[:3] for entry in meeting_stays(again)[0]] == [("11", 0, 30), ("12", 0, 90), ("11", 40, 90)]


def test_a_lost_join_cannot_be_restored():
    assert meeting_stays(events(join(12, 10), leave(11, 60), leave(12, 90))) == [[BOB]]


def test_shutting_a_server_down_ends_all_of_its_stays():
    found = events(*MET[:3], core("shutdown", 100), core("started", 120))
    assert meeting_stays(found) == [[ANN, ("12", 10, 100, "room_ended")]]


def test_a_server_that_was_killed_has_empty_rooms_when_it_starts_again():
    found = events(*MET[:3], core("started", 120), join(13, 125), leave(13, 200))
    assert meeting_stays(found) == [[ANN, ("12", 10, 120, "room_restarted")], [("13", 125, 200, "reported")]]


def test_a_server_ends_stays_only_in_its_own_rooms():
    found = events(
        join(11, 0), join(11, 0, emitter="eu-2"), join(11, 0, room=5, plugin="audiobridge"), core("started", 50)
    )  # fmt: skip
    ends = [one.event.room for one in found if one.event.kind is Kind.END]
    assert ends == ["eu-1/1234", "eu-1/audiobridge/5"]


def test_a_room_that_has_ended_does_not_end_again():
    found = events(join(11, 0), fact("destroyed", 20), core("started", 50))
    assert [one.event.at for one in found if one.event.kind is Kind.END] == [ms(20)]


def test_rooms_with_one_number_in_two_plugins_are_two_rooms():
    rooms = {
        one.event.room
        for one in events(join(1, 0), join(1, 0, plugin="audiobridge"), join(1, 0, emitter="b"))
    }
    assert rooms == {"eu-1/1234", "eu-1/audiobridge/1234", "b/1234"}


# Events of a real server of version 1.1.2, recorded by tests/live. Stays last a second or so, so none is too short here.

CAPTURE = Path(__file__).parents[1] / "captures/janus-1.1.2.jsonl"
OF_THE_SERVER = "janus:only-for-tests"


def captured():
    for line in CAPTURE.read_text().splitlines():
        one = json.loads(line)
        headers = {name.lower(): value for name, value in one["headers"].items()}
        yield InboundRequest(headers, one["body"].encode(), one["path"], round(one["t"] * 1_000))


def events_of(room):
    events = expand_server_ends(
        one for request in captured() for one in verify_and_parse(SOURCE, request, [OF_THE_SERVER])
    )
    return [one.event for one in events if one.event.room == f"test-1/{room}"]


def met(events):
    (meeting,) = meetings_of(events, as_of=events[-1].at + 60_000, rules=Rules(min_stay_ms=0))
    return [(was.user_id, was.leave - was.join, was.left_by) for was in meeting.participants]


STORIES = {
    "3151": [("user-ann", 434, "reported"), ("user-bob", 52, "reported")],
    "audiobridge/4648": [("user-ann", 446, "reported"), ("user-bob", 57, "reported")],
    # Ann was killed, and given up after four seconds or so.
    "6504": [("user-ann", 8028, "reported"), ("user-bob", 8847, "reported")],
    # Ann was kicked. Bob left when the server was shut down, a few tests later.
    "4004": [("user-ann", 481, "reported"), ("user-bob", 5380, "room_ended")],
    # Destroyed with both in it.
    "7635": [("user-ann", 529, "room_ended"), ("user-bob", 53, "room_ended")],
    # Shut down, and later killed, with both in it.
    "6247": [("user-ann", 1513, "room_ended"), ("user-bob", 1056, "room_ended")],
    "audiobridge/6247": [("user-carol", 617, "room_ended"), ("user-dan", 52, "room_ended")],
    "7453": [("user-ann", 1552, "room_restarted"), ("user-bob", 1127, "room_restarted")],
    "audiobridge/7453": [("user-carol", 623, "room_restarted"), ("user-dan", 138, "room_restarted")],
    # Nobody listened for two seconds, in which Ann left and Carol came.
    "8293": [("user-ann", 510, "reported"), ("user-bob", 2838, "reported"), ("user-carol", 9642, "reported")],
    # Nobody listened for longer than Janus tried, in which Ann left.
    "6084": [("user-ann", 7727, "room_ended"), ("user-bob", 7115, "reported")],
}


@pytest.mark.parametrize("room", STORIES)
def test_captured_events_of_a_real_server_give_the_true_stays(room):
    assert met(events_of(room)) == STORIES[room]


@pytest.mark.parametrize("room", STORIES)
def test_captured_events_in_any_order_give_the_same_stays(room):
    events = events_of(room)
    last = [max(events, key=lambda event: event.at)]
    for seed in range(5):
        shuffled = events * 2
        random.Random(seed).shuffle(shuffled)
        assert met(shuffled + last) == STORIES[room]


def test_the_log_of_a_real_server_can_be_parsed():
    found = list(parse_capture(CAPTURE.read_bytes(), SOURCE))
    assert not any(one.server_wide for one in found)
    assert {one.event.room for one in found} >= {f"test-1/{room}" for room in STORIES}

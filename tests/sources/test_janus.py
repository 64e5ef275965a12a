"""Janus: what its events come to. Those of a real server are in tests/captures, and in tests/live."""

import gzip
import json

import pytest
from stories import ms, told

from headcount import BadInput
from headcount.kernel.events import Kind
from headcount.sources.deliveries import Delivery, NotGenuine, hear, spread
from headcount.sources.janus import SOURCE, read


def fact(word, at, who=None, room=1234, plugin="videoroom", emitter="eu-1"):
    data = {"event": word, "room": room} | ({} if who is None else {"id": who})
    event = {"plugin": f"janus.plugin.{plugin}", "data": data}
    return {"emitter": emitter, "type": 64, "timestamp": ms(at) * 1_000, "event": event}


def core(status, at, emitter="eu-1"):
    return {"emitter": emitter, "type": 256, "timestamp": ms(at) * 1_000, "event": {"status": status}}


def delivery(*events, **headers):
    return Delivery(headers, json.dumps(events).encode())


def heard(*events):
    """What is heard of one delivery for each event, with what a server says of itself as said of its rooms."""
    return list(spread(one for event in events for one in read(delivery(event))))


# How it is known.

BASIC = "Basic bXl1c2VyOm15cHdk"


def test_the_name_and_the_password_that_janus_shows_are_genuine():
    """As a real server showed `backend_user` myuser and `backend_pwd` mypwd."""
    assert hear(SOURCE, delivery(authorization=BASIC), ["myuser:mypwd"]) == []


@pytest.mark.parametrize(
    "shown", ["", "Basic", "Basic ", "Bearer bXl1c2VyOm15cHdk", "bXl1c2VyOm15cHdk", f"{BASIC}x"]
)
def test_anything_else_is_not(shown):
    with pytest.raises(NotGenuine):
        hear(SOURCE, delivery(authorization=shown), ["myuser:mypwd"])


def test_where_the_address_alone_is_the_secret_nothing_is_shown():
    assert hear(SOURCE, delivery(), ["address"]) == []


def test_a_body_may_be_packed():
    came = delivery(fact("joined", 0, 11))
    assert read(came._replace(body=gzip.compress(came.body))) == read(came)
    with pytest.raises(BadInput, match="gzip"):
        read(came._replace(body=gzip.compress(came.body)[:-9]))


# What it comes to.

ANN, BOB = ("11", 0, 60, "reported"), ("12", 10, 90, "reported")


def came(who, at, **more):
    return fact("joined", at, who, **more)


def left(who, at, **more):
    return fact("leaving", at, who, **more)


MET = [came(11, 0), came(12, 10), left(11, 60), left(12, 90)]


def test_two_who_meet():
    assert told(heard(*MET)) == [[ANN, BOB]]


def test_deliveries_in_any_order_and_again_tell_the_same():
    assert told(heard(*reversed(MET), *MET)) == [[ANN, BOB]]


def test_a_camera_that_goes_off_is_no_leave():
    off = fact("unpublished", 20, 11)
    assert told(heard(*MET[:2], off, off, *MET[2:])) == [[ANN, BOB]]


def test_who_is_put_out_has_left():
    assert told(heard(*MET[:2], fact("kicked", 60, 11), left(12, 90))) == [[ANN, BOB]]


def test_a_room_that_is_destroyed_closes_everybody_in_it():
    found = heard(*MET[:3], fact("destroyed", 100))
    assert told(found) == [[ANN, ("12", 10, 100, "room_ended")]]


def test_a_lost_destroyed_is_told_when_the_room_is_created_again():
    found = heard(*MET[:3], fact("created", 100), came(13, 110), left(13, 200))
    assert told(found) == [[ANN, ("12", 10, 100, "superseded")], [("13", 110, 200, "reported")]]


def test_who_comes_back_under_their_id_has_two_stays():
    again = heard(came(11, 0), came(12, 0), left(11, 30), came(11, 40), left(11, 90), left(12, 90))
    assert [entry[:3] for entry in told(again)[0]] == [("11", 0, 30), ("12", 0, 90), ("11", 40, 90)]


def test_a_lost_join_cannot_be_told():
    assert told(heard(came(12, 10), left(11, 60), left(12, 90))) == [[BOB]]


def test_a_server_that_is_shut_down_lets_everybody_go():
    found = heard(*MET[:3], core("shutdown", 100), core("started", 120))
    assert told(found) == [[ANN, ("12", 10, 100, "room_ended")]]


def test_a_server_that_was_killed_has_nobody_when_it_starts_again():
    found = heard(*MET[:3], core("started", 120), came(13, 125), left(13, 200))
    assert told(found) == [[ANN, ("12", 10, 120, "superseded")], [("13", 125, 200, "reported")]]


def test_a_server_speaks_for_its_own_rooms_alone():
    found = heard(
        came(11, 0), came(11, 0, emitter="eu-2"), came(11, 0, room=5, plugin="audiobridge"), core("started", 50)
    )  # fmt: skip
    ends = [one.event.room for one in found if one.event.kind is Kind.END]
    assert ends == ["eu-1/1234", "eu-1/audiobridge/5"]


def test_a_room_that_ended_need_not_end_again():
    found = heard(came(11, 0), fact("destroyed", 20), core("started", 50))
    assert [one.event.at for one in found if one.event.kind is Kind.END] == [ms(20)]


def test_rooms_of_one_number_are_rooms_of_their_own():
    rooms = {
        one.event.room for one in heard(came(1, 0), came(1, 0, plugin="audiobridge"), came(1, 0, emitter="b"))
    }
    assert rooms == {"eu-1/1234", "eu-1/audiobridge/1234", "b/1234"}

"""JaaS: what its webhooks come to. 8x8 publishes no code that checks them; the signatures are by its formula."""

import base64
import hashlib
import hmac
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.jaas import SOURCE, parse
from support.source_payloads import ms, told

SECRET = "jaassecret"


def notice(kind, at, session="s1", **about):
    body = {
        "idempotencyKey": f"{kind}{at}{about}",
        "eventType": kind,
        "timestamp": ms(at),
        "fqn": "app/r",
        "sessionId": session,
        "data": about,
    }
    return parse(InboundRequest({}, json.dumps(body).encode()))


def came(who, at, session="s1", **more):
    return notice("PARTICIPANT_JOINED", at, session, participantId=who, **more)


def left(who, at, session="s1", **more):
    return notice("PARTICIPANT_LEFT", at, session, participantId=who, **more)


def created(at, session="s1"):
    return notice("ROOM_CREATED", at, session)


def destroyed(at, session="s1", **more):
    return notice("ROOM_DESTROYED", at, session, **more)


# How it is known.


def request(time, received_at=0):
    body = b'{"eventType":"USAGE"}'
    raw = hmac.new(SECRET.encode(), time.encode() + b"." + body, hashlib.sha256).digest()
    signature = base64.b64encode(raw).decode()
    assert signature.endswith("=")
    return InboundRequest({"x-jaas-signature": f"t={time},v1={signature}"}, body, received_at=ms(received_at))


@pytest.mark.parametrize("time", [str(ms(0) // 1_000), str(ms(0))], ids=["seconds", "milliseconds"])
def test_what_is_signed_by_the_formula_of_jaas_is_genuine_for_five_minutes(time):
    for received_at in (-300, 0, 300):
        assert verify_and_parse(SOURCE, request(time, received_at), [SECRET]) == []
    with pytest.raises(VerificationFailed, match="signed 301 s ago"):
        verify_and_parse(SOURCE, request(time, 301), [SECRET])


# What it comes to.

ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 60), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 60) * 2]) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_room():
    assert told([*created(0), *came("ann", 0), *destroyed(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_the_first_one_stays_when_the_room_is_told_to_be_created_after_them():
    assert told([*came("ann", 0), *created(0.5), *left("ann", 60)]) == [[ANN]]


def test_whoever_was_forgotten_is_gone_when_the_room_is_created_anew():
    heard = [*came("ghost", 0), *created(300, "s2"), *came("bob", 300, "s2"), *left("bob", 400, "s2")]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_meeting_closes_nobody_of_the_next():
    heard = [*came("bob", 100, "s2"), *destroyed(110), *left("bob", 200, "s2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 30), *left("ann-1", 60), *left("ann-2", 90)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_breakout_room_is_a_room_of_its_own():
    (heard,) = came("ann", 0, isBreakout=True, breakoutRoomId="b1")
    assert heard.event.room == "app/r/b1"


def test_a_lost_join_cannot_be_told():
    assert told(left("ann", 60)) == []

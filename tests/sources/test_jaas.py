"""JaaS: the stays of its webhooks. 8x8 publishes no code that checks signatures; these follow its formula."""

import base64
import hashlib
import hmac
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.jaas import SOURCE, parse
from support.source_payloads import meeting_stays, ms

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


def join(participant, at, session="s1", **more):
    return notice("PARTICIPANT_JOINED", at, session, participantId=participant, **more)


def leave(participant, at, session="s1", **more):
    return notice("PARTICIPANT_LEFT", at, session, participantId=participant, **more)


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
def test_a_signature_by_the_formula_of_jaas_is_valid_for_five_minutes(time):
    for received_at in (-300, 0, 300):
        assert verify_and_parse(SOURCE, request(time, received_at), [SECRET]) == []
    with pytest.raises(VerificationFailed, match="signed 301 s ago"):
        verify_and_parse(SOURCE, request(time, 301), [SECRET])


# Stays.

ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 60) * 2]) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_room():
    assert meeting_stays([*created(0), *join("ann", 0), *destroyed(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_the_first_participant_stays_when_the_creation_is_reported_after_their_join():
    assert meeting_stays([*join("ann", 0), *created(0.5), *leave("ann", 60)]) == [[ANN]]


def test_stale_stays_end_when_the_room_is_created_again():
    events = [*join("ghost", 0), *created(300, "s2"), *join("bob", 300, "s2"), *leave("bob", 400, "s2")]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_meeting_ends_no_stay_of_the_next():
    events = [*join("bob", 100, "s2"), *destroyed(110), *leave("bob", 200, "s2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 30), *leave("ann-1", 60), *leave("ann-2", 90)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_breakout_room_is_a_room_of_its_own():
    (events,) = join("ann", 0, isBreakout=True, breakoutRoomId="b1")
    assert events.event.room == "app/r/b1"


def test_a_lost_join_cannot_be_restored():
    assert meeting_stays(leave("ann", 60)) == []

"""Whereby: what its webhooks come to. Whereby publishes no code that checks them; the signatures are by its formula."""

import hashlib
import hmac
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.whereby import SOURCE, parse
from support.source_payloads import iso, ms, told

SECRET = "whsec"


def notice(kind, who, at, clients):
    about = {"roomName": "/r", "participantId": who, "numClients": clients, "displayName": "Ann"}
    body = {"id": f"{kind}{who}{at}", "type": f"room.client.{kind}", "createdAt": iso(at), "data": about}
    return parse(InboundRequest({}, json.dumps(body).encode()))


def came(who, at, clients=2):
    return notice("joined", who, at, clients)


def left(who, at, clients=1):
    return notice("left", who, at, clients)


def ended(at):
    body = {"id": "e", "type": "room.session.ended", "createdAt": iso(at), "data": {"roomName": "/r"}}
    return parse(InboundRequest({}, json.dumps(body).encode()))


# How it is known.


def request(signed_at=0, received_at=0, body=b'{"type":"x"}'):
    time = str(ms(signed_at) // 1_000)
    signature = hmac.new(SECRET.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
    return InboundRequest(
        {"whereby-signature": f"t={time},v1={signature}"}, body, received_at=ms(received_at)
    )


def test_what_is_signed_by_wherebys_formula_is_genuine_for_five_minutes():
    for received_at in (-300, 0, 300):
        assert verify_and_parse(SOURCE, request(received_at=received_at), [SECRET]) == []
    with pytest.raises(VerificationFailed, match="signed 301 s ago"):
        verify_and_parse(SOURCE, request(received_at=301), [SECRET])


@pytest.mark.parametrize("header", ["", "t=1", "v1=aa", "t=x,v1=aa", "t=,v1=", "t=1772449200,v1=", ",,,==="])
def test_half_a_signature_is_none(header):
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, request()._replace(headers={"whereby-signature": header}), [SECRET])


# What it comes to.

ANN, BOB = ("ann", 0, 60, "reported"), ("bob", 10, 90, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 60, 0), *came("ann", 0, 1)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0, 1) * 3, *left("ann", 60, 0) * 2]) == [[ANN]]


def test_the_end_of_a_session_is_the_end_of_nobody():
    """Ann left, fewer than two are in, and Bob stays."""
    heard = [*came("ann", 0, 1), *came("bob", 10), *left("ann", 60), *ended(70), *left("bob", 90, 0)]
    assert told(heard) == [[ANN, BOB]]


def test_a_lost_leave_is_told_by_the_one_who_left_last():
    heard = [*came("ann", 0, 1), *came("bob", 10), *left("bob", 90, 0)]
    assert told(heard) == [[("ann", 0, 85, "snapshot"), BOB]]


def test_a_lost_leave_is_told_by_the_next_one_who_comes_alone():
    heard = [*came("ann", 0, 1), *came("bob", 300, 1), *left("bob", 400, 0)]
    assert told(heard) == [[("ann", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_two_who_leave_at_once_are_told_as_they_left_whichever_comes_first():
    """The room was empty after Bob; Ann's leave, a second before, comes later and is believed."""
    heard = [*came("ann", 0, 1), *came("bob", 10), *left("bob", 90, 0), *left("ann", 89)]
    assert told(heard) == [[("ann", 0, 89, "reported"), BOB]]


def test_somebody_who_comes_as_the_last_one_leaves_is_in():
    heard = [*came("ann", 0, 1), *left("ann", 60, 0), *came("bob", 59.9, 1), *left("bob", 120, 0)]
    assert told(heard) == [[ANN, ("bob", 59.9, 120, "reported")]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0, 1), *came("ann-2", 30), *left("ann-1", 60), *left("ann-2", 90, 0)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_lost_join_cannot_be_told():
    assert told(left("ann", 60, 0)) == []

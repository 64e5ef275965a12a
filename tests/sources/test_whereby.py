"""Whereby: the stays of its webhooks. Whereby publishes no code that checks signatures; these follow its formula."""

import hashlib
import hmac
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.whereby import SOURCE, parse
from support.source_payloads import iso, meeting_stays, ms

SECRET = "whsec"


def notice(kind, participant, at, clients):
    about = {"roomName": "/r", "participantId": participant, "numClients": clients, "displayName": "Ann"}
    body = {
        "id": f"{kind}{participant}{at}",
        "type": f"room.client.{kind}",
        "createdAt": iso(at),
        "data": about,
    }
    return parse(InboundRequest({}, json.dumps(body).encode()))


def join(participant, at, clients=2):
    return notice("joined", participant, at, clients)


def leave(participant, at, clients=1):
    return notice("left", participant, at, clients)


def end(at):
    body = {"id": "e", "type": "room.session.ended", "createdAt": iso(at), "data": {"roomName": "/r"}}
    return parse(InboundRequest({}, json.dumps(body).encode()))


# How it is known.


def request(signed_at=0, received_at=0, body=b'{"type":"x"}'):
    time = str(ms(signed_at) // 1_000)
    signature = hmac.new(SECRET.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()
    return InboundRequest(
        {"whereby-signature": f"t={time},v1={signature}"}, body, received_at=ms(received_at)
    )


def test_a_signature_by_wherebys_formula_is_valid_for_five_minutes():
    for received_at in (-300, 0, 300):
        assert verify_and_parse(SOURCE, request(received_at=received_at), [SECRET]) == []
    with pytest.raises(VerificationFailed, match="signed 301 s ago"):
        verify_and_parse(SOURCE, request(received_at=301), [SECRET])


@pytest.mark.parametrize("header", ["", "t=1", "v1=aa", "t=x,v1=aa", "t=,v1=", "t=1772449200,v1=", ",,,==="])
def test_an_incomplete_signature_is_rejected(header):
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, request()._replace(headers={"whereby-signature": header}), [SECRET])


# Stays.

ANN, BOB = ("ann", 0, 60, "reported"), ("bob", 10, 90, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 60, 0), *join("ann", 0, 1)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0, 1) * 3, *leave("ann", 60, 0) * 2]) == [[ANN]]


def test_the_end_of_a_session_ends_no_stay():
    """Ann left, fewer than two are in, and Bob stays."""
    events = [*join("ann", 0, 1), *join("bob", 10), *leave("ann", 60), *end(70), *leave("bob", 90, 0)]
    assert meeting_stays(events) == [[ANN, BOB]]


def test_a_lost_leave_is_replaced_by_the_last_leave():
    events = [*join("ann", 0, 1), *join("bob", 10), *leave("bob", 90, 0)]
    assert meeting_stays(events) == [[("ann", 0, 85, "snapshot"), BOB]]


def test_a_lost_leave_is_replaced_by_the_next_join_of_an_empty_room():
    events = [*join("ann", 0, 1), *join("bob", 300, 1), *leave("bob", 400, 0)]
    assert meeting_stays(events) == [[("ann", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_two_leaves_at_once_end_both_stays_in_either_order():
    """The room was empty after Bob; Ann's leave, a second before, comes later and is believed."""
    events = [*join("ann", 0, 1), *join("bob", 10), *leave("bob", 90, 0), *leave("ann", 89)]
    assert meeting_stays(events) == [[("ann", 0, 89, "reported"), BOB]]


def test_a_participant_who_joins_as_the_last_one_leaves_is_present():
    events = [*join("ann", 0, 1), *leave("ann", 60, 0), *join("bob", 59.9, 1), *leave("bob", 120, 0)]
    assert meeting_stays(events) == [[ANN, ("bob", 59.9, 120, "reported")]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0, 1), *join("ann-2", 30), *leave("ann-1", 60), *leave("ann-2", 90, 0)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_lost_join_cannot_be_restored():
    assert meeting_stays(leave("ann", 60, 0)) == []

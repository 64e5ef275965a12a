"""RealtimeKit: the stays of its webhooks, and signatures as its documentation checks them."""

import base64
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.realtimekit import SOURCE, parse, sign
from support.key_pairs import pair
from support.source_payloads import iso, meeting_stays
from support.source_requests import ask

PRIVATE, PUBLIC = pair("realtimekit")
BODY = '{"event":"meeting.chatSynced","meetingId":"Ä"}'.encode()


def notice(event, session="s1", participant=None, **times):
    meeting = {"id": "m", "sessionId": session, **{name: iso(at) for name, at in times.items()}}
    body = {"event": event, "meeting": meeting} | (
        {} if participant is None else {"participant": participant}
    )
    return parse(InboundRequest({}, json.dumps(body).encode()))


def join(participant, at, session="s1"):
    return notice("meeting.participantJoined", session, {"peerId": participant, "joinedAt": iso(at)})


def leave(participant, since, at, session="s1"):
    payload = {"peerId": participant, "joinedAt": iso(since), "leftAt": iso(at)}
    return notice("meeting.participantLeft", session, payload)


def start(at, session="s1"):
    return notice("meeting.started", session, startedAt=at)


def end(at, session="s1"):
    return notice("meeting.ended", session, endedAt=at)


ANN = ("ann", 0, 60, "reported")


# The signature.


@pytest.mark.process
def test_node_accepts_our_signature_as_documented():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    for body, is_accepted in ((BODY, True), (BODY.replace(b"chat", b"chit"), False)):
        changed_body = base64.b64encode(body).decode()
        assert ask("rsa.mjs", body=changed_body, signature=signature, publicKey=PUBLIC) is is_accepted


def test_the_header_of_dyte_is_accepted():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    assert verify_and_parse(SOURCE, InboundRequest({"dyte-signature": signature}, BODY), [PUBLIC]) == []


def test_the_keys_of_both_can_be_secrets_of_one_source():
    assert verify_and_parse(SOURCE, sign(InboundRequest({}, BODY), PRIVATE), [pair("dyte")[1], PUBLIC]) == []


def test_a_valid_header_of_dyte_does_not_excuse_an_invalid_one_of_realtimekit():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    headers = {"rtk-signature": signature[::-1], "dyte-signature": signature}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest(headers, BODY), [PUBLIC])


# Stays.


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 0, 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_meeting():
    assert meeting_stays([*start(0), *join("ann", 0), *end(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_stale_stays_end_when_the_next_session_starts():
    events = [*join("ghost", 0), *start(300, "s2"), *join("bob", 300, "s2"), *leave("bob", 300, 400, "s2")]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_ends_no_stay_of_the_next():
    events = [*join("bob", 100, "s2"), *end(110, "s1"), *leave("bob", 100, 200, "s2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]


def test_a_leave_whose_join_time_is_the_leave_time_ends_the_stay():
    assert meeting_stays([*join("ann", 0), *leave("ann", 60, 60)]) == [[ANN]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 30), *leave("ann-1", 0, 60), *leave("ann-2", 30, 90)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]

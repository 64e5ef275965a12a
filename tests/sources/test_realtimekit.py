"""RealtimeKit: what its webhooks come to, and signatures as its documents check them."""

import base64
import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.realtimekit import SOURCE, parse, sign
from support.key_pairs import pair
from support.source_payloads import iso, told
from support.source_requests import ask

PRIVATE, PUBLIC = pair("realtimekit")
BODY = '{"event":"meeting.chatSynced","meetingId":"Ä"}'.encode()


def notice(event, session="s1", participant=None, **times):
    meeting = {"id": "m", "sessionId": session, **{name: iso(at) for name, at in times.items()}}
    body = {"event": event, "meeting": meeting} | (
        {} if participant is None else {"participant": participant}
    )
    return parse(InboundRequest({}, json.dumps(body).encode()))


def came(who, at, session="s1"):
    return notice("meeting.participantJoined", session, {"peerId": who, "joinedAt": iso(at)})


def left(who, since, at, session="s1"):
    told = {"peerId": who, "joinedAt": iso(since), "leftAt": iso(at)}
    return notice("meeting.participantLeft", session, told)


def started(at, session="s1"):
    return notice("meeting.started", session, startedAt=at)


def ended(at, session="s1"):
    return notice("meeting.ended", session, endedAt=at)


ANN = ("ann", 0, 60, "reported")


# The signature.


def test_node_takes_what_we_sign_as_the_documents_check_it():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    for body, taken in ((BODY, True), (BODY.replace(b"chat", b"chit"), False)):
        shown = base64.b64encode(body).decode()
        assert ask("rsa.mjs", body=shown, signature=signature, publicKey=PUBLIC) is taken


def test_dytes_header_is_as_good():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    assert verify_and_parse(SOURCE, InboundRequest({"dyte-signature": signature}, BODY), [PUBLIC]) == []


def test_the_keys_of_both_may_be_secrets_of_one_source():
    assert verify_and_parse(SOURCE, sign(InboundRequest({}, BODY), PRIVATE), [pair("dyte")[1], PUBLIC]) == []


def test_a_good_header_of_dyte_does_not_make_up_for_a_bad_one_of_realtimekit():
    signature = sign(InboundRequest({}, BODY), PRIVATE).headers["rtk-signature"]
    headers = {"rtk-signature": signature[::-1], "dyte-signature": signature}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest(headers, BODY), [PUBLIC])


# What it comes to.


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 0, 60), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(left("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_meeting():
    assert told([*started(0), *came("ann", 0), *ended(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_whoever_was_forgotten_is_gone_when_the_next_session_starts():
    heard = [*came("ghost", 0), *started(300, "s2"), *came("bob", 300, "s2"), *left("bob", 300, 400, "s2")]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_closes_nobody_of_the_next():
    heard = [*came("bob", 100, "s2"), *ended(110, "s1"), *left("bob", 100, 200, "s2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]


def test_a_leave_whose_join_is_the_leave_is_a_leave_all_the_same():
    assert told([*came("ann", 0), *left("ann", 60, 60)]) == [[ANN]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 30), *left("ann-1", 0, 60), *left("ann-2", 30, 90)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]

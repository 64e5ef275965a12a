"""VideoSDK: the stays of its webhooks by the times of receipt, and its own library."""

import base64
import json

import pytest

from headcount import BadInput
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.videosdk import SOURCE, parse, sign
from support.key_pairs import pair
from support.source_payloads import iso, meeting_stays, ms
from support.source_requests import ask

PRIVATE, PUBLIC = pair("videosdk")
BODY = b'{"webhookType":"participant-left","data":{"meetingId":"m","participantId":"a","participantName":"\xc3\x84nn"}}'


def notice(kind, received_at, session="s1", **data):
    body = {"webhookType": kind, "data": {"meetingId": "m", "sessionId": session, **data}}
    return parse(InboundRequest({}, json.dumps(body).encode(), received_at=ms(received_at)))


def join(participant, at, session="s1"):
    return notice("participant-joined", at, session, participantId=participant)


def leave(participant, at, session="s1"):
    return notice("participant-left", at, session, participantId=participant)


def start(at, session="s1"):
    return notice("session-started", at + 1, session, start=iso(at))


def end(at, session="s1", received_at=None):
    return notice("session-ended", received_at or at + 1, session, start=iso(0), end=iso(at))


ANN = ("ann", 0, 60, "reported")


# Its own library.


def asked(signed, body=BODY, key=PUBLIC):
    signature = signed.headers["videosdk-signature"]
    return ask("videosdk.mjs", body=base64.b64encode(body).decode(), signature=signature, publicKey=key)


@pytest.mark.process
def test_videosdks_library_accepts_our_signature():
    assert asked(sign(InboundRequest({}, BODY), PRIVATE)) == {"type": "participant-left"}


@pytest.mark.process
def test_both_sides_reject_a_changed_body():
    signed, changed = sign(InboundRequest({}, BODY), PRIVATE), BODY.replace(b"left", b"lost")
    assert asked(signed, changed) == {"refused": "Webhook signature is invalid."}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, signed._replace(body=changed), [PUBLIC])


@pytest.mark.process
def test_both_sides_reject_another_key():
    signed, other = sign(InboundRequest({}, BODY), PRIVATE), pair("other")[1]
    assert asked(signed, key=other) == {"refused": "Webhook signature is invalid."}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, signed, [other])


# Stays.


def test_joins_and_leaves_have_the_time_of_receipt():
    assert meeting_stays([*join("ann", 0), *leave("ann", 60)]) == [[ANN]]


def test_a_repeated_join_of_a_present_participant_changes_nothing():
    assert meeting_stays([*join("ann", 0), *join("ann", 5), *leave("ann", 60)]) == [[ANN]]


def test_a_repeated_leave_changes_nothing():
    assert meeting_stays([*join("ann", 0), *leave("ann", 60), *leave("ann", 65)]) == [[ANN]]


def test_a_join_that_is_repeated_after_its_leave_is_a_stale_stay_until_the_session_ends():
    """It looks like the return of the participant."""
    events = [*join("ann", 0), *join("bob", 0), *leave("ann", 60), *join("ann", 65)]
    events += [*leave("bob", 120), *end(120)]
    ghost = ("ann", 65, 120, "room_ended")
    assert meeting_stays(events) == [[ANN, ("bob", 0, 120, "reported"), ghost]]


def test_a_participant_who_comes_back_with_the_same_id_has_a_second_stay():
    events = [*join("ann", 0), *join("bob", 0), *leave("ann", 60), *join("ann", 90), *leave("ann", 120)]
    stays = [ANN, ("bob", 0, 120, "reported"), ("ann", 90, 120, "reported")]
    assert meeting_stays([*events, *leave("bob", 120)]) == [stays]


def test_a_lost_leave_is_replaced_by_the_end_of_the_session_at_its_own_time():
    events = [*start(0), *join("ann", 0), *end(90, received_at=600)]
    assert meeting_stays(events) == [[("ann", 0, 90, "room_ended")]]


def test_stale_stays_end_when_the_next_session_starts():
    events = [*join("ghost", 0), *start(300, "s2"), *join("bob", 301, "s2"), *leave("bob", 400, "s2")]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 301, 400, "reported")]]


def test_a_late_end_of_the_last_session_ends_no_stay_of_the_next():
    events = [*join("bob", 100, "s2"), *end(110, "s1"), *leave("bob", 200, "s2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]


def test_a_request_without_a_time_of_receipt_is_rejected():
    with pytest.raises(
        BadInput, match="the time of the event is unknown: it has no time, and no time of receipt is recorded"
    ):
        parse(InboundRequest({}, BODY))

"""VideoSDK: what its webhooks come to at the moments when they come, and its own library."""

import base64
import json

import pytest

from headcount import BadInput
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.videosdk import SOURCE, parse, sign
from support.key_pairs import pair
from support.source_payloads import iso, ms, told
from support.source_requests import ask

PRIVATE, PUBLIC = pair("videosdk")
BODY = b'{"webhookType":"participant-left","data":{"meetingId":"m","participantId":"a","participantName":"\xc3\x84nn"}}'


def notice(kind, received_at, session="s1", **data):
    body = {"webhookType": kind, "data": {"meetingId": "m", "sessionId": session, **data}}
    return parse(InboundRequest({}, json.dumps(body).encode(), received_at=ms(received_at)))


def came(who, at, session="s1"):
    return notice("participant-joined", at, session, participantId=who)


def left(who, at, session="s1"):
    return notice("participant-left", at, session, participantId=who)


def started(at, session="s1"):
    return notice("session-started", at + 1, session, start=iso(at))


def ended(at, session="s1", received_at=None):
    return notice("session-ended", received_at or at + 1, session, start=iso(0), end=iso(at))


ANN = ("ann", 0, 60, "reported")


# Its own library.


def asked(signed, body=BODY, key=PUBLIC):
    signature = signed.headers["videosdk-signature"]
    return ask("videosdk.mjs", body=base64.b64encode(body).decode(), signature=signature, publicKey=key)


def test_videosdks_library_accepts_what_we_sign():
    assert asked(sign(InboundRequest({}, BODY), PRIVATE)) == {"heard": "participant-left"}


def test_both_refuse_a_changed_body():
    signed, changed = sign(InboundRequest({}, BODY), PRIVATE), BODY.replace(b"left", b"lost")
    assert asked(signed, changed) == {"refused": "Webhook signature is invalid."}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, signed._replace(body=changed), [PUBLIC])


def test_both_refuse_another_key():
    signed, other = sign(InboundRequest({}, BODY), PRIVATE), pair("other")[1]
    assert asked(signed, key=other) == {"refused": "Webhook signature is invalid."}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, signed, [other])


# What it comes to.


def test_who_comes_and_goes_is_told_by_our_clock():
    assert told([*came("ann", 0), *left("ann", 60)]) == [[ANN]]


def test_a_join_that_is_repeated_while_they_are_in_changes_nothing():
    assert told([*came("ann", 0), *came("ann", 5), *left("ann", 60)]) == [[ANN]]


def test_a_leave_that_is_repeated_changes_nothing():
    assert told([*came("ann", 0), *left("ann", 60), *left("ann", 65)]) == [[ANN]]


def test_a_join_that_is_repeated_after_the_leave_stays_until_the_session_ends():
    """It cannot be told from somebody who comes back."""
    heard = [*came("ann", 0), *came("bob", 0), *left("ann", 60), *came("ann", 65)]
    heard += [*left("bob", 120), *ended(120)]
    ghost = ("ann", 65, 120, "room_ended")
    assert told(heard) == [[ANN, ("bob", 0, 120, "reported"), ghost]]


def test_somebody_who_comes_back_under_the_same_id_has_a_second_stay():
    heard = [*came("ann", 0), *came("bob", 0), *left("ann", 60), *came("ann", 90), *left("ann", 120)]
    stays = [ANN, ("bob", 0, 120, "reported"), ("ann", 90, 120, "reported")]
    assert told([*heard, *left("bob", 120)]) == [stays]


def test_a_lost_leave_is_told_by_the_end_of_the_session_at_its_own_time():
    heard = [*started(0), *came("ann", 0), *ended(90, received_at=600)]
    assert told(heard) == [[("ann", 0, 90, "room_ended")]]


def test_whoever_was_forgotten_is_gone_when_the_next_session_starts():
    heard = [*came("ghost", 0), *started(300, "s2"), *came("bob", 301, "s2"), *left("bob", 400, "s2")]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 301, 400, "reported")]]


def test_a_late_end_of_the_last_session_closes_nobody_of_the_next():
    heard = [*came("bob", 100, "s2"), *ended(110, "s1"), *left("bob", 200, "s2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]


def test_a_delivery_whose_moment_is_not_known_is_refused():
    with pytest.raises(BadInput, match="the moment when it was received"):
        parse(InboundRequest({}, BODY))

"""Daily: the stays of its webhooks. Daily publishes no code that checks signatures; these follow its formula."""

import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.daily import SOURCE, handshake, parse, sign
from support.source_payloads import meeting_stays, ms

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PROBE = InboundRequest({}, b'{"test":"test"}', received_at=1_767_225_711_500)


def notice(kind, at, **payload):
    body = {
        "type": kind,
        "id": f"{kind}-{payload}",
        "event_ts": ms(at) / 1_000,
        "payload": {"room": "blue"} | payload,
    }
    return parse(InboundRequest({}, json.dumps(body).encode()))


def join(participant, at):
    return notice("participant.joined", at, session_id=participant, joined_at=ms(at) / 1_000)


def leave(participant, since, at):
    return notice(
        "participant.left",
        at,
        session_id=participant,
        joined_at=ms(since) / 1_000,
        duration=round(at - since, 3),
    )


def start(at, meeting="m1"):
    return notice("meeting.started", at, meeting_id=meeting, start_ts=ms(at) / 1_000)


def end(at, meeting="m1"):
    return notice("meeting.ended", at + 20, meeting_id=meeting, end_ts=ms(at) / 1_000)


# How it is known.


def test_our_signature_follows_dailys_formula():
    signed = sign(PROBE, SECRET)
    assert signed.headers["x-webhook-signature"] == "kUUmtaJgkD6ojCgByoCuyLfv9uk3nknOZnkjTyFQkqc="
    assert verify_and_parse(SOURCE, signed, [SECRET]) == []


def test_a_probe_is_answered_with_and_without_a_signature():
    for probe in (PROBE, sign(PROBE, SECRET)):
        SOURCE.verify(probe, [SECRET])
        assert handshake(probe, [SECRET]).body == b"{}"


def test_a_probe_that_is_signed_with_another_secret_is_rejected():
    with pytest.raises(VerificationFailed, match="the same on both sides"):
        verify_and_parse(SOURCE, sign(PROBE, "AAAA"), [SECRET])


def test_only_the_probe_is_accepted_without_a_signature():
    longer = InboundRequest({}, b'{"test":"test","type":"meeting.ended"}')
    assert handshake(longer, [SECRET]) is None
    with pytest.raises(VerificationFailed, match="x-webhook-signature"):
        verify_and_parse(SOURCE, longer, [SECRET])


def test_the_error_for_a_secret_that_is_not_base64_differs_from_that_for_a_wrong_one():
    with pytest.raises(VerificationFailed, match="not base64"):
        verify_and_parse(SOURCE, sign(PROBE, SECRET), ["whsec_no"])


# Stays.

ANN = ("ann", 0, 60.5, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 0, 60.5), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 0, 60.5) * 2]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave("ann", 0, 60.5)) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_meeting():
    assert meeting_stays([*start(0), *join("ann", 0), *end(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_a_participant_who_came_back_before_the_end_was_reported_is_present():
    """The end at 90 is reported at 110; the join at 95 belongs to another meeting of Daily."""
    events = [*join("ann", 0), *leave("ann", 0, 90), *join("bob", 95), *end(90), *leave("bob", 95, 200)]
    assert meeting_stays(events) == [[("ann", 0, 90, "reported")], [("bob", 95, 200, "reported")]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 30), *leave("ann-1", 0, 60), *leave("ann-2", 30, 90)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_stale_stays_end_when_the_next_meeting_starts():
    events = [*join("ghost", 0), *start(300, "m2"), *join("bob", 300), *leave("bob", 300, 400)]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_the_first_participant_stays_when_the_start_is_reported_after_their_join():
    assert meeting_stays([*join("ann", 0), *start(0.4), *leave("ann", 0, 60.5)]) == [[ANN]]

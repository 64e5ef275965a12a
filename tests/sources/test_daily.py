"""Daily: what its webhooks come to. Daily publishes no code that checks them; the signatures are those of its formula."""

import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.daily import SOURCE, handshake, parse, sign
from support.source_payloads import ms, told

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


def came(who, at):
    return notice("participant.joined", at, session_id=who, joined_at=ms(at) / 1_000)


def left(who, since, at):
    return notice(
        "participant.left", at, session_id=who, joined_at=ms(since) / 1_000, duration=round(at - since, 3)
    )


def started(at, meeting="m1"):
    return notice("meeting.started", at, meeting_id=meeting, start_ts=ms(at) / 1_000)


def ended(at, meeting="m1"):
    return notice("meeting.ended", at + 20, meeting_id=meeting, end_ts=ms(at) / 1_000)


# How it is known.


def test_what_we_sign_is_by_dailys_formula():
    signed = sign(PROBE, SECRET)
    assert signed.headers["x-webhook-signature"] == "kUUmtaJgkD6ojCgByoCuyLfv9uk3nknOZnkjTyFQkqc="
    assert verify_and_parse(SOURCE, signed, [SECRET]) == []


def test_a_probe_is_answered_signed_or_not():
    for probe in (PROBE, sign(PROBE, SECRET)):
        SOURCE.verify(probe, [SECRET])
        assert handshake(probe, [SECRET]).body == b"{}"


def test_a_probe_that_is_signed_with_another_secret_is_refused():
    with pytest.raises(VerificationFailed, match="the same on both sides"):
        verify_and_parse(SOURCE, sign(PROBE, "AAAA"), [SECRET])


def test_nothing_but_the_probe_passes_without_a_signature():
    longer = InboundRequest({}, b'{"test":"test","type":"meeting.ended"}')
    assert handshake(longer, [SECRET]) is None
    with pytest.raises(VerificationFailed, match="x-webhook-signature"):
        verify_and_parse(SOURCE, longer, [SECRET])


def test_a_secret_that_is_no_base64_is_told_apart_from_a_false_one():
    with pytest.raises(VerificationFailed, match="not base64"):
        verify_and_parse(SOURCE, sign(PROBE, SECRET), ["whsec_no"])


# What it comes to.

ANN = ("ann", 0, 60.5, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 0, 60.5), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 0, 60.5) * 2]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(left("ann", 0, 60.5)) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_meeting():
    assert told([*started(0), *came("ann", 0), *ended(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_somebody_who_came_back_before_the_end_was_told_is_in():
    """The end is of 90, and told at 110; somebody came at 95: that is another meeting of Daily's."""
    heard = [*came("ann", 0), *left("ann", 0, 90), *came("bob", 95), *ended(90), *left("bob", 95, 200)]
    assert told(heard) == [[("ann", 0, 90, "reported")], [("bob", 95, 200, "reported")]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 30), *left("ann-1", 0, 60), *left("ann-2", 30, 90)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_whoever_was_forgotten_is_gone_when_the_next_meeting_starts():
    heard = [*came("ghost", 0), *started(300, "m2"), *came("bob", 300), *left("bob", 300, 400)]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_the_first_one_stays_when_the_meeting_is_told_to_start_after_them():
    assert told([*came("ann", 0), *started(0.4), *left("ann", 0, 60.5)]) == [[ANN]]

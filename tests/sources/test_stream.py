"""Stream: what its webhooks come to, and Stream's own library on the other side."""

import gzip
import json

import pytest
from getstream.webhook import InvalidWebhookError, verify_and_parse_webhook

from headcount import BadInput
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.stream import SOURCE, parse, sign
from support.source_payloads import iso, ms, told

SECRET = "an-api-secret-of-stream"
USER = {"id": "u", "role": "user", "created_at": 0, "updated_at": 0, "custom": {}, "teams": []}


def body(kind, at, session="s1", **fields):
    told = {"type": kind, "created_at": iso(at), "call_cid": "default:c", "session_id": session}
    return json.dumps(told | fields).encode()


def notice(*args, **fields):
    return parse(InboundRequest({}, body(*args, **fields)))


def participant(who, joined):
    return {"user_session_id": who, "joined_at": iso(joined), "role": "user", "user": USER}


def came(who, at, session="s1"):
    return notice("call.session_participant_joined", at, session, participant=participant(who, at))


def left(who, since, at, session="s1"):
    """As it has been seen: `joined_at` is the moment of the leave."""
    kind = "call.session_participant_left"
    return notice(kind, at, session, participant=participant(who, at), duration_seconds=round(at - since))


def started(at, session="s1"):
    return notice("call.session_started", at, session)


def ended(at, session="s1"):
    return notice("call.session_ended", at, session)


ANN = ("ann", 0, 60, "reported")


# Stream's own library. It reads times that are numbers of nanoseconds; webhooks have been seen with RFC 3339.

NANOS = {"created_at": ms(60) * 10**6, "participant": participant("ann", 0) | {"joined_at": ms(0) * 10**6}}
LEFT = body("call.session_participant_left", 60, duration_seconds=60, **NANOS)


@pytest.mark.filterwarnings("ignore:Missing value of non-optional type")
@pytest.mark.parametrize("sent", [LEFT, gzip.compress(LEFT)], ids=["plain", "packed"])
def test_streams_library_accepts_what_we_sign_and_reads_the_same(sent):
    signed = sign(InboundRequest({}, sent), SECRET)
    parsed = verify_and_parse_webhook(sent, signed.headers["x-signature"], SECRET)
    (heard,) = verify_and_parse(SOURCE, signed, [SECRET])
    assert parsed.participant.user_session_id == heard.event.participant_id
    assert round(parsed.created_at.timestamp() * 1_000) == heard.event.at
    assert round(parsed.participant.joined_at.timestamp() * 1_000) == heard.event.joined_at


def test_a_signature_that_both_of_streams_libraries_took_is_ours():
    signature = "c3fd50d7d556fcf4f9fc047a6ec3e9589f0f455eba72f28626285805930b6f24"
    taken = InboundRequest({}, b'{"type":"call.session_participant_joined"}')
    assert sign(taken, "k").headers["x-signature"] == signature
    SOURCE.verify(taken._replace(headers={"x-signature": signature}), ["k"])


def test_both_refuse_a_changed_body():
    signature = sign(InboundRequest({}, LEFT), SECRET).headers["x-signature"]
    changed = LEFT.replace(b"ann", b"bob")
    with pytest.raises(InvalidWebhookError):
        verify_and_parse_webhook(changed, signature, SECRET)
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest({"x-signature": signature}, changed), [SECRET])


# What is packed.


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(LEFT)[:-4], b"\x1f\x8b", b"\x1f\x8bnothing of gzip", gzip.compress(b" " * 5_000_000)],
    ids=["cut off", "begun", "no gzip", "too large"],
)
def test_what_cannot_be_unpacked_is_refused(packed):
    with pytest.raises(BadInput, match="gzip"):
        parse(InboundRequest({}, packed))
    with pytest.raises(VerificationFailed, match="cannot be seen"):
        verify_and_parse(SOURCE, InboundRequest({"x-signature": "00"}, packed), [SECRET])


# What it comes to.


def test_a_leave_whose_joined_at_is_the_leave_is_a_leave():
    assert told([*came("ann", 0), *left("ann", 0, 60)]) == [[ANN]]


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 0, 60), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(left("ann", 0, 60)) == [[ANN]]


def test_a_duration_in_whole_seconds_moves_no_join_that_is_known():
    """59.6 s are told as 60 s: their join, reckoned from the leave, would be 0.4 s too early."""
    exact = notice(
        "call.session_participant_left", 59.6, participant=participant("ann", 0), duration_seconds=60
    )
    assert told([*came("ann", 0), *exact]) == [[("ann", 0, 59.6, "reported")]]


def test_a_lost_leave_is_told_by_the_end_of_the_session():
    assert told([*started(0), *came("ann", 0), *ended(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_whoever_was_forgotten_is_gone_when_the_next_session_starts():
    heard = [*came("ghost", 0), *started(300, "s2"), *came("bob", 300, "s2"), *left("bob", 300, 400, "s2")]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_closes_nobody_of_the_next():
    heard = [*came("bob", 100, "s2"), *ended(110, "s1"), *left("bob", 100, 200, "s2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 30), *left("ann-1", 0, 60), *left("ann-2", 30, 90)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_delivery_without_a_signature_is_refused():
    with pytest.raises(VerificationFailed, match="X-Signature"):
        verify_and_parse(SOURCE, InboundRequest({}, LEFT, received_at=ms(0)), [SECRET])

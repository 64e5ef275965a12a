"""Stream: the stays of its webhooks, and Stream's own library on the other side."""

import gzip
import json

import pytest
from getstream.webhook import InvalidWebhookError, verify_and_parse_webhook

from headcount import BadInput
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.stream import SOURCE, parse, sign
from support.source_payloads import iso, meeting_stays, ms

SECRET = "an-api-secret-of-stream"
USER = {"id": "u", "role": "user", "created_at": 0, "updated_at": 0, "custom": {}, "teams": []}


def body(kind, at, session="s1", **fields):
    common = {"type": kind, "created_at": iso(at), "call_cid": "default:c", "session_id": session}
    return json.dumps(common | fields).encode()


def notice(*args, **fields):
    return parse(InboundRequest({}, body(*args, **fields)))


def connection(name, joined):
    return {"user_session_id": name, "joined_at": iso(joined), "role": "user", "user": USER}


def join(participant, at, session="s1"):
    return notice("call.session_participant_joined", at, session, participant=connection(participant, at))


def leave(participant, since, at, session="s1"):
    """As in real webhooks: `joined_at` is the time of the leave."""
    kind = "call.session_participant_left"
    return notice(
        kind, at, session, participant=connection(participant, at), duration_seconds=round(at - since)
    )


def start(at, session="s1"):
    return notice("call.session_started", at, session)


def end(at, session="s1"):
    return notice("call.session_ended", at, session)


ANN = ("ann", 0, 60, "reported")


# Stream's own library. It reads times that are numbers of nanoseconds; webhooks have been seen with RFC 3339.

NANOS = {"created_at": ms(60) * 10**6, "participant": connection("ann", 0) | {"joined_at": ms(0) * 10**6}}
LEFT = body("call.session_participant_left", 60, duration_seconds=60, **NANOS)


@pytest.mark.filterwarnings("ignore:Missing value of non-optional type")
@pytest.mark.parametrize("sent", [LEFT, gzip.compress(LEFT)], ids=["plain", "packed"])
def test_streams_library_accepts_our_signature_and_parses_the_same(sent):
    signed = sign(InboundRequest({}, sent), SECRET)
    parsed = verify_and_parse_webhook(sent, signed.headers["x-signature"], SECRET)
    (events,) = verify_and_parse(SOURCE, signed, [SECRET])
    assert parsed.participant.user_session_id == events.event.participant_id
    assert round(parsed.created_at.timestamp() * 1_000) == events.event.at
    assert round(parsed.participant.joined_at.timestamp() * 1_000) == events.event.joined_at


def test_our_signature_equals_that_of_both_libraries_of_stream():
    signature = "c3fd50d7d556fcf4f9fc047a6ec3e9589f0f455eba72f28626285805930b6f24"
    request = InboundRequest({}, b'{"type":"call.session_participant_joined"}')
    assert sign(request, "k").headers["x-signature"] == signature
    SOURCE.verify(request._replace(headers={"x-signature": signature}), ["k"])


def test_both_sides_reject_a_changed_body():
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
def test_a_body_that_cannot_be_decompressed_is_rejected(packed):
    with pytest.raises(BadInput, match="gzip"):
        parse(InboundRequest({}, packed))
    with pytest.raises(VerificationFailed, match="cannot be seen"):
        verify_and_parse(SOURCE, InboundRequest({"x-signature": "00"}, packed), [SECRET])


# Stays.


def test_a_leave_whose_joined_at_is_the_leave_time_ends_the_stay():
    assert meeting_stays([*join("ann", 0), *leave("ann", 0, 60)]) == [[ANN]]


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 0, 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave("ann", 0, 60)) == [[ANN]]


def test_a_duration_in_whole_seconds_does_not_move_a_known_join():
    """59.6 s are reported as 60 s: a join computed from the leave would be 0.4 s too early."""
    exact = notice(
        "call.session_participant_left", 59.6, participant=connection("ann", 0), duration_seconds=60
    )
    assert meeting_stays([*join("ann", 0), *exact]) == [[("ann", 0, 59.6, "reported")]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_session():
    assert meeting_stays([*start(0), *join("ann", 0), *end(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_stale_stays_end_when_the_next_session_starts():
    events = [*join("ghost", 0), *start(300, "s2"), *join("bob", 300, "s2"), *leave("bob", 300, 400, "s2")]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_ends_no_stay_of_the_next():
    events = [*join("bob", 100, "s2"), *end(110, "s1"), *leave("bob", 100, 200, "s2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 30), *leave("ann-1", 0, 60), *leave("ann-2", 30, 90)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_request_without_a_signature_is_rejected():
    with pytest.raises(VerificationFailed, match="X-Signature"):
        verify_and_parse(SOURCE, InboundRequest({}, LEFT, received_at=ms(0)), [SECRET])

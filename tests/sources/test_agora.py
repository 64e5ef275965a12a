"""Agora: the stays of its notifications, in any order."""

import json

import pytest

from headcount.sources.agora import SOURCE, parse, sign
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from support.source_payloads import NOON, meeting_stays, ms

# The example of Agora's own documents: its body, its secret and its signature.
EXAMPLE = (
    b'{"eventMs":1560408533119,"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f",'
    b'"notifyMs":1560408533119,"payload":{"a":"1","b":2},"productId":1}'
)
EXAMPLES_SIGNATURE = "033c62f40f687675f17f0f41f91a40c71c0f134c"


def notice(kind, at, sent=0, **payload):
    about = {"channelName": "c", "ts": NOON + at, **payload}
    body = {
        "eventType": kind,
        "productId": 1,
        "noticeId": f"{kind}:{at}:{payload}",
        "notifyMs": ms(at + sent),
    }
    return parse(InboundRequest({}, json.dumps(body | {"payload": about}).encode()))


def join(uid, at):
    return notice(107, at, uid=uid)


def leave(uid, since, at):
    return notice(108, at, uid=uid, duration=at - since, reason=1)


ANN = ("1", 0, 60, "reported")


# The signature.


def test_our_signature_equals_the_example_of_agoras_documentation():
    assert sign(InboundRequest({}, EXAMPLE), "secret").headers["agora-signature"] == EXAMPLES_SIGNATURE


def test_the_older_signature_alone_is_accepted():
    assert (
        verify_and_parse(SOURCE, InboundRequest({"agora-signature": EXAMPLES_SIGNATURE}, EXAMPLE), ["secret"])
        == []
    )


def test_a_valid_older_signature_does_not_excuse_an_invalid_newer_one():
    headers = {"agora-signature": EXAMPLES_SIGNATURE, "agora-signature-v2": "0" * 64}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest(headers, EXAMPLE), ["secret"])


@pytest.mark.parametrize("at", range(0, len(EXAMPLE), 7))
def test_changing_any_byte_invalidates_the_signature(at):
    changed = EXAMPLE[:at] + bytes([EXAMPLE[at] ^ 1]) + EXAMPLE[at + 1 :]
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest({"agora-signature": EXAMPLES_SIGNATURE}, changed), ["secret"])


# Stays.


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave(1, 0, 60), *join(1, 0)]) == [[ANN]]


def test_a_repeated_notification_changes_nothing():
    again = notice(107, 0, sent=9, uid=1)
    assert meeting_stays([*join(1, 0), *again, *leave(1, 0, 60), *leave(1, 0, 60)]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave(1, 0, 60)) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_channel():
    assert meeting_stays([*notice(101, 0), *join(1, 0), *notice(102, 90)]) == [[("1", 0, 90, "room_ended")]]


def test_stale_stays_end_when_the_channel_starts_again():
    events = [*join(1, 0), *notice(101, 300), *join(2, 300), *leave(2, 300, 400)]
    assert meeting_stays(events) == [[("1", 0, 295, "room_restarted")], [("2", 300, 400, "reported")]]


def test_a_participant_who_comes_back_later_has_a_second_stay():
    events = [*join(1, 0), *join(2, 0), *leave(1, 0, 60), *join(1, 80), *leave(1, 80, 120), *leave(2, 0, 120)]
    assert meeting_stays(events) == [
        [("1", 0, 60, "reported"), ("2", 0, 120, "reported"), ("1", 80, 120, "reported")]
    ]


def test_a_return_within_a_second_continues_the_stay():
    assert meeting_stays([*join(1, 0), *leave(1, 0, 30), *join(1, 30), *leave(1, 30, 60)]) == [[ANN]]


def test_a_channel_that_ends_and_starts_within_a_second_keeps_its_new_stays():
    events = [*join(1, 0), *join(2, 60), *notice(102, 60), *leave(2, 60, 120)]
    assert meeting_stays(events) == [[("1", 0, 60, "room_ended"), ("2", 60, 120, "reported")]]


def test_a_leave_with_a_duration_of_zero_ends_the_stay():
    assert meeting_stays([*join(1, 0), *notice(108, 60, uid=1, duration=0)]) == [[ANN]]


def test_a_guest_who_becomes_a_host_has_one_stay():
    events = [*notice(105, 0, uid=1), *notice(111, 20, uid=1), *notice(104, 60, uid=1, duration=60)]
    assert meeting_stays(events) == [[ANN]]

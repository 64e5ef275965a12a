"""Agora: what its notifications come to, in any order."""

import json

import pytest

from headcount.sources.agora import SOURCE, parse, sign
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from support.source_payloads import NOON, ms, told

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


def came(uid, at):
    return notice(107, at, uid=uid)


def went(uid, since, at):
    return notice(108, at, uid=uid, duration=at - since, reason=1)


ANN = ("1", 0, 60, "reported")


# The signature.


def test_we_sign_as_agoras_documents_do():
    assert sign(InboundRequest({}, EXAMPLE), "secret").headers["agora-signature"] == EXAMPLES_SIGNATURE


def test_the_older_signature_alone_is_enough():
    assert (
        verify_and_parse(SOURCE, InboundRequest({"agora-signature": EXAMPLES_SIGNATURE}, EXAMPLE), ["secret"])
        == []
    )


def test_a_good_older_signature_does_not_make_up_for_a_bad_newer_one():
    headers = {"agora-signature": EXAMPLES_SIGNATURE, "agora-signature-v2": "0" * 64}
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest(headers, EXAMPLE), ["secret"])


@pytest.mark.parametrize("at", range(0, len(EXAMPLE), 7))
def test_any_other_byte_makes_another_signature(at):
    changed = EXAMPLE[:at] + bytes([EXAMPLE[at] ^ 1]) + EXAMPLE[at + 1 :]
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, InboundRequest({"agora-signature": EXAMPLES_SIGNATURE}, changed), ["secret"])


# What it comes to.


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*went(1, 0, 60), *came(1, 0)]) == [[ANN]]


def test_a_notice_that_is_sent_again_counts_once():
    again = notice(107, 0, sent=9, uid=1)
    assert told([*came(1, 0), *again, *went(1, 0, 60), *went(1, 0, 60)]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(went(1, 0, 60)) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_channel():
    assert told([*notice(101, 0), *came(1, 0), *notice(102, 90)]) == [[("1", 0, 90, "room_ended")]]


def test_whoever_was_forgotten_is_gone_when_the_channel_begins_anew():
    heard = [*came(1, 0), *notice(101, 300), *came(2, 300), *went(2, 300, 400)]
    assert told(heard) == [[("1", 0, 295, "superseded")], [("2", 300, 400, "reported")]]


def test_somebody_who_comes_back_later_has_a_second_stay():
    heard = [*came(1, 0), *came(2, 0), *went(1, 0, 60), *came(1, 80), *went(1, 80, 120), *went(2, 0, 120)]
    assert told(heard) == [[("1", 0, 60, "reported"), ("2", 0, 120, "reported"), ("1", 80, 120, "reported")]]


def test_somebody_who_comes_back_within_the_second_was_there_all_along():
    assert told([*came(1, 0), *went(1, 0, 30), *came(1, 30), *went(1, 30, 60)]) == [[ANN]]


def test_a_channel_that_ends_and_begins_within_the_second_keeps_the_new_ones():
    heard = [*came(1, 0), *came(2, 60), *notice(102, 60), *went(2, 60, 120)]
    assert told(heard) == [[("1", 0, 60, "room_ended"), ("2", 60, 120, "reported")]]


def test_a_leave_whose_duration_is_nothing_is_a_leave_all_the_same():
    assert told([*came(1, 0), *notice(108, 60, uid=1, duration=0)]) == [[ANN]]


def test_a_guest_who_becomes_a_host_has_one_stay():
    heard = [*notice(105, 0, uid=1), *notice(111, 20, uid=1), *notice(104, 60, uid=1, duration=60)]
    assert told(heard) == [[ANN]]

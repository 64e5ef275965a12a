"""Twilio: what its callbacks come to, and Twilio's own libraries on the other side."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from headcount.sources import fields
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.twilio import SOURCE, parse, sign
from support.source_payloads import iso, told
from support.source_requests import ask

SECRET = "twilio-auth-token"
URL = "https://headcount.example/v1/ingest/twilio/TOKEN?src=1"
TWILIO = RequestValidator(SECRET)
FORMAT = {
    "AccountSid": "ACe4c1d2b3a4958677",
    "RoomName": "Montag früh & spät",
    "RoomSid": "RM1",
    "RoomStatus": "in-progress",
    "ParticipantSid": "PA1",
    "ParticipantIdentity": "Zoë +1",
    "StatusCallbackEvent": "participant-connected",
    "Timestamp": "2026-03-02T09:01:01.345Z",
    "SequenceNumber": "1",
    "Empty": "",
}  # fmt: skip


def request(form, signature=None, url=URL, **headers):
    signed = {} if signature is None else {"x-twilio-signature": signature}
    return InboundRequest(signed | headers, urlencode(form).encode(), url)


def notice(event, at, session="RM1", **more):
    form = {"StatusCallbackEvent": event, "RoomName": "r", "RoomSid": session, "Timestamp": iso(at), **more}
    return parse(request(form))


def came(who, at, session="RM1"):
    return notice("participant-connected", at, session, ParticipantSid=who)


def left(who, at, length=None, session="RM1"):
    known = {} if length is None else {"ParticipantDuration": length}
    return notice("participant-disconnected", at, session, ParticipantSid=who, **known)


# Twilio's own libraries.


@given(st.dictionaries(st.text(), st.text()))
def test_what_twilios_python_signs_is_genuine(form):
    hear_only(request(form, TWILIO.compute_signature(URL, form)))


@given(st.dictionaries(st.text(), st.text()))
def test_twilios_python_accepts_what_we_sign(form):
    assert TWILIO.validate(URL, form, sign(request(form), SECRET).headers["x-twilio-signature"])


def hear_only(signed, secrets=(SECRET,)):
    SOURCE.verify(signed, secrets)


@pytest.mark.parametrize(
    ("told_to_twilio", "seen_by_us"),
    [
        ("https://headcount.example/t", "https://headcount.example:443/t"),
        ("https://headcount.example:443/t", "https://headcount.example/t"),
        ("http://headcount.example:80/t", "http://headcount.example/t"),
        ("https://headcount.example:8443/t", "https://headcount.example:8443/t"),
    ],
)
def test_the_port_may_be_in_the_address_or_not(told_to_twilio, seen_by_us):
    hear_only(request(FORMAT, TWILIO.compute_signature(told_to_twilio, FORMAT), seen_by_us))


def test_a_shared_key_signs_with_sha_256():
    settings = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"}
    signature = TWILIO.compute_signature(URL, FORMAT, "HMAC_SHA256")
    hear_only(request(FORMAT, signature, **settings))
    with pytest.raises(VerificationFailed):
        hear_only(request(FORMAT, signature))


def test_a_field_that_comes_twice_counts_with_both_values():
    class Both(dict):
        def getlist(self, name):
            return ["2", "1"] if name == "x" else [self[name]]

    signature = TWILIO.compute_signature(URL, Both(FORMAT, x=""))
    hear_only(request([*FORMAT.items(), ("x", "2"), ("x", "1")], signature))


def in_twilios_javascript(signed, url=URL):
    asked = {"token": SECRET, "signature": signed.headers["x-twilio-signature"], "url": url}
    return ask("twilio.mjs", **asked, params=dict(fields.parse_form(signed.body)))["genuine"]


def test_twilios_javascript_accepts_what_we_sign_and_refuses_what_we_refuse():
    signed = sign(request(FORMAT), SECRET)
    assert in_twilios_javascript(signed)
    elsewhere = URL.replace("src=1", "src=2")
    changed = signed._replace(body=signed.body.replace(b"PA1", b"PA2"))
    assert not in_twilios_javascript(signed, elsewhere)
    assert not in_twilios_javascript(changed)
    for refused in (signed._replace(url=elsewhere), changed):
        with pytest.raises(VerificationFailed, match="the same on both sides"):
            verify_and_parse(SOURCE, refused, [SECRET])


# What it comes to.

ANN = ("ann", 0, 60.5, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 60.5, 60), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 60.5, 60) * 2]) == [[ANN]]


@pytest.mark.parametrize("length", [60, 61])
def test_whole_seconds_move_no_join_that_is_known(length):
    """Cut off or rounded: 60.5 s."""
    assert told([*came("ann", 0), *left("ann", 60.5, length)]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave_a_second_late():
    assert told(left("ann", 60.5, 60)) == [[("ann", 1.5, 60.5, "reported")]]


def test_a_stay_of_no_length_does_not_undo_the_leave():
    assert told([*came("ann", 0), *left("ann", 60.5, 0)]) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_room():
    assert told([*came("ann", 0), *notice("room-ended", 90)]) == [[("ann", 0, 90, "room_ended")]]


def test_somebody_who_connects_again_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 30), *left("ann-1", 30, 30), *left("ann-2", 90, 60)]
    assert told(heard) == [[("ann-1", 0, 30, "reported"), ("ann-2", 30, 90, "reported")]]


def test_whoever_was_forgotten_is_gone_when_the_next_room_is_created():
    heard = [*came("ghost", 0), *notice("room-created", 300, "RM2"), *came("bob", 300, "RM2")]
    heard += left("bob", 400, 100, "RM2")
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_room_closes_nobody_of_the_next():
    heard = [*came("bob", 100, "RM2"), *notice("room-ended", 110), *left("bob", 200, 100, "RM2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]

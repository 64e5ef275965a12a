"""Twilio: the stays of its callbacks, and Twilio's own libraries on the other side."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from headcount.sources import fields
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.twilio import SOURCE, parse, sign
from support.source_payloads import iso, meeting_stays
from support.source_requests import ask

SECRET = "twilio-auth-token"
URL = "https://headcount.example/v1/ingest/twilio/TOKEN?src=1"
TWILIO = RequestValidator(SECRET)
FORM = {
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


def join(participant, at, session="RM1"):
    return notice("participant-connected", at, session, ParticipantSid=participant)


def leave(participant, at, length=None, session="RM1"):
    known = {} if length is None else {"ParticipantDuration": length}
    return notice("participant-disconnected", at, session, ParticipantSid=participant, **known)


# Twilio's own libraries.


@given(st.dictionaries(st.text(), st.text()))
def test_a_signature_of_twilios_python_library_is_accepted(form):
    verify(request(form, TWILIO.compute_signature(URL, form)))


@given(st.dictionaries(st.text(), st.text()))
def test_twilios_python_library_accepts_our_signature(form):
    assert TWILIO.validate(URL, form, sign(request(form), SECRET).headers["x-twilio-signature"])


def verify(signed, secrets=(SECRET,)):
    SOURCE.verify(signed, secrets)


@pytest.mark.parametrize(
    ("address_at_twilio", "address_here"),
    [
        ("https://headcount.example/t", "https://headcount.example:443/t"),
        ("https://headcount.example:443/t", "https://headcount.example/t"),
        ("http://headcount.example:80/t", "http://headcount.example/t"),
        ("https://headcount.example:8443/t", "https://headcount.example:8443/t"),
    ],
)
def test_the_port_in_the_address_is_optional(address_at_twilio, address_here):
    verify(request(FORM, TWILIO.compute_signature(address_at_twilio, FORM), address_here))


def test_a_shared_key_signs_with_sha_256():
    settings = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1, algorithm=HMAC_SHA256"}
    signature = TWILIO.compute_signature(URL, FORM, "HMAC_SHA256")
    verify(request(FORM, signature, **settings))
    with pytest.raises(VerificationFailed):
        verify(request(FORM, signature))


def test_a_repeated_field_is_signed_with_both_values():
    class Both(dict):
        def getlist(self, name):
            return ["2", "1"] if name == "x" else [self[name]]

    signature = TWILIO.compute_signature(URL, Both(FORM, x=""))
    verify(request([*FORM.items(), ("x", "2"), ("x", "1")], signature))


def in_twilios_javascript(signed, url=URL):
    asked = {"token": SECRET, "signature": signed.headers["x-twilio-signature"], "url": url}
    return ask("twilio.mjs", **asked, params=dict(fields.parse_form(signed.body)))["genuine"]


@pytest.mark.process
def test_twilios_javascript_library_accepts_and_rejects_what_we_do():
    signed = sign(request(FORM), SECRET)
    assert in_twilios_javascript(signed)
    elsewhere = URL.replace("src=1", "src=2")
    changed = signed._replace(body=signed.body.replace(b"PA1", b"PA2"))
    assert not in_twilios_javascript(signed, elsewhere)
    assert not in_twilios_javascript(changed)
    for refused in (signed._replace(url=elsewhere), changed):
        with pytest.raises(VerificationFailed, match="the same on both sides"):
            verify_and_parse(SOURCE, refused, [SECRET])


# Stays.

ANN = ("ann", 0, 60.5, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 60.5, 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 60.5, 60) * 2]) == [[ANN]]


@pytest.mark.parametrize("length", [60, 61])
def test_a_duration_in_whole_seconds_does_not_move_a_known_join(length):
    """Cut off or rounded: 60.5 s."""
    assert meeting_stays([*join("ann", 0), *leave("ann", 60.5, length)]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave_a_second_late():
    assert meeting_stays(leave("ann", 60.5, 60)) == [[("ann", 1.5, 60.5, "reported")]]


def test_a_stay_of_no_length_does_not_undo_the_leave():
    assert meeting_stays([*join("ann", 0), *leave("ann", 60.5, 0)]) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_room():
    assert meeting_stays([*join("ann", 0), *notice("room-ended", 90)]) == [[("ann", 0, 90, "room_ended")]]


def test_a_participant_who_connects_again_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 30), *leave("ann-1", 30, 30), *leave("ann-2", 90, 60)]
    assert meeting_stays(events) == [[("ann-1", 0, 30, "reported"), ("ann-2", 30, 90, "reported")]]


def test_stale_stays_end_when_the_next_room_is_created():
    events = [*join("ghost", 0), *notice("room-created", 300, "RM2"), *join("bob", 300, "RM2")]
    events += leave("bob", 400, 100, "RM2")
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_room_ends_no_stay_of_the_next():
    events = [*join("bob", 100, "RM2"), *notice("room-ended", 110), *leave("bob", 200, 100, "RM2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]

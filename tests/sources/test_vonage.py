"""Vonage: the stays of session monitoring, and tokens that its own library checks."""

import json

import jwt
import pytest
from vonage_jwt import verify_signature

from headcount.kernel.attributes import values_of
from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.vonage import SOURCE, parse, parse_data, sign
from support.source_payloads import meeting_stays, ms

SECRET = "a-signature-secret-of-vonage-long-enough"
DELIVERY = InboundRequest(
    {"content-type": "application/json"}, b'{"event":"streamCreated"}', received_at=ms(0)
)


def notice(event, at, connection=None):
    body = {"event": event, "sessionId": "s", "projectId": "1", "timestamp": ms(at)}
    return parse(InboundRequest({}, json.dumps(body | (connection or {})).encode()))


def join(participant, at):
    """Return a leave that is reported 0.2 seconds late."""
    return notice("connectionCreated", at + 0.2, {"connection": {"id": participant, "createdAt": ms(at)}})


def leave(participant, since, at):
    return notice("connectionDestroyed", at, {"connection": {"id": participant, "createdAt": ms(since)}})


def created(at):
    return notice("sessionCreated", at)


def destroyed(at):
    return notice("sessionDestroyed", at)


def authorized(token):
    return DELIVERY._replace(headers={"authorization": f"Bearer {token}"})


ANN = ("ann", 0, 60, "reported")


# Its own library.


def test_vonages_library_accepts_our_signature():
    _, _, token = sign(DELIVERY, SECRET).headers["authorization"].partition(" ")
    assert verify_signature(token, SECRET)
    assert not verify_signature(token, SECRET + "!")


def test_a_token_of_another_body_is_rejected_although_vonages_library_accepts_it():
    signed = sign(DELIVERY, SECRET)
    _, _, token = signed.headers["authorization"].partition(" ")
    assert verify_signature(token, SECRET)
    with pytest.raises(VerificationFailed, match="is not valid"):
        verify_and_parse(SOURCE, signed._replace(body=b'{"event":"sessionDestroyed"}'), [SECRET])


def test_a_token_without_a_hash_is_rejected():
    token = jwt.encode({"iss": "Vonage", "api_key": "1"}, SECRET, algorithm="HS256")
    assert verify_signature(token, SECRET)
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, authorized(token), [SECRET])


def test_an_unsigned_token_is_rejected():
    token = jwt.encode({"payload_hash": "0"}, "", algorithm="none")
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, authorized(token), [SECRET])


def test_an_uppercase_hash_is_accepted():
    claims = jwt.decode(sign(DELIVERY, SECRET).headers["authorization"][7:], SECRET, ["HS256"])
    claims["payload_hash"] = claims["payload_hash"].upper()
    assert verify_and_parse(SOURCE, authorized(jwt.encode(claims, SECRET, algorithm="HS256")), [SECRET]) == []


def test_a_callback_that_is_retried_an_hour_later_is_accepted():
    assert verify_and_parse(SOURCE, sign(DELIVERY, SECRET)._replace(received_at=ms(3_600)), [SECRET]) == []


def test_a_callback_without_a_token_is_rejected():
    with pytest.raises(VerificationFailed, match="switch secure callbacks on"):
        verify_and_parse(SOURCE, DELIVERY, [SECRET])


# Who it is.


@pytest.mark.parametrize(
    ("data", "user"),
    [
        (None, (None, None)),
        ("  ", (None, None)),
        ("ann@example.org", ("ann@example.org", None)),
        ("Ann Other", ("Ann Other", None)),
        ('{"userId":"u1","name":"Ann"}', ("u1", "Ann")),
        ('{"id":7}', ("7", None)),
        ('{"name":"Ann"}', (None, "Ann")),
        ('{"userId":{"nested":1},"id":"u1"}', ("u1", None)),
        ('{"userId":true}', ('{"userId":true}', None)),
        ('["u1"]', ('["u1"]', None)),
        ("name=Ann", (None, "Ann")),
        ("userId=7&name=Ann Other", ("7", "Ann Other")),
        ("userLevel=4", ("userLevel=4", None)),
        ("a\0nn", ("ann", None)),
        ("[" * 100_000, ("[" * 512, None)),
    ],
    ids=repr,
)
def test_the_user_is_parsed_from_the_data(data, user):
    assert parse_data(data)[:2] == user


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        ('{"userId":"u1","name":"Ann","role":"teacher","seat":7}', {"role": "teacher", "seat": 7}),
        ({"id": 7, "customer": "acme"}, {"customer": "acme"}),
        ('{"id":7,"username":"ann"}', {}),
        ('{"seat":7,"tags":["a"]}', {"seat": 7}),
        ("userId=7&seat=7", {"seat": "7"}),
        ("seat=7", {}),
        ("https://example.org/?a=1&b=2", {}),
        (None, {}),
    ],
    ids=repr,
)
def test_what_the_data_has_besides_the_user_are_attributes(data, attributes):
    assert values_of(parse_data(data)[2]) == attributes


# Stays.


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 0, 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_session():
    assert meeting_stays([*created(0.2), *join("ann", 0), *destroyed(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_the_first_participant_stays_when_the_session_is_created_after_their_join():
    assert meeting_stays([*join("ann", 0), *created(0.2)], as_of=60) == [[("ann", 0, None, None)]]


def test_stale_stays_end_when_the_session_is_created_again():
    events = [*join("ghost", 0), *created(300), *join("bob", 300), *leave("bob", 300, 400)]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("ann-1", 0), *join("ann-2", 55), *leave("ann-1", 0, 60), *leave("ann-2", 55, 120)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 55, 120, "reported")]]

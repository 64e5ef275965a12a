"""Vonage: what session monitoring comes to, and tokens that its own library looks at."""

import json

import jwt
import pytest
from vonage_jwt import verify_signature

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.vonage import SOURCE, parse, parse_user, sign
from support.source_payloads import ms, told

SECRET = "a-signature-secret-of-vonage-long-enough"
DELIVERY = InboundRequest(
    {"content-type": "application/json"}, b'{"event":"streamCreated"}', received_at=ms(0)
)


def notice(event, at, connection=None):
    body = {"event": event, "sessionId": "s", "projectId": "1", "timestamp": ms(at)}
    return parse(InboundRequest({}, json.dumps(body | (connection or {})).encode()))


def came(who, at):
    """It is told 0.2 seconds after it was."""
    return notice("connectionCreated", at + 0.2, {"connection": {"id": who, "createdAt": ms(at)}})


def went(who, since, at):
    return notice("connectionDestroyed", at, {"connection": {"id": who, "createdAt": ms(since)}})


def created(at):
    return notice("sessionCreated", at)


def destroyed(at):
    return notice("sessionDestroyed", at)


def authorized(token):
    return DELIVERY._replace(headers={"authorization": f"Bearer {token}"})


ANN = ("ann", 0, 60, "reported")


# Its own library.


def test_vonages_library_accepts_what_we_sign():
    _, _, token = sign(DELIVERY, SECRET).headers["authorization"].partition(" ")
    assert verify_signature(token, SECRET)
    assert not verify_signature(token, SECRET + "!")


def test_a_token_of_another_body_is_refused_though_vonages_library_takes_it():
    signed = sign(DELIVERY, SECRET)
    _, _, token = signed.headers["authorization"].partition(" ")
    assert verify_signature(token, SECRET)
    with pytest.raises(VerificationFailed, match="does not fit"):
        verify_and_parse(SOURCE, signed._replace(body=b'{"event":"sessionDestroyed"}'), [SECRET])


def test_a_token_without_a_hash_is_refused():
    token = jwt.encode({"iss": "Vonage", "api_key": "1"}, SECRET, algorithm="HS256")
    assert verify_signature(token, SECRET)
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, authorized(token), [SECRET])


def test_a_token_that_nobody_signed_is_refused():
    token = jwt.encode({"payload_hash": "0"}, "", algorithm="none")
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, authorized(token), [SECRET])


def test_a_hash_in_capitals_is_the_same_hash():
    claims = jwt.decode(sign(DELIVERY, SECRET).headers["authorization"][7:], SECRET, ["HS256"])
    claims["payload_hash"] = claims["payload_hash"].upper()
    assert verify_and_parse(SOURCE, authorized(jwt.encode(claims, SECRET, algorithm="HS256")), [SECRET]) == []


def test_a_callback_that_is_tried_again_an_hour_later_is_taken():
    assert verify_and_parse(SOURCE, sign(DELIVERY, SECRET)._replace(received_at=ms(3_600)), [SECRET]) == []


def test_without_secure_callbacks_nothing_is_read():
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
def test_what_of_the_data_is_the_user(data, user):
    assert parse_user(data) == user


# What it comes to.


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*went("ann", 0, 60), *came("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*came("ann", 0) * 3, *went("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(went("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_session():
    assert told([*created(0.2), *came("ann", 0), *destroyed(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_the_first_one_is_in_although_the_session_is_created_after_them():
    assert told([*came("ann", 0), *created(0.2)], as_of=60) == [[("ann", 0, None, None)]]


def test_whoever_was_forgotten_is_gone_when_the_session_is_created_anew():
    heard = [*came("ghost", 0), *created(300), *came("bob", 300), *went("bob", 300, 400)]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*came("ann-1", 0), *came("ann-2", 55), *went("ann-1", 0, 60), *went("ann-2", 55, 120)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 55, 120, "reported")]]

"""Zoom: the stays of its webhooks, and Zoom's own receiver on the other side."""

import json
from pathlib import Path

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.zoom import SOURCE, handshake, parse, sign
from support.golden_payloads import request_of
from support.source_payloads import iso, meeting_stays, ms
from support.source_requests import ask

SECRET = "zoom-secret-token"
GOLDEN = Path(__file__).parent / "zoom"
VALIDATION = InboundRequest(
    {}, b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
)
ANSWER = {
    "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
    "encryptedToken": "d9e0d764a78494688ba3f2d5c0ed4ca311394b4834d959759213424d2df961e3",
}


def notice(event, at, uuid="u1", **about):
    meeting = {"id": "123", "uuid": uuid, **about}
    body = {"event": f"meeting.{event}", "event_ts": ms(at) + 400, "payload": {"object": meeting}}
    return parse(InboundRequest({}, json.dumps(body).encode()))


def join(connection, at, uuid="u1"):
    participant = {"user_id": connection, "user_name": "Ann", "join_time": iso(at)}
    return notice("participant_joined", at, uuid, participant=participant)


def leave(connection, at, uuid="u1"):
    participant = {"user_id": connection, "user_name": "Ann", "leave_time": iso(at)}
    return notice("participant_left", at, uuid, participant=participant)


def start(at, uuid="u1"):
    return notice("started", at, uuid, start_time=iso(at))


def end(at, uuid="u1"):
    return notice("ended", at, uuid, end_time=iso(at))


# Zoom's own receiver.


def zooms_receiver(request, secret=SECRET):
    return ask("zoom.mjs", body=request.body.decode(), headers=dict(request.headers), secret=secret)


@pytest.mark.parametrize("name", ["joined", "ended", "joined-signed", "recording-completed"])
@pytest.mark.process
def test_zooms_receiver_accepts_our_signature(name):
    request = request_of(json.loads((GOLDEN / f"{name}.json").read_text()))
    assert zooms_receiver(sign(request, SECRET))["status"] == 200


@pytest.mark.process
def test_zooms_receiver_accepts_the_signatures_of_our_golden_files():
    request = request_of(json.loads((GOLDEN / "joined-signed.json").read_text()))
    assert zooms_receiver(request)["status"] == 200


@pytest.mark.parametrize("change", ["body", "signature", "time"])
@pytest.mark.process
def test_zooms_receiver_and_we_reject_the_same_requests(change):
    signed = sign(SOURCE.samples(ms(0))[0], SECRET)
    headers = dict(signed.headers)
    match change:
        case "body":
            changed = signed._replace(body=signed.body.replace(b"Headcount", b"Headc0unt"))
        case "signature":
            changed = signed._replace(headers=headers | {"x-zm-signature": "v0=" + "0" * 64})
        case _:
            changed = signed._replace(headers=headers | {"x-zm-request-timestamp": "1767225602"})
    assert zooms_receiver(changed)["status"] == 400
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, changed, [SECRET])


@pytest.mark.process
def test_our_proof_of_the_secret_equals_that_of_zooms_receiver():
    signed = sign(VALIDATION._replace(received_at=ms(0)), SECRET)
    SOURCE.verify(signed, [SECRET])
    ours = json.loads(handshake(signed, [SECRET]).body)
    assert ours == ANSWER
    assert zooms_receiver(signed) == {"status": 200, "body": ours}


def test_the_proof_is_made_with_the_secret_that_signed_the_challenge():
    signed = sign(VALIDATION, SECRET)
    assert json.loads(handshake(signed, ["new", SECRET]).body) == ANSWER


def test_only_a_validation_is_answered():
    for body in (
        b"{}",
        b"no",
        b'{"event":"endpoint.url_validation","payload":{}}',
        SOURCE.samples(ms(0))[0].body,
    ):
        assert handshake(sign(InboundRequest({}, body), SECRET), [SECRET]) is None


def test_a_request_that_is_an_hour_old_is_accepted_because_zoom_retries_that_long():
    signed = sign(SOURCE.samples(ms(0))[0], SECRET)
    assert verify_and_parse(SOURCE, signed._replace(received_at=ms(3_600)), [SECRET])


# Stays.

ANN = ("u1:16", 0, 60, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("16", 60), *join("16", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*join("16", 0) * 3, *leave("16", 60) * 2]) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_meeting():
    assert meeting_stays([*start(0), *join("16", 0), *end(90)]) == [[("u1:16", 0, 90, "room_ended")]]


def test_a_lost_join_cannot_be_restored():
    assert meeting_stays(leave("16", 60)) == []


def test_a_breakout_room_is_part_of_its_meeting_in_either_order_of_events():
    away, there = leave("16", 60), join("17", 60)
    stays = [("u1:16", 0, 60, "reported"), ("u1:17", 60, 120, "reported")]
    for move in ([*away, *there], [*there, *away]):
        assert meeting_stays([*join("16", 0), *move, *leave("17", 120)]) == [stays]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*join("16", 0), *join("17", 30), *leave("16", 60), *leave("17", 90)]
    assert meeting_stays(events) == [[ANN, ("u1:17", 30, 90, "reported")]]


def test_the_same_user_id_in_the_next_meeting_is_another_connection():
    events = [*join("16", 0), *join("16", 300, "u2"), *end(60), *leave("16", 400, "u2")]
    assert meeting_stays(events) == [[(*ANN[:3], "room_ended")], [("u2:16", 300, 400, "reported")]]


def test_stale_stays_end_when_the_next_meeting_starts():
    events = [*join("16", 0), *start(300, "u2"), *join("16", 300, "u2"), *leave("16", 400, "u2")]
    assert meeting_stays(events) == [[("u1:16", 0, 295, "room_restarted")], [("u2:16", 300, 400, "reported")]]


def test_a_late_end_of_the_last_meeting_ends_no_stay_of_the_next():
    events = [*join("16", 100, "u2"), *end(110), *leave("16", 200, "u2")]
    assert meeting_stays(events) == [[("u2:16", 100, 200, "reported")]]


def test_a_host_who_joins_before_the_reported_start_stays():
    events = [*join("16", 0), *start(1), *leave("16", 60), *end(60)]
    assert meeting_stays(events) == [[ANN]]

"""LiveKit's own code and ours: what one signs, the other takes; what one refuses, the other refuses.

And what a real server of 1.13.5 has said, in `tests/captures`: as `tests/live` had it said, those that were refused
(`decode_response`) included; one file is of a server with Redis that was killed and started again.
"""

import base64
import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson
from livekit.api import AccessToken, TokenVerifier, WebhookReceiver
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from headcount import Kind
from headcount.kernel.replay import meetings_of
from headcount.sources.api import COUNTED_ROLES, InboundRequest, Role, VerificationFailed, verify_and_parse
from headcount.sources.livekit import SOURCE

KEY, SECRET = "APIkey123", "a-secret-that-is-long-enough-for-hs256"
OURS = f"{KEY}:{SECRET}"
ANN = ParticipantInfo(
    sid="PA_1", identity="ann", name="Ann Other", joined_at=1_772_442_001, joined_at_ms=1_772_442_001_340
)
ROOM = Room(sid="RM_1", name="standup", creation_time=1_772_442_000, creation_time_ms=1_772_442_000_120)


def now_ms():
    return time.time_ns() // 1_000_000


def body_of(event="participant_joined", who=ANN):
    """The JSON that protobuf itself writes of a webhook."""
    said = WebhookEvent(event=event, room=ROOM, participant=who, id="EV_1", created_at=1_772_442_062)
    return MessageToJson(said, indent=None).encode()


def signed_by_them(body, secret=SECRET, ttl=timedelta(minutes=5)):
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    token = AccessToken(KEY, secret).with_ttl(ttl).with_sha256(digest).to_jwt()
    return InboundRequest({"authorization": token}, body, received_at=now_ms())


def signed_by_us(body, received_at=None):
    return SOURCE.sign(InboundRequest({}, body, received_at=received_at or now_ms()), OURS)


def taken_by_them(request, secret=SECRET):
    receiver = WebhookReceiver(TokenVerifier(KEY, secret))
    return receiver.receive(request.body.decode(), request.headers["authorization"])


def test_what_livekit_signs_is_heard():
    (heard,) = verify_and_parse(SOURCE, signed_by_them(body_of()), [OURS])
    assert (heard.event.kind, heard.event.room, heard.event.participant_id) == (Kind.JOIN, "standup", "PA_1")
    assert (heard.event.at, heard.event.user_id, heard.event.user_name) == (
        1_772_442_001_340, "ann", "Ann Other",
    )  # fmt: skip


def test_what_we_sign_is_taken_by_livekit():
    for sample in SOURCE.samples(now_ms()):
        told = taken_by_them(SOURCE.sign(sample, OURS))
        assert told.participant.identity == "headcount-test"
    assert taken_by_them(signed_by_us(body_of("participant_left"))).participant == ANN


def test_another_secret_is_refused_on_both_sides():
    with pytest.raises(VerificationFailed, match="does not fit"):
        verify_and_parse(SOURCE, signed_by_them(body_of(), "another-secret-that-is-long-enough"), [OURS])
    with pytest.raises(Exception, match="Signature verification failed"):
        taken_by_them(signed_by_us(body_of()), "another-secret-that-is-long-enough")


def test_a_changed_body_is_refused_on_both_sides():
    theirs, ours = signed_by_them(body_of()), signed_by_us(body_of())
    with pytest.raises(VerificationFailed, match="does not fit"):
        verify_and_parse(SOURCE, theirs._replace(body=theirs.body.replace(b"Ann", b"Eve")), [OURS])
    with pytest.raises(Exception, match="hash mismatch"):
        taken_by_them(ours._replace(body=ours.body.replace(b"Ann", b"Eve")))


def test_an_old_token_is_refused_on_both_sides():
    with pytest.raises(VerificationFailed, match="another time"):
        verify_and_parse(SOURCE, signed_by_them(body_of(), ttl=timedelta(minutes=-2)), [OURS])
    with pytest.raises(Exception, match="expired"):
        taken_by_them(signed_by_us(body_of(), received_at=now_ms() - 7 * 60_000))


def test_a_token_without_the_hash_of_a_body_is_refused():
    """Such a token lets somebody into a room; it must not speak for the server."""
    entry = AccessToken(KEY, SECRET).with_identity("eve").to_jwt()
    with pytest.raises(VerificationFailed, match="does not fit"):
        verify_and_parse(
            SOURCE, InboundRequest({"authorization": entry}, body_of(), received_at=now_ms()), [OURS]
        )


ROLES = {
    "STANDARD": Role.PERSON, "INGRESS": Role.STREAM, "EGRESS": Role.RECORDER, "SIP": Role.PHONE,
    "AGENT": Role.AGENT, "CONNECTOR": Role.PHONE, "BRIDGE": Role.STREAM,
}  # fmt: skip


@pytest.mark.parametrize("kind", ParticipantInfo.Kind.keys())
def test_every_kind_that_livekit_knows_has_a_role(kind):
    who = ParticipantInfo(sid="PA_1", identity="x", joined_at=1_772_442_001, kind=kind)
    (heard,) = verify_and_parse(SOURCE, signed_by_them(body_of(who=who)), [OURS])
    assert heard.role is ROLES[kind]


CAPTURES = Path(__file__).parents[1] / "captures"
OF_THE_SERVER = "APIlivetests:only-for-tests-only-for-tests-only-for"


def captured(name="livekit-1.13"):
    """The requests, as (delivery, what was answered)."""
    for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
        one = json.loads(line)
        headers = {name.lower(): value for name, value in one["headers"].items()}
        yield (
            InboundRequest(headers, one["body"].encode(), one["path"], round(one["t"] * 1_000)),
            one["answered"],
        )


def events_of(room, name="livekit-1.13", decode_response=(200,)):
    heard = [
        one
        for request, status in captured(name) if status in decode_response
        for one in verify_and_parse(SOURCE, request, [OF_THE_SERVER])
    ]  # fmt: skip
    return [one.event for one in heard if one.event.room == room and one.role in COUNTED_ROLES]


def met(events):
    """Who was in the only meeting: from and until which second of it, and how they left."""
    (meeting,) = meetings_of(events, as_of=max(event.at for event in events) + 60_000)
    return [
        (
            was.user_id,
            (was.join - meeting.start) // 1_000,
            None if was.leave is None else (was.leave - meeting.start) // 1_000,
            was.left_by and str(was.left_by),
        )
        for was in meeting.participants
    ]


STORIES = {
    "standup": [("ann", 0, 11, "reported"), ("bob", 0, 11, "reported")],
    "crash": [("ann", 0, 30, "reported"), ("bob", 0, 51, "reported")],
    "double": [("ann", 0, 11, "reported"), ("bob", 0, 43, "reported"), ("ann", 11, 42, "reported")],
    "mixed": [("ann", 0, 33, "reported"), ("agent-1", 0, 33, "reported"), ("sip_+4930", 0, 31, "reported")],
    # The new room was there, and Ann in it, in the very millisecond in which the old stays end: one meeting.
    "fallen": [("ann", 0, 11, "superseded"), ("bob", 0, 11, "superseded"), ("ann", 11, 32, "reported")],
    "unsaid": [("ann", 0, 14, "room_ended"), ("bob", 0, 11, "reported")],
}


@pytest.mark.parametrize("room", STORIES)
def test_what_a_real_server_said_comes_to_what_happened(room):
    assert met(events_of(room)) == STORIES[room]


def test_a_request_that_is_repeated_changes_nothing():
    events = events_of("unsaid", decode_response=(200, 503))
    assert len({event.id for event in events}) < len(events)
    assert [left_by for *_, left_by in met(events)] == ["reported", "reported"]


def test_a_connection_without_media_is_nobody():
    assert {event.kind for event in events_of("hollow")} == {Kind.END}


def test_with_redis_too_a_room_that_starts_again_has_lost_its_people_although_it_is_the_same():
    events = events_of("standup", "livekit-1.13-redis-killed")
    assert len({event.source_session for event in events if event.source_session}) == 1
    carol = events[-1]
    (meeting,) = meetings_of(events, as_of=carol.at + 5_000)
    assert {str(was.left_by) for was in meeting.participants} == {"superseded"}
    assert carol.at - 2_000 < meeting.end < carol.at

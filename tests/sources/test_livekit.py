"""LiveKit: its own code and ours accept and reject the same signatures.

The events of a real server of version 1.13.5 are in `tests/captures`, recorded by `tests/live`, including requests that were
refused; one file is of a server with Redis that was killed and started again.
"""

import base64
import hashlib
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict, MessageToJson
from livekit.api import AccessToken, TokenVerifier, WebhookReceiver
from livekit.protocol.models import DisconnectReason, ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from headcount import Kind
from headcount.kernel.replay import meetings_of
from headcount.sources.api import COUNTED_ROLES, InboundRequest, Role, VerificationFailed, verify_and_parse
from headcount.sources.livekit import SOURCE
from headcount.sources.polls.livekit import POLL
from support.poll_requests import poll_result, response

KEY, SECRET = "APIkey123", "a-secret-that-is-long-enough-for-hs256"
OURS = f"{KEY}:{SECRET}"
ANN = ParticipantInfo(
    sid="PA_1", identity="ann", name="Ann Other", joined_at=1_772_442_001, joined_at_ms=1_772_442_001_340
)
ROOM = Room(sid="RM_1", name="standup", creation_time=1_772_442_000, creation_time_ms=1_772_442_000_120)


def now_ms():
    return time.time_ns() // 1_000_000


def body_of(event="participant_joined", participant=ANN):
    """Return the JSON that protobuf writes for a webhook."""
    webhook = WebhookEvent(
        event=event, room=ROOM, participant=participant, id="EV_1", created_at=1_772_442_062
    )
    return MessageToJson(webhook, indent=None).encode()


def signed_by_livekit(body, secret=SECRET, ttl=timedelta(minutes=5)):
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    token = AccessToken(KEY, secret).with_ttl(ttl).with_sha256(digest).to_jwt()
    return InboundRequest({"authorization": token}, body, received_at=now_ms())


def signed_by_us(body, received_at=None):
    return SOURCE.sign(InboundRequest({}, body, received_at=received_at or now_ms()), OURS)


def receive_with_livekit(request, secret=SECRET):
    receiver = WebhookReceiver(TokenVerifier(KEY, secret))
    return receiver.receive(request.body.decode(), request.headers["authorization"])


def test_a_signature_of_livekit_is_accepted():
    (parsed,) = verify_and_parse(SOURCE, signed_by_livekit(body_of()), [OURS])
    assert (parsed.event.kind, parsed.event.room, parsed.event.participant_id) == (
        Kind.JOIN,
        "standup",
        "PA_1",
    )
    assert (parsed.event.at, parsed.event.user_id, parsed.event.user_name) == (
        1_772_442_001_340, "ann", "Ann Other",
    )  # fmt: skip


def test_livekit_accepts_our_signature():
    for sample in SOURCE.samples(now_ms()):
        accepted = receive_with_livekit(SOURCE.sign(sample, OURS))
        assert accepted.participant.identity == "headcount-test"
    assert receive_with_livekit(signed_by_us(body_of("participant_left"))).participant == ANN


def test_another_secret_is_rejected_on_both_sides():
    with pytest.raises(VerificationFailed, match="is not valid"):
        verify_and_parse(SOURCE, signed_by_livekit(body_of(), "another-secret-that-is-long-enough"), [OURS])
    with pytest.raises(Exception, match="Signature verification failed"):
        receive_with_livekit(signed_by_us(body_of()), "another-secret-that-is-long-enough")


def test_a_changed_body_is_rejected_on_both_sides():
    theirs, ours = signed_by_livekit(body_of()), signed_by_us(body_of())
    with pytest.raises(VerificationFailed, match="is not valid"):
        verify_and_parse(SOURCE, theirs._replace(body=theirs.body.replace(b"Ann", b"Eve")), [OURS])
    with pytest.raises(Exception, match="hash mismatch"):
        receive_with_livekit(ours._replace(body=ours.body.replace(b"Ann", b"Eve")))


def test_an_old_token_is_rejected_on_both_sides():
    with pytest.raises(VerificationFailed, match="expired or not valid yet"):
        verify_and_parse(SOURCE, signed_by_livekit(body_of(), ttl=timedelta(minutes=-2)), [OURS])
    with pytest.raises(Exception, match="expired"):
        receive_with_livekit(signed_by_us(body_of(), received_at=now_ms() - 7 * 60_000))


def test_a_token_without_the_hash_of_a_body_is_rejected():
    """Such a token admits a participant to a room; it must not authenticate the server."""
    entry = AccessToken(KEY, SECRET).with_identity("eve").to_jwt()
    with pytest.raises(VerificationFailed, match="is not valid"):
        verify_and_parse(
            SOURCE, InboundRequest({"authorization": entry}, body_of(), received_at=now_ms()), [OURS]
        )


ROLES = {
    "STANDARD": Role.PERSON, "INGRESS": Role.STREAM, "EGRESS": Role.RECORDER, "SIP": Role.PHONE,
    "AGENT": Role.AGENT, "CONNECTOR": Role.PHONE, "BRIDGE": Role.STREAM,
}  # fmt: skip


@pytest.mark.parametrize("kind", ParticipantInfo.Kind.keys())
def test_every_kind_of_participant_of_livekit_has_a_role(kind):
    participant = ParticipantInfo(sid="PA_1", identity="x", joined_at=1_772_442_001, kind=kind)
    (parsed,) = verify_and_parse(SOURCE, signed_by_livekit(body_of(participant=participant)), [OURS])
    assert parsed.role is ROLES[kind]


DETAILS = {
    "CLOUD_AGENT": ("AGENT", Role.AGENT), "FORWARDED": ("STANDARD", Role.STREAM), "CONNECTOR_WHATSAPP": ("CONNECTOR", Role.PHONE),
    "CONNECTOR_TWILIO": ("CONNECTOR", Role.PHONE), "BRIDGE_RTSP": ("BRIDGE", Role.STREAM), "SIMULATION": ("STANDARD", Role.TEST),
}  # fmt: skip


def role_in_webhook(participant, event="participant_joined"):
    (parsed,) = verify_and_parse(SOURCE, signed_by_livekit(body_of(event, participant)), [OURS])
    return parsed.role


def role_in_list(participant):
    """Return the role in the answer of the server, which has its names and defaults in another form."""

    def server(request):
        rooms = {"rooms": [{"name": "standup", "sid": "RM_1"}]}
        listed = MessageToDict(
            participant, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return response({"participants": [listed]} if "ListParticipants" in request.path else rooms)

    (present,) = poll_result(POLL, server, secret=OURS).participants
    return present.role


@pytest.mark.parametrize("detail", ParticipantInfo.KindDetail.keys())
def test_every_detail_of_a_kind_has_a_role_in_webhooks_and_lists(detail):
    kind, role = DETAILS[detail]
    one = ParticipantInfo(sid="PA_1", identity="x", kind=kind, kind_details=[detail], state="ACTIVE")
    assert role_in_webhook(one) is role_in_list(one) is role


CALLS = [
    ("dialing", {}, Role.UNANSWERED),
    ("ringing", {}, Role.UNANSWERED),
    ("automation", {}, Role.PHONE),
    ("active", {}, Role.PHONE),
    ("ringing", {"sip.ruleID": "SDR_1"}, Role.PHONE),
]


@pytest.mark.parametrize(("status", "more", "role"), CALLS)
def test_a_callee_counts_once_the_call_is_answered_and_a_caller_at_once(status, more, role):
    attributes = {"sip.callStatus": status, **more}
    one = ParticipantInfo(sid="PA_1", identity="x", kind="SIP", attributes=attributes, state="ACTIVE")
    assert role_in_webhook(one) is role_in_list(one) is role


@pytest.mark.parametrize("reason", DisconnectReason.keys())
def test_only_three_reasons_of_a_leave_mean_that_a_callee_never_answered(reason):
    attributes = {"sip.callStatus": "hangup"}
    one = ParticipantInfo(
        sid="PA_1", identity="x", kind="SIP", attributes=attributes, disconnect_reason=reason
    )
    never = reason in ("USER_UNAVAILABLE", "USER_REJECTED", "SIP_TRUNK_FAILURE")
    assert role_in_webhook(one, "participant_left") is (Role.UNANSWERED if never else Role.PHONE)


def test_an_egress_is_recognized_by_its_identity():
    one = ParticipantInfo(sid="PA_1", identity="EG_LKWd4884fSHn", state="ACTIVE")
    assert role_in_webhook(one) is role_in_list(one) is Role.RECORDER


CAPTURES = Path(__file__).parents[1] / "captures"
SERVER_SECRET = "APIlivetests:only-for-tests-only-for-tests-only-for"


def captured(name="livekit-1.13"):
    """Return the captured requests with the status of each response."""
    for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
        one = json.loads(line)
        headers = {name.lower(): value for name, value in one["headers"].items()}
        yield (
            InboundRequest(headers, one["body"].encode(), one["path"], round(one["t"] * 1_000)),
            one["answered"],
        )


def events_of(room, name="livekit-1.13", statuses=(200,)):
    parsed = [
        one
        for request, status in captured(name) if status in statuses
        for one in verify_and_parse(SOURCE, request, [SERVER_SECRET])
    ]  # fmt: skip
    return [one.event for one in parsed if one.event.room == room and one.role in COUNTED_ROLES]


def stays(events):
    """Return the stays of the only meeting: user, first and last second, and the reason of the leave."""
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


EXPECTED_STAYS = {
    "standup": [("ann", 0, 11, "reported"), ("bob", 0, 11, "reported")],
    "crash": [("ann", 0, 30, "reported"), ("bob", 0, 51, "reported")],
    "double": [("ann", 0, 11, "reported"), ("bob", 0, 43, "reported"), ("ann", 11, 42, "reported")],
    "mixed": [("ann", 0, 33, "reported"), ("agent-1", 0, 33, "reported"), ("sip_+4930", 0, 31, "reported")],
    # The new room has Ann in the very millisecond in which the old stays end: one meeting.
    "fallen": [
        ("ann", 0, 11, "room_restarted"),
        ("bob", 0, 11, "room_restarted"),
        ("ann", 11, 32, "reported"),
    ],
    "unsaid": [("ann", 0, 14, "room_ended"), ("bob", 0, 11, "reported")],
}


@pytest.mark.parametrize("room", EXPECTED_STAYS)
def test_captured_events_of_a_real_server_give_the_true_stays(room):
    assert stays(events_of(room)) == EXPECTED_STAYS[room]


def test_a_repeated_request_changes_nothing():
    events = events_of("unsaid", statuses=(200, 503))
    assert len({event.id for event in events}) < len(events)
    assert [left_by for *_, left_by in stays(events)] == ["reported", "reported"]


def test_a_connection_without_media_is_no_participant():
    assert {event.kind for event in events_of("hollow")} == {Kind.END}


def test_with_redis_a_room_that_starts_again_has_no_stays_although_its_sid_is_the_same():
    events = events_of("standup", "livekit-1.13-redis-killed")
    assert len({event.source_session for event in events if event.source_session}) == 1
    carol = events[-1]
    (meeting,) = meetings_of(events, as_of=carol.at + 5_000)
    assert {str(was.left_by) for was in meeting.participants} == {"room_restarted"}
    assert carol.at - 2_000 < meeting.end < carol.at

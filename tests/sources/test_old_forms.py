"""Old forms of vendors' payloads, which lack fields of today's, and events without any time."""

import json
from copy import deepcopy

import pytest

from headcount import BadInput, Kind
from headcount.sources.api import START_MARGIN_MS, InboundRequest, parse_trusted
from headcount.sources.registry import SOURCES
from support.golden_payloads import FILES, request_of

NOW = 1_772_442_000_000
S = NOW // 1_000
RECEIVED = NOW + 86_400_000
TIMES = frozenset(
    """at created_at createdAt creationTime creationTimeMs destroyed_at end ended_at endedAt end_time end_ts event_ts finish joined_at joinedAt
    joinedAtMs join_time leave_time left_at leftAt session_started_at session_stopped_at start started_at startedAt start_time start_ts time
    timestamp ts duration duration_seconds""".split()  # noqa: SIM905 - a list of them would be long
)


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(inner) for name, inner in value.items() if name not in TIMES}
    if isinstance(value, str) and value.startswith("[{"):  # JSON in a text
        return json.dumps(without_times(json.loads(value)))
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def timed_goldens():
    """Return golden payloads with events, but for lists of stays, in which a stay without its times is none."""
    for file in FILES:
        golden = json.loads(file.read_text())
        has_stays = "all_occupants" in str(golden["body"]) or "attendees" in str(golden["body"])
        if golden.get("events") and isinstance(golden["body"], dict | list) and not has_stays:
            yield pytest.param(file.parent.name, golden, id=f"{file.parent.name}/{file.stem}")


@pytest.mark.parametrize(("kind", "golden"), list(timed_goldens()))
def test_an_event_without_its_time_happened_when_it_was_received_or_is_refused(kind, golden):
    body = json.dumps(without_times(golden["body"])).encode()
    request = request_of(golden)._replace(body=body, received_at=RECEIVED)
    expected = [(one["kind"], one["room"], one.get("participant_id")) for one in golden["events"]]
    events = [one.event for one in parse_trusted(SOURCES[kind], request)]
    assert [(one.kind, one.room, one.participant_id) for one in events] == expected
    assert all(RECEIVED - START_MARGIN_MS <= one.at <= RECEIVED for one in events)
    with pytest.raises(BadInput, match="the time of the event is unknown: it has no "):
        parse_trusted(SOURCES[kind], request._replace(received_at=0))


def test_each_source_has_a_payload_without_times():
    kinds = {param.values[0] for param in timed_goldens()}
    assert kinds == set(SOURCES) - {"twilio"}  # its payloads are forms: see its golden files


OCCUPANT = {"occupant_jid": "ann", "joined_at": S}
LIVEKIT_ROOM, LIVEKIT_ANN = {"name": "r", "sid": "RM_1"}, {"sid": "PA_1", "joinedAt": str(S)}
MEETING = {"uuid": "u", "id": 7}
PEER = {"room_id": "r", "peer_id": "p", "joined_at": "2026-03-02T09:00:00Z"}
BBB_JOIN = {
    "id": "user-joined",
    "attributes": {"meeting": {"external-meeting-id": "r"}, "user": {"internal-user-id": "w_a"}},
}
OLD = {
    "livekit without joinedAtMs and createdAt": ("livekit", {"event": "participant_joined", "room": LIVEKIT_ROOM, "participant": LIVEKIT_ANN}),
    "livekit without joinedAt": ("livekit", {"event": "participant_joined", "room": LIVEKIT_ROOM, "participant": {"sid": "PA_1"}, "createdAt": str(S)}),
    "jitsi without a breakout flag": ("jitsi", {"event_name": "muc-occupant-joined", "room_jid": "r", "occupant": OCCUPANT}),
    "jaas without ids": ("jaas", {"eventType": "PARTICIPANT_JOINED", "timestamp": NOW, "fqn": "r", "data": {"participantId": "p"}}),
    "daily without a version": ("daily", {"type": "participant.joined", "payload": {"room": "r", "session_id": "s", "joined_at": S}}),
    "daily without joined_at": ("daily", {"type": "participant.joined", "event_ts": S, "payload": {"room": "r", "session_id": "s"}}),
    "100ms without a version and a session": ("100ms", {"type": "peer.join.success", "data": PEER}),
    "zoom without event_ts": ("zoom", {"event": "meeting.participant_joined", "payload": {"object": MEETING | {"participant": {"user_id": 1, "join_time": "2026-03-02T09:00:00Z"}}}}),
    "dyte with clientSpecificId": ("realtimekit", {"event": "meeting.participantJoined", "meeting": {"id": "r"}, "participant": {"peerId": "p", "clientSpecificId": 5, "joinedAt": "2026-03-02T09:00:00Z"}}),
    "videosdk with type": ("videosdk", {"type": "participant-joined", "data": {"meetingId": "r", "participantId": "p"}}),
    "chime without timestamp": ("chime", {"detail-type": "Chime Meeting State Change", "time": "2026-03-02T09:00:00Z", "detail": {"eventType": "chime:AttendeeJoined", "meetingId": "r", "attendeeId": "a"}}),
    "bigbluebutton with the time of sending": ("bigbluebutton", {"event": [{"data": BBB_JOIN}], "timestamp": NOW}),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "body"), OLD.values(), ids=OLD)
def test_an_old_form_is_a_join_at_its_time(kind, body):
    request = InboundRequest({}, json.dumps(body).encode(), received_at=NOW)
    (parsed,) = parse_trusted(SOURCES[kind], request)
    assert (parsed.event.kind, parsed.event.at) == (Kind.JOIN, NOW)


def test_a_leave_of_jitsi_without_left_at_is_no_join():
    body = {"event_name": "muc-occupant-left", "room_jid": "r", "occupant": deepcopy(OCCUPANT)}
    (parsed,) = parse_trusted(
        SOURCES["jitsi"], InboundRequest({}, json.dumps(body).encode(), received_at=NOW + 9_000)
    )
    assert (parsed.event.kind, parsed.event.joined_at, parsed.event.at) == (Kind.LEAVE, NOW, NOW + 9_000)

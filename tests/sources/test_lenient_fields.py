"""Fields of any JSON type: whatever an application writes into a name or an id, the payload counts.

Each field of each golden payload is replaced by values of other types. A field that is not needed changes nothing. An optional
field changes itself alone: never the kind, the room, the participant or the time of an event.
"""

import json
from copy import deepcopy
from functools import reduce
from urllib.parse import parse_qsl, urlencode

import pytest

from headcount.ingest.normalize import SourcePolicy, normalize
from headcount.limits import Limits
from headcount.sources.api import parse_trusted
from headcount.sources.registry import SOURCES
from support.golden_payloads import FILES, request_of

NOW = 1_900_000_000_000
LONG = "x" * 10_000
VALUES = (42, 42.0, 42.5, True, None, {}, [], [{}], "", LONG, "a\0b")
POLICIES = {kind: SourcePolicy(kind, "acme") for kind in SOURCES}

NEEDED = {
    "100ms": "type data.room_id data.peer_id data.joined_at data.left_at data.session_started_at data.session_stopped_at",
    "agora": "eventType productId payload.channelName payload.uid payload.ts",
    "bigbluebutton": """event data.id event.*.data.id *.data.id
        data.attributes.user.internal-user-id event.*.data.attributes.user.internal-user-id *.data.attributes.user.internal-user-id
        data.attributes.meeting.external-meeting-id event.*.data.attributes.meeting.external-meeting-id *.data.attributes.meeting.external-meeting-id
        data.attributes.meeting.internal-meeting-id event.*.data.attributes.meeting.internal-meeting-id
        *.data.attributes.meeting.internal-meeting-id data.event.ts event.*.data.event.ts *.data.event.ts internal_meeting_id meeting_id data.finish data.attendees.*.sessions
        data.attendees.*.sessions.*.joins.*.timestamp data.attendees.*.sessions.*.joins.*.userid data.attendees.*.sessions.*.lefts.*.timestamp""",
    "chime": "detail-type detail.eventType detail.meetingId detail.externalMeetingId detail.attendeeId detail.timestamp time",
    "daily": "type payload.room payload.session_id payload.joined_at payload.duration payload.start_ts payload.end_ts event_ts test",
    "generic": "room kind participant_id at joined_at *.room *.kind *.participant_id *.at *.joined_at",
    "jaas": "eventType fqn timestamp data.isBreakout data.breakoutRoomId data.participantId data.participantFullJid",
    "janus": """type timestamp emitter event.plugin event.data.event event.data.textroom event.data.room event.data.id event.status
        *.type *.timestamp *.emitter *.event.plugin *.event.data.event *.event.data.textroom *.event.data.room *.event.data.id
        *.event.data.username *.event.status""",
    "jitsi": """event_name room_jid is_breakout breakout_room_id occupant.occupant_jid occupant.joined_at occupant.left_at created_at
        destroyed_at all_occupants.*.occupant_jid all_occupants.*.joined_at all_occupants.*.left_at""",
    "livekit": "event room.name participant.sid participant.joinedAt participant.joinedAtMs createdAt room.creationTime room.creationTimeMs",
    "realtimekit": "event meeting.id participant.peerId participant.joinedAt participant.leftAt meeting.startedAt meeting.endedAt",
    "stream": "type call_cid participant.user_session_id participant.joined_at created_at",
    "twilio": "StatusCallbackEvent RoomName ParticipantSid Timestamp RoomSid",
    "videosdk": "webhookType type data.meetingId data.participantId data.start data.end",
    "vonage": "event sessionId timestamp connection.id connection.createdAt",
    "whereby": "type createdAt data.roomName data.participantId data.numClients",
    "zoom": """event event_ts payload.object.id payload.object.uuid payload.object.session_name payload.object.session_id
        payload.object.start_time payload.object.end_time payload.object.participant.user_id payload.object.participant.join_time
        payload.object.participant.leave_time payload.object.user.id payload.object.user.join_time payload.object.user.leave_time""",
}  # fmt: skip
"""Fields that determine the kind, the room, the participant or the time of an event."""

OPTIONAL = {
    "100ms": "id data data.session_id data.user_id data.user_name data.user_data data.role data.type",
    "agora": "noticeId payload.account payload.clientType payload.duration",
    "bigbluebutton": """data.attributes.user.external-user-id event.*.data.attributes.user.external-user-id *.data.attributes.user.external-user-id
        data.attributes.user.name event.*.data.attributes.user.name *.data.attributes.user.name
        data.attributes.user.role event.*.data.attributes.user.role *.data.attributes.user.role
        data.attributes.user.guest event.*.data.attributes.user.guest *.data.attributes.user.guest
        event.*.data.attributes.user.userdata *.data.attributes.user.userdata.customer
        *.data.attributes.user.userdata.course
        data.attendees.*.ext_user_id data.attendees.*.name data.attendees.*.moderator""",
    "chime": "id detail.externalUserId",
    "daily": "id payload.meeting_id payload.user_id payload.user_name payload.owner payload.permissions payload.permissions.hasPresence",
    "generic": "user_id user_name source_session id *.user_id *.user_name *.source_session *.id attributes attributes.role attributes.first_visit attributes.tags",
    "jaas": "sessionId idempotencyKey data.id data.name data.email data.group data.moderator",
    "janus": "opaque_id event.data.display *.opaque_id *.event.data.display *.event.data.metadata.customer *.event.data.metadata.tags",
    "jitsi": """occupant.id occupant.name occupant.email occupant.affiliation occupant.moderator occupant.customer occupant.teams
        occupant.hidden-from-recorder all_occupants.*.id all_occupants.*.name all_occupants.*.email""",
    "livekit": """id room.sid participant.identity participant.name participant.kind participant.permission
        participant.permission.hidden participant.permission.recorder participant.kindDetails participant.attributes
        participant.attributes.sip.callStatus participant.attributes.sip.ruleID participant.attributes.sip.callID
        participant.attributes.role participant.attributes.email participant.metadata participant.disconnectReason""",
    "realtimekit": "meeting.sessionId participant.customParticipantId participant.clientSpecificId participant.userDisplayName",
    "stream": """session_id participant.user participant.user.id participant.user.name participant.user.custom.customer
        participant.user.custom.vip participant.user.custom.address participant.role duration_seconds""",
    "twilio": "ParticipantIdentity ParticipantDuration",
    "videosdk": "data.sessionId data.participantName",
    "vonage": "connection.data",
    "whereby": "id data.roomSessionId data.externalId data.displayName data.metadata data.roleName data.isDialIn",
    "zoom": """payload.object.host_id payload.object.participant.user_name payload.object.participant.customer_key
        payload.object.participant.participant_user_id payload.object.participant.id payload.object.participant.registrant_id
        payload.object.participant.email payload.object.participant.phone_number payload.object.user.name
        payload.object.user.user_key payload.object.user.phone_number""",
}  # fmt: skip
"""Other fields that are used. Each changes itself alone."""


def payload_of(golden):
    """Return the fields of a payload, and a function that returns the request with other ones."""
    request, body = request_of(golden), golden["body"]
    if not isinstance(body, str) or body.startswith(("{", "[")):
        found = json.loads(body) if isinstance(body, str) else body
        return found, lambda changed: request._replace(body=json.dumps(changed).encode())
    form = dict(parse_qsl(body, keep_blank_values=True))
    if "event" in form:
        form["event"] = json.loads(form["event"])
        encode = {"event": json.dumps}
    else:
        encode = {}

    def rebuilt(changed):
        texts = {name: encode.get(name, str)(value) for name, value in changed.items()}
        return request._replace(body=urlencode(texts).encode())

    return form, rebuilt


def paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(key, str):
            yield (*path, key)
        yield from paths(inner, (*path, key))


def replaced(payload, path, value):
    changed = deepcopy(payload)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


def pattern(path):
    return ".".join("*" if isinstance(key, int) or key.startswith("w_") else key for key in path)


def leads_to(path, kind, table):
    return any((name + ".").startswith(pattern(path) + ".") for name in table[kind].split())


def entries(kind, request):
    events = parse_trusted(SOURCES[kind], request)
    normalized = normalize([one for one in events if not one.server_wide], POLICIES[kind], NOW, NOW, Limits())
    return events, [*normalized.entries, *normalized.excluded]


def facts(events):
    return [(one.event.kind, one.event.room, one.event.participant_id, one.event.at, one.event.inferred, one.server_wide) for one in events]  # fmt: skip


def goldens(kind):
    for file in FILES:
        golden = json.loads(file.read_text())
        if file.parent.name == kind and "error" not in golden:
            yield file.stem, golden


def changes(kind):
    """Yield the original request and each one with one field replaced, with the field's path."""
    for name, golden in goldens(kind):
        payload, rebuilt = payload_of(golden)
        values = [value for value in VALUES if isinstance(value, str)] if kind == "twilio" else VALUES
        for path in paths(payload):
            if not leads_to(path, kind, NEEDED):
                for value in values:
                    yield name, path, value, rebuilt(payload), rebuilt(replaced(payload, path, value))


@pytest.mark.parametrize("kind", SOURCES)
def test_an_optional_field_of_any_type_costs_nothing_else(kind):
    for name, path, value, original, request in changes(kind):
        where = f"{name}: {pattern(path)} = {value!r:.30}"
        before, after = entries(kind, original), entries(kind, request)
        assert facts(before[0]) == facts(after[0]), where
        assert len(before[1]) == len(after[1]), where
        if not leads_to(path, kind, OPTIONAL):
            assert before == after, where


def as_text(value):
    return str(value) if type(value) in (int, float) else value


def texts_for_numbers(value):
    """Return a payload in which every number is a text, as some languages and gateways write them."""
    if isinstance(value, dict):
        return {name: texts_for_numbers(inner) for name, inner in value.items()}
    return [texts_for_numbers(inner) for inner in value] if isinstance(value, list) else as_text(value)


@pytest.mark.parametrize("kind", SOURCES)
def test_numbers_and_flags_may_be_texts(kind):
    for name, golden in goldens(kind):
        payload, rebuilt = payload_of(golden)
        assert entries(kind, rebuilt(payload)) == entries(kind, rebuilt(texts_for_numbers(payload))), name


NAMES = ("user_id", "user_name", "source_session", "id")
READINGS = ((42, "42"), (42.0, "42"), (42.5, None), (True, None), ({}, None), ([], None))


def names(kind, request):
    return [getattr(one.event, name) for one in entries(kind, request)[0] for name in NAMES]


def optional_texts(kind):
    """Yield each optional field that has a text: the payload, the path and the text."""
    for _, golden in goldens(kind):
        payload, rebuilt = payload_of(golden)
        for path in paths(payload):
            text = reduce(lambda found, key: found[key], path, payload)
            if isinstance(text, str) and text and pattern(path) in OPTIONAL[kind].split():
                yield payload, rebuilt, path, text


@pytest.mark.parametrize("kind", sorted(SOURCES.keys() - {"twilio"}))
def test_a_whole_number_is_a_name_and_another_type_is_unknown(kind):
    changed = 0
    for payload, rebuilt, path, text in optional_texts(kind):
        before = names(kind, rebuilt(payload))
        for value, expected in READINGS:
            after = names(kind, rebuilt(replaced(payload, path, value)))
            for old, new in zip(before, after, strict=True):
                if old == text and new != text:
                    changed += 1
                    # Where one id is unknown, another one may take its place.
                    assert new == expected or (expected is None and new in str(payload)), (path, value)
    assert changed

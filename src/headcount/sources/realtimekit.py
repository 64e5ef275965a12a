"""RealtimeKit: webhooks of Cloudflare's RealtimeKit, and of Dyte, its former name.

A request is JSON, signed with RSA over its raw body, in `rtk-signature` or, by Dyte, in `dyte-signature`. The secret is
the public key that they publish. A private key is accepted, too, for its public half, so that a key pair of your own
can sign and verify in a test. Times are RFC 3339 with milliseconds.

* A room is `meeting.id`, which is used again and again; `meeting.sessionId` is new each time. A connection is
  `participant.peerId`; the user is `customParticipantId`, formerly `clientSpecificId`.
* A leave has the join time, so a lost `meeting.participantJoined` loses nothing. If a time is ever missing,
  the time of receipt stands for it.
* `rtk-uuid` identifies a request, and has been seen to change at a retry: an event is identified by its content.
* `meeting.ended` ends the stays of its session. `meeting.started`: stays that are left over have ended.
* Recordings, chats and transcripts arrive at the same address; they change nothing.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    VerificationFailed,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.rsa import check_rsa_signature, rsa_signature
from headcount.sources.signatures import with_headers
from headcount.timestamps import format_timestamp


class Meeting(msgspec.Struct, rename="camel"):
    """A meeting, which is a room, and its session."""

    id: Value = None
    session_id: Value = None
    started_at: Value = None
    ended_at: Value = None


class Participant(msgspec.Struct, rename="camel"):
    """One connection to a session."""

    peer_id: Value = None
    custom_participant_id: Value = None
    client_specific_id: Value = None
    user_display_name: Value = None
    joined_at: Value = None
    left_at: Value = None


class Notice(msgspec.Struct):
    """The body of a request: `event` determines which fields are present."""

    event: str
    meeting: Value = None
    participant: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the public key in PEM that Cloudflare, or Dyte, publishes; or a private key, for its public key."""
    signature = request.headers.get("rtk-signature") or request.headers.get("dyte-signature")
    if not signature:
        raise VerificationFailed("the header 'rtk-signature' is missing, and so is Dyte's 'dyte-signature'")
    check_rsa_signature(signature, request.body, secrets)


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as RealtimeKit signs it, with a private key in PEM. Raise `BadInput` for any other secret."""
    return with_headers(request, rtk_signature=rsa_signature(request.body, secret))


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of RealtimeKit")
    received_at, meeting = request.received_at, fields.struct(notice.meeting, Meeting)
    match notice.event:
        case "meeting.participantJoined":
            return [_join(notice, received_at)]
        case "meeting.participantLeft":
            return [_leave(notice, received_at)]
        case "meeting.started":
            at = _event_time(meeting.started_at, "meeting.startedAt", received_at)
            return [end_before_start(_room(notice, meeting), at)]
        case "meeting.ended":
            at = _event_time(meeting.ended_at, "meeting.endedAt", received_at)
            return [room_end(_room(notice, meeting), at, fields.optional_id(meeting.session_id))]
    return []


def _join(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.participant, Participant)
    at = _event_time(participant.joined_at, "participant.joinedAt", received_at)
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.participant, Participant)
    at = _event_time(participant.left_at, "participant.leftAt", received_at)
    joined_at = fields.optional_time(participant.joined_at, fields.ms_from_rfc3339, "participant.joinedAt")
    return _participant_event(Kind.LEAVE, notice, participant, at, fields.join_before(at, joined_at))


def _participant_event(
    kind: Kind, notice: Notice, participant: Participant, at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    meeting = fields.struct(notice.meeting, Meeting)
    peer_id = fields.text(participant.peer_id)
    ids = participant.custom_participant_id, participant.client_specific_id
    user_id = next(filter(None, map(fields.optional_id, ids)), None)
    event = Event(
        kind,
        _room(notice, meeting),
        at,
        fields.required(peer_id, "participant.peerId", notice.event, "RealtimeKit"),
        user_id,
        fields.user_name(participant.user_display_name),
        fields.optional_id(meeting.session_id),
        joined_at,
        attributes=fields.attributes(external_id=user_id),
    )
    return ParsedEvent(event)


def _room(notice: Notice, meeting: Meeting) -> str:
    return fields.required(fields.text(meeting.id), "meeting.id", notice.event, "RealtimeKit")


def _event_time(value: Value, field: str, received_at: Ms) -> Ms:
    return fields.event_time(value, fields.ms_from_rfc3339, field, received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant = {
        "peerId": f"test{now}",
        "customParticipantId": "headcount-test",
        "joinedAt": format_timestamp(now),
    }
    return [
        _sample("meeting.participantJoined", participant, now),
        _sample("meeting.participantLeft", {**participant, "leftAt": format_timestamp(now)}, now),
    ]


def _sample(event: str, participant: dict[str, str], now: Ms) -> InboundRequest:
    meeting = {
        "id": TEST_ROOM,
        "sessionId": f"test{now}",
        "status": "LIVE",
        "startedAt": format_timestamp(now),
    }
    return json_request({"event": event, "meeting": meeting, "participant": participant}, now)


SOURCE: Final = Source(
    "realtimekit", "Cloudflare RealtimeKit (Dyte)", "the public key in PEM that Cloudflare publishes", verify, parse, sign, samples
)  # fmt: skip

"""VideoSDK: webhooks of VideoSDK.live.

A request is JSON, signed with RSA over its raw body. The secret is the public key that VideoSDK publishes. A private
key is accepted, too, for its public half, so that a key pair of your own can sign and verify in a test.

* Joins and leaves have no time, and no id. So their time is the time of receipt,
  by the server's clock: late by the network, and by every attempt that failed.
* For the same reason a repeated request looks like a new event. A join of
  a present participant changes nothing, nor does a leave of an absent one; a join that is repeated after its leave is a
  stale stay until the session ends. Allowing each (session, participant) only one stay would be worse: an application may give
  a user the same `participantId` each time.
* A participant is `participantId`; only the application knows the user.
* Sessions do have times, by the vendor's clock. `session-ended` ends the stays of its session; `session-started`
  means that stays that are left over have ended.
* Recordings, live streams and transcriptions of a session change nothing.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.rsa import check_rsa_signature, rsa_signature
from headcount.sources.signatures import required_header, with_headers


class Data(msgspec.Struct, rename="camel"):
    """Data of a webhook: its type determines which fields are present."""

    meeting_id: Value = None
    session_id: Value = None
    participant_id: Value = None
    participant_name: Value = None
    start: Value = None
    end: Value = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. Its kind is in `webhookType`, or in `type`."""

    webhook_type: Value = None
    type: Value = None
    data: Value = None

    @property
    def kind(self) -> str:
        return fields.text(self.webhook_type) or fields.text(self.type)


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is VideoSDK's public key in PEM; or a private key, for its public key."""
    check_rsa_signature(required_header(request, "videosdk-signature"), request.body, secrets)


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """As VideoSDK signs it, with a private key in PEM. Raises `BadInput` if it is none."""
    return with_headers(request, videosdk_signature=rsa_signature(request.body, secret))


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of VideoSDK")
    data, received_at = fields.struct(notice.data, Data), request.received_at
    match notice.kind:
        case "participant-joined":
            return [_participant_event(Kind.JOIN, notice.kind, data, received_at)]
        case "participant-left":
            return [_participant_event(Kind.LEAVE, notice.kind, data, received_at)]
        case "session-started":
            at = _event_time(data.start, "data.start", received_at)
            return [end_before_start(_room(notice.kind, data), at)]
        case "session-ended":
            at = _event_time(data.end, "data.end", received_at)
            return [room_end(_room(notice.kind, data), at, fields.optional_id(data.session_id))]
    return []


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], event_kind: str, data: Data, received_at: Ms
) -> ParsedEvent:
    participant_id = fields.text(data.participant_id)
    fields.required(participant_id, "data.participantId", event_kind, "VideoSDK")
    room, at = _room(event_kind, data), _event_time(None, "time", received_at)
    name, session = fields.user_name(data.participant_name), fields.optional_id(data.session_id)
    return ParsedEvent(Event(kind, room, at, participant_id, None, name, session))


def _room(event_kind: str, data: Data) -> str:
    return fields.required(fields.text(data.meeting_id), "data.meetingId", event_kind, "VideoSDK")


def _event_time(value: Value, field: str, received_at: Ms) -> Ms:
    return fields.event_time(value, fields.ms_from_rfc3339, field, received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    data = {"meetingId": TEST_ROOM, "sessionId": f"test{now}", "participantId": f"test-participant{now}"}
    return [
        json_request({"webhookType": kind, "data": data}, now)
        for kind in ("participant-joined", "participant-left")
    ]


SOURCE: Final = Source(
    "videosdk", "VideoSDK", "the public key in PEM that VideoSDK publishes", verify, parse, sign, samples
)

"""VideoSDK: webhooks of VideoSDK.live.

A delivery is JSON, signed with RSA over its raw body. The secret is the public key that VideoSDK publishes. A private
key is taken as well, for its public half, so that a pair made for a test can sign and verify.

* Who joins and leaves is told without any time, and without an id. So it is told at the moment when it reached
  us, by our clock: late by the way, and by all tries that failed.
* For the same reason a delivery that is repeated cannot be told from one that says something new. A join of
  who is in changes nothing, nor does a leave of who is out; a join that is repeated after its leave is a ghost
  until the session ends. To hold each (session, participant) for one stay would be worse: an application may give
  somebody the same `participantId` each time.
* A participant is `participantId`; who it is, only the application knows.
* Sessions do have times, by the vendor's clock. `session-ended` closes those of its session; `session-started`
  means that who was left from before is gone.
* Recordings, live streams and transcriptions of it say nothing about who is in.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    end_before_start,
    json_request,
)
from headcount.sources.rsa import check_rsa_signature, rsa_signature
from headcount.sources.signatures import required_header, with_headers


class Data(msgspec.Struct, rename="camel"):
    """What a webhook is about: which of the fields are there depends on its type."""

    meeting_id: str = ""
    session_id: str | None = None
    participant_id: str = ""
    participant_name: str | None = None
    start: str | None = None
    end: str | None = None


class Notice(msgspec.Struct, rename="camel"):
    """The body of a request. Its kind is called `webhookType`, or `type`."""

    webhook_type: str | None = None
    type: str | None = None
    data: Data = msgspec.field(default_factory=Data)

    @property
    def kind(self) -> str:
        return self.webhook_type or self.type or ""


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is VideoSDK's public key in PEM; or a private key, which stands for its public one."""
    check_rsa_signature(required_header(request, "videosdk-signature"), request.body, secrets)


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """As VideoSDK signs it, with a private key in PEM. Raises `BadInput` if it is none."""
    return with_headers(request, videosdk_signature=rsa_signature(request.body, secret))


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of VideoSDK")
    match notice.kind:
        case "participant-joined":
            return [ParsedEvent(_participant_event(Kind.JOIN, notice, request.received_at))]
        case "participant-left":
            return [ParsedEvent(_participant_event(Kind.LEAVE, notice, request.received_at))]
        case "session-started":
            return [
                end_before_start(
                    _room(notice),
                    fields.ms_from_rfc3339_or(request.received_at, notice.data.start, "data.start"),
                )
            ]
        case "session-ended":
            at = fields.ms_from_rfc3339_or(request.received_at, notice.data.end, "data.end")
            return [ParsedEvent(Event(Kind.END, _room(notice), at, source_session=notice.data.session_id))]
    return []


def _participant_event(kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, received_at: Ms) -> Event:
    participant = notice.data
    if not participant.participant_id:
        raise BadInput(f"a '{notice.kind}' of VideoSDK without a data.participantId")
    at = fields.ms_from_rfc3339_or(received_at, None, "the moment")
    name = fields.user_name(participant.participant_name)
    return Event(kind, _room(notice), at, participant.participant_id, None, name, participant.session_id)


def _room(notice: Notice) -> str:
    if not notice.data.meeting_id:
        raise BadInput(f"a '{notice.kind}' of VideoSDK without a data.meetingId")
    return notice.data.meeting_id


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

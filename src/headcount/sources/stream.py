"""Stream Video: webhooks of an app of Stream's (GetStream).

A delivery is JSON, perhaps packed by gzip; `X-Signature` is an HMAC of what was packed. Times are RFC 3339, down
to the nanosecond; a number is nanoseconds since 1970.

* A room is `call_cid`, a type and an id like `default:standup`; it is used again and again, and has a
  `session_id` each time. A connection is `participant.user_session_id`.
* A leave's `participant.joined_at` is not always when they joined: webhooks have been seen in which it is the
  moment of the leave. Believed, it would undo the leave, as who comes and goes at one instant was never there.
  So it is believed where it agrees with `duration_seconds`; else the duration is, which is in whole seconds.
* `call.session_ended` closes those of its session. `call.ended` says that somebody ended the call, without a session:
  nothing, as the session's end comes with it. `call.session_started`: who was left from before is gone.
* Counts of participants come too, and say nothing about who.
* What is packed may be made to grow without end; so no more is unpacked than a webhook can be.
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
    VerificationFailed,
    end_before_start,
    json_request,
)
from headcount.sources.compression import decompress
from headcount.sources.signatures import check_signature, hmac_digest, required_header, with_headers
from headcount.timestamps import spoken

_CLOSE_MS: Final[Ms] = 1_500
Timestamp = str | int


class User(msgspec.Struct):
    """Who somebody is."""

    id: str | None = None
    name: str | None = None


class Participant(msgspec.Struct):
    """One connection to a session of a call."""

    user_session_id: str = ""
    user: User | None = None
    joined_at: Timestamp | None = None


class Notice(msgspec.Struct):
    """The body of a request: which of the fields are there depends on `type`."""

    type: str
    created_at: Timestamp | None = None
    call_cid: str = ""
    session_id: str | None = None
    participant: Participant | None = None
    duration_seconds: int | None = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the API secret of the app."""
    signature = required_header(request, "X-Signature")
    try:
        plain = decompress(request.body)
    except BadInput as error:
        raise VerificationFailed(f"what was signed cannot be seen: the body {error}") from error
    check_signature(signature.lower(), [hmac_digest(secret, plain).hex() for secret in secrets])


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Stream signs it."""
    return with_headers(request, x_signature=hmac_digest(secret, decompress(request.body)).hex())


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, decompress(request.body), "webhook of Stream")
    match notice.type:
        case "call.session_participant_joined":
            return [ParsedEvent(_join(notice))]
        case "call.session_participant_left":
            return [ParsedEvent(_leave(notice))]
        case "call.session_started":
            return [end_before_start(_room(notice), _created(notice))]
        case "call.session_ended":
            return [
                ParsedEvent(
                    Event(Kind.END, _room(notice), _created(notice), source_session=notice.session_id)
                )
            ]
    return []


def _join(notice: Notice) -> Event:
    told = _participant(notice).joined_at
    at = _created(notice) if told is None else _event_time(told, "participant.joined_at")
    return _participant_event(Kind.JOIN, notice, at)


def _leave(notice: Notice) -> Event:
    at = _created(notice)
    return _participant_event(Kind.LEAVE, notice, at, _join_of_leave(notice, at))


def _join_of_leave(notice: Notice, at: Ms) -> Ms | None:
    """When they joined, if the leave knows it."""
    if notice.duration_seconds is None:
        return None
    by_duration = at - notice.duration_seconds * 1_000
    told = _participant(notice).joined_at
    joined = by_duration if told is None else _event_time(told, "participant.joined_at")
    if joined < at and abs(joined - by_duration) <= _CLOSE_MS:
        return joined
    estimate = fields.join_before(at, by_duration)
    return None if estimate is None else fields.valid_ms(estimate, "created_at less duration_seconds")


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, at: Ms, joined: Ms | None = None
) -> Event:
    participant = _participant(notice)
    user = participant.user or User()
    return Event(
        kind,
        _room(notice),
        at,
        participant.user_session_id,
        user.id,
        fields.user_name(user.name),
        notice.session_id,
        joined,
    )


def _participant(notice: Notice) -> Participant:
    if notice.participant is None or not notice.participant.user_session_id:
        raise BadInput(f"a '{notice.type}' of Stream without a participant.user_session_id")
    return notice.participant


def _room(notice: Notice) -> str:
    if not notice.call_cid:
        raise BadInput(f"a '{notice.type}' of Stream without a call_cid")
    return notice.call_cid


def _created(notice: Notice) -> Ms:
    if notice.created_at is None:
        raise BadInput(f"a '{notice.type}' of Stream without a created_at")
    return _event_time(notice.created_at, "created_at")


def _event_time(told: Timestamp, field: str) -> Ms:
    return fields.ms_from_rfc3339(told, field) if isinstance(told, str) else fields.ms_from_nanos(told, field)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant = {
        "user_session_id": f"test{now}",
        "user": {"id": "headcount-test"},
        "role": "user",
        "joined_at": spoken(now),
    }
    notice: dict[str, object] = {
        "created_at": spoken(now),
        "call_cid": TEST_ROOM,
        "session_id": f"test{now}",
        "participant": participant,
    }
    came = {"type": "call.session_participant_joined", **notice}
    went = {"type": "call.session_participant_left", **notice, "duration_seconds": 0}
    return [json_request(one, now) for one in (came, went)]


SOURCE: Final = Source("stream", "Stream Video", "the API secret of the app", verify, parse, sign, samples)

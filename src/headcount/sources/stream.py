"""Stream Video: webhooks of an app of Stream (GetStream).

A request is JSON, possibly compressed by gzip; `X-Signature` is an HMAC of the uncompressed body. Times are RFC 3339, down
to the nanosecond; a number is nanoseconds since 1970.

* A room is `call_cid`, a type and an id like `default:standup`; it is used again and again, and has a new
  `session_id` each time. A connection is `participant.user_session_id`.
* A leave's `participant.joined_at` is not always the join time: in some webhooks it is the
  time of the leave. That would undo the leave, since a stay of no length does not exist (R2).
  So it is used where it agrees with `duration_seconds`; else the duration is, which is in whole seconds.
* `call.session_ended` ends the stays of its session. `call.ended`, a user's command to end the call, has no session and
  is ignored, since the session's end arrives with it. `call.session_started`: stays that are left over have ended.
* Counts of participants arrive, too, and do not identify anybody.
* A few bytes of gzip can expand without end; so the decompressed size is limited to that of a webhook.
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
    room_end,
)
from headcount.sources.compression import decompress
from headcount.sources.fields import Value
from headcount.sources.signatures import check_signature, hmac_digest, required_header, with_headers
from headcount.timestamps import format_timestamp

_DURATION_TOLERANCE_MS: Final[Ms] = 1_500


class User(msgspec.Struct):
    """User of a participant."""

    id: Value = None
    name: Value = None
    custom: Value = None


class Participant(msgspec.Struct):
    """One connection to a session of a call."""

    user_session_id: Value = None
    user: Value = None
    role: Value = None
    joined_at: Value = None


class Notice(msgspec.Struct):
    """The body of a request: `type` determines which fields are present."""

    type: str
    created_at: Value = None
    call_cid: Value = None
    session_id: Value = None
    participant: Value = None
    duration_seconds: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the API secret of the app."""
    signature = required_header(request, "X-Signature")
    try:
        content = decompress(request.body)
    except BadInput as error:
        raise VerificationFailed(f"what was signed cannot be seen: the body {error}") from error
    check_signature(signature.lower(), [hmac_digest(secret, content).hex() for secret in secrets])


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Stream signs it."""
    return with_headers(request, x_signature=hmac_digest(secret, decompress(request.body)).hex())


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, decompress(request.body), "webhook of Stream")
    received_at = request.received_at
    match notice.type:
        case "call.session_participant_joined":
            return [_join(notice, received_at)]
        case "call.session_participant_left":
            return [_leave(notice, received_at)]
        case "call.session_started":
            return [end_before_start(_room(notice), _event_time(notice, received_at))]
        case "call.session_ended":
            session = fields.optional_id(notice.session_id)
            return [room_end(_room(notice), _event_time(notice, received_at), session)]
    return []


def _join(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant = fields.struct(notice.participant, Participant)
    joined_at = fields.optional_time(participant.joined_at, _to_ms, "participant.joined_at")
    at = _event_time(notice, received_at) if joined_at is None else joined_at
    return _participant_event(Kind.JOIN, notice, participant, at)


def _leave(notice: Notice, received_at: Ms) -> ParsedEvent:
    participant, at = fields.struct(notice.participant, Participant), _event_time(notice, received_at)
    return _participant_event(Kind.LEAVE, notice, participant, at, _joined_at(notice, participant, at))


def _joined_at(notice: Notice, participant: Participant, at: Ms) -> Ms | None:
    """Return the join time of a leave, if it is known."""
    duration_s = fields.number(notice.duration_seconds)
    if duration_s is None:
        return None
    by_duration = at - round(duration_s * 1_000)
    reported = fields.optional_time(participant.joined_at, _to_ms, "participant.joined_at")
    joined_at = by_duration if reported is None else reported
    if joined_at < at and abs(joined_at - by_duration) <= _DURATION_TOLERANCE_MS:
        return joined_at
    estimate = fields.join_before(at, by_duration)
    return None if estimate is None else fields.valid_ms(estimate, "created_at less duration_seconds")


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE],
    notice: Notice,
    participant: Participant,
    at: Ms,
    joined_at: Ms | None = None,
) -> ParsedEvent:
    user = fields.struct(participant.user, User)
    connection = fields.text(participant.user_session_id)
    event = Event(
        kind,
        _room(notice),
        at,
        fields.required(connection, "participant.user_session_id", notice.type, "Stream"),
        fields.optional_id(user.id),
        fields.user_name(user.name),
        fields.optional_id(notice.session_id),
        joined_at,
        attributes=fields.attributes(user.custom, role=fields.role(participant.role)),
    )
    return ParsedEvent(event)


def _room(notice: Notice) -> str:
    return fields.required(fields.text(notice.call_cid), "call_cid", notice.type, "Stream")


def _event_time(notice: Notice, received_at: Ms) -> Ms:
    return fields.event_time(notice.created_at, _to_ms, "created_at", received_at)


def _to_ms(value: Value, field: str) -> Ms:
    is_number = fields.number(value) is not None
    return fields.ms_from_nanos(value, field) if is_number else fields.ms_from_rfc3339(value, field)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    participant = {
        "user_session_id": f"test{now}",
        "user": {"id": "headcount-test"},
        "role": "user",
        "joined_at": format_timestamp(now),
    }
    notice: dict[str, object] = {
        "created_at": format_timestamp(now),
        "call_cid": TEST_ROOM,
        "session_id": f"test{now}",
        "participant": participant,
    }
    join = {"type": "call.session_participant_joined", **notice}
    leave = {"type": "call.session_participant_left", **notice, "duration_seconds": 0}
    return [json_request(event, now) for event in (join, leave)]


SOURCE: Final = Source("stream", "Stream Video", "the API secret of the app", verify, parse, sign, samples)

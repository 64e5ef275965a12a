"""Zoom: meetings, webinars, and sessions of the Video SDK.

A request is JSON, signed with a timestamp that is not part of the body. Times of events are whole seconds.

* `user_id` is new at each join, and the next meeting of the same number counts from the same start. So a
  connection is the meeting's `uuid` and `user_id` together.
* A participant who goes to a breakout room leaves under one `user_id` and joins under another at the same moment, in either
  order. They stay in their meeting, as two stays of one user; events about breakout rooms add nothing.
* A participant who waits (for the host, or in the waiting room) is not present. Those events are of other kinds.
* Nobody's role is stated, but the host of a meeting is: `host_id` is the id of a user of Zoom, which the host has as well, unless
  they did not sign in.
* Nothing identifies an event. Its content is its key, without `event_ts`, the time of sending.
* A leave does not have its join. If the join was lost, so is the stay.
* `meeting.ended` ends the stays of its own `uuid`. A meeting of the same number and a new
  `uuid` may follow at once, when the host comes back, and ends the stays that are left over from the old one.
* Zoom retries for an hour and a half, and does not document whether it signs again. So a request may be old: repeating
  one changes nothing, because its content is the same.
* When an address is set, and every three days, Zoom requires a proof that the address knows the secret.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    HandshakeResponse,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.signatures import check_signature, hmac_digest, required_header, with_headers
from headcount.timestamps import format_timestamp

_SIGNATURE: Final = "x-zm-signature"
_TIMESTAMP: Final = "x-zm-request-timestamp"
_VALIDATION: Final = "endpoint.url_validation"

_JOIN_EVENTS: Final = frozenset(
    {"meeting.participant_joined", "webinar.participant_joined", "session.user_joined"}
)
_LEAVE_EVENTS: Final = frozenset(
    {"meeting.participant_left", "webinar.participant_left", "session.user_left"}
)
_START_EVENTS: Final = frozenset({"meeting.started", "webinar.started", "session.started"})
_END_EVENTS: Final = frozenset({"meeting.ended", "webinar.ended", "session.ended"})


class Participant(msgspec.Struct):
    """One connection to a meeting. Most of the texts that identify the user are empty."""

    user_id: Value = None
    user_name: Value = None
    customer_key: Value = None
    participant_user_id: Value = None
    id: Value = None
    registrant_id: Value = None
    email: Value = None
    phone_number: Value = None
    join_time: Value = None
    leave_time: Value = None


class User(msgspec.Struct):
    """One connection to a session of the Video SDK: here `id` is the connection."""

    id: Value = None
    name: Value = None
    user_key: Value = None
    phone_number: Value = None
    join_time: Value = None
    leave_time: Value = None


class Meeting(msgspec.Struct):
    """A meeting, with a number (`id`) and a `uuid`, or a session of the Video SDK, with a name and an id."""

    id: Value = None
    uuid: Value = None
    host_id: Value = None
    session_name: Value = None
    session_id: Value = None
    start_time: Value = None
    end_time: Value = None
    participant: Value = None
    user: Value = None


class Notice(msgspec.Struct):
    """The body of a request. `event` determines the form of its payload. Notices of 2019 have no `event_ts`."""

    event: str
    payload: Value = None
    event_ts: Value = None


class Payload(msgspec.Struct):
    """The meeting or session, or a challenge to an address to prove that it knows the secret."""

    object: Value = None
    plain_token: Value = msgspec.field(default=None, name="plainToken")


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the Secret Token that the app's page shows. A request may be old: see above."""
    signature, timestamp = required_header(request, _SIGNATURE), required_header(request, _TIMESTAMP)
    check_signature(signature, [_signature(secret, timestamp, request.body) for secret in secrets])


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return "v0=" + hmac_digest(secret, b"v0:" + timestamp.encode() + b":" + body).hex()


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Zoom signs it."""
    timestamp = str(request.received_at // 1_000)
    signature = _signature(secret, timestamp, request.body)
    return with_headers(request, x_zm_signature=signature, x_zm_request_timestamp=timestamp)


def handshake(request: InboundRequest, secrets: Sequence[str]) -> HandshakeResponse | None:
    """Return the response to a challenge, made with the secret that signed it."""
    with suppress(BadInput):
        notice = fields.decode(_DECODER, request.body, "webhook of Zoom")
        token = fields.text(fields.struct(notice.payload, Payload).plain_token)
        if notice.event == _VALIDATION and token:
            proof = hmac_digest(_matching_secret(request, secrets), token.encode()).hex()
            return HandshakeResponse(msgspec.json.encode({"plainToken": token, "encryptedToken": proof}))
    return None


def _matching_secret(request: InboundRequest, secrets: Sequence[str]) -> str:
    for secret in secrets:
        with suppress(VerificationFailed):
            verify(request, [secret])
            return secret
    raise AssertionError("a handshake follows the verification of its request")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of Zoom")
    if notice.event not in _JOIN_EVENTS | _LEAVE_EVENTS | _START_EVENTS | _END_EVENTS:
        return []
    meeting = fields.struct(fields.struct(notice.payload, Payload).object, Meeting)
    room, session = _room_and_session(notice, meeting)
    if notice.event in _START_EVENTS:
        return [end_before_start(room, _event_time(meeting.start_time, "start_time", notice, request))]
    if notice.event in _END_EVENTS:
        return [room_end(room, _event_time(meeting.end_time, "end_time", notice, request), session)]
    return [_participant_event(notice, meeting, room, session, request)]


def _room_and_session(notice: Notice, meeting: Meeting) -> tuple[str, str]:
    """Return the room and its session."""
    in_sdk = notice.event.startswith("session.")
    values = (meeting.session_name, meeting.session_id) if in_sdk else (meeting.id, meeting.uuid)
    room, session = map(fields.text, values)
    if not room or not session:
        missing = "session_name and object.session_id" if in_sdk else "id and object.uuid"
        raise BadInput(f"a '{notice.event}' of Zoom without object.{missing}")
    return room, session


def _participant_event(
    notice: Notice, meeting: Meeting, room: str, session: str, request: InboundRequest
) -> ParsedEvent:
    participant: Participant | User
    if notice.event.startswith("session."):
        participant = fields.struct(meeting.user, User)
    else:
        participant = fields.struct(meeting.participant, Participant)
    connection = _connection(participant)
    if not connection:
        raise BadInput(f"a '{notice.event}' of Zoom without a participant")
    if notice.event in _JOIN_EVENTS:
        kind, at = Kind.JOIN, _event_time(participant.join_time, "join_time", notice, request)
    else:
        kind, at = Kind.LEAVE, _event_time(participant.leave_time, "leave_time", notice, request)
    user, name = _user(participant)
    event = Event(
        kind, room, at, f"{session}:{connection}", user, fields.user_name(name), session,
        attributes=_attributes(meeting, participant),
    )  # fmt: skip
    return ParsedEvent(event, Role.PHONE if fields.text(participant.phone_number) else Role.PERSON)


def _connection(participant: Participant | User) -> str:
    return fields.text(participant.id if isinstance(participant, User) else participant.user_id)


def _user(participant: Participant | User) -> tuple[str | None, Value]:
    """Return the user's id, by the app, else by Zoom, else by the registration, and name. Guests have no id."""
    if isinstance(participant, User):
        return fields.optional_id(participant.user_key), participant.name
    ids = (
        participant.customer_key,
        participant.participant_user_id,
        participant.id,
        participant.registrant_id,
        participant.email,
    )
    return next(filter(None, map(fields.optional_id, ids)), None), participant.user_name


def _attributes(meeting: Meeting, participant: Participant | User) -> Attributes | None:
    if isinstance(participant, User):
        return fields.attributes(external_id=fields.optional_id(participant.user_key))
    host = fields.optional_id(meeting.host_id)
    is_host = host and host in map(fields.text, (participant.participant_user_id, participant.id))
    return fields.attributes(
        role="host" if is_host else None,
        email=fields.optional_id(participant.email),
        registrant_id=fields.optional_id(participant.registrant_id),
        external_id=fields.optional_id(participant.customer_key),
    )


def _event_time(value: Value, field: str, notice: Notice, request: InboundRequest) -> Ms:
    """Return the time of the event; if it is missing, the time of sending, which notices of 2019 lack, or of receipt."""
    if value is not None and value != "":
        return fields.ms_from_rfc3339(value, field)
    names = f"{field} or event_ts"
    return fields.event_time(notice.event_ts, fields.valid_ms, names, request.received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    moment = format_timestamp(now // 1_000 * 1_000)
    return [
        _sample(event, {"user_id": "16778240", "user_name": "Headcount", field: moment}, now)
        for event, field in (
            ("meeting.participant_joined", "join_time"),
            ("meeting.participant_left", "leave_time"),
        )
    ]


def _sample(event: str, participant: dict[str, str], now: Ms) -> InboundRequest:
    meeting = {"id": TEST_ROOM, "uuid": f"test{now}==", "participant": participant}
    notice = {"event": event, "event_ts": now, "payload": {"account_id": "test", "object": meeting}}
    return json_request(notice, now)


SOURCE: Final = Source(
    "zoom",
    "Zoom",
    "the Secret Token of the app, from its page Features",
    verify,
    parse,
    sign,
    samples,
    handshake,
)

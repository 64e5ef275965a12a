"""BigBlueButton: the webhooks of `bbb-webhooks`, and the analytics that it posts when a meeting has ended.

A webhook is a form, whose field `event` is an array of events in JSON; some versions post the JSON alone. It is signed by a
`checksum` at the end of the address, a hash of the registered address, the body and the shared secret; or the secret
itself is sent as a Bearer token (`auth2_0`). A request of analytics has a token (JWT, HS512) of the same secret.

* A room is the external id of a meeting; each session of it has an internal id. A breakout room is a room of its own.
* A connection is the internal id of a user, new with each call to join. A participant without an account has the same external
  id: then there is no user.
* A network loss of less than a minute keeps the connection, without any event. After a longer one, the leave is a
  minute late.
* Participants who are present at the end have no leave, nor have those who left a second before: the end of the meeting
  ends their stays.
* A leave does not have its join. If the join was lost, so is the stay, unless analytics report it.
* Events while `bbb-webhooks` is down are lost. A meeting that is created again was empty before.
* Times are milliseconds, by the clock of `bbb-webhooks`. In analytics they are whole seconds, by BigBlueButton itself; a
  stay that both report lasts from the earlier join to the earlier leave, a second at most from either.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import bigbluebutton_analytics, fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    room_end,
)
from headcount.sources.bigbluebutton_meeting import meeting_end, stay_event
from headcount.sources.signatures import bearer_token, check_signature, check_token, verified_claims

_LEEWAY_S: Final = 60
_FORM: Final = "application/x-www-form-urlencoded"
_PHONE_PREFIX: Final = "v_"
_ALGORITHMS: Final = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


class MeetingIds(msgspec.Struct, rename="kebab"):
    """Ids of the meeting."""

    internal_meeting_id: str | None = None
    external_meeting_id: str | None = None


class User(msgspec.Struct, rename="kebab"):
    """One connection. Only a join has the name."""

    internal_user_id: str | None = None
    external_user_id: str | None = None
    name: str | None = None


class Attributes(msgspec.Struct):
    meeting: MeetingIds | None = None
    user: User | None = None


class EventTime(msgspec.Struct):
    ts: int


class Data(msgspec.Struct):
    """An event. `id` determines its kind."""

    id: str
    attributes: msgspec.Raw = msgspec.Raw(b"{}")
    event: msgspec.Raw = msgspec.Raw(b"{}")


class EventItem(msgspec.Struct):
    """One event of a webhook."""

    data: Data


class Notice(msgspec.Struct):
    """A body that is JSON: the sender determines which fields are present."""

    event: Any = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    internal_meeting_id: str | None = None


_ITEMS: Final = msgspec.json.Decoder(list[EventItem])
_ITEM: Final = msgspec.json.Decoder(EventItem)
_NOTICE: Final = msgspec.json.Decoder(Notice)
_ATTRIBUTES: Final = msgspec.json.Decoder(Attributes)
_EVENT_TIME: Final = msgspec.json.Decoder(EventTime)
_ANALYTICS: Final = msgspec.json.Decoder(bigbluebutton_analytics.Analytics)
_WEBHOOK: Final = "webhook of BigBlueButton: is it registered without getRaw?"


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token or the checksum. A secret is the shared secret of the server, as `bbb-conf --secret` shows it."""
    token = bearer_token(request)
    if token.count(".") == 2:
        _check_expiry(
            verified_claims(token, secrets, algorithm="HS512").get("exp"), request.received_at // 1_000
        )
    elif token:
        check_token(token, secrets)
    else:
        _verify_checksum(request, secrets)


def _check_expiry(expires_at_s: object, now_s: int) -> None:
    if not isinstance(expires_at_s, int | float):
        raise VerificationFailed("the token has no expiry time")
    if now_s > expires_at_s + _LEEWAY_S:
        raise VerificationFailed("the token is expired or not valid yet: check the clocks of both servers")


def _verify_checksum(request: InboundRequest, secrets: Sequence[str]) -> None:
    address, checksum = _split_checksum(request.url)
    algorithm = _ALGORITHMS.get(len(checksum))
    if algorithm is None:
        raise VerificationFailed(
            "the URL has no checksum: BigBlueButton adds one, or sends its secret in 'Authorization'"
        )
    try:
        check_signature(
            checksum.lower(), [_checksum(algorithm, address, request.body, secret) for secret in secrets]
        )
    except VerificationFailed as error:
        raise VerificationFailed(
            f"the checksum is not valid for {address[:200]}: check the shared secret, and that this is the registered URL"
            " (set public_url if not). bbb-webhooks before version 3 computes another checksum: use auth2_0 there"
        ) from error


def _split_checksum(url: str) -> tuple[str, str]:
    """Return the registered address and the checksum that was appended to it."""
    address, _, last = url.replace("?", "&").rpartition("&")
    name, _, checksum = last.partition("=")
    return (url[: len(address)], checksum) if name == "checksum" else (url, "")


def _checksum(algorithm: str, address: str, body: bytes, secret: str) -> str:
    return hashlib.new(
        algorithm, address.encode() + body + secret.encode(), usedforsecurity=False
    ).hexdigest()


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as `bbb-webhooks` signs it by default."""
    checksum = _checksum("sha1", request.url, request.body, secret)
    return request._replace(url=f"{request.url}{'&' if '?' in request.url else '?'}checksum={checksum}")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    body = request.body.strip()
    if not body.startswith((b"{", b"[")):
        return _parse_json(dict(fields.parse_form(body)).get("event", "").encode())
    if body.startswith(b"["):
        return _parse_json(body)
    notice = fields.decode(_NOTICE, body, _WEBHOOK)
    if notice.internal_meeting_id is not None:
        return list(_parse_analytics(fields.decode(_ANALYTICS, body, "analytics of BigBlueButton")))
    if notice.event is None:
        return _parse_events([fields.decode(_ITEM, body, _WEBHOOK)])
    return _parse_json(
        notice.event.encode() if isinstance(notice.event, str) else msgspec.json.encode(notice.event)
    )


def _parse_json(content: bytes) -> list[ParsedEvent]:
    return _parse_events(fields.decode(_ITEMS, content, _WEBHOOK))


def _parse_events(items: list[EventItem]) -> list[ParsedEvent]:
    return [event for item in items if (event := _parse_event(item.data)) is not None]


def _parse_event(data: Data) -> ParsedEvent | None:
    match data.id:
        case "user-joined":
            return _participant_event(Kind.JOIN, data)
        case "user-left":
            return _participant_event(Kind.LEAVE, data)
        case "meeting-created":
            return _end(data, Inferred.ROOM_RESTARTED)
        case "meeting-ended":
            return _end(data)
    return None


def _participant_event(kind: Literal[Kind.JOIN, Kind.LEAVE], data: Data) -> ParsedEvent | None:
    attributes = _attributes(data)
    user = attributes.user or User()
    connection = user.internal_user_id
    if not connection:  # such as the system itself
        return None
    room, session = _room_and_session(data, attributes)
    user_id = user.external_user_id if user.external_user_id != connection else None
    event = Event(kind, room, _event_time(data), connection, user_id, fields.user_name(user.name), session)
    return ParsedEvent(event, Role.PHONE if connection.startswith(_PHONE_PREFIX) else Role.PERSON)


def _end(data: Data, inferred: Inferred | None = None) -> ParsedEvent:
    """Return the end of a meeting, or the inferred end of all earlier ones in its room (R3a)."""
    room, session = _room_and_session(data, _attributes(data))
    return room_end(room, _event_time(data), None if inferred else session, inferred=inferred)


def _attributes(data: Data) -> Attributes:
    return fields.decode(_ATTRIBUTES, bytes(data.attributes), f"'{data.id}' of BigBlueButton")


def _room_and_session(data: Data, attributes: Attributes) -> tuple[str, str | None]:
    """Return the room and its session. If `bbb-webhooks` has forgotten the external id, the internal one replaces it."""
    meeting = attributes.meeting or MeetingIds()
    room = meeting.external_meeting_id or meeting.internal_meeting_id
    if not room:
        raise BadInput(f"a '{data.id}' of BigBlueButton without external-meeting-id")
    return room, meeting.internal_meeting_id


def _event_time(data: Data) -> Ms:
    decoded = fields.decode(_EVENT_TIME, bytes(data.event), f"'{data.id}' of BigBlueButton")
    return fields.valid_ms(decoded.ts, "event.ts")


def _parse_analytics(analytics: bigbluebutton_analytics.Analytics) -> Iterator[ParsedEvent]:
    """Return all stays of a meeting, and its end. A leave before its join, after a change of the clock, moves to the join."""
    meeting = bigbluebutton_analytics.to_meeting(analytics)
    room = meeting.room or meeting.session
    for stay in meeting.stays:
        left_at = None if stay.left_at is None else max(stay.joined_at, stay.left_at)
        yield stay_event(room, meeting.session, stay._replace(left_at=left_at))
    yield meeting_end(room, meeting)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    return [_sample(event, now) for event in ("user-joined", "user-left")]


def _sample(event: str, now: Ms) -> InboundRequest:
    meeting = {"internal-meeting-id": f"test-{now}", "external-meeting-id": TEST_ROOM}
    user = {"internal-user-id": f"w_test{now}", "external-user-id": "headcount-test", "name": "Headcount"}
    data = {
        "type": "event",
        "id": event,
        "attributes": {"meeting": meeting, "user": user},
        "event": {"ts": now},
    }
    events = msgspec.json.encode([{"data": data}]).decode()
    form = urlencode({"domain": "headcount.example", "event": events, "timestamp": now}).encode()
    return InboundRequest({"content-type": _FORM}, form, received_at=now)


SOURCE: Final = Source(
    "bigbluebutton",
    "BigBlueButton",
    "the shared secret of the server, as 'bbb-conf --secret' shows it",
    verify,
    parse,
    sign,
    samples,
)

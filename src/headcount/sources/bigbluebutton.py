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
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import bigbluebutton_analytics, fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    VerificationFailed,
    parse_items,
    room_end,
)
from headcount.sources.bigbluebutton_meeting import meeting_end, stay_event
from headcount.sources.fields import Value
from headcount.sources.signatures import bearer_token, check_signature, check_token, verified_claims

_LEEWAY_S: Final = 60
_FORM: Final = "application/x-www-form-urlencoded"
_PHONE_PREFIX: Final = "v_"
_CLIENT_SETTING: Final = "bbb_"
_ALGORITHMS: Final = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


class MeetingIds(msgspec.Struct, rename="kebab"):
    """Ids of the meeting."""

    internal_meeting_id: Value = None
    external_meeting_id: Value = None


class User(msgspec.Struct, rename="kebab"):
    """One connection. Only a join has the name, the role and `userdata`, which the application gave when it made the join link."""

    internal_user_id: Value = None
    external_user_id: Value = None
    name: Value = None
    role: Value = None
    guest: Value = None
    userdata: Value = msgspec.field(default=None, name="userdata")


class EventAttributes(msgspec.Struct):
    meeting: Value = None
    user: Value = None


class EventTime(msgspec.Struct):
    ts: Value = None


class Data(msgspec.Struct):
    """An event. `id` determines its kind."""

    id: Value = None
    attributes: Value = None
    event: Value = None


class Item(msgspec.Struct):
    """One event of a webhook."""

    data: Value = None


class Notice(msgspec.Struct):
    """A body that is JSON: the sender determines which fields are present."""

    event: Value = None
    timestamp: Value = None
    data: Value = None
    internal_meeting_id: Value = None


_ITEMS: Final = msgspec.json.Decoder(list[Value] | dict[str, Value])
_NOTICE: Final = msgspec.json.Decoder(Notice)
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


def parse(request: InboundRequest) -> Sequence[ParsedEvent | BadInput]:
    """Return the events of one request."""
    body, received_at = request.body.strip(), request.received_at
    if body.startswith(b"["):
        return _parse_json(body, received_at)
    if not body.startswith(b"{"):
        form = dict(fields.parse_form(body))
        return _parse_json(form.get("event", "").encode(), _sent_at(form.get("timestamp"), received_at))
    notice = fields.decode(_NOTICE, body, _WEBHOOK)
    if notice.internal_meeting_id is not None:
        return _parse_analytics(fields.decode(_ANALYTICS, body, "analytics of BigBlueButton"), received_at)
    if notice.event is None:
        return _parse_event(notice, received_at)
    content = notice.event.encode() if isinstance(notice.event, str) else msgspec.json.encode(notice.event)
    return _parse_json(content, _sent_at(notice.timestamp, received_at))


def _sent_at(value: Value, received_at: Ms) -> Ms:
    """Return when a webhook was sent, which stands for the time of an event that has none; else the time of receipt."""
    try:
        return fields.valid_ms(value, "timestamp")
    except BadInput:
        return received_at


def _parse_json(content: bytes, sent_at: Ms) -> list[ParsedEvent | BadInput]:
    decoded = fields.decode(_ITEMS, content, _WEBHOOK)
    items = decoded if isinstance(decoded, list) else [decoded]
    return parse_items(items, lambda item: _parse_event(fields.item(item, Item), sent_at), "event")


def _parse_event(item: Item | Notice, sent_at: Ms) -> list[ParsedEvent]:
    data = fields.struct(item.data, Data)
    match data.id:
        case "user-joined":
            return _participant_event(Kind.JOIN, data, sent_at)
        case "user-left":
            return _participant_event(Kind.LEAVE, data, sent_at)
        case "meeting-created":
            return [_end(data, sent_at, Inferred.ROOM_RESTARTED)]
        case "meeting-ended":
            return [_end(data, sent_at)]
        case str():
            return []
    raise BadInput(f"is no {_WEBHOOK}")


def _participant_event(kind: Literal[Kind.JOIN, Kind.LEAVE], data: Data, sent_at: Ms) -> list[ParsedEvent]:
    user = fields.struct(fields.struct(data.attributes, EventAttributes).user, User)
    if not user.internal_user_id:  # such as the system itself
        return []
    connection = fields.text(user.internal_user_id)
    fields.required(connection, "internal-user-id", str(data.id), "BigBlueButton")
    room, session = _room_and_session(data)
    user_id, name = fields.optional_id(user.external_user_id), fields.user_name(user.name)
    at = _event_time(data, sent_at)
    user_id = None if user_id == connection else user_id
    event = Event(kind, room, at, connection, user_id, name, session, attributes=_attributes(user))
    return [ParsedEvent(event, Role.PHONE if connection.startswith(_PHONE_PREFIX) else Role.PERSON)]


def _attributes(user: User) -> Attributes | None:
    """Return the attributes of a participant: `userdata` without the settings of BigBlueButton's client, role and guest."""
    userdata = fields.json_object(user.userdata)
    custom = {key: value for key, value in userdata.items() if not key.startswith(_CLIENT_SETTING)}
    return fields.attributes(custom, role=fields.role(user.role), guest=fields.flag(user.guest) or None)


def _end(data: Data, sent_at: Ms, inferred: Inferred | None = None) -> ParsedEvent:
    """Return the end of a meeting, or the inferred end of all earlier ones in its room (R3a)."""
    room, session = _room_and_session(data)
    return room_end(room, _event_time(data, sent_at), None if inferred else session, inferred=inferred)


def _room_and_session(data: Data) -> tuple[str, str | None]:
    """Return the room and its session. If `bbb-webhooks` has forgotten the external id, the internal one replaces it."""
    meeting = fields.struct(fields.struct(data.attributes, EventAttributes).meeting, MeetingIds)
    session = fields.optional_id(meeting.internal_meeting_id)
    room = fields.text(meeting.external_meeting_id) or session
    if not room:
        raise BadInput(f"a '{data.id}' of BigBlueButton without external-meeting-id")
    return room, session


def _event_time(data: Data, sent_at: Ms) -> Ms:
    return fields.event_time(fields.struct(data.event, EventTime).ts, fields.valid_ms, "event.ts", sent_at)


def _parse_analytics(
    analytics: bigbluebutton_analytics.Analytics, received_at: Ms
) -> list[ParsedEvent | BadInput]:
    """Return all stays of a meeting, and its end. A leave before its join, after a change of the clock, moves to the join."""
    meeting = bigbluebutton_analytics.to_meeting(analytics, received_at)
    room = meeting.room or meeting.session
    events: list[ParsedEvent | BadInput] = [*meeting.problems]
    for stay in meeting.stays:
        left_at = None if stay.left_at is None else max(stay.joined_at, stay.left_at)
        parsed = stay_event(room, meeting.session, stay._replace(left_at=left_at))
        events.append(parsed._replace(item=stay.item))
    return [*events, meeting_end(room, meeting)]


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
    is_partial=True,
)

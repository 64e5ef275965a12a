"""BigBlueButton: the webhooks of `bbb-webhooks`, and what is posted for analytics when a meeting is over.

A webhook is a form, whose field `event` is an array of events in JSON; some versions post the JSON alone. It is known by its
`checksum` at the end of the address, a hash of the address that was registered, the body and the shared secret; or the secret
itself comes along as a Bearer token (`auth2_0`). What is posted for analytics has a token (JWT, HS512) of the same secret.

* A room is the external id of a meeting; each time that it is held has an internal id. A breakout room is a room of its own.
* A connection is the internal id of a user, new with each call to join. Who has no account has the same id for an external
  one: then it is nobody's.
* Whoever loses the network for less than a minute is the same connection, and nothing is said. For longer, they leave a
  minute late.
* Whoever is in at the end is not told to leave, nor whoever left a second before: the end of the meeting closes them.
* A leave does not know its join. If that was lost, so is the stay, unless analytics tell it.
* What was lost while `bbb-webhooks` was down is gone. A meeting that is created anew was empty before.
* Times are milliseconds, of when `bbb-webhooks` heard of it. In analytics they are whole seconds, of BigBlueButton itself; a
  stay told by both lasts from the earlier join to the earlier leave, a second at most from either.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import bbb_analytics, fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, VerificationFailed
from headcount.sources.bbb_meetings import Meeting, span_event
from headcount.sources.signatures import bearer_token, check_signature, check_token, verified_claims

_LEEWAY_S: Final = 60
_FORM: Final = "application/x-www-form-urlencoded"
_TELEPHONE: Final = "v_"
_ALGORITHMS: Final = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


class MeetingNamed(msgspec.Struct, rename="kebab"):
    """Which meeting it was."""

    internal_meeting_id: str | None = None
    external_meeting_id: str | None = None


class User(msgspec.Struct, rename="kebab"):
    """One connection. The name is told at the join alone."""

    internal_user_id: str | None = None
    external_user_id: str | None = None
    name: str | None = None


class Attributes(msgspec.Struct):
    meeting: MeetingNamed | None = None
    user: User | None = None


class When(msgspec.Struct):
    ts: int


class Data(msgspec.Struct):
    """An event. What it is about is known by `id` alone."""

    id: str
    attributes: msgspec.Raw = msgspec.Raw(b"{}")
    event: msgspec.Raw = msgspec.Raw(b"{}")


class Item(msgspec.Struct):
    """One event of a webhook."""

    data: Data


class Notice(msgspec.Struct):
    """A body that is JSON: which of the fields are there depends on who sent it."""

    event: Any = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    internal_meeting_id: str | None = None


_ITEMS: Final = msgspec.json.Decoder(list[Item])
_ITEM: Final = msgspec.json.Decoder(Item)
_NOTICE: Final = msgspec.json.Decoder(Notice)
_ATTRIBUTES: Final = msgspec.json.Decoder(Attributes)
_WHEN: Final = msgspec.json.Decoder(When)
_ANALYTICS: Final = msgspec.json.Decoder(bbb_analytics.Analytics)
_WEBHOOK: Final = "webhook of BigBlueButton: is it registered without getRaw?"


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the shared secret of the server, as `bbb-conf --secret` shows it."""
    token = bearer_token(request)
    if token.count(".") == 2:
        _check_time(
            verified_claims(token, secrets, algorithm="HS512").get("exp"), request.received_at // 1_000
        )
    elif token:
        check_token(token, secrets)
    else:
        _check_sum(request, secrets)


def _check_time(until: object, now_s: int) -> None:
    if not isinstance(until, int | float):
        raise VerificationFailed("the token does not say until when it holds")
    if now_s > until + _LEEWAY_S:
        raise VerificationFailed("the token is of another time: are both clocks right?")


def _check_sum(request: InboundRequest, secrets: Sequence[str]) -> None:
    address, signature = _divided(request.url)
    algorithm = _ALGORITHMS.get(len(signature))
    if algorithm is None:
        raise VerificationFailed(
            "the address ends with no checksum: BigBlueButton adds one, unless it shows its secret in 'Authorization'"
        )
    try:
        check_signature(
            signature.lower(), [_sum(algorithm, address, request.body, secret) for secret in secrets]
        )
    except VerificationFailed as error:
        raise VerificationFailed(
            f"the checksum does not fit for {address[:200]}: is the shared secret the same, and this the address that was registered"
            " (else set public_url)? bbb-webhooks older than 3 sums up otherwise: let it show its secret (auth2_0)"
        ) from error


def _divided(url: str) -> tuple[str, str]:
    """The address that was registered, and the checksum that was put behind it."""
    address, _, last = url.replace("?", "&").rpartition("&")
    name, _, signature = last.partition("=")
    return (url[: len(address)], signature) if name == "checksum" else (url, "")


def _sum(algorithm: str, address: str, body: bytes, secret: str) -> str:
    return hashlib.new(
        algorithm, address.encode() + body + secret.encode(), usedforsecurity=False
    ).hexdigest()


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """As `bbb-webhooks` does it unless told otherwise."""
    signature = _sum("sha1", request.url, request.body, secret)
    return request._replace(url=f"{request.url}{'&' if '?' in request.url else '?'}checksum={signature}")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    body = request.body.strip()
    if not body.startswith((b"{", b"[")):
        return _of_items(dict(fields.parse_form(body)).get("event", "").encode())
    if body.startswith(b"["):
        return _of_items(body)
    notice = fields.decode(_NOTICE, body, _WEBHOOK)
    if notice.internal_meeting_id is not None:
        return list(_of_analytics(fields.decode(_ANALYTICS, body, "analytics of BigBlueButton")))
    if notice.event is None:
        return _of([fields.decode(_ITEM, body, _WEBHOOK)])
    return _of_items(
        notice.event.encode() if isinstance(notice.event, str) else msgspec.json.encode(notice.event)
    )


def _of_items(told: bytes) -> list[ParsedEvent]:
    return _of(fields.decode(_ITEMS, told, _WEBHOOK))


def _of(items: list[Item]) -> list[ParsedEvent]:
    return [heard for item in items if (heard := _parse_item(item.data)) is not None]


def _parse_item(data: Data) -> ParsedEvent | None:
    match data.id:
        case "user-joined":
            return _participant_event(Kind.JOIN, data)
        case "user-left":
            return _participant_event(Kind.LEAVE, data)
        case "meeting-created":
            return _end(data, Inferred.SUPERSEDED)
        case "meeting-ended":
            return _end(data)
    return None


def _participant_event(kind: Literal[Kind.JOIN, Kind.LEAVE], data: Data) -> ParsedEvent | None:
    about = _about(data)
    user = about.user or User()
    connection = user.internal_user_id
    if not connection:  # such as the system itself
        return None
    room, session = _meeting(data, about)
    person = user.external_user_id if user.external_user_id != connection else None
    event = Event(kind, room, _event_time(data), connection, person, fields.user_name(user.name), session)
    return ParsedEvent(event, Role.PHONE if connection.startswith(_TELEPHONE) else Role.PERSON)


def _end(data: Data, inferred: Inferred | None = None) -> ParsedEvent:
    """A meeting's own end, or the end of all that were held in that room before."""
    room, session = _meeting(data, _about(data))
    return ParsedEvent(
        Event(
            Kind.END, room, _event_time(data), source_session=None if inferred else session, inferred=inferred
        )
    )


def _about(data: Data) -> Attributes:
    return fields.decode(_ATTRIBUTES, bytes(data.attributes), f"'{data.id}' of BigBlueButton")


def _meeting(data: Data, about: Attributes) -> tuple[str, str | None]:
    """Its room and its session. If `bbb-webhooks` has forgotten the external id, the internal one stands for it."""
    meeting = about.meeting or MeetingNamed()
    room = meeting.external_meeting_id or meeting.internal_meeting_id
    if not room:
        raise BadInput(f"a '{data.id}' of BigBlueButton without external-meeting-id")
    return room, meeting.internal_meeting_id


def _event_time(data: Data) -> Ms:
    when = fields.decode(_WHEN, bytes(data.event), f"'{data.id}' of BigBlueButton")
    return fields.valid_ms(when.ts, "event.ts")


def _of_analytics(told: bbb_analytics.Analytics) -> Iterator[ParsedEvent]:
    """All stays of a meeting that is over. A leave before its join, of a clock that was set, is at the join."""
    meeting: Meeting = bbb_analytics.meeting_of(told)
    room = meeting.room or meeting.session
    for span in meeting.spans:
        left = None if span.left is None else max(span.joined, span.left)
        yield span_event(room, meeting.session, span._replace(left=left))
    assert meeting.ended_at is not None
    yield ParsedEvent(Event(Kind.END, room, meeting.ended_at, source_session=meeting.session))


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
    told = msgspec.json.encode([{"data": data}]).decode()
    form = urlencode({"domain": "headcount.example", "event": told, "timestamp": now}).encode()
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
"""Its kind is what `headcount source add` is told; so are logs of its webhooks."""

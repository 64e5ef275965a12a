"""Twilio Video: status callbacks of its rooms.

A request is a form. It is signed together with the address that Twilio was given: so behind
a proxy Headcount must know its public URL.

* A connection is `ParticipantSid`. An identity is in a room once: a second connection with it evicts the first.
* Nothing identifies an event: its content is its key. `SequenceNumber` is Twilio's own, and orders nothing.
* A leave has the duration of the stay, in whole seconds. The join time that follows from it is put a second later, so that
  it is never before the true one: where the join is known it changes nothing, where the join was lost it replaces it.
* After a network loss, the leave is reported up to a minute later.
* `room-ended` is sent when a room was empty for some minutes. It ends the stays of its own `RoomSid`. The next room of the
  same name has another, and its creation ends the stays that are left over.
* A request has no timestamp. Repeating one changes nothing, because its content is the same.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Source, end_before_start, room_end
from headcount.sources.signatures import (
    check_signature,
    encode_base64,
    hmac_digest,
    required_header,
    with_headers,
)
from headcount.timestamps import format_timestamp

_SIGNATURE: Final = "x-twilio-signature"
_SETTINGS: Final = "x-twilio-webhooks-signature-settings"
_PORTS: Final = {"https": "443", "http": "80"}
_MAX_DIGITS: Final = 9  # of seconds: 30 years


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the signature. A secret is the auth token of the account, or the secret of a shared key."""
    signature = required_header(request, _SIGNATURE)
    algorithm = _algorithm(request)
    message = _form_message(request.body)
    addresses = list(_addresses(request.url))
    check_signature(
        signature, [_signature(secret, at, message, algorithm) for secret in secrets for at in addresses]
    )


def _signature(secret: str, address: str, message: bytes, algorithm: str = "sha1") -> str:
    return encode_base64(hmac_digest(secret, address.encode() + message, algorithm))


def _form_message(body: bytes) -> bytes:
    """Return the signed part of a form: names and values one after the other, in order."""
    return "".join(name + value for name, value in sorted(set(fields.parse_form(body)))).encode()


def _algorithm(request: InboundRequest) -> str:
    """Return the hash: shared keys sign with SHA-256, and name it."""
    settings = request.headers.get(_SETTINGS, "").upper().replace(" ", "").split(",")
    return "sha256" if "ALGORITHM=HMAC_SHA256" in settings else "sha1"


def _addresses(url: str) -> Iterator[str]:
    """Return the address as it is, without its port, and with it: Twilio signs either."""
    yield url
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    if name and port.isdigit():
        yield f"{scheme}://{name}{slash}{path}"
    elif scheme in _PORTS:
        yield f"{scheme}://{host}:{_PORTS[scheme]}{slash}{path}"


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request as Twilio signs it with the auth token."""
    signature = _signature(secret, request.url, _form_message(request.body))
    return with_headers(request, x_twilio_signature=signature)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    form = dict(fields.parse_form(request.body))
    match form.get("StatusCallbackEvent"):
        case "participant-connected":
            return [_participant_event(Kind.JOIN, form, _event_time(form, request.received_at))]
        case "participant-disconnected":
            at = _event_time(form, request.received_at)
            return [_participant_event(Kind.LEAVE, form, at, fields.join_before(at, _latest_join(form, at)))]
        case "room-created":
            return [end_before_start(_room(form), _event_time(form, request.received_at))]
        case "room-ended":
            at, session = _event_time(form, request.received_at), fields.optional_id(form.get("RoomSid"))
            return [room_end(_room(form), at, session)]
        case None:
            raise BadInput("is no status callback of Twilio Video: StatusCallbackEvent is missing")
    return []


def _room(form: dict[str, str]) -> str:
    """Return the name of the room, or its sid if it has no name."""
    room = form.get("RoomName") or form.get("RoomSid")
    if not room:
        raise BadInput("a status callback of Twilio Video without a RoomName")
    return room


def _event_time(form: dict[str, str], received_at: Ms) -> Ms:
    return fields.event_time(form.get("Timestamp"), fields.ms_from_rfc3339, "Timestamp", received_at)


def _latest_join(form: dict[str, str], at: Ms) -> Ms | None:
    """Return the latest possible join time of a leave, if it has a duration."""
    duration = form.get("ParticipantDuration", "")
    if not (duration.isascii() and duration.isdigit() and len(duration) <= _MAX_DIGITS):
        return None
    return fields.valid_ms(at - (int(duration) - 1) * 1_000, "Timestamp less ParticipantDuration")


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], form: dict[str, str], at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    event_kind, session = form["StatusCallbackEvent"], fields.optional_id(form.get("RoomSid"))
    connection = fields.required(form.get("ParticipantSid"), "ParticipantSid", event_kind, "Twilio Video")
    user_id = fields.optional_id(form.get("ParticipantIdentity"))
    event = Event(kind, _room(form), at, connection, user_id, source_session=session, joined_at=joined_at)
    return ParsedEvent(event)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    return [_sample("participant-connected", now), _sample("participant-disconnected", now)]


def _sample(event: str, now: Ms) -> InboundRequest:
    form = {
        "AccountSid": "ACtest",
        "RoomName": TEST_ROOM,
        "RoomSid": f"RMtest{now}",
        "ParticipantSid": f"PAtest{now}",
        "ParticipantIdentity": "headcount-test",
        "StatusCallbackEvent": event,
        "Timestamp": format_timestamp(now),
    }
    # No value needs to be escaped.
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    return InboundRequest({"content-type": "application/x-www-form-urlencoded"}, body, received_at=now)


SOURCE: Final = Source(
    "twilio",
    "Twilio Video",
    "the Auth Token of the account, from Twilio's console",
    verify,
    parse,
    sign,
    samples,
    is_partial=True,
)

"""Twilio Video: status callbacks of its rooms.

A delivery is a form. It is signed together with the address to which it was sent, as Twilio was told it: so behind
a proxy we have to know our address as the world sees it.

* A connection is `ParticipantSid`. An identity is in a room once: whoever connects under it again evicts the first.
* Nothing names an event: what it says is its key. `SequenceNumber` is Twilio's own, and orders nothing.
* A leave says how long the stay was, in whole seconds. The join that follows from it is put a second later, so that
  it is never before the true one: where that is known it changes nothing, where it was lost it stands for it.
* Whoever loses the network is told to leave up to a minute later.
* `room-ended` comes when a room was empty for some minutes. It closes those of its own `RoomSid`. The next room of the
  name has another, and whoever was forgotten is gone when it is created.
* Nothing tells when a delivery was signed. To repeat one changes nothing, because it says the same.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Source, end_before_start
from headcount.sources.signatures import (
    check_signature,
    encode_base64,
    hmac_digest,
    required_header,
    with_headers,
)
from headcount.timestamps import spoken

_SIGNATURE: Final = "x-twilio-signature"
_SETTINGS: Final = "x-twilio-webhooks-signature-settings"
_PORTS: Final = {"https": "443", "http": "80"}
_DIGITS: Final = 9  # of seconds: thirty years


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the auth token of the account, or the secret of a shared key."""
    signature = required_header(request, _SIGNATURE)
    algorithm = _algorithm(request)
    told = _told(request.body)
    addresses = list(_addresses(request.url))
    check_signature(
        signature, [_signature(secret, at, told, algorithm) for secret in secrets for at in addresses]
    )


def _signature(secret: str, address: str, told: bytes, algorithm: str = "sha1") -> str:
    return encode_base64(hmac_digest(secret, address.encode() + told, algorithm))


def _told(body: bytes) -> bytes:
    """What is signed of a form: names and values one after the other, in order."""
    return "".join(name + value for name, value in sorted(set(fields.parse_form(body)))).encode()


def _algorithm(request: InboundRequest) -> str:
    """Shared keys sign with SHA-256, and say so."""
    settings = request.headers.get(_SETTINGS, "").upper().replace(" ", "").split(",")
    return "sha256" if "ALGORITHM=HMAC_SHA256" in settings else "sha1"


def _addresses(url: str) -> Iterator[str]:
    """The address as it is, without its port, and with it: Twilio signs now one, now the other."""
    yield url
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    if name and port.isdigit():
        yield f"{scheme}://{name}{slash}{path}"
    elif scheme in _PORTS:
        yield f"{scheme}://{host}:{_PORTS[scheme]}{slash}{path}"


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """As Twilio signs it with the auth token."""
    signature = _signature(secret, request.url, _told(request.body))
    return with_headers(request, x_twilio_signature=signature)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    form = dict(fields.parse_form(request.body))
    match form.get("StatusCallbackEvent"):
        case "participant-connected":
            return [_participant_event(Kind.JOIN, form, _event_time(form))]
        case "participant-disconnected":
            at = _event_time(form)
            return [
                _participant_event(Kind.LEAVE, form, at, fields.join_before(at, _join_of_leave(form, at)))
            ]
        case "room-created":
            return [end_before_start(_room(form), _event_time(form))]
        case "room-ended":
            return [
                ParsedEvent(
                    Event(Kind.END, _room(form), _event_time(form), source_session=form.get("RoomSid"))
                )
            ]
        case None:
            raise BadInput("is no status callback of Twilio Video: StatusCallbackEvent is missing")
    return []


def _room(form: dict[str, str]) -> str:
    """Its name; a room that was given none has its sid for one."""
    room = form.get("RoomName") or form.get("RoomSid")
    if not room:
        raise BadInput("a status callback of Twilio Video without a RoomName")
    return room


def _event_time(form: dict[str, str]) -> Ms:
    return fields.ms_from_rfc3339(form.get("Timestamp", ""), "Timestamp")


def _join_of_leave(form: dict[str, str], at: Ms) -> Ms | None:
    """When they came at the latest, if it is told how long they stayed."""
    length = form.get("ParticipantDuration", "")
    if not (length.isascii() and length.isdigit() and len(length) <= _DIGITS):
        return None
    return fields.valid_ms(at - (int(length) - 1) * 1_000, "Timestamp less ParticipantDuration")


def _participant_event(
    kind: Literal[Kind.JOIN, Kind.LEAVE], form: dict[str, str], at: Ms, joined: Ms | None = None
) -> ParsedEvent:
    connection = form.get("ParticipantSid")
    if not connection:
        raise BadInput(f"a '{form['StatusCallbackEvent']}' of Twilio Video without a ParticipantSid")
    identity = form.get("ParticipantIdentity")
    event = Event(
        kind, _room(form), at, connection, identity, source_session=form.get("RoomSid"), joined_at=joined
    )
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
        "Timestamp": spoken(now),
    }
    # Nothing here needs to be escaped.
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
)

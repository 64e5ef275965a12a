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
from headcount.sources.compression import unpacked
from headcount.sources.signatures import check, digest, required, with_headers
from headcount.timestamps import spoken

_CLOSE_MS: Final[Ms] = 1_500
Told = str | int


class User(msgspec.Struct):
    """Who somebody is."""

    id: str | None = None
    name: str | None = None


class Participant(msgspec.Struct):
    """One connection to a session of a call."""

    user_session_id: str = ""
    user: User | None = None
    joined_at: Told | None = None


class Notice(msgspec.Struct):
    """The body of a delivery: which of the fields are there depends on `type`."""

    type: str
    created_at: Told | None = None
    call_cid: str = ""
    session_id: str | None = None
    participant: Participant | None = None
    duration_seconds: int | None = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(delivery: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is the API secret of the app."""
    shown = required(delivery, "X-Signature")
    try:
        plain = unpacked(delivery.body)
    except BadInput as error:
        raise VerificationFailed(f"what was signed cannot be seen: the body {error}") from error
    check(shown.lower(), [digest(secret, plain).hex() for secret in secrets])


def sign(delivery: InboundRequest, secret: str) -> InboundRequest:
    """As Stream signs it."""
    return with_headers(delivery, x_signature=digest(secret, unpacked(delivery.body)).hex())


def read(delivery: InboundRequest) -> list[ParsedEvent]:
    """The events in one delivery."""
    notice = fields.decoded(_DECODER, unpacked(delivery.body), "webhook of Stream")
    match notice.type:
        case "call.session_participant_joined":
            return [ParsedEvent(_joined(notice))]
        case "call.session_participant_left":
            return [ParsedEvent(_left(notice))]
        case "call.session_started":
            return [end_before_start(_room(notice), _created(notice))]
        case "call.session_ended":
            return [
                ParsedEvent(
                    Event(Kind.END, _room(notice), _created(notice), source_session=notice.session_id)
                )
            ]
    return []


def _joined(notice: Notice) -> Event:
    told = _participant(notice).joined_at
    at = _created(notice) if told is None else _time(told, "participant.joined_at")
    return _of(Kind.JOIN, notice, at)


def _left(notice: Notice) -> Event:
    at = _created(notice)
    return _of(Kind.LEAVE, notice, at, _join_of_a_leave(notice, at))


def _join_of_a_leave(notice: Notice, at: Ms) -> Ms | None:
    """When they joined, if the leave knows it."""
    if notice.duration_seconds is None:
        return None
    by_duration = at - notice.duration_seconds * 1_000
    told = _participant(notice).joined_at
    joined = by_duration if told is None else _time(told, "participant.joined_at")
    if joined < at and abs(joined - by_duration) <= _CLOSE_MS:
        return joined
    reckoned = fields.join_before(at, by_duration)
    return None if reckoned is None else fields.sensible(reckoned, "created_at less duration_seconds")


def _of(kind: Literal[Kind.JOIN, Kind.LEAVE], notice: Notice, at: Ms, joined: Ms | None = None) -> Event:
    who = _participant(notice)
    user = who.user or User()
    return Event(
        kind,
        _room(notice),
        at,
        who.user_session_id,
        user.id,
        fields.name(user.name),
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
    return _time(notice.created_at, "created_at")


def _time(told: Told, field: str) -> Ms:
    return fields.rfc3339(told, field) if isinstance(told, str) else fields.nanos(told, field)


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once."""
    who = {
        "user_session_id": f"test{now}",
        "user": {"id": "headcount-test"},
        "role": "user",
        "joined_at": spoken(now),
    }
    notice: dict[str, object] = {
        "created_at": spoken(now),
        "call_cid": TEST_ROOM,
        "session_id": f"test{now}",
        "participant": who,
    }
    came = {"type": "call.session_participant_joined", **notice}
    went = {"type": "call.session_participant_left", **notice, "duration_seconds": 0}
    return [json_request(one, now) for one in (came, went)]


SOURCE: Final = Source("stream", "Stream Video", "the API secret of the app", verify, read, sign, samples)

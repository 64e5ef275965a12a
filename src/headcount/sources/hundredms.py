"""100ms: webhooks that are set up in its dashboard, per workspace.

Nothing is signed. The dashboard lets you set headers for each request, so a token in `Authorization` shows
that a request is genuine. Times are RFC 3339 with nanoseconds.

* A connection is `peer_id`; a participant who comes back after a network loss has a new one. An abrupt loss is
  noticed after about 60 s, and the leave is late by that: `left_at` is the time of the notice.
* A leave has the join time, so a lost `peer.join.success` loses nothing.
* Failures are sent, too: `peer.join.failure`, `peer.leave.failure`. Their times are 0001-01-01,
  and they change nothing. That time anywhere means unknown.
* `room.end.success` only has the time of sending in whole seconds. Each participant leaves with a
  `peer.leave.success`, and `session.close.success` follows with the exact time. Only that one is an end.
* A room has one session at a time. So `session.open.success` means that stays of the session before have ended.
* Its own recorder and streamer, called beam, joins as participants do, with a role that starts with `__internal_`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    end_before_start,
    json_request,
    room_end,
)
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token
from headcount.timestamps import format_timestamp

_UNKNOWN_TIME: Final = "0001-01-01T"
_VENDOR_ROLE_PREFIX: Final = "__internal_"


class Data(msgspec.Struct):
    """Data of an event: the type determines which fields are present."""

    room_id: str = ""
    session_id: str | None = None
    peer_id: str = ""
    user_id: str | None = None
    user_name: str | None = None
    role: str | None = None
    type: str | None = None
    joined_at: str | None = None
    left_at: str | None = None
    session_started_at: str | None = None
    session_stopped_at: str | None = None


class Notice(msgspec.Struct):
    """The body of a request."""

    type: str
    id: str | None = None
    data: Data = msgspec.field(default_factory=Data)


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token. A secret is a text of your choice, which the dashboard sends in `Authorization`."""
    check_token(required_bearer_token(request, "set it at the webhook in the dashboard of 100ms"), secrets)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of 100ms")
    match notice.type:
        case "peer.join.success":
            return [_join(notice)]
        case "peer.leave.success":
            return [_leave(notice)]
        case "session.open.success":
            at = _event_time(notice.data.session_started_at, "data.session_started_at")
            return [end_before_start(_room(notice), at, notice.id or None)]
        case "session.close.success":
            return [_end(notice)]
    return []


def _join(notice: Notice) -> ParsedEvent:
    return _participant_event(Kind.JOIN, notice, _event_time(notice.data.joined_at, "data.joined_at"))


def _leave(notice: Notice) -> ParsedEvent:
    at = _event_time(notice.data.left_at, "data.left_at")
    joined_at = _optional_time(notice.data.joined_at, "data.joined_at")
    return _participant_event(Kind.LEAVE, notice, at, fields.join_before(at, joined_at))


def _participant_event(kind: Kind, notice: Notice, at: Ms, joined_at: Ms | None = None) -> ParsedEvent:
    peer = notice.data
    event = Event(
        kind,
        _room(notice),
        at,
        fields.required(peer.peer_id, "data.peer_id", notice.type, "100ms"),
        peer.user_id,
        fields.user_name(peer.user_name),
        peer.session_id,
        joined_at,
        id=notice.id or None,
    )
    return ParsedEvent(event, _role(peer))


def _end(notice: Notice) -> ParsedEvent:
    at = _event_time(notice.data.session_stopped_at, "data.session_stopped_at")
    return room_end(_room(notice), at, notice.data.session_id, notice.id or None)


def _room(notice: Notice) -> str:
    return fields.required(notice.data.room_id, "data.room_id", notice.type, "100ms")


def _event_time(text: str | None, field: str) -> Ms:
    at = _optional_time(text, field)
    if at is None:
        raise BadInput(f"{field} is missing, or is 0001-01-01, which means unknown at 100ms")
    return at


def _optional_time(text: str | None, field: str) -> Ms | None:
    if not text or text.startswith(_UNKNOWN_TIME):
        return None
    return fields.ms_from_rfc3339(text, field)


def _role(peer: Data) -> Role:
    if (peer.role or "").startswith(_VENDOR_ROLE_PREFIX):
        return Role.RECORDER
    return Role.PHONE if peer.type == "sip" else Role.PERSON


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    peer = {
        "room_id": TEST_ROOM,
        "session_id": f"test{now}",
        "peer_id": f"test-peer{now}",
        "user_id": "headcount-test",
        "joined_at": format_timestamp(now),
    }
    return [
        _sample("peer.join.success", peer, now),
        _sample("peer.leave.success", {**peer, "left_at": format_timestamp(now)}, now),
    ]


def _sample(kind: str, data: dict[str, str], now: Ms) -> InboundRequest:
    notice = {
        "version": "2.0",
        "id": f"{kind}-{now}",
        "timestamp": format_timestamp(now),
        "type": kind,
        "data": data,
    }
    return json_request(notice, now)


SOURCE: Final = Source(
    "100ms", "100ms", "the token that the header Authorization sends, a word of your choice", verify, parse, with_bearer_token, samples
)  # fmt: skip

"""100ms: webhooks that are set up in its dashboard, per workspace.

Nothing is signed. The dashboard lets you set headers for each request, so a token in `Authorization` shows
that a request is genuine. Times are RFC 3339 with nanoseconds.

* A connection is `peer_id`; a participant who comes back after a network loss has a new one. An abrupt loss is
  noticed after about 60 s, and the leave is late by that: `left_at` is the time of the notice.
* A leave has the join time, so a lost `peer.join.success` loses nothing.
* Roles and data may change. A leave has those at that time, but the time of the join: so only a join states attributes.
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

from headcount.kernel.attributes import Attributes
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
from headcount.sources.fields import Value
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token
from headcount.timestamps import format_timestamp

_UNKNOWN_TIME: Final = "0001-01-01T"
_VENDOR_ROLE_PREFIX: Final = "__internal_"


class Data(msgspec.Struct):
    """Data of an event: the type determines which fields are present."""

    room_id: Value = None
    session_id: Value = None
    peer_id: Value = None
    user_id: Value = None
    user_name: Value = None
    user_data: Value = None
    role: Value = None
    type: Value = None
    joined_at: Value = None
    left_at: Value = None
    session_started_at: Value = None
    session_stopped_at: Value = None


class Notice(msgspec.Struct):
    """The body of a request."""

    type: str
    id: Value = None
    data: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token. A secret is a text of your choice, which the dashboard sends in `Authorization`."""
    check_token(required_bearer_token(request, "set it at the webhook in the dashboard of 100ms"), secrets)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "webhook of 100ms")
    data, key, received_at = (
        fields.struct(notice.data, Data),
        fields.optional_id(notice.id),
        request.received_at,
    )
    match notice.type:
        case "peer.join.success":
            at = _event_time(data.joined_at, "data.joined_at", received_at)
            return [_participant_event(Kind.JOIN, notice, data, at)]
        case "peer.leave.success":
            at = _event_time(data.left_at, "data.left_at", received_at)
            joined_at = _optional_time(data.joined_at, "data.joined_at")
            return [_participant_event(Kind.LEAVE, notice, data, at, fields.join_before(at, joined_at))]
        case "session.open.success":
            at = _event_time(data.session_started_at, "data.session_started_at", received_at)
            return [end_before_start(_room(notice, data), at, key)]
        case "session.close.success":
            at = _event_time(data.session_stopped_at, "data.session_stopped_at", received_at)
            return [room_end(_room(notice, data), at, fields.optional_id(data.session_id), key)]
    return []


def _participant_event(
    kind: Kind, notice: Notice, peer: Data, at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    event = Event(
        kind,
        _room(notice, peer),
        at,
        fields.required(fields.text(peer.peer_id), "data.peer_id", notice.type, "100ms"),
        fields.optional_id(peer.user_id),
        fields.user_name(peer.user_name),
        fields.optional_id(peer.session_id),
        joined_at,
        id=fields.optional_id(notice.id),
        attributes=_attributes(peer) if kind is Kind.JOIN else None,
    )
    return ParsedEvent(event, _role(peer))


def _attributes(peer: Data) -> Attributes | None:
    role = None if _is_of_vendor(peer) else fields.role(peer.role)
    return fields.attributes(peer.user_data, role=role)


def _room(notice: Notice, data: Data) -> str:
    return fields.required(fields.text(data.room_id), "data.room_id", notice.type, "100ms")


def _event_time(value: Value, field: str, received_at: Ms) -> Ms:
    at = _optional_time(value, field)
    return fields.event_time(None, fields.ms_from_rfc3339, field, received_at) if at is None else at


def _optional_time(value: Value, field: str) -> Ms | None:
    if fields.text(value).startswith(_UNKNOWN_TIME):
        return None
    return fields.optional_time(value, fields.ms_from_rfc3339, field)


def _is_of_vendor(peer: Data) -> bool:
    return fields.text(peer.role).startswith(_VENDOR_ROLE_PREFIX)


def _role(peer: Data) -> Role:
    if _is_of_vendor(peer):
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

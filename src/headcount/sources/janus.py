"""Janus: its event handlers, above all the bundled one that sends over HTTP (`sampleevh`).

A request is an array of events, or one event; times are microseconds. Nothing is signed: a name and a password
are sent (HTTP Basic), or nothing at all, and then the address is the secret.

* Numbers of rooms belong to a server, so a room is named after the server that sends (`emitter`): `eu-1/1234`. Rooms of
  AudioBridge and TextRoom have their own numbers, too: `eu-1/audiobridge/1234`.
* A connection is its `id` in the room. A leave has only that: neither the session nor
  the handle, nor the name at the join. A participant keeps others from using their id.
* A participant who comes back has a new id, unless the app chose it. `opaque_id` is the user, if the app set one when it attached.
* A leave does not have its join. If the join was lost, so is the stay.
* A subscriber, who only watches, never joins, and is not a participant.
* `unpublished` is no leave. `kicked` replaces the leave; so does `kicked_all`, sent once for each participant.
* A room that is destroyed ends all stays without further events. A room that is created was empty before.
* A server that is shut down sends one event, and no others; one that is killed sends nothing until it has started again. Both
  mean that all of its rooms are empty.
* After a network loss, the leave is sent when Janus closes the session, after a minute.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Source,
    json_request,
    parse_items,
    room_end,
)
from headcount.sources.compression import decompress
from headcount.sources.fields import Value
from headcount.sources.signatures import check_token, encode_base64, required_header, with_headers

ADDRESS_ALONE: Final = "address"
"""Secret of a source without one: anybody who has the address can send."""

_PLUGIN_EVENT: Final = 64
_CORE_EVENT: Final = 256
ROOM_PLUGINS: Final = {
    "janus.plugin.videoroom": "",
    "janus.plugin.audiobridge": "audiobridge/",
    "janus.plugin.textroom": "textroom/",
}
"""The plugins with rooms, and the folder of their rooms: the part of the name before the number."""
_JOIN_EVENTS: Final = ("joined", "join")
_LEAVE_EVENTS: Final = ("leaving", "left", "leave", "kicked", "kicked_all")
_ROOM_EVENTS: Final = (*_JOIN_EVENTS, *_LEAVE_EVENTS, "created", "destroyed")


class Notice(msgspec.Struct):
    """One event: its type determines the form of `event`."""

    type: Value = None
    timestamp: Value = None
    emitter: Value = None
    opaque_id: Value = None
    event: Value = None


class PluginEvent(msgspec.Struct):
    """Event of a plugin. Unknown plugins may send any data."""

    plugin: Value = None
    data: Value = None


class CoreEvent(msgspec.Struct):
    """Event of the server itself."""

    status: Value = None


class RoomEvent(msgspec.Struct):
    """Event in a room. TextRoom has another name for a kick, and identifies participants by `username`.

    `metadata` is an object of the application; only the VideoRoom has it.
    """

    event: Value = None
    textroom: Value = None
    room: Value = None
    id: Value = None
    username: Value = None
    display: Value = None
    metadata: Value = None


_DECODER: Final = msgspec.json.Decoder(dict[str, Value] | list[Value])


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the password. A secret is `USER:PASSWORD`, as in `backend_user` and `backend_pwd`, or the word for none."""
    if ADDRESS_ALONE in secrets:
        return
    scheme, _, credentials = required_header(request, "authorization").strip().partition(" ")
    check_token(
        credentials.strip() if scheme.lower() == "basic" else "",
        [encode_base64(secret.encode()) for secret in secrets],
    )


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """Return the request with the name and password, as Janus sends them."""
    return with_headers(request, authorization=f"Basic {encode_base64(secret.encode())}")


def parse(request: InboundRequest) -> Sequence[ParsedEvent | BadInput]:
    """Return the events of one request."""
    decoded = fields.decode(_DECODER, decompress(request.body), "event of Janus, nor an array of them")

    def parse_one(item: Value) -> list[ParsedEvent]:
        return _parse_notice(fields.item(item, Notice), request.received_at)

    return parse_items(decoded, parse_one, "events") if isinstance(decoded, list) else parse_one(decoded)


def _parse_notice(notice: Notice, received_at: Ms) -> list[ParsedEvent]:
    code = fields.number(notice.type)
    if code is None:
        raise BadInput("an event of Janus without type")
    if code == _PLUGIN_EVENT:
        return _room_event(notice, received_at)
    return _server_event(notice, received_at) if code == _CORE_EVENT else []


def _server_event(notice: Notice, received_at: Ms) -> list[ParsedEvent]:
    """Return the end of all rooms of a server that starts or stops. Without the server's name its rooms are unknown."""
    status, prefix = fields.struct(notice.event, CoreEvent).status, room_prefix(notice.emitter)
    if status not in ("started", "shutdown") or not prefix:
        return []
    inferred = Inferred.ROOM_RESTARTED if status == "started" else None
    end = room_end(prefix, _event_time(notice, received_at), inferred=inferred)
    return [end._replace(server_wide=True)]


def _room_event(notice: Notice, received_at: Ms) -> list[ParsedEvent]:
    event = fields.struct(notice.event, PluginEvent)
    plugin, data = fields.text(event.plugin), fields.struct(event.data, RoomEvent)
    kind = data.event or data.textroom
    if plugin not in ROOM_PLUGINS or kind not in _ROOM_EVENTS:
        return []
    room = f"{room_prefix(notice.emitter)}{ROOM_PLUGINS[plugin]}{_id(data.room, 'room')}"
    at = _event_time(notice, received_at)
    if kind in _JOIN_EVENTS:
        name = fields.user_name(data.display) or fields.user_name(data.username)
        user_id = fields.optional_id(notice.opaque_id)
        attributes = fields.attributes(data.metadata)
        join = Event(Kind.JOIN, room, at, _participant_id(data), user_id, name, attributes=attributes)
        return [ParsedEvent(join)]
    if kind in _LEAVE_EVENTS:
        return [ParsedEvent(Event(Kind.LEAVE, room, at, _participant_id(data)))]
    return [room_end(room, at, inferred=Inferred.ROOM_RESTARTED if kind == "created" else None)]


def room_prefix(server: Value) -> str:
    """Return the prefix of the names of a server's rooms. The server's part has no slash, so no other server has the same prefix."""
    name = fields.text(server)
    return f"{name.replace('/', '%2F')}/" if name else ""


def _participant_id(data: RoomEvent) -> str:
    return _id(data.username if data.id is None else data.id, "id")


def _id(value: Value, field: str) -> str:
    """Return an id as text. Ids are numbers, or texts where the server is configured so."""
    found = fields.text(value)
    if not found:
        raise BadInput(f"an event of Janus without {field}, or with one that is neither a number nor a text")
    return found


def _event_time(notice: Notice, received_at: Ms) -> Ms:
    return fields.event_time(notice.timestamp, fields.ms_from_micros, "timestamp", received_at)


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment, from a server without a name."""
    return [json_request([_sample(kind, now)], now) for kind in ("joined", "leaving")]


def _sample(kind: str, now: Ms) -> dict[str, Any]:
    data = {"event": kind, "room": TEST_ROOM, "id": now}
    event = {"plugin": "janus.plugin.videoroom", "data": data}
    return {"emitter": "", "type": _PLUGIN_EVENT, "timestamp": now * 1_000, "event": event}


SOURCE: Final = Source(
    "janus",
    "Janus",
    f"USER:PASSWORD, as backend_user and backend_pwd have them; or the word '{ADDRESS_ALONE}', if Janus is to show none",
    verify,
    parse,
    sign,
    samples,
)

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
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Source, json_request, room_end
from headcount.sources.compression import decompress
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


class Notice(msgspec.Struct):
    """One event: its type determines the form of `event`."""

    type: int
    timestamp: int = 0
    emitter: str = ""
    opaque_id: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"{}")


class PluginEvent(msgspec.Struct):
    """Event of a plugin. Unknown plugins may send any data."""

    plugin: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class CoreEvent(msgspec.Struct):
    """Event of the server itself."""

    status: str = ""


class RoomEvent(msgspec.Struct):
    """Event in a room. TextRoom has another name for a kick, and identifies participants by `username`."""

    event: Any = None
    textroom: Any = None
    room: Any = None
    id: Any = None
    username: Any = None
    display: Any = None


_DECODER: Final = msgspec.json.Decoder(Notice | list[Notice])
_PLUGIN: Final = msgspec.json.Decoder(PluginEvent)
_CORE: Final = msgspec.json.Decoder(CoreEvent)
_ROOM_EVENT: Final = msgspec.json.Decoder(RoomEvent)


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


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    decoded = fields.decode(_DECODER, decompress(request.body), "event of Janus, nor an array of them")
    notices = decoded if isinstance(decoded, list) else [decoded]
    return [event for notice in notices if (event := _parse_notice(notice)) is not None]


def _parse_notice(notice: Notice) -> ParsedEvent | None:
    if notice.type == _PLUGIN_EVENT:
        return _room_event(notice)
    if notice.type == _CORE_EVENT:
        return _server_event(notice)
    return None


def _server_event(notice: Notice) -> ParsedEvent | None:
    """Return the end of all rooms of a server that starts or stops. Without the server's name its rooms are unknown."""
    status = fields.decode(_CORE, bytes(notice.event), "event of Janus' core").status
    if status not in ("started", "shutdown") or not notice.emitter:
        return None
    inferred = Inferred.ROOM_RESTARTED if status == "started" else None
    end = room_end(room_prefix(notice.emitter), _event_time(notice), inferred=inferred)
    return end._replace(server_wide=True)


def _room_event(notice: Notice) -> ParsedEvent | None:
    event = fields.decode(_PLUGIN, bytes(notice.event), "event of a plugin of Janus")
    if event.plugin not in ROOM_PLUGINS:
        return None
    data = fields.decode(_ROOM_EVENT, bytes(event.data), f"event of {event.plugin}")
    kind = data.event or data.textroom
    if kind in _JOIN_EVENTS:
        return _join(notice, event.plugin, data)
    if kind in _LEAVE_EVENTS:
        return _leave(notice, event.plugin, data)
    if kind == "destroyed":
        return _end(notice, event.plugin, data)
    if kind == "created":
        return _end(notice, event.plugin, data, Inferred.ROOM_RESTARTED)
    return None


def _join(notice: Notice, plugin: str, data: RoomEvent) -> ParsedEvent:
    name = data.display or data.username
    event = Event(
        Kind.JOIN,
        _room(notice, plugin, data),
        _event_time(notice),
        _participant_id(data),
        notice.opaque_id,
        fields.user_name(name if isinstance(name, str) else None),
    )
    return ParsedEvent(event)


def _leave(notice: Notice, plugin: str, data: RoomEvent) -> ParsedEvent:
    room, at = _room(notice, plugin, data), _event_time(notice)
    return ParsedEvent(Event(Kind.LEAVE, room, at, _participant_id(data)))


def _end(notice: Notice, plugin: str, data: RoomEvent, inferred: Inferred | None = None) -> ParsedEvent:
    return room_end(_room(notice, plugin, data), _event_time(notice), inferred=inferred)


def room_prefix(server: str) -> str:
    """Return the prefix of the names of a server's rooms. The server's part has no slash, so no other server has the same prefix."""
    return f"{server.replace('/', '%2F')}/" if server else ""


def _room(notice: Notice, plugin: str, data: RoomEvent) -> str:
    return f"{room_prefix(notice.emitter)}{ROOM_PLUGINS[plugin]}{_text(data.room, 'room')}"


def _participant_id(data: RoomEvent) -> str:
    return _text(data.username if data.id is None else data.id, "id")


def _text(value: object, field: str) -> str:
    """Return an id as text. Ids are numbers, or texts where the server is configured so."""
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    raise BadInput(f"an event of Janus without {field}, or with one that is neither a number nor a text")


def _event_time(notice: Notice) -> Ms:
    return fields.ms_from_micros(notice.timestamp, "timestamp")


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

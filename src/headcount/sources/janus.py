"""Janus: what its event handlers tell, above all the one that ships with it and sends over HTTP (`sampleevh`).

A delivery is an array of events, or one event; times are microseconds. Nothing is signed: a name and a password
come along (HTTP Basic), or nothing at all, and then the address is the secret. What is peculiar:

* Numbers of rooms are a server's own, so a room is called after the server that speaks (`emitter`): `eu-1/1234`. Rooms of
  AudioBridge and TextRoom have numbers of their own, too: `eu-1/audiobridge/1234`.
* A connection is the `id` by which it is known in the room. Whoever leaves is told by that alone: neither the session nor
  the handle is named, nor what they were known by at their join. Somebody who is in under an id keeps others from it.
* Who comes back has a new id, unless the app chose it. `opaque_id` is who it is, if the app gave one when it attached.
* A leave does not know its join. If that was lost, so is the stay.
* Who only watches (a subscriber) never joins, and is nobody.
* `unpublished` is no leave. `kicked` stands in its place; so does `kicked_all`, told once for each.
* A room that is destroyed lets everybody go without a word. One that is created was empty before.
* A server that is shut down says so, and no more; one that is killed says nothing until it has started again. Both mean that
  nobody is in any of its rooms.
* Somebody whose network is gone leaves when Janus gives their session up, after a minute.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Source, json_request
from headcount.sources.compression import decompress
from headcount.sources.signatures import check_token, encode_base64, required_header, with_headers

ADDRESS_ALONE: Final = "address"
"""A secret that says that there is none: who knows the address may send."""

_OF_A_PLUGIN: Final = 64
_OF_THE_CORE: Final = 256
ROOM_PLUGINS: Final = {
    "janus.plugin.videoroom": "",
    "janus.plugin.audiobridge": "audiobridge/",
    "janus.plugin.textroom": "textroom/",
}
"""The plugins that have rooms, and what comes before the number of a room of each."""
_CAME: Final = ("joined", "join")
_WENT: Final = ("leaving", "left", "leave", "kicked", "kicked_all")


class Telling(msgspec.Struct):
    """One event: what is in it is known by its type alone."""

    type: int
    timestamp: int = 0
    emitter: str = ""
    opaque_id: str | None = None
    event: msgspec.Raw = msgspec.Raw(b"{}")


class OfPlugin(msgspec.Struct):
    """What a plugin tells. Those that we do not know tell what they like."""

    plugin: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class OfCore(msgspec.Struct):
    """What the server tells of itself."""

    status: str = ""


class Fact(msgspec.Struct):
    """What happened in a room. TextRoom calls a kick otherwise, and people by `username`."""

    event: Any = None
    textroom: Any = None
    room: Any = None
    id: Any = None
    username: Any = None
    display: Any = None


_DECODER: Final = msgspec.json.Decoder(Telling | list[Telling])
_PLUGIN: Final = msgspec.json.Decoder(OfPlugin)
_CORE: Final = msgspec.json.Decoder(OfCore)
_FACT: Final = msgspec.json.Decoder(Fact)


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """A secret is `USER:PASSWORD` as `backend_user` and `backend_pwd` have them, or the word that says that there is none."""
    if ADDRESS_ALONE in secrets:
        return
    scheme, _, signature = required_header(request, "authorization").strip().partition(" ")
    check_token(
        signature.strip() if scheme.lower() == "basic" else "",
        [encode_base64(one.encode()) for one in secrets],
    )


def sign(request: InboundRequest, secret: str) -> InboundRequest:
    """As Janus shows its name and password."""
    return with_headers(request, authorization=f"Basic {encode_base64(secret.encode())}")


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    told = fields.decode(_DECODER, decompress(request.body), "event of Janus, nor an array of them")
    return [
        heard for one in (told if isinstance(told, list) else [told]) if (heard := _heard(one)) is not None
    ]


def _heard(told: Telling) -> ParsedEvent | None:
    if told.type == _OF_A_PLUGIN:
        return _of_a_room(told)
    if told.type == _OF_THE_CORE:
        return _of_the_server(told)
    return None


def _of_the_server(told: Telling) -> ParsedEvent | None:
    """A server that starts, or stops, has nobody in any room. Without a name of its own its rooms cannot be told."""
    status = fields.decode(_CORE, bytes(told.event), "event of Janus' core").status
    if status not in ("started", "shutdown") or not told.emitter:
        return None
    inferred = Inferred.SUPERSEDED if status == "started" else None
    return ParsedEvent(
        Event(Kind.END, room_prefix(told.emitter), _event_time(told), inferred=inferred), server_wide=True
    )


def _of_a_room(told: Telling) -> ParsedEvent | None:
    of = fields.decode(_PLUGIN, bytes(told.event), "event of a plugin of Janus")
    if of.plugin not in ROOM_PLUGINS:
        return None
    fact = fields.decode(_FACT, bytes(of.data), f"event of {of.plugin}")
    word = fact.event or fact.textroom
    if word in _CAME:
        return ParsedEvent(_join(told, of.plugin, fact))
    if word in _WENT:
        return ParsedEvent(
            Event(Kind.LEAVE, _room(told, of.plugin, fact), _event_time(told), _participant(fact))
        )
    if word == "destroyed":
        return ParsedEvent(Event(Kind.END, _room(told, of.plugin, fact), _event_time(told)))
    if word == "created":
        anew = Inferred.SUPERSEDED
        return ParsedEvent(Event(Kind.END, _room(told, of.plugin, fact), _event_time(told), inferred=anew))
    return None


def _join(told: Telling, plugin: str, fact: Fact) -> Event:
    name = fact.display or fact.username
    return Event(
        Kind.JOIN,
        _room(told, plugin, fact),
        _event_time(told),
        _participant(fact),
        told.opaque_id,
        fields.user_name(name if isinstance(name, str) else None),
    )


def room_prefix(server: str) -> str:
    """How the names of a server's rooms begin. Its own name has no slash, so that no other's begins likewise."""
    return f"{server.replace('/', '%2F')}/" if server else ""


def _room(told: Telling, plugin: str, fact: Fact) -> str:
    return f"{room_prefix(told.emitter)}{ROOM_PLUGINS[plugin]}{_text(fact.room, 'room')}"


def _participant(fact: Fact) -> str:
    return _text(fact.username if fact.id is None else fact.id, "id")


def _text(value: object, field: str) -> str:
    """Rooms and people have numbers, or texts where the server is told so."""
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    raise BadInput(f"an event of Janus without {field}, or with one that is neither a number nor a text")


def _event_time(told: Telling) -> Ms:
    return fields.ms_from_micros(told.timestamp, "timestamp")


def samples(now: Ms) -> list[InboundRequest]:
    """Somebody who comes and goes at once, as a server without a name tells it."""
    return [json_request([_sample(word, now)], now) for word in ("joined", "leaving")]


def _sample(word: str, now: Ms) -> dict[str, Any]:
    data = {"event": word, "room": TEST_ROOM, "id": now}
    event = {"plugin": "janus.plugin.videoroom", "data": data}
    return {"emitter": "", "type": _OF_A_PLUGIN, "timestamp": now * 1_000, "event": event}


SOURCE: Final = Source(
    "janus",
    "Janus",
    f"USER:PASSWORD, as backend_user and backend_pwd have them; or the word '{ADDRESS_ALONE}', if Janus is to show none",
    verify,
    parse,
    sign,
    samples,
)

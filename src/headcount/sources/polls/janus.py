"""Janus: its Admin API, in which one request reaches a plugin without a session, with the server's `admin_secret`.

* The server reports its name (`info`), as its events do, and rooms have the same names here.
* `list` omits private rooms. So the rooms that are active as far as Headcount knows are queried by their number, too; a private
  room is found by events alone.
* Whether rooms have numbers or texts is a setting of each plugin. A number of which only the digits are known is queried as both.
* There are no times, and no `opaque_id`: a participant whose join was lost has no user id.
* Subscribers, who only watch, are on no list.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headcount.sources import fields
from headcount.sources.janus import ROOM_PLUGINS, room_prefix
from headcount.sources.polls.api import (
    CredentialsRejected,
    Poll,
    PollContext,
    PollFailed,
    PollRequest,
    PollResponse,
    PollResult,
    PollSteps,
    PresentParticipant,
    decode_response,
    json_body,
)

_UNAUTHORIZED: Final = 403
_NO_SUCH_PLUGIN: Final = 460
_NO_SUCH_ROOM: Final = {
    "janus.plugin.videoroom": (426, 430),
    "janus.plugin.audiobridge": (485, 484),
    "janus.plugin.textroom": (417, 414),
}
"""No room of this name, and no valid name of a room: a text where rooms have numbers, or the other way round."""
_MAX_DIGITS: Final = 18

Id = int | str


class Room(msgspec.Struct):
    """`num_participants` is the size of the very table that `listparticipants` shows."""

    room: Id
    num_participants: int | None = None


class Participant(msgspec.Struct):
    """`id` is that of the events; in a TextRoom it is `username`."""

    id: Id | None = None
    username: Id | None = None
    display: Any = None


class PluginResponse(msgspec.Struct):
    """Response of a plugin: which fields are present depends on the request, and on whether it succeeded."""

    rooms: list[Room] | None = msgspec.field(default=None, name="list")
    participants: list[Participant] | None = None
    error_code: int = 0
    error: str = ""


class ServerError(msgspec.Struct):
    code: int = 0
    reason: str = ""


class ServerResponse(msgspec.Struct):
    """Response of the server, always with the status 200."""

    janus: str
    error: ServerError | None = None
    response: PluginResponse | None = None
    name: str = msgspec.field(default="", name="server-name")

    @property
    def is_without_plugin(self) -> bool:
        """True if the server does not run the plugin."""
        return self.error is not None and self.error.code == _NO_SUCH_PLUGIN


class RoomQuery(NamedTuple):
    """A room to query: its plugin, its id there, and its name here."""

    plugin: str
    room: Id
    name: str
    is_empty: bool = False


_DECODER: Final = msgspec.json.Decoder(ServerResponse)


def poll(context: PollContext) -> PollSteps:
    """Yield the requests for all rooms that are listed or active; return their participants."""
    (info,) = yield [_call(context, janus="info")]
    prefix = room_prefix(_decode(info).name)
    if not prefix:
        raise PollFailed("Janus does not report its name: set server_name in janus.jcfg")
    lists = yield [_message(context, plugin, request="list") for plugin in ROOM_PLUGINS]
    queries = _queries(prefix, lists, context)
    responses = yield [
        _message(context, query.plugin, request="listparticipants", room=query.room) for query in queries
    ]
    participants: list[PresentParticipant] = []
    unclear = {name for name in context.active_rooms if not name.startswith(prefix)}
    for query, response in zip(queries, responses, strict=True):
        found = _participants(query, response)
        if found is None:
            unclear.add(query.name)
        else:
            participants += found
    return PollResult(participants, frozenset(unclear))


def _queries(prefix: str, lists: Sequence[PollResponse], context: PollContext) -> list[RoomQuery]:
    """Return the rooms to query: the listed ones with participants, and active ones that are not listed."""
    listed = [
        RoomQuery(plugin, room.room, f"{prefix}{folder}{room.room}", room.num_participants == 0)
        for (plugin, folder), response in zip(ROOM_PLUGINS.items(), lists, strict=True)
        for room in _rooms(response)
    ]
    names = {query.name for query in listed}
    unlisted = [
        query
        for name in sorted(context.active_rooms)
        if name not in names
        for query in _queries_by_name(prefix, name)
    ]
    return [query for query in listed if not query.is_empty] + unlisted


def _rooms(response: PollResponse) -> list[Room]:
    decoded = _decode(response)
    if decoded.is_without_plugin:
        return []
    result = _plugin_response(decoded)
    if result.rooms is None:
        raise PollFailed(f"Janus lists no rooms: {result.error_code} {result.error}".rstrip())
    return result.rooms


def _queries_by_name(prefix: str, name: str) -> Iterator[RoomQuery]:
    """Return the queries for a room that is not listed, by its name here; none if it is of another server."""
    if not name.startswith(prefix):
        return
    path = name.removeprefix(prefix)
    # VideoRoom has no folder, so it matches only if no other plugin does.
    plugin = max(
        (plugin for plugin, folder in ROOM_PLUGINS.items() if path.startswith(folder)),
        key=lambda plugin: len(ROOM_PLUGINS[plugin]),
    )
    room = path.removeprefix(ROOM_PLUGINS[plugin])
    yield RoomQuery(plugin, room, name)
    if room.isascii() and room.isdigit() and len(room) <= _MAX_DIGITS:
        yield RoomQuery(plugin, int(room), name)


def _participants(query: RoomQuery, response: PollResponse) -> list[PresentParticipant] | None:
    """Return the participants of a room, or None if the server does not list them."""
    decoded = _decode(response)
    if decoded.is_without_plugin:
        return []
    result = _plugin_response(decoded)
    if result.participants is not None:
        return [_present(query, participant) for participant in result.participants]
    return [] if result.error_code in _NO_SUCH_ROOM[query.plugin] else None


def _present(query: RoomQuery, participant: Participant) -> PresentParticipant:
    name = participant.display or participant.username
    participant_id = participant.username if participant.id is None else participant.id
    return PresentParticipant(
        query.name,
        "" if participant_id is None else str(participant_id),
        user_name=fields.user_name(name if isinstance(name, str) else None),
    )


def _plugin_response(decoded: ServerResponse) -> PluginResponse:
    if decoded.response is None:
        error = decoded.error or ServerError(0, "no response")
        raise PollFailed(f"Janus answered with an error: {error.code} {error.reason}")
    return decoded.response


def _decode(response: PollResponse) -> ServerResponse:
    decoded = decode_response(_DECODER, response, "Janus")
    if decoded.error is not None and decoded.error.code == _UNAUTHORIZED:
        raise CredentialsRejected(f"Janus refused the key ({_UNAUTHORIZED}): {decoded.error.reason}")
    return decoded


def _message(context: PollContext, plugin: str, **request: Any) -> PollRequest:
    # TextRoom requires a transaction of its own.
    return _call(
        context, janus="message_plugin", plugin=plugin, request={"transaction": "headcount", **request}
    )


def _call(context: PollContext, **arguments: Any) -> PollRequest:
    body = {"transaction": context.nonce or "headcount", "admin_secret": context.secret, **arguments}
    return PollRequest("POST", "", {"content-type": "application/json"}, json_body(body))


POLL: Final = Poll(
    "janus",
    "the address of Janus' Admin API, like http://127.0.0.1:7088/admin",
    poll,
    key_description="the admin_secret of janus.jcfg",
)

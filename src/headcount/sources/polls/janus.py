"""Janus: its Admin API, in which one request reaches a plugin without a session, with the server's `admin_secret`.

* The server reports its name (`info`), as its events do, and rooms have the same names here.
* `list` omits private rooms. So the rooms that are active as far as Headcount knows are queried by their number, too; a private
  room is found by events alone.
* Whether rooms have numbers or texts is a setting of each plugin. A number of which only the digits are known is queried as both.
* There are no times, and no `opaque_id`: a participant whose join was lost has no user id.
* Subscribers, who only watch, are on no list.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from headcount.sources import fields
from headcount.sources.fields import Value
from headcount.sources.janus import ROOM_PLUGINS, room_prefix
from headcount.sources.polls.api import (
    CredentialsRejected,
    Listing,
    Poll,
    PollContext,
    PollFailed,
    PollRequest,
    PollResponse,
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

    room: Value = None
    num_participants: Value = None


class Participant(msgspec.Struct):
    """`id` is that of the events; in a TextRoom it is `username`."""

    id: Value = None
    username: Value = None
    display: Value = None
    metadata: Value = None


class PluginResponse(msgspec.Struct):
    """Response of a plugin: which fields are present depends on the request, and on whether it succeeded."""

    rooms: list[Value] | None = msgspec.field(default=None, name="list")
    participants: list[Value] | None = None
    error_code: Value = None
    error: Value = None


class ServerError(msgspec.Struct):
    code: Value = None
    reason: Value = None


class ServerResponse(msgspec.Struct):
    """Response of the server, always with the status 200."""

    janus: str
    error: Value = None
    response: PluginResponse | None = None
    name: Value = msgspec.field(default=None, name="server-name")

    @property
    def is_without_plugin(self) -> bool:
        """True if the server does not run the plugin."""
        return self.server_error.code == _NO_SUCH_PLUGIN

    @property
    def server_error(self) -> ServerError:
        return fields.struct(self.error, ServerError)


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
    listing = Listing(context.active_rooms)
    queries = _queries(prefix, lists, context, listing)
    responses = yield [
        _message(context, query.plugin, request="listparticipants", room=query.room) for query in queries
    ]
    listing.unclear_rooms.update(name for name in context.active_rooms if not name.startswith(prefix))
    for query, response in zip(queries, responses, strict=True):
        participants = _participants(query, response)
        if participants is None:
            listing.unclear_rooms.add(query.name)
        else:
            listing.read(participants, partial(_present, query.name), query.name)
    return listing.result()


def _queries(
    prefix: str, lists: Sequence[PollResponse], context: PollContext, listing: Listing
) -> list[RoomQuery]:
    """Return the rooms to query: the listed ones with participants, and active ones that are not listed."""
    listed: list[RoomQuery] = []
    for (plugin, folder), response in zip(ROOM_PLUGINS.items(), lists, strict=True):

        def read_room(entry: Value, plugin: str = plugin, folder: str = folder) -> list[PresentParticipant]:
            room = fields.item(entry, Room)
            name = fields.required(fields.text(room.room), "room", "room", "Janus")
            is_empty = fields.number(room.num_participants) == 0
            room_id = room.room if isinstance(room.room, int) else name
            listed.append(RoomQuery(plugin, room_id, f"{prefix}{folder}{name}", is_empty))
            return []

        listing.read(_rooms(response), read_room)
    names = {query.name for query in listed}
    unlisted = [
        query
        for name in sorted(context.active_rooms)
        if name not in names
        for query in _queries_by_name(prefix, name)
    ]
    return [query for query in listed if not query.is_empty] + unlisted


def _rooms(response: PollResponse) -> list[Value]:
    decoded = _decode(response)
    if decoded.is_without_plugin:
        return []
    result = _plugin_response(decoded)
    if result.rooms is None:
        code, reason = fields.number(result.error_code) or 0, fields.text(result.error)
        raise PollFailed(f"Janus lists no rooms: {code} {reason}".rstrip())
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


def _participants(query: RoomQuery, response: PollResponse) -> list[Value] | None:
    """Return the participants of a room, or None if the server does not list them."""
    decoded = _decode(response)
    if decoded.is_without_plugin:
        return []
    result = _plugin_response(decoded)
    if result.participants is not None:
        return result.participants
    return [] if fields.number(result.error_code) in _NO_SUCH_ROOM[query.plugin] else None


def _present(room: str, entry: Value) -> list[PresentParticipant]:
    participant = fields.item(entry, Participant)
    participant_id = fields.text(participant.username if participant.id is None else participant.id)
    fields.required(participant_id, "id", "participant", "Janus")
    name = fields.user_name(participant.display) or fields.user_name(participant.username)
    attributes = fields.attributes(participant.metadata)
    item = {"event": {"data": entry}}
    return [PresentParticipant(room, participant_id, user_name=name, attributes=attributes, item=item)]


def _plugin_response(decoded: ServerResponse) -> PluginResponse:
    if decoded.response is None:
        error = decoded.server_error
        reason = f"{fields.number(error.code) or 0} {fields.text(error.reason) or 'no response'}"
        raise PollFailed(f"Janus answered with an error: {reason}")
    return decoded.response


def _decode(response: PollResponse) -> ServerResponse:
    decoded = decode_response(_DECODER, response, "Janus")
    error = decoded.server_error
    if error.code == _UNAUTHORIZED:
        raise CredentialsRejected(f"Janus refused the key ({_UNAUTHORIZED}): {fields.text(error.reason)}")
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

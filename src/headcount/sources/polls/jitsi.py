"""Jitsi: `GET /room-census` of Prosody's `mod_muc_census`, which lists the rooms that exist, but no participants.

* A room is `leaked` if no occupant but the focus has a connection. An occupant may be about to join or leave, so one such
  answer means nothing. After two in a row, nobody is in the room, as if it were not listed.
* Nobody is named. A count is one less than the occupants, for the focus: 0 may be one person after the focus has left. So
  counts mean nothing; a room that is not listed has ended.
* Breakout rooms are not listed. They end with their main room, which stays as long as anybody is in one.
* There is no authentication: restrict access to this address.
* Lua wrote an empty list as `{}` once.
"""

from typing import Any, Final

import msgspec

from headcount.sources.polls.api import (
    Poll,
    PollContext,
    PollFailed,
    PollRequest,
    PollResult,
    PollSteps,
    decode_response,
)


class Room(msgspec.Struct):
    """`room_name` is the JID of the room."""

    room_name: str
    leaked: Any = False


class Census(msgspec.Struct):
    room_census: list[Room] | dict[str, Any]


_DECODER: Final = msgspec.json.Decoder(Census)


def poll(context: PollContext) -> PollSteps:
    """Yield one request; return the rooms that may have participants as unclear."""
    (response,) = yield [PollRequest("GET", "/room-census")]
    rooms = decode_response(_DECODER, response, "mod_muc_census").room_census
    if isinstance(rooms, dict):
        if rooms:
            raise PollFailed("what was answered is not what mod_muc_census answers: rooms that are no list")
        return PollResult([])
    listed = {room.room_name for room in rooms}
    breakouts = {name for name in set(context.active_rooms) - listed if name.partition("/")[0] in listed}
    in_use = {room.room_name for room in rooms if room.leaked is not True}
    return PollResult([], frozenset(in_use | breakouts))


POLL: Final = Poll("jitsi", "the address of Prosody's web server, like http://meet.example:5280", poll)

"""Jitsi: `GET /room-census` of Prosody's `mod_muc_census`. It tells which rooms are gone, and of no other who is in.

* Nobody is named. A count is one less than those who are in, for the focus: 0 may be one person whom the focus has left. So counts say
  nothing; a room that is not listed is gone.
* Breakout rooms are not listed. They are gone when their main room is, which stays as long as anybody is in one.
* Nothing is shown to be let in: keep others from this address.
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


class Census(msgspec.Struct):
    room_census: list[Room] | dict[str, Any]


_DECODER: Final = msgspec.json.Decoder(Census)


def ask(access: PollContext) -> PollSteps:
    """Which rooms are not gone."""
    (answer,) = yield [PollRequest("GET", "/room-census")]
    rooms = decode_response(_DECODER, answer, "mod_muc_census").room_census
    if isinstance(rooms, dict):
        if rooms:
            raise PollFailed("what was answered is not what mod_muc_census answers: rooms that are no list")
        return PollResult([])
    there = {room.room_name for room in rooms}
    breakouts = {name for name in access.rooms if name.partition("/")[0] in there}
    return PollResult([], frozenset(there | breakouts))


POLL: Final = Poll("jitsi", "the address of Prosody's web server, like http://meet.example:5280", ask)

"""LiveKit: `ListRooms`, then `ListParticipants` for each room, with the key that signs the webhooks.

Responses are JSON in snake_case, unlike the webhooks; whole numbers are strings here, too.

* The number of participants that a room reports is unreliable; each room is queried.
* A room that ends between the two requests is answered with 404, or with no participants.
* A participant who is still joining has no media yet: the webhook is sent once they are ACTIVE, and they count from then.
* The list has the status of a call: a callee who answers is found here, while no webhook reports it.
* With Redis, the list holds participants of a server that crashed. They stay in until the room starts again.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import jwt
import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.fields import Value
from headcount.sources.livekit import Description, ms_or_seconds, participant_attributes, participant_role
from headcount.sources.polls.api import (
    Listing,
    Poll,
    PollContext,
    PollRequest,
    PollResponse,
    PollSteps,
    PresentParticipant,
    decode_response,
    json_body,
)

_TOKEN_S: Final = 60
_SKEW_S: Final = 60
_SERVICE: Final = "/twirp/livekit.RoomService/"
_PRESENT_STATES: Final = ("JOINING", "JOINED", "ACTIVE", 0, 1, 2)
_JOINED_STATES: Final = ("ACTIVE", 2)


class Room(msgspec.Struct):
    name: Value = None
    sid: Value = None


class Rooms(msgspec.Struct):
    rooms: list[Value]


class Participant(Description):
    sid: Value = None
    name: Value = None
    state: Value = "JOINING"
    joined_at: Value = None
    joined_at_ms: Value = None


class Participants(msgspec.Struct):
    participants: Value = None


_ROOMS: Final = msgspec.json.Decoder(Rooms)
_PARTICIPANTS: Final = msgspec.json.Decoder(Participants)


def poll(context: PollContext) -> PollSteps:
    """Yield the requests for all rooms; return their participants."""
    (room_list,) = yield [_call(context, "ListRooms", {}, {"roomList": True})]
    listing = Listing(context.active_rooms)
    rooms: dict[str, Value] = {}

    def read_room(entry: Value) -> list[PresentParticipant]:
        room = fields.item(entry, Room)
        name = fields.required(fields.text(room.name), "name", "room", "LiveKit")
        rooms[name] = entry
        return []

    listing.read(decode_response(_ROOMS, room_list, "LiveKit").rooms, read_room)
    responses = yield [
        _call(context, "ListParticipants", {"room": room}, {"roomAdmin": True, "room": room})
        for room in rooms
    ]
    for (name, room), response in zip(rooms.items(), responses, strict=True):
        listing.read(_participants(response), partial(_present, name, room), name)
    return listing.result()


def _participants(response: PollResponse) -> Value:
    if response.status == 404 and b"not_found" in response.body:
        return []
    return decode_response(_PARTICIPANTS, response, "LiveKit").participants


def _present(name: str, room: Value, entry: Value) -> list[PresentParticipant]:
    participant = fields.item(entry, Participant)
    if participant.state not in _PRESENT_STATES:
        return []
    return [
        PresentParticipant(
            name,
            fields.required(fields.text(participant.sid), "sid", "participant", "LiveKit"),
            fields.optional_id(participant.identity),
            fields.user_name(participant.name),
            _joined_at(participant),
            fields.optional_id(fields.struct(room, Room).sid),
            participant_role(participant),
            participant.state in _JOINED_STATES,
            participant_attributes(participant),
            {"room": room, "participant": entry},
        )
    ]


def _joined_at(participant: Participant) -> Ms | None:
    try:
        return ms_or_seconds(participant.joined_at_ms, participant.joined_at, "joined_at")
    except BadInput:
        return None


def _call(
    context: PollContext, method: str, body: Mapping[str, Any], grants: Mapping[str, Any]
) -> PollRequest:
    key, _, signing_key = context.secret.partition(":")
    now_s = context.now // 1_000
    # The server's clock may be a little behind ours.
    claims = {"iss": key, "nbf": now_s - _SKEW_S, "exp": now_s + _TOKEN_S, "video": grants}
    token = jwt.encode(claims, signing_key, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return PollRequest("POST", _SERVICE + method, headers, json_body(body))


POLL: Final = Poll("livekit", "the server's address, like https://livekit.example", poll)

"""LiveKit: `ListRooms`, then `ListParticipants` for each room, with the key that signs the webhooks.

Responses are JSON in snake_case, unlike the webhooks; whole numbers are strings here, too.

* The number of participants that a room reports is unreliable; each room is queried.
* A room that ends between the two requests is answered with 404, or with no participants.
* A participant who is still joining has no media yet: the webhook is sent once they are ACTIVE, and they count from then.
* The list has the status of a call: a callee who answers is found here, while no webhook reports it.
* With Redis, the list holds participants of a server that crashed. They stay in until the room starts again.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.livekit import Description, participant_role
from headcount.sources.polls.api import (
    Poll,
    PollContext,
    PollRequest,
    PollResponse,
    PollResult,
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
    name: str = ""
    sid: str = ""


class Rooms(msgspec.Struct):
    rooms: list[Room]


class Participant(Description):
    sid: str = ""
    name: str = ""
    state: str | int = "JOINING"
    joined_at: int = 0
    joined_at_ms: int = 0


class Participants(msgspec.Struct):
    participants: list[Participant]


# Whole numbers are strings.
_ROOMS: Final = msgspec.json.Decoder(Rooms, strict=False)
_PARTICIPANTS: Final = msgspec.json.Decoder(Participants, strict=False)


def poll(context: PollContext) -> PollSteps:
    """Yield the requests for all rooms; return their participants."""
    (room_list,) = yield [_call(context, "ListRooms", {}, {"roomList": True})]
    rooms = [room for room in decode_response(_ROOMS, room_list, "LiveKit").rooms if room.name]
    responses = yield [
        _call(context, "ListParticipants", {"room": room.name}, {"roomAdmin": True, "room": room.name})
        for room in rooms
    ]
    return PollResult(
        [
            listed
            for room, response in zip(rooms, responses, strict=True)
            for participant in _participants(response)
            for listed in _present(room, participant)
        ]
    )


def _participants(response: PollResponse) -> list[Participant]:
    if response.status == 404 and b"not_found" in response.body:
        return []
    return decode_response(_PARTICIPANTS, response, "LiveKit").participants


def _present(room: Room, participant: Participant) -> list[PresentParticipant]:
    if not participant.sid or participant.state not in _PRESENT_STATES:
        return []
    return [
        PresentParticipant(
            room.name,
            participant.sid,
            fields.optional_id(participant.identity),
            fields.user_name(participant.name),
            _joined_at(participant),
            room.sid or None,
            participant_role(participant),
            participant.state in _JOINED_STATES,
        )
    ]


def _joined_at(participant: Participant) -> Ms | None:
    try:
        return fields.valid_ms(participant.joined_at_ms or participant.joined_at * 1_000, "joined_at")
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

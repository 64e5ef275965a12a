"""LiveKit: `ListRooms`, then `ListParticipants` for each room, by the key that signs the webhooks.

Answers are JSON in snake_case, unlike the webhooks; whole numbers are strings here, too.

* The number of participants that a room shows is not to be relied on; each room is asked.
* A room that ends between the two is answered 404, or with nobody.
* Who is still joining has no media yet: the webhook comes when they are ACTIVE, and so do we.
* With Redis, a server that crashed leaves people on the list who are gone. They stay in until the room
  begins anew.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.livekit import Permission, role_of
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
_THERE: Final = ("JOINING", "JOINED", "ACTIVE", 0, 1, 2)
_ARRIVED: Final = ("ACTIVE", 2)


class Room(msgspec.Struct):
    name: str = ""
    sid: str = ""


class Rooms(msgspec.Struct):
    rooms: list[Room]


class Participant(msgspec.Struct):
    sid: str = ""
    identity: str = ""
    name: str = ""
    state: str | int = "JOINING"
    joined_at: int = 0
    joined_at_ms: int = 0
    kind: str | int = "STANDARD"
    permission: Permission | None = None


class Participants(msgspec.Struct):
    participants: list[Participant]


# Whole numbers come as strings.
_ROOMS: Final = msgspec.json.Decoder(Rooms, strict=False)
_PARTICIPANTS: Final = msgspec.json.Decoder(Participants, strict=False)


def ask(access: PollContext) -> PollSteps:
    """Who is in, in all rooms."""
    (listed,) = yield [_call(access, "ListRooms", {}, {"roomList": True})]
    rooms = [room for room in decode_response(_ROOMS, listed, "LiveKit").rooms if room.name]
    answers = yield [
        _call(access, "ListParticipants", {"room": room.name}, {"roomAdmin": True, "room": room.name})
        for room in rooms
    ]
    return PollResult(
        [
            one
            for room, answer in zip(rooms, answers, strict=True)
            for participant in _participants(answer)
            for one in _present(room, participant)
        ]
    )


def _participants(answer: PollResponse) -> list[Participant]:
    if answer.status == 404 and b"not_found" in answer.body:
        return []
    return decode_response(_PARTICIPANTS, answer, "LiveKit").participants


def _present(room: Room, who: Participant) -> list[PresentParticipant]:
    if not who.sid or who.state not in _THERE:
        return []
    return [
        PresentParticipant(
            room.name, who.sid, who.identity or None, fields.name(who.name), _joined(who), room.sid or None,
            role_of(who.kind, who.permission), who.state in _ARRIVED,
        )
    ]  # fmt: skip


def _joined(who: Participant) -> Ms | None:
    try:
        return fields.sensible(who.joined_at_ms or who.joined_at * 1_000, "joined_at")
    except BadInput:
        return None


def _call(
    access: PollContext, method: str, body: Mapping[str, Any], grants: Mapping[str, Any]
) -> PollRequest:
    key, _, signs = access.secret.partition(":")
    now_s = access.now // 1_000
    # The server's clock may be a little behind ours.
    claims = {"iss": key, "nbf": now_s - _SKEW_S, "exp": now_s + _TOKEN_S, "video": grants}
    token = jwt.encode(claims, signs, algorithm="HS256")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return PollRequest("POST", _SERVICE + method, headers, json_body(body))


POLL: Final = Poll("livekit", "the server's address, like https://livekit.example", ask)

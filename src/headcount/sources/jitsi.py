"""Jitsi: the events of Prosody's `event_sync` component, as a self-hosted Jitsi sends them.

Times are whole seconds. A connection is its full JID; the user is known only where participants
join with a token.

* A `left` has the join time, so a lost or late `joined` loses nothing.
* The `destroyed` of a room lists occupants who was ever in it, which repairs what was lost.
* Lua writes an empty list as `{}`: so is the list of occupants of a room in which nobody ever was.
* A `left` may lack its occupant, for a nick that the component did not know: no event.
* After a crash of the server nothing is sent. The next `created` of the same name means that
  the occupants who were left in the room have left: an inferred end (R3a).
* A breakout room has its parent's name and an id of its own; it is a room of its own here.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, json_request
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token


class Occupant(msgspec.Struct):
    """One connection to a room. `left_at` is missing while it is open."""

    occupant_jid: str
    joined_at: int
    left_at: int | None = None
    id: str | None = None
    name: str | None = None


class Notice(msgspec.Struct):
    """The body of a request: `event_name` determines which fields are present."""

    event_name: str
    room_jid: str
    is_breakout: bool = False
    breakout_room_id: str | None = None
    occupant: Occupant | None = None
    all_occupants: list[Occupant] | dict[str, Any] = []
    created_at: int | None = None
    destroyed_at: int | None = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_RECORDERS: Final = ("recorder", "jibri")


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token: the component signs nothing, but sends `api_headers`, in which you set a token of your choice."""
    check_token(required_bearer_token(request, "set it in api_headers of event_sync"), secrets)


def parse(request: InboundRequest) -> list[ParsedEvent]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "notice of Jitsi's event_sync")
    room = _room(notice)
    match notice.event_name:
        case "muc-occupant-joined" if notice.occupant:
            return [_with_role(_join(room, notice.occupant), notice.occupant)]
        case "muc-occupant-left" if notice.occupant:
            return [_with_role(_stay(room, notice.occupant), notice.occupant)]
        case "muc-room-created" if notice.created_at is not None:
            return [ParsedEvent(Event(Kind.END, room, _ms(notice.created_at), inferred=Inferred.SUPERSEDED))]
        case "muc-room-destroyed" if notice.destroyed_at is not None:
            occupants = notice.all_occupants if isinstance(notice.all_occupants, list) else []
            stays = [_with_role(_stay(room, occupant), occupant) for occupant in occupants]
            return [*stays, ParsedEvent(Event(Kind.END, room, _ms(notice.destroyed_at)))]
    return []


def _with_role(event: Event, occupant: Occupant) -> ParsedEvent:
    """Return the event with its role. Recorders (Jibri) have a domain of their own, which installers name `recorder`."""
    domain = occupant.occupant_jid.partition("@")[2].partition("/")[0]
    name = occupant.occupant_jid.partition("@")[0]
    is_recorder = domain.startswith(_RECORDERS) or name in _RECORDERS
    return ParsedEvent(event, Role.RECORDER if is_recorder else Role.PERSON)


def _room(notice: Notice) -> str:
    return f"{notice.room_jid}/{notice.breakout_room_id}" if notice.is_breakout else notice.room_jid


def _join(room: str, occupant: Occupant) -> Event:
    return Event(Kind.JOIN, room, _ms(occupant.joined_at), occupant.occupant_jid, **_user_fields(occupant))


def _stay(room: str, occupant: Occupant) -> Event:
    """Return a complete stay in one event, or only its join if no leave was recorded."""
    if occupant.left_at is None:
        return _join(room, occupant)
    join, leave = _ms(occupant.joined_at), _ms(occupant.left_at)
    return Event(
        Kind.LEAVE, room, leave, occupant.occupant_jid, joined_at=min(join, leave), **_user_fields(occupant)
    )


def _user_fields(occupant: Occupant) -> dict[str, Any]:
    return {"user_id": occupant.id, "user_name": fields.user_name(occupant.name)}


def _ms(seconds: int) -> Ms:
    return fields.ms_from_seconds(seconds, "a time")


def samples(now: Ms) -> list[InboundRequest]:
    """Return a join and a leave of one participant at one moment."""
    second = now // 1_000
    occupant = {"occupant_jid": f"headcount@test/{now}", "joined_at": second}
    room = {"room_jid": TEST_ROOM, "room_name": TEST_ROOM, "is_breakout": False}
    joined = {"event_name": "muc-occupant-joined", "occupant": occupant, **room}
    left = {"event_name": "muc-occupant-left", "occupant": {**occupant, "left_at": second}, **room}
    return [json_request(notice, now) for notice in (joined, left)]


SOURCE: Final = Source(
    "jitsi",
    "Jitsi",
    "the token that api_headers sends, a word of your choice",
    verify,
    parse,
    with_bearer_token,
    samples,
)

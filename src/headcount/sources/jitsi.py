"""Jitsi: the events of Prosody's `event_sync` component, as a self-hosted Jitsi sends them.

Times are whole seconds. A connection is its full JID; the user is known only where participants
join with a token.

* A `left` has the join time, so a lost or late `joined` loses nothing.
* The `destroyed` of a room lists all participants who were ever in it, which repairs what was lost.
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
from headcount.sources.api import TEST_ROOM, InboundRequest, ParsedEvent, Role, Source, json_request, room_end
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
            return [_join(room, notice.occupant)]
        case "muc-occupant-left" if notice.occupant:
            return [_leave(room, notice.occupant)]
        case "muc-room-created" if notice.created_at is not None:
            at = _event_time(notice.created_at)
            return [room_end(room, at, inferred=Inferred.ROOM_RESTARTED)]
        case "muc-room-destroyed" if notice.destroyed_at is not None:
            occupants = notice.all_occupants if isinstance(notice.all_occupants, list) else []
            leaves = [_leave(room, occupant) for occupant in occupants]
            return [*leaves, room_end(room, _event_time(notice.destroyed_at))]
    return []


def _room(notice: Notice) -> str:
    return f"{notice.room_jid}/{notice.breakout_room_id}" if notice.is_breakout else notice.room_jid


def _join(room: str, occupant: Occupant) -> ParsedEvent:
    return _participant_event(Kind.JOIN, room, occupant, _event_time(occupant.joined_at))


def _leave(room: str, occupant: Occupant) -> ParsedEvent:
    """Return a leave with its join, or only the join if no leave was recorded."""
    if occupant.left_at is None:
        return _join(room, occupant)
    joined_at, at = _event_time(occupant.joined_at), _event_time(occupant.left_at)
    return _participant_event(Kind.LEAVE, room, occupant, at, min(joined_at, at))


def _participant_event(
    kind: Kind, room: str, occupant: Occupant, at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    name = fields.user_name(occupant.name)
    event = Event(kind, room, at, occupant.occupant_jid, occupant.id, name, joined_at=joined_at)
    return ParsedEvent(event, _role(occupant))


def _role(occupant: Occupant) -> Role:
    """Return the role. Recorders (Jibri) have a domain of their own, which installers name `recorder`."""
    name, _, address = occupant.occupant_jid.partition("@")
    is_recorder = address.partition("/")[0].startswith(_RECORDERS) or name in _RECORDERS
    return Role.RECORDER if is_recorder else Role.PERSON


def _event_time(seconds: int) -> Ms:
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

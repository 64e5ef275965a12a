"""Jitsi: the events of Prosody's `event_sync` component, as a self-hosted Jitsi sends them.

Times are whole seconds. A connection is known by its full JID; who it is, only where people
join with a token. What is peculiar:

* A `left` says when its join was, so a lost or late `joined` costs nothing.
* The `destroyed` of a room lists everybody who was ever in it, and so mends what was lost.
* A `left` may come without an occupant, for a nick that the component never knew: no event.
* After a crash of the server nothing is sent. The next `created` under the same name means that
  whoever was left in the room is gone: an end, inferred because the room was superseded.
* A breakout room goes by its parent's name and an id of its own; it is a room of its own here.
"""

from typing import Any

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind, Ms


class Occupant(msgspec.Struct):
    """One connection to a room. `left_at` is missing while it lasts."""

    occupant_jid: str
    joined_at: int
    left_at: int | None = None
    id: str | None = None
    name: str | None = None


class Notice(msgspec.Struct):
    """The body of a request: which of the fields are there depends on `event_name`."""

    event_name: str
    room_jid: str
    is_breakout: bool = False
    breakout_room_id: str | None = None
    occupant: Occupant | None = None
    all_occupants: list[Occupant] = []
    created_at: int | None = None
    destroyed_at: int | None = None


_DECODER = msgspec.json.Decoder(Notice)


def read(body: bytes) -> list[Event]:
    """The events in one request; none for kinds that say nothing about who is in.

    Raises `BadInput` for a body that is not such a notice.
    """
    try:
        notice = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise BadInput(f"is no notice of Jitsi's event_sync: {error}") from error
    try:
        return _events(notice)
    except InvalidEvent as error:
        raise BadInput(f"cannot be an event: {error}") from error


def _events(notice: Notice) -> list[Event]:
    room = _room(notice)
    match notice.event_name:
        case "muc-occupant-joined" if notice.occupant:
            return [_join(room, notice.occupant)]
        case "muc-occupant-left" if notice.occupant:
            return [_stay(room, notice.occupant)]
        case "muc-room-created" if notice.created_at:
            superseded = Inferred.SUPERSEDED
            return [Event(Kind.END, room, _ms(notice.created_at), inferred=superseded)]
        case "muc-room-destroyed" if notice.destroyed_at:
            stays = [_stay(room, occupant) for occupant in notice.all_occupants]
            return [*stays, Event(Kind.END, room, _ms(notice.destroyed_at))]
    return []


def _room(notice: Notice) -> str:
    return f"{notice.room_jid}/{notice.breakout_room_id}" if notice.is_breakout else notice.room_jid


def _join(room: str, occupant: Occupant) -> Event:
    return Event(Kind.JOIN, room, _ms(occupant.joined_at), occupant.occupant_jid, **_who(occupant))


def _stay(room: str, occupant: Occupant) -> Event:
    """A whole stay in one event; only its join, if nobody has seen them leave."""
    if occupant.left_at is None:
        return _join(room, occupant)
    join, leave = _ms(occupant.joined_at), _ms(occupant.left_at)
    return Event(Kind.LEAVE, room, leave, occupant.occupant_jid, joined_at=min(join, leave), **_who(occupant))


def _who(occupant: Occupant) -> dict[str, Any]:
    return {"user_id": occupant.id, "user_name": occupant.name}


def _ms(seconds: int) -> Ms:
    return seconds * 1000

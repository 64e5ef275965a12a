"""Jitsi: the events of Prosody's `event_sync` component, as a self-hosted Jitsi sends them.

Times are whole seconds. A connection is its full JID; the user is known only where participants
join with a token.

* A `left` has the join time, so a lost or late `joined` loses nothing.
* The `destroyed` of a room lists all participants who were ever in it, which repairs what was lost.
* Lua writes an empty list as `{}`: so is the list of occupants of a room in which nobody ever was.
* An occupant has the name, the id and the e-mail address of the token's user, or all of its fields (`include_user_info`).
* A `left` may lack its occupant, for a nick that the component did not know: no event.
* After a crash of the server nothing is sent. The next `created` of the same name means that
  the occupants who were left in the room have left: an inferred end (R3a).
* Jibri, which records, and Jigasi, which telephones and transcribes, are occupants like others, except for their JIDs.
* A breakout room has its parent's name and an id of its own; it is a room of its own here.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    ParsedEvent,
    Role,
    Source,
    after_join,
    json_request,
    parse_items,
    room_end,
)
from headcount.sources.fields import Value
from headcount.sources.signatures import check_token, required_bearer_token, with_bearer_token


class Occupant(msgspec.Struct):
    """One connection to a room. `left_at` is missing while it is open. `token` has what the token states about the user."""

    occupant_jid: Value = None
    joined_at: Value = None
    left_at: Value = None
    id: Value = None
    name: Value = None
    moderator: Value = None
    affiliation: Value = None
    token: Value = None


class Notice(msgspec.Struct):
    """The body of a request: `event_name` determines which fields are present."""

    event_name: str
    room_jid: Value = None
    is_breakout: Value = None
    breakout_room_id: Value = None
    occupant: Value = None
    all_occupants: Value = None
    created_at: Value = None
    destroyed_at: Value = None


_DECODER: Final = msgspec.json.Decoder(Notice)
_NOT_FROM_TOKEN: Final = frozenset((
    "occupant_jid", "joined_at", "left_at", "id", "name", "avatar", "moderator", "total_dominant_speaker_time",
))  # fmt: skip
"""Fields of an occupant that are no attributes, as they have a place of their own or are not about the user."""
_MODERATORS: Final = ("owner", "moderator", "teacher")
"""Affiliations in a token that make a moderator."""
MODERATOR: Final = "moderator"
PARTICIPANT: Final = "participant"
_RECORDERS: Final = ("recorder", "jibri")
_HIDDEN_DOMAIN: Final = "hidden"
_SERVICE_DOMAINS: Final = ("auth", _HIDDEN_DOMAIN, "internal", *_RECORDERS)
_SERVICES: Final = {
    "transcriber": Role.HIDDEN,
    "focus": Role.HIDDEN,
    "jvb": Role.HIDDEN,
    "jigasi": Role.PHONE,
}


def verify(request: InboundRequest, secrets: Sequence[str]) -> None:
    """Verify the token: the component signs nothing, but sends `api_headers`, in which you set a token of your choice."""
    check_token(required_bearer_token(request, "set it in api_headers of event_sync"), secrets)


def parse(request: InboundRequest) -> Sequence[ParsedEvent | BadInput]:
    """Return the events of one request."""
    notice = fields.decode(_DECODER, request.body, "notice of Jitsi's event_sync")
    match notice.event_name:
        case "muc-occupant-joined" if notice.occupant:
            return [_join(_room(notice), _occupant(notice.occupant), request.received_at)]
        case "muc-occupant-left" if notice.occupant:
            return [_leave(_room(notice), _occupant(notice.occupant), request.received_at)]
        case "muc-room-created":
            at = _event_time(notice.created_at, "created_at", request.received_at)
            return [room_end(_room(notice), at, inferred=Inferred.ROOM_RESTARTED)]
        case "muc-room-destroyed":
            return _destroyed(notice, request.received_at)
    return []


def _destroyed(notice: Notice, received_at: Ms) -> list[ParsedEvent | BadInput]:
    """Return the stays of all occupants, and the end of the room. An occupant that cannot be read is skipped."""
    room, at = _room(notice), _event_time(notice.destroyed_at, "destroyed_at", received_at)
    occupants = notice.all_occupants if isinstance(notice.all_occupants, list) else []
    stays = parse_items(
        occupants, lambda item: [_stay(room, _occupant(fields.object_item(item)), at)], "all_occupants"
    )
    return [*stays, room_end(room, at)]


def _room(notice: Notice) -> str:
    room = fields.required(fields.text(notice.room_jid), "room_jid", notice.event_name, "Jitsi")
    if not fields.flag(notice.is_breakout):
        return room
    breakout = fields.text(notice.breakout_room_id)
    return f"{room}/{fields.required(breakout, 'breakout_room_id', notice.event_name, 'Jitsi')}"


def _occupant(value: Value) -> Occupant:
    """Return an occupant. `event_sync` sends what it knows of the user beside its own fields."""
    occupant = fields.struct(value, Occupant)
    if isinstance(value, dict):
        occupant.token = {key: found for key, found in value.items() if key not in _NOT_FROM_TOKEN}
    return occupant


def _stay(room: str, occupant: Occupant, ended_at: Ms) -> ParsedEvent:
    """Return a leave with its join, or only the join if no leave was recorded: the end of the room is the leave.

    That end does not apply to a join of the same second (R1), so such a stay gets a leave of its own.
    """
    if occupant.left_at is not None:
        return _leave(room, occupant)
    joined = _join(room, occupant)
    at = joined.event.at
    if at < ended_at:
        return joined
    return _participant_event(Kind.LEAVE, room, occupant, after_join(at, at), at)


def _join(room: str, occupant: Occupant, received_at: Ms = 0) -> ParsedEvent:
    at = _event_time(occupant.joined_at, "joined_at", received_at)
    return _participant_event(Kind.JOIN, room, occupant, at)


def _leave(room: str, occupant: Occupant, received_at: Ms = 0) -> ParsedEvent:
    at = _event_time(occupant.left_at, "left_at", received_at)
    joined_at = fields.optional_time(occupant.joined_at, fields.ms_from_seconds, "joined_at")
    return _participant_event(
        Kind.LEAVE, room, occupant, at, None if joined_at is None else min(joined_at, at)
    )


def _participant_event(
    kind: Kind, room: str, occupant: Occupant, at: Ms, joined_at: Ms | None = None
) -> ParsedEvent:
    jid = fields.required(fields.text(occupant.occupant_jid), "occupant_jid", f"{kind}", "Jitsi")
    user_id, name = fields.optional_id(occupant.id), fields.user_name(occupant.name)
    attributes = fields.attributes(occupant.token, role=_role(occupant))
    event = Event(kind, room, at, jid, user_id, name, joined_at=joined_at, attributes=attributes)
    return ParsedEvent(event, jid_role(jid))


def _role(occupant: Occupant) -> str | None:
    """Return the role that the token states: by a flag, or by the affiliation that a module grants."""
    if occupant.affiliation is None and occupant.moderator is None:
        return None
    affiliation = fields.role(occupant.affiliation)
    if affiliation in _MODERATORS or fields.flag(occupant.moderator):
        return MODERATOR
    return PARTICIPANT


def jid_role(jid: str) -> Role:
    """Return the role of the owner of a JID: services have accounts and domains of their own, which installers name."""
    name, _, address = jid.partition("@")
    domain = address.partition("/")[0].partition(".")[0]
    if domain in _SERVICE_DOMAINS and name in _SERVICES:
        return _SERVICES[name]
    if domain.startswith(_RECORDERS) or name in _RECORDERS:
        return Role.RECORDER
    return Role.HIDDEN if domain == _HIDDEN_DOMAIN else Role.PERSON


def _event_time(seconds: Value, field: str, received_at: Ms = 0) -> Ms:
    return fields.event_time(seconds, fields.ms_from_seconds, field, received_at)


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

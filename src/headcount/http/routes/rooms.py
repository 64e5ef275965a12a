"""Rooms: which rooms are known, and since when.

Responsible for the operations of Daily's API that read rooms. A room is known from its first event on. It must not know
who is in a room.
"""

from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext, name_in_path
from headcount.http.errors import invalid, not_found
from headcount.http.operations import operation
from headcount.http.params import LIMIT, Param, PathParam
from headcount.http.routes.meetings import OLDEST
from headcount.http.schemas import Count, DateTime, Schema, doc
from headcount.http.serializer import encode, rfc3339
from headcount.store.records import KnownRoom

ROOM: Final = PathParam("room", "The name of a room, percent-encoded.")
STARTING_AFTER: Final = Param(
    "starting_after",
    params.PLACE,
    "The name of a room: the page starts with the next one in the list.",
    None,
)
ENDING_BEFORE: Final = Param(
    "ending_before",
    params.PLACE,
    "The name of a room: the page ends with the previous one in the list."
    f" `{OLDEST}` means the page with the oldest rooms.",
    None,
)


class Room(Schema):
    """A room."""

    id: Annotated[str, doc("The id of the room: its name.")]
    name: Annotated[str, doc("The name of the room.")]
    created_at: Annotated[DateTime, doc("Time of the first event.")]
    api_created: Annotated[bool, doc("Always `false`: Headcount creates no rooms.")] = False
    privacy: Annotated[str, doc("Always `public`, Daily's default: Headcount does not know it.")] = "public"
    config: Annotated[dict[str, str], doc("Always empty: Headcount does not know the settings of rooms.")] = (
        msgspec.field(default_factory=dict)
    )
    url: Annotated[
        str | UnsetType, doc("The address of the room; absent unless the setting `room_url` is set.")
    ] = UNSET


class Rooms(Schema):
    """A page of rooms."""

    total_count: Annotated[Count, doc("Number of all rooms of the domain, on every page.")]
    data: list[Room]


@operation(
    "GET", "/rooms", "listRooms", "List rooms", Rooms,
    tag="Rooms", params=(LIMIT, STARTING_AFTER, ENDING_BEFORE), daily=True,
)  # fmt: skip
def list_rooms(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a page of the rooms, newest first. A room is known from its first event on."""
    query = request.query_params
    limit, after, before = LIMIT.get(query), STARTING_AFTER.get(query), ENDING_BEFORE.get(query)
    if after is not None and before is not None:
        raise invalid('"starting_after" and "ending_before" cannot be combined: leave one of them out')
    total, rooms = context.meetings.rooms(
        domain,
        limit,
        after=_cursor(context, domain, "starting_after", after),
        before=None if before == OLDEST else _cursor(context, domain, "ending_before", before),
        oldest=before == OLDEST,
    )
    return encode(Rooms(total, [_room(context, room) for room in rooms])), {}


@operation(
    "GET", "/rooms/{room:name}", "getRoom", "Get a room", Room,
    tag="Rooms", params=(ROOM,), errors=(404,), daily=True,
)  # fmt: skip
def get_room(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a room, whether or not anybody is in it."""
    name = name_in_path(request, "room", "the name of a room")
    room = context.meetings.room(domain, name)
    if room is None:
        raise not_found(f"No room has the name '{name[:50]}': a room is known from its first event on")
    return encode(_room(context, room)), {}


OPERATIONS: Final = (list_rooms, get_room)


def _room(context: QueryContext, room: KnownRoom) -> Room:
    url = context.room_url.replace("{room}", quote(room.name, safe="")) or UNSET
    return Room(room.name, room.name, rfc3339(room.created), url=url)


def _cursor(context: QueryContext, domain: str, param: str, name: str | None) -> KnownRoom | None:
    if name is None:
        return None
    room = context.meetings.room(domain, name)
    if room is None:
        raise invalid(f'"{param}" must be the name of a room [Received {param}="{name[:50]}"]')
    return room

"""Presence: who is in rooms now, and who was in a room in the past.

Responsible for Daily's presence operations and for questions about a moment or a period. It must not know meetings
beyond their ids.
"""

from typing import Final

from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext, name_in_path
from headcount.http.errors import invalid
from headcount.http.large_answers import spool
from headcount.http.operations import operation
from headcount.http.params import Param, PathParam
from headcount.http.schemas import PastPresence, PresentParticipant, RoomPresence
from headcount.http.serializer import Serializer, encode, presence_in_chunks, rfc3339
from headcount.kernel.events import Ms
from headcount.store.records import StayRow

ROOM: Final = PathParam("room", "The name of a room, percent-encoded.")
LIMIT: Final = Param("limit", params.POSITIVE, "Maximum number of results. Default: all.", None)
USER_ID: Final = Param("userId", params.TEXT, "Only participants with this user id.", None)
USER_NAME: Final = Param("userName", params.TEXT, "Only participants with this name.", None)
TIME: Final = Param("time", params.TIMESTAMP, "A moment: unix seconds or RFC 3339. Default: now.", None)
FROM: Final = Param("from", params.TIMESTAMP, "Start of a period, instead of `time`; in the same form.", None)
TO: Final = Param(
    "to", params.TIMESTAMP, "End of the period that starts at `from`, exclusive. Default: now.", None
)


@operation(
    "GET", "/presence", "presence", "List present participants by room", dict[str, list[PresentParticipant]],
    tag="reading",
)  # fmt: skip
def get_presence(context: QueryContext, domain: str, _: Request) -> Answer:
    """Return the participants who are in rooms now, by room. An empty room has no key."""
    serializer = context.serializer()
    with context.meetings.presence_pages(domain, context.few_entries) as (pages, ids):
        return spool(presence_in_chunks(serializer.present(page, ids) for page in pages)), {}


@operation(
    "GET", "/rooms/{room:name}/presence", "room-presence", "List the present participants of a room", RoomPresence,
    tag="reading", params=(ROOM, LIMIT, USER_ID, USER_NAME),
)  # fmt: skip
def get_room_presence(context: QueryContext, domain: str, request: Request) -> Answer:
    """Return the participants who are in a room now.

    `total_count` is the number of those that match `userId` and `userName`, whatever the limit. An unknown room is
    empty.
    """
    query = request.query_params
    limit = LIMIT.get(query)
    user_id, user_name = USER_ID.get(query), USER_NAME.get(query)
    people, ids = context.meetings.presence(domain, _room(request))
    matching = [
        person for person in people if user_id in (None, person[3]) and user_name in (None, person[4])
    ]
    data = context.serializer().present(matching[:limit], ids)
    return encode(RoomPresence(len(matching), data)), {}


@operation(
    "GET", "/rooms/{room:name}/at", "room-at", "List the participants of a room at a moment", PastPresence,
    tag="reading", params=(ROOM, TIME, FROM, TO),
)  # fmt: skip
def get_past_presence(context: QueryContext, domain: str, request: Request) -> Answer:
    """Return the participants who were in a room at `time`.

    With `from` and `to` instead: all who were in the room for some of that period. A time in the future means now.
    Headcount extension.
    """
    query = request.query_params
    at, start, end = TIME.get(query), FROM.get(query), TO.get(query)
    serializer = context.serializer()
    room = _room(request)
    if start is None and end is None:
        at = _past(serializer.now if at is None else at, serializer.now)
        stays = context.meetings.stays_between(domain, room, at, at + 1)
        return encode(_past_presence(serializer, room, stays, time=rfc3339(at))), {}
    if at is not None:
        raise invalid('"time" cannot be combined with "from" and "to": use either a moment or a period')
    if start is None:
        raise invalid('"from" is required with "to"')
    if end is not None and end <= start:
        raise invalid('"to" must be later than "from"')
    start, end = _past(start, serializer.now), _past(serializer.now if end is None else end, serializer.now)
    stays = context.meetings.stays_between(domain, room, start, end)
    return encode(_past_presence(serializer, room, stays, from_=rfc3339(start), to=rfc3339(end))), {}


OPERATIONS: Final = (get_presence, get_room_presence, get_past_presence)


def _past_presence(serializer: Serializer, room: str, stays: list[StayRow], **times: str) -> PastPresence:
    return PastPresence(room, len(stays), serializer.stays(stays), **times)


def _past(at: Ms, now: Ms) -> Ms:
    """Return a moment within what can be known: after 1970, and not in the future."""
    return max(0, min(at, now))


def _room(request: Request) -> str:
    return name_in_path(request, "room", "the name of a room")

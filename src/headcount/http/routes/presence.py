"""Presence: who is in rooms now, and who was in a room in the past.

Responsible for Daily's presence operations and for questions about a moment or a period. It must not know meetings
beyond their ids.
"""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext, name_in_path
from headcount.http.errors import invalid
from headcount.http.large_answers import spool
from headcount.http.operations import operation
from headcount.http.params import INCLUDE, Param, PathParam
from headcount.http.schemas import PastPresence, PresentParticipant, RoomPresence
from headcount.http.serializer import Serializer, encode, presence_in_chunks, rfc3339
from headcount.kernel.events import Ms
from headcount.store.records import StayRow

ROOM: Final = PathParam("room", "The name of a room, percent-encoded.")
LIMIT: Final = Param("limit", params.POSITIVE, "Maximum number of results. Default: all.", None)
USER_ID: Final = Param("userId", params.TEXT, "Only participants with this user id.", None)
USER_NAME: Final = Param("userName", params.TEXT, "Only participants with this name.", None)
AT: Final = Param(
    "at",
    params.TIMESTAMP,
    "Return who was in the room at this time instead: unix seconds or RFC 3339. Headcount extension.",
    None,
)
FROM: Final = Param(
    "from",
    params.TIMESTAMP,
    "Return who was in the room during a period instead. Start of the period, inclusive: unix seconds or RFC 3339."
    " Headcount extension.",
    None,
)
TO: Final = Param(
    "to",
    params.TIMESTAMP,
    "End of the period, exclusive, in the same form. Default: now. Headcount extension.",
    None,
)


@operation(
    "GET", "/presence", "getPresence", "List present participants by room", dict[str, list[PresentParticipant]],
    tag="Presence", params=(INCLUDE,), daily=True,
)  # fmt: skip
def get_presence(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns the participants who are in rooms now, by room. An empty room has no key."""
    serializer = context.serializer(request.query_params)
    with context.meetings.presence_pages(
        domain, context.few_entries, with_attributes=serializer.includes_attributes
    ) as (pages, ids):
        return spool(presence_in_chunks(serializer.present(page, ids) for page in pages)), {}


@operation(
    "GET", "/rooms/{room:name}/presence", "getRoomPresence", "Get the presence of a room", PastPresence, RoomPresence,
    tag="Presence", params=(ROOM, LIMIT, USER_ID, USER_NAME, AT, FROM, TO, INCLUDE), daily=True,
)  # fmt: skip
def get_room_presence(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns the participants who are in a room now, or who were in it at a time or during a period.

    `total_count` is the number of participants that match `userId` and `userName`, whatever the limit. An unknown room
    is empty. A time in the future means now.
    """
    query, room = request.query_params, _room(request)
    at, start, end = AT.get(query), FROM.get(query), TO.get(query)
    if at is not None and (start is not None or end is not None):
        raise invalid('"at" cannot be combined with "from" and "to": use either a time or a period')
    if start is None and end is not None:
        raise invalid('"from" is required with "to": add the start of the period')
    if start is not None and end is not None and end <= start:
        raise invalid('"to" must be later than "from"')
    serializer = context.serializer(query)
    if at is not None:
        at = _past(at, serializer.now)
        stays = context.meetings.stays_between(domain, room, at, at + 1)
        return encode(_past_presence(query, serializer, room, stays, at=rfc3339(at))), {}
    if start is not None:
        start, end = (
            _past(start, serializer.now),
            _past(serializer.now if end is None else end, serializer.now),
        )
        stays = context.meetings.stays_between(domain, room, start, end)
        return encode(
            _past_presence(query, serializer, room, stays, from_=rfc3339(start), to=rfc3339(end))
        ), {}
    people, ids = context.meetings.presence(domain, room, with_attributes=serializer.includes_attributes)
    matches = _user_filter(query)
    matching = [person for person in people if matches(person[3], person[4])]
    return encode(RoomPresence(len(matching), serializer.present(matching[: LIMIT.get(query)], ids))), {}


OPERATIONS: Final = (get_presence, get_room_presence)


def _user_filter(query: Mapping[str, str]) -> Callable[[str | None, str | None], bool]:
    """Return the function that decides whether a participant with this user id and this name matches the query."""
    user_id, user_name = USER_ID.get(query), USER_NAME.get(query)
    return lambda own_id, own_name: user_id in (None, own_id) and user_name in (None, own_name)


def _past_presence(
    query: Mapping[str, str], serializer: Serializer, room: str, stays: list[StayRow], **times: str
) -> PastPresence:
    matches = _user_filter(query)
    matching = [stay for stay in stays if matches(stay.user_id, stay.user_name)]
    return PastPresence(room, len(matching), serializer.stays(matching[: LIMIT.get(query)]), **times)


def _past(at: Ms, now: Ms) -> Ms:
    """Return a moment within what can be known: after 1970, and not in the future."""
    return max(0, min(at, now))


def _room(request: Request) -> str:
    return name_in_path(request, "room", "the name of a room")

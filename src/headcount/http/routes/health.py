"""Health of rooms: those whose events could not be processed.

Responsible for the list of quarantined rooms. It must not know how rooms are quarantined or retried.
"""

from typing import Final

from starlette.requests import Request

from headcount.http.context import Answer, QueryContext
from headcount.http.operations import operation
from headcount.http.schemas import QuarantinedRoom, QuarantinedRooms
from headcount.http.serializer import encode, rfc3339

_MAX_ROOMS: Final = 1_000


@operation(
    "GET", "/health/rooms", "listQuarantinedRooms", "List quarantined rooms", QuarantinedRooms, tag="Health"
)
def list_quarantined_rooms(context: QueryContext, domain: str, _: Request) -> Answer:
    """Returns the rooms whose events could not be processed, at most 1,000.

    Their events are stored, and other rooms are not affected. Headcount tries again at `retry_at`.
    """
    rows = context.meetings.quarantined_rooms(domain, _MAX_ROOMS)
    rooms = [
        QuarantinedRoom(row.room, row.reason or "", rfc3339(row.since), row.attempts, rfc3339(row.retry))
        for row in rows
    ]
    return encode(QuarantinedRooms(len(rooms), rooms)), {}


OPERATIONS: Final = (list_quarantined_rooms,)

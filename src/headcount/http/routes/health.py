"""Health: rooms whose events could not be processed, and until when answers are complete.

Responsible for the answers and for the headers of completeness. It must not know how rooms are quarantined or retried, nor
what makes an answer complete.
"""

from typing import Annotated, Final
from urllib.parse import quote

from starlette.requests import Request

from headcount.http.context import Answer, QueryContext
from headcount.http.operations import operation
from headcount.http.schemas import (
    CompleteUntil,
    Count,
    DateTime,
    EventSource,
    HeldBackBy,
    QuarantinedRoom,
    QuarantinedRooms,
    Schema,
    doc,
    event_source,
)
from headcount.http.serializer import encode, rfc3339
from headcount.maintenance.completeness import Completeness

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


class SenderStatus(Schema):
    """A source, or an API key that sends events."""

    source: EventSource
    complete_until: CompleteUntil
    last_request_at: Annotated[
        DateTime | None, doc("Time of the last request with events; `null` if there was none.")
    ]
    last_poll_at: Annotated[
        DateTime | None, doc("Time of the last successful poll; `null` if there was none.")
    ]


class CompletenessStatus(Schema):
    """Until when answers are complete, and why."""

    complete_until: CompleteUntil
    held_back_by: HeldBackBy
    processed_until: Annotated[
        DateTime,
        doc("The time up to which received events are processed, less the late grace period."),
    ]
    total_count: Count
    data: list[SenderStatus]


@operation(
    "GET", "/health/completeness", "getCompleteness", "Get completeness", CompletenessStatus, tag="Health"
)
def get_completeness(context: QueryContext, domain: str, _: Request) -> Answer:
    """Returns the time until when all answers about the domain are complete, and that of each source and API key.

    The smallest time is first. API keys that have never sent events are not listed.
    """
    found = context.completeness(domain)
    senders = [
        SenderStatus(
            event_source(one.sender),
            rfc3339(one.until),
            None if one.last_request is None else rfc3339(one.last_request),
            None if one.last_poll is None else rfc3339(one.last_poll),
        )
        for one in found.senders
    ]
    status = CompletenessStatus(*complete_until(found), rfc3339(found.processed_until), len(senders), senders)
    return encode(status), {}


def complete_until(found: Completeness) -> tuple[str, EventSource | None]:
    """Return the fields `complete_until` and `held_back_by` of an answer."""
    sender = found.held_back_by
    return rfc3339(found.until), None if sender is None else event_source(sender)


COMPLETENESS_HEADERS: Final = {
    "Headcount-Complete-Until": "Everything that happened before this time, and was reported, is included. RFC 3339 in UTC.",
    "Headcount-Held-Back-By": (
        "The source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`, percent-encoded. Absent if"
        " there is none."
    ),
}
"""The headers of operations whose answer is about a time."""


def completeness_headers(found: Completeness) -> dict[str, str]:
    """Return the headers of an answer, of `COMPLETENESS_HEADERS`."""
    headers = {"headcount-complete-until": rfc3339(found.until)}
    sender = found.held_back_by
    if sender is not None:
        parts = (sender.kind.value, *([sender.vendor] if sender.vendor else []), sender.name)
        headers["headcount-held-back-by"] = "/".join(quote(part, safe="") for part in parts)
    return headers


OPERATIONS: Final = (list_quarantined_rooms, get_completeness)

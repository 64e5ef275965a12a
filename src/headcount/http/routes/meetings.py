"""Meetings: the operations that Daily's API has, and the meetings of a user.

Responsible for filters, cursors, and the redirection of replaced ids (R16). It must not know what a meeting is.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext, name_in_path
from headcount.http.errors import invalid, not_found
from headcount.http.large_answers import spool
from headcount.http.operations import operation
from headcount.http.params import ATTRIBUTES, INCLUDE, LIMIT, Param, PathParam, attribute_filters
from headcount.http.schemas import Meeting, Meetings, Participants, UserMeetings
from headcount.http.serializer import Serializer, encode, meetings_in_chunks, rfc3339
from headcount.store.access_log import Subject, SubjectType
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.records import MeetingRow, SupersededMeeting
from headcount.telemetry.access_recorder import note_subject

Query = Any

OLDEST: Final = "OLDEST"
"""The cursor that stands for the end of the list."""

MEETING_ID: Final = PathParam(
    "id", "The id of a meeting. An id that a correction replaced leads to the meeting in its place."
)
USER: Final = PathParam("user", "The id of a user, percent-encoded.")
REPLACED: Final = {
    "Content-Location": "The path of the meeting, if a correction replaced the id in the request.",
}

ROOM: Final = Param("room", params.TEXT, "Only meetings in the room with this name.", None)
TIMEFRAME_START: Final = Param(
    "timeframe_start", params.BOUND, "Only meetings that started at this unix second or later.", None
)
TIMEFRAME_END: Final = Param(
    "timeframe_end", params.BOUND, "Only meetings that started before this unix second.", None
)
STARTING_AFTER: Final = Param(
    "starting_after",
    params.PLACE,
    "The id of a meeting: the page starts with the next one in the list.",
    None,
)
ENDING_BEFORE: Final = Param(
    "ending_before",
    params.PLACE,
    "The id of a meeting: the page ends with the previous one in the list."
    f" `{OLDEST}` means the page with the oldest meetings.",
    None,
)
ONGOING: Final = Param(
    "ongoing", params.BOOLEAN, "`true`: only ongoing meetings; `false`: only meetings that have ended.", None
)
NO_PARTICIPANTS: Final = Param(
    "no_participants", params.BOOLEAN, "`true` omits `participants` from every meeting.", False
)
USER_ID: Final = Param(
    "user_id", params.TEXT, "Only meetings that this user took part in. Headcount extension.", None
)
MIN_PARTICIPANTS: Final = Param(
    "min_participants",
    params.MINIMUM,
    "Minimum peak number of participants (`max_participants`). Headcount extension.",
    None,
)
MIN_DURATION: Final = Param(
    "min_duration", params.MINIMUM, "Minimum `duration`, in seconds. Headcount extension.", None
)
FROM: Final = Param(
    "from",
    params.TIMESTAMP,
    "Only meetings that took place at this time or later, even if they started before: unix seconds or RFC 3339."
    " With `to`: the meetings that overlap a period. Headcount extension.",
    None,
)
TO: Final = Param(
    "to",
    params.TIMESTAMP,
    "Only meetings that had started before this time: unix seconds or RFC 3339. Headcount extension.",
    None,
)
ORDER: Final = Param("order", params.ORDER, "`asc` lists the oldest first. Headcount extension.", "desc")
JOINED_AFTER: Final = Param(
    "joined_after",
    params.PLACE,
    "A `participant_id` of this meeting: only entries after the last one of this participant.",
    None,
)
JOINED_BEFORE: Final = Param(
    "joined_before",
    params.PLACE,
    "A `participant_id` of this meeting: only entries before the last one of this participant, and of them the nearest.",
    None,
)

_MEETING_FILTERS: Final[tuple[Param[Any, Any], ...]] = (
    ROOM,
    TIMEFRAME_START,
    TIMEFRAME_END,
    LIMIT,
    STARTING_AFTER,
    ENDING_BEFORE,
    ONGOING,
    NO_PARTICIPANTS,
    USER_ID,
    MIN_PARTICIPANTS,
    MIN_DURATION,
    FROM,
    TO,
    ORDER,
    INCLUDE,
    *ATTRIBUTES,
)


@operation(
    "GET",
    "/meetings",
    "listMeetings",
    "List meetings",
    Meetings,
    tag="Meetings",
    params=_MEETING_FILTERS,
    daily=True,
)
def list_meetings(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a page of the meetings that match the filters, newest first. `total_count` is the number of all of them."""
    query = request.query_params
    serializer = context.serializer(query)
    filters = _filter(query, serializer)
    page = _page(context, domain, query)
    if NO_PARTICIPANTS.get(query):
        total, rows = context.meetings.page_with_total(domain, filters, page, serializer.now)
        return encode(Meetings(total, [serializer.meeting_with_participants(row, None) for row in rows])), {}
    with context.meetings.page_with_participants(
        domain, filters, page, serializer.now, context.few_entries
    ) as listed:
        entries = listed.entries
        if entries is None:
            chunks = (
                (
                    serializer.meeting_with_participants(row, []),
                    map(partial(serializer.participants, row), listed.entry_pages(row)),
                )
                for row in listed.meetings
            )
            return spool(meetings_in_chunks(listed.total, chunks)), {}
    data = [serializer.meeting_with_participants(row, entries[row.id]) for row in listed.meetings]
    return encode(Meetings(listed.total, data)), {}


@operation(
    "GET", "/meetings/{id}", "getMeeting", "Get a meeting", Meeting,
    tag="Meetings", daily=True, params=(MEETING_ID,), errors=(404,), headers=REPLACED,
)  # fmt: skip
def get_meeting(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a meeting without its participants."""
    row, headers = find_meeting(context, domain, request)
    return encode(context.serializer().meeting(row)), headers


@operation(
    "GET", "/meetings/{id}/participants", "listMeetingParticipants", "List the participants of a meeting", Participants,
    tag="Meetings", daily=True, params=(MEETING_ID, LIMIT, JOINED_AFTER, JOINED_BEFORE, INCLUDE, *ATTRIBUTES),
    errors=(404,), headers=REPLACED,
)  # fmt: skip
def list_participants(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a page of the participants, by `join_time`. The answer is 404 when there are no more.

    A page has at least `limit` entries, unless it is the last one. It has more if participants who rejoined have
    entries on both sides of its end.
    """
    query = request.query_params
    after, before = JOINED_AFTER.get(query), JOINED_BEFORE.get(query)
    limit = LIMIT.get(query)
    if after is not None and before is not None:
        raise invalid('"joined_after" and "joined_before" cannot be combined: leave one of them out')
    row, headers = find_meeting(context, domain, request)
    entries = context.meetings.participants(
        row, limit, after=after, before=before, attributes=attribute_filters(query)
    )
    if entries is None:
        name, who = ("joined_after", after) if before is None else ("joined_before", before)
        raise invalid(f'"{name}" must be a participant_id of this meeting [Received {name}="{who}"]')
    if not entries:
        raise not_found("No more participants: nobody else was in this meeting")
    return encode(Participants(context.serializer(query).participants(row, entries))), headers


@operation(
    "GET", "/users/{user:name}/meetings", "listUserMeetings", "List the meetings of a user", UserMeetings,
    tag="Meetings", params=(USER, *(param for param in _MEETING_FILTERS if param is not USER_ID)),
)  # fmt: skip
def list_user_meetings(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns a page of the meetings that a user took part in.

    Each meeting has the user's part in `attended`: their first join, last leave and total time, over all their
    connections.
    """
    query = request.query_params
    serializer = context.serializer(query)
    filters = replace(_filter(query, serializer), user_id=name_in_path(request, "user", "the id of a user"))
    page = _page(context, domain, query)
    few_entries = 0 if NO_PARTICIPANTS.get(query) else context.few_entries
    with context.meetings.page_with_participants(
        domain, filters, page, serializer.now, few_entries
    ) as listed:
        entries, own = listed.entries, listed.user_entries
        if entries is None and few_entries:
            chunks = (
                (
                    serializer.user_meeting(row, [], own[row.id]),
                    map(partial(serializer.participants, row), listed.entry_pages(row)),
                )
                for row in listed.meetings
            )
            return spool(meetings_in_chunks(listed.total, chunks)), {}
    data = [
        serializer.user_meeting(row, None if entries is None else entries[row.id], own[row.id])
        for row in listed.meetings
    ]
    return encode(UserMeetings(listed.total, data)), {}


OPERATIONS: Final = (list_meetings, get_meeting, list_participants, list_user_meetings)


def find_meeting(context: QueryContext, domain: str, request: Request) -> tuple[MeetingRow, dict[str, str]]:
    """Return the meeting with the id in the path, or the one that replaced it and its `Content-Location` (R16).

    Raise `ApiError` 404 if there is neither.
    """
    meeting_id: str = request.path_params["id"]
    if "\0" in meeting_id:
        raise not_found("No meeting has this id")
    found = context.meetings.meeting(domain, meeting_id)
    if found is not None:
        return found, {}
    replaced = context.meetings.superseded(domain, meeting_id)
    if replaced is None:
        raise not_found(f"No meeting has the id {meeting_id[:50]}")
    successor = context.meetings.meeting_at(domain, replaced.room, replaced.start)
    if successor is None:
        raise not_found(
            f"The meeting {meeting_id} was removed at {rfc3339(replaced.superseded)}:"
            " late events showed that it did not take place"
        )
    note_subject(request.scope, Subject(SubjectType.MEETING, successor.id))
    before, _, after = request.scope["path"].rpartition(f"/meetings/{meeting_id}")
    return successor, {"content-location": f"{before}/meetings/{successor.id}{after}"}


def _filter(query: Query, serializer: Serializer) -> MeetingFilter:
    """Return the filters. Bounds apply to rounded times: a meeting that is shown to start at a second started then."""
    first_ms = serializer.first_ms
    started, before = TIMEFRAME_START.get(query), TIMEFRAME_END.get(query)
    min_duration = MIN_DURATION.get(query)
    return MeetingFilter(
        room=ROOM.get(query),
        starts_from=None if started is None else first_ms(started),
        starts_before=None if before is None else first_ms(before),
        ongoing=ONGOING.get(query),
        user_id=USER_ID.get(query),
        min_participants=MIN_PARTICIPANTS.get(query),
        min_duration=None if min_duration is None else first_ms(min_duration),
        runs_from=FROM.get(query),
        runs_before=TO.get(query),
        attributes=attribute_filters(query),
    )


def _page(context: QueryContext, domain: str, query: Query) -> Page:
    limit = LIMIT.get(query)
    ascending = ORDER.get(query) == "asc"
    after, before = STARTING_AFTER.get(query), ENDING_BEFORE.get(query)
    if after is not None and before is not None:
        raise invalid('"starting_after" and "ending_before" cannot be combined: leave one of them out')
    if before == OLDEST:
        return Page(limit, oldest=True, ascending=ascending)
    return Page(
        limit,
        after=_cursor(context, domain, "starting_after", after),
        before=_cursor(context, domain, "ending_before", before),
        ascending=ascending,
    )


def _cursor(
    context: QueryContext, domain: str, name: str, meeting_id: str | None
) -> MeetingRow | SupersededMeeting | None:
    """Return the place of a meeting in the list. A meeting that a correction replaced keeps its place."""
    if meeting_id is None:
        return None
    meetings = context.meetings
    found = meetings.meeting(domain, meeting_id) or meetings.superseded(domain, meeting_id)
    if found is None:
        raise invalid(f'"{name}" must be the id of a meeting [Received {name}="{meeting_id[:50]}"]')
    return found

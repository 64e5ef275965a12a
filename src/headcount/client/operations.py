"""Operations of the API, written once for both clients.

Responsible for paths, parameters and the types of answers. The name of a method is the `operationId` of the OpenAPI
document in Python's spelling. `iterate_...` reads all pages of a list. Must not know how requests are sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from time import time
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack, cast

from headcount.client import models, reports
from headcount.client.calls import (
    Call,
    Operation,
    PagedOperation,
    Paging,
    Query,
    SteppedOperation,
    Steps,
    Time,
    attribute_query,
    fields,
    include,
    path,
    query,
    to_json,
)
from headcount.client.paging import known_options, pages
from headcount.client.webhook_operations import WebhookOperations
from headcount.errors import BadInput

Day = Time | date
"""A day of the time zone, or a time."""
_BATCH: Final = 1_000
"""Events of one request."""

T = TypeVar("T")


class UserMeetingFilters(TypedDict, total=False):
    """Filters of the meetings of a user. `limit` is the size of a page, at most 100."""

    room: str | None
    timeframe_start: int | None
    timeframe_end: int | None
    limit: int | None
    ongoing: bool | None
    no_participants: bool | None
    min_participants: int | None
    min_duration: int | None
    from_: Time | None
    to: Time | None
    order: Literal["asc", "desc"] | None
    include_attributes: bool
    attributes: Mapping[str, str] | None


class MeetingFilters(UserMeetingFilters, total=False):
    """Filters of meetings. `limit` is the size of a page, at most 100."""

    user_id: str | None


class UsageFilters(TypedDict, total=False):
    """The period and the filters of a report. `from_` is required; a bucket that contains an end counts completely."""

    to: Day | None
    timezone: str | None
    room: str | None
    attributes: Mapping[str, str] | None


class Operations(WebhookOperations):
    """All operations of the API."""

    # Meetings.

    @Operation
    def list_meetings(
        self,
        *,
        starting_after: str | None = None,
        ending_before: str | None = None,
        **filters: Unpack[MeetingFilters],
    ) -> Call[models.Meetings]:
        """Return a page of the meetings that match the filters, newest first."""
        return _meetings("/meetings", models.Meetings, filters, starting_after, ending_before)

    @PagedOperation
    def iterate_meetings(
        self, *, starting_after: str | None = None, **filters: Unpack[MeetingFilters]
    ) -> Paging[models.MeetingWithParticipants]:
        """Iterate over the meetings that match the filters, newest first. Pages are read when they are needed."""
        first = _meetings("/meetings", models.Meetings, filters, starting_after)
        return pages(first, filters.get("limit"), "starting_after", lambda meeting: meeting.id)

    @Operation
    def get_meeting(self, meeting_id: str) -> Call[models.Meeting]:
        """Return a meeting without its participants. An id that a correction replaced leads to its successor."""
        return Call("GET", path("/meetings/", meeting_id), models.Meeting, [])

    @Operation
    def list_meeting_participants(
        self,
        meeting_id: str,
        *,
        limit: int | None = None,
        joined_after: str | None = None,
        joined_before: str | None = None,
        include_attributes: bool = False,
        attributes: Mapping[str, str] | None = None,
    ) -> Call[models.Participants]:
        """Return a page of the participants of a meeting. Raise `NotFound` if there are no more."""
        return _participants(meeting_id, limit, joined_after, joined_before, include_attributes, attributes)

    @PagedOperation
    def iterate_meeting_participants(
        self,
        meeting_id: str,
        *,
        limit: int | None = None,
        include_attributes: bool = False,
        attributes: Mapping[str, str] | None = None,
    ) -> Paging[models.Participant]:
        """Iterate over the participants of a meeting. Raise `NotFound` if nobody matches."""
        first = _participants(meeting_id, limit, None, None, include_attributes, attributes)
        found = pages(first, None, "joined_after", lambda one: one.participant_id)
        return replace(found, ends_absent=True)

    @Operation
    def list_user_meetings(
        self,
        user_id: str,
        *,
        starting_after: str | None = None,
        ending_before: str | None = None,
        **filters: Unpack[UserMeetingFilters],
    ) -> Call[models.UserMeetings]:
        """Return a page of the meetings that a user took part in, newest first."""
        place = path("/users/", user_id, "/meetings")
        return _meetings(place, models.UserMeetings, filters, starting_after, ending_before)

    @PagedOperation
    def iterate_user_meetings(
        self, user_id: str, *, starting_after: str | None = None, **filters: Unpack[UserMeetingFilters]
    ) -> Paging[models.UserMeeting]:
        """Iterate over the meetings that a user took part in, newest first."""
        place = path("/users/", user_id, "/meetings")
        first = _meetings(place, models.UserMeetings, filters, starting_after)
        return pages(first, filters.get("limit"), "starting_after", lambda meeting: meeting.id)

    @Operation
    def explain_meeting(
        self, meeting_id: str, *, include_attributes: bool = False
    ) -> Call[reports.Explanation]:
        """Return why a meeting started and ended as it did, with the events behind each step."""
        parameters = query(include=include(attributes=include_attributes))
        return Call("GET", path("/meetings/", meeting_id, "/explain"), reports.Explanation, parameters)

    @Operation
    def get_attendance(
        self,
        meeting_id: str,
        *,
        expected: Sequence[str] | None = None,
        starts_at: Time | None = None,
        ends_at: Time | None = None,
        min_attendance_ratio: float | None = None,
        late_after_seconds: int | None = None,
        left_early_before_seconds: int | None = None,
    ) -> Call[models.AttendanceList]:
        """Return an entry for each person of a meeting. With the ids of expected users, entries have a status."""
        if any("," in user_id for user_id in expected or ()):
            raise BadInput("an id with a comma cannot be sent so: use create_attendance_report")
        parameters = query(
            expected=list(expected or ()),
            starts_at=starts_at,
            ends_at=ends_at,
            min_attendance_ratio=min_attendance_ratio,
            late_after_seconds=late_after_seconds,
            left_early_before_seconds=left_early_before_seconds,
        )
        place = path("/meetings/", meeting_id, "/attendance")
        return Call("GET", place, models.AttendanceList, parameters)

    @Operation
    def create_attendance_report(
        self,
        meeting_id: str,
        expected: Sequence[str | models.ExpectedUser],
        *,
        starts_at: Time | None = None,
        ends_at: Time | None = None,
        min_attendance_ratio: float | None = None,
        late_after_seconds: int | None = None,
        left_early_before_seconds: int | None = None,
    ) -> Call[models.AttendanceList]:
        """Return the attendance list of a meeting for a roster: for long ones, and for names of expected users."""
        roster = fields(
            expected=list(expected),
            starts_at=starts_at,
            ends_at=ends_at,
            min_attendance_ratio=min_attendance_ratio,
            late_after_seconds=late_after_seconds,
            left_early_before_seconds=left_early_before_seconds,
        )
        place = path("/meetings/", meeting_id, "/attendance")
        return Call("POST", place, models.AttendanceList, [], to_json(roster))

    @Operation
    def get_time_together(
        self, meeting_id: str, sides: Mapping[str, Mapping[str, str | Sequence[str]]], *, others: bool = False
    ) -> Call[models.MeetingTogether]:
        """Return when all sides were in a meeting at the same time.

        A side has a name and conditions: `role`, `user_id`, `participant_id` or `attribute.KEY`, each with one value or
        several alternatives. `others` adds everybody else as a side.
        """
        parameters: Query = []
        for side, conditions in sides.items():
            for condition, values in conditions.items():
                several = [values] if isinstance(values, str) else values
                parameters += [(f"{side}.{condition}", value) for value in several]
        parameters += query(others=others or None)
        return Call("GET", path("/meetings/", meeting_id, "/together"), models.MeetingTogether, parameters)

    # Rooms and presence.

    @Operation
    def list_rooms(
        self, *, limit: int | None = None, starting_after: str | None = None, ending_before: str | None = None
    ) -> Call[models.Rooms]:
        """Return a page of the rooms, newest first."""
        return _rooms(limit, starting_after, ending_before)

    @PagedOperation
    def iterate_rooms(self, *, limit: int | None = None) -> Paging[models.Room]:
        """Iterate over the rooms, newest first."""
        return pages(_rooms(limit), limit, "starting_after", lambda room: room.name)

    @Operation
    def get_room(self, room: str) -> Call[models.Room]:
        """Return a room, whether or not anybody is in it."""
        return Call("GET", path("/rooms/", room), models.Room, [])

    @Operation
    def get_presence(self, *, include_attributes: bool = False) -> Call[models.Presence]:
        """Return the participants who are in rooms now, by room."""
        return Call(
            "GET", "/presence", models.Presence, query(include=include(attributes=include_attributes))
        )

    @Operation
    def get_room_presence(
        self,
        room: str,
        *,
        limit: int | None = None,
        user_id: str | None = None,
        user_name: str | None = None,
        include_attributes: bool = False,
    ) -> Call[models.RoomPresence]:
        """Return the participants who are in a room now."""
        parameters = _presence_query(limit, user_id, user_name, include_attributes)
        return Call("GET", path("/rooms/", room, "/presence"), models.RoomPresence, parameters)

    @Operation
    def get_room_presence_at(
        self,
        room: str,
        at: Time,
        *,
        limit: int | None = None,
        user_id: str | None = None,
        user_name: str | None = None,
        include_attributes: bool = False,
    ) -> Call[models.PastPresence]:
        """Return the participants who were in a room at a time."""
        parameters = query(at=at) + _presence_query(limit, user_id, user_name, include_attributes)
        return Call("GET", path("/rooms/", room, "/presence"), models.PastPresence, parameters)

    @Operation
    def get_room_presence_between(
        self,
        room: str,
        from_: Time,
        to: Time | None = None,
        *,
        limit: int | None = None,
        user_id: str | None = None,
        user_name: str | None = None,
        include_attributes: bool = False,
    ) -> Call[models.PastPresence]:
        """Return the participants who were in a room during a period. Without `to` it lasts until now."""
        parameters = query(from_=from_, to=to) + _presence_query(
            limit, user_id, user_name, include_attributes
        )
        return Call("GET", path("/rooms/", room, "/presence"), models.PastPresence, parameters)

    # Usage.

    @Operation
    def get_usage(
        self,
        from_: Day,
        *,
        group_by: Literal["hour", "day", "month", "total"] = "day",
        **filters: Unpack[UsageFilters],
    ) -> Call[reports.Usage]:
        """Return started meetings, participant time and peak participants by hour, day or month of a time zone."""
        return _report("/usage", reports.Usage, from_, group_by, filters)

    @Operation
    def get_usage_by_room(
        self, from_: Day, *, limit: int | None = None, **filters: Unpack[UsageFilters]
    ) -> Call[reports.UsageByRoom]:
        """Return usage by room, at most 10,000, by participant time."""
        return _report("/usage", reports.UsageByRoom, from_, "room", filters, limit)

    @Operation
    def get_usage_by_attribute(
        self, key: str, from_: Day, *, limit: int | None = None, **filters: Unpack[UsageFilters]
    ) -> Call[reports.UsageByValue]:
        """Return usage by the values of an attribute, most participant time first."""
        return _report("/usage", reports.UsageByValue, from_, f"attribute.{key}", filters, limit)

    @Operation
    def get_concurrency(
        self, from_: Day, *, group_by: Literal["hour", "day"] = "hour", **filters: Unpack[UsageFilters]
    ) -> Call[reports.Concurrency]:
        """Return the peak number of participants, its time, and the average, by hour or day of a time zone."""
        return _report("/concurrency", reports.Concurrency, from_, group_by, filters)

    @Operation
    def get_concurrency_by_attribute(
        self, key: str, from_: Day, *, limit: int | None = None, **filters: Unpack[UsageFilters]
    ) -> Call[reports.ConcurrencyByValue]:
        """Return concurrent participants by the values of an attribute, the highest average first."""
        return _report("/concurrency", reports.ConcurrencyByValue, from_, f"attribute.{key}", filters, limit)

    # Events.

    @Operation
    def ingest_event(self, event: models.Event, *, wait: bool = False) -> Call[models.IngestResult]:
        """Send an event. With `wait`, the answer comes when it has been processed.

        A repetition of the same event counts once, because it has an id.
        """
        return _events(to_json(event), wait=wait, repeatable=event.id is not None)

    @SteppedOperation
    def ingest_events(
        self, events: Iterable[models.Event], *, wait: bool = False
    ) -> Steps[models.IngestResult]:
        """Send events, 1,000 in a request, and return the sums.

        Either all events of a request are accepted, or none. After an error, send the same `Event` objects again: those
        that were accepted count once.
        """
        accepted, duplicates, position = 0, 0, ""
        remaining = iter(events)
        batch = list(islice(remaining, _BATCH))
        while batch:
            has_ids = all(event.id is not None for event in batch)
            following = list(islice(remaining, _BATCH))
            answer: models.IngestResult = yield _events(to_json(batch), wait=wait, repeatable=has_ids)
            accepted, duplicates = accepted + answer.accepted, duplicates + answer.duplicates
            position, batch = answer.position, following
        return models.IngestResult(accepted=accepted, duplicates=duplicates, position=position)

    @Operation
    def ingest_snapshot(
        self,
        room: str,
        participants: Iterable[models.SnapshotParticipant],
        *,
        at: float | datetime | None = None,
        wait: bool = False,
    ) -> Call[models.IngestResult]:
        """Send the list of participants who are in a room. Missing joins and leaves are inferred.

        `at` is the time of the list. Without it, the clock of this machine counts, so that a repetition changes nothing.
        """
        body = fields(participants=list(participants), at=time() if at is None else at)
        place = path("/rooms/", room, "/snapshot")
        return Call("POST", place, models.IngestResult, query(wait=wait or None), to_json(body))

    # Health.

    @Operation
    def list_quarantined_rooms(self) -> Call[models.QuarantinedRooms]:
        """Return the rooms whose events could not be processed."""
        return Call("GET", "/health/rooms", models.QuarantinedRooms, [])

    @Operation
    def get_completeness(self) -> Call[models.CompletenessStatus]:
        """Return until when answers are complete, and who holds that time back."""
        return Call("GET", "/health/completeness", models.CompletenessStatus, [])

    @Operation
    def get_key(self) -> Call[models.KeyInfo]:
        """Return the name, the domain and the scopes of the API key."""
        return Call("GET", "/key", models.KeyInfo, [])

    @Operation
    def get_version(self) -> Call[models.Version]:
        """Return the version of the server. It needs no API key."""
        return Call("GET", "/version", models.Version, [], at_root=True)

    @Operation
    def request(
        self,
        method: str,
        place: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool | None = None,
    ) -> Call[Any]:
        """Send a request to an operation that has no method here, such as those of privacy, and return its JSON.

        `place` is the path beneath `/v1`, percent-encoded. Only GET, PUT and DELETE are repeated by default.
        """
        encoded = None if body is None else to_json(body)
        can_repeat = method in ("GET", "PUT", "DELETE") if repeatable is None else repeatable
        return Call(method, place, cast("type[Any]", Any), query(**(parameters or {})), encoded, can_repeat)


def _meetings(
    place: str,
    type_: type[T],
    filters: Mapping[str, Any],
    starting_after: str | None = None,
    ending_before: str | None = None,
) -> Call[T]:
    values = known_options(filters, MeetingFilters)
    attributes = values.pop("attributes", None)
    shown = include(attributes=values.pop("include_attributes", False))
    parameters = query(**values, include=shown, starting_after=starting_after, ending_before=ending_before)
    return Call("GET", place, type_, parameters + attribute_query(attributes))


def _participants(
    meeting_id: str,
    limit: int | None,
    joined_after: str | None,
    joined_before: str | None,
    include_attributes: bool,  # noqa: FBT001 - as its callers have it
    attributes: Mapping[str, str] | None,
) -> Call[models.Participants]:
    shown = include(attributes=include_attributes)
    parameters = query(limit=limit, joined_after=joined_after, joined_before=joined_before, include=shown)
    place = path("/meetings/", meeting_id, "/participants")
    return Call("GET", place, models.Participants, parameters + attribute_query(attributes))


def _rooms(
    limit: int | None, starting_after: str | None = None, ending_before: str | None = None
) -> Call[models.Rooms]:
    parameters = query(limit=limit, starting_after=starting_after, ending_before=ending_before)
    return Call("GET", "/rooms", models.Rooms, parameters)


def _presence_query(
    limit: int | None,
    user_id: str | None,
    user_name: str | None,
    include_attributes: bool,  # noqa: FBT001 - as its callers have it
) -> Query:
    shown = include(attributes=include_attributes)
    return query(limit=limit, userId=user_id, userName=user_name, include=shown)


def _report(
    place: str,
    type_: type[T],
    from_: Day,
    group_by: str,
    filters: Mapping[str, Any],
    limit: int | None = None,
) -> Call[T]:
    values = known_options(filters, UsageFilters)
    attributes = values.pop("attributes", None)
    parameters = query(from_=from_, group_by=group_by, limit=limit, **values)
    return Call("GET", place, type_, parameters + attribute_query(attributes))


def _events(body: bytes, *, wait: bool, repeatable: bool) -> Call[models.IngestResult]:
    parameters = query(wait=wait or None)
    return Call("POST", "/events", models.IngestResult, parameters, body, repeatable)

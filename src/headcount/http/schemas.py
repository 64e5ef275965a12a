"""Schemas of the API: the types of its answers, from which both the JSON and the OpenAPI document are made.

Responsible for field names, their order and their descriptions; most are Daily's. It must not know where values come
from. Types that one route alone uses stand in its module.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from headcount.store.provenance import Sender, SenderKind


def doc(description: str, **schema: Any) -> Meta:
    """Return a field's description, and keys of its schema, which bind clients and are not checked here."""
    return Meta(description=description, extra_json_schema=schema or None)


def choice(values: Iterable[str], description: str) -> Meta:
    """Return the description of a field with one of these values."""
    return doc(description, enum=[str(value) for value in values])


Count = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
DateTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, with milliseconds."""
LocalTime = str
"""RFC 3339 with the offset of a time zone, or `Z`. Its schema has no format, since some clients accept only UTC there."""
Timestamp = int | float | DateTime
"""A time in a request: unix seconds or RFC 3339."""
Duration = Annotated[
    Count,
    doc("Duration in seconds, rounded down; up to now while it is ongoing. Rounding is to the granularity."),
]
Ratio = Annotated[
    float, doc("A part of the whole, from 0 to 1, rounded down to four digits.", minimum=0, maximum=1)
]
UnixSeconds = Annotated[int, doc("Unix seconds, rounded down.")]
UserId = Annotated[str | None, doc("The user's id, if known.", minLength=1)]
UserName = Annotated[str | None, doc("The user's name, if known.", minLength=1)]
ConnectionId = Annotated[str, doc("The id of the connection.")]
RoomName = Annotated[str, doc("The name of the room.")]
JoinTime = Annotated[UnixSeconds, doc("Time of the join, in unix seconds.")]
LeaveTime = Annotated[UnixSeconds | None, doc("Time of the last leave, in unix seconds; `null` before it.")]
ShownAttributes = Annotated[
    msgspec.Raw | UnsetType,
    doc(
        "Attributes of the participant, each a string, a number or a boolean; absent without `include=attributes`.",
        type="object",
    ),
]
LEFT_BY = ("reported", "room_ended", "snapshot", "timeout", "room_restarted")


ERRORS: Final = {
    (400, "invalid-request-error"): "A parameter or field is missing or invalid.",
    (400, "json-parsing-error"): "The body is not valid JSON.",
    (400, "authorization-header-error"): "The request has no API key.",
    (401, "authentication-error"): "The API key or the signature is not valid.",
    (403, "forbidden-error"): "The API key lacks the scope.",
    (404, "not-found"): "There is no such meeting, room, webhook, source or path.",
    (405, "method-not-allowed"): "The path does not support this method.",
    (408, "invalid-request-error"): "The body took too long.",
    (413, "request-too-large"): "The body is too large.",
    (415, "unsupported-media-type"): "The body is compressed or not text.",
    (429, "rate-limit-error"): "Too many requests, active rooms or streams.",
    (431, "request-too-large"): "The headers are too large.",
    (500, "server-error"): "Internal error.",
    (503, "server-error"): "The database is unavailable, or the server is busy.",
    (503, "room-quarantined-error"): "The events are stored, but their room could not be processed.",
}
"""The meaning of every error, by status and type."""


class Schema(msgspec.Struct, forbid_unknown_fields=True):
    """An object with these fields and no others."""


class Error(Schema):
    """An error."""

    error: Annotated[
        str,
        doc(
            f"The type of the error, which is stable: `{'`, `'.join(sorted({type_ for _, type_ in ERRORS}))}`."
        ),
    ]
    info: Annotated[str, doc("What is wrong, in a sentence.")]


class Participant(Schema, gc=False):
    """A participant's unbroken time in a meeting."""

    user_id: UserId
    participant_id: ConnectionId
    user_name: UserName
    join_time: JoinTime
    duration: Duration
    attributes: ShownAttributes = UNSET


class Meeting(Schema):
    """A meeting session."""

    id: Annotated[str, doc("The id of the meeting.")]
    room: RoomName
    start_time: Annotated[UnixSeconds, doc("Start of the meeting, in unix seconds.")]
    duration: Duration
    ongoing: Annotated[bool, doc("Whether the meeting has not ended yet.")]
    max_participants: Annotated[int, doc("Peak number of participants.", minimum=1)]


class MeetingWithParticipants(Meeting):
    """A meeting session with its participants."""

    participants: Annotated[
        list[Participant] | UnsetType, doc("Participants by join time; absent with `no_participants=true`.")
    ] = UNSET


class Meetings(Schema):
    """A page of meetings."""

    total_count: Annotated[Count, doc("Number of all meetings that match, on every page.")]
    data: list[MeetingWithParticipants]


class Attended(Schema, gc=False):
    """A user's part in a meeting, over all their connections."""

    join_time: Annotated[UnixSeconds, doc("Time of the first join, in unix seconds.")]
    leave_time: LeaveTime
    duration: Duration
    attendance_ratio: Annotated[Ratio, doc("Part of the meeting's duration.")]


class UserMeeting(MeetingWithParticipants, kw_only=True):
    """A meeting session and a user's part in it."""

    attended: Attended


class UserMeetings(Schema):
    """A page of a user's meetings."""

    total_count: Annotated[Count, doc("Number of all meetings that match, on every page.")]
    data: list[UserMeeting]


class Participants(Schema):
    """A page of participants."""

    data: Annotated[list[Participant], doc("Participants by join time.", minItems=1)]


class PresentParticipant(Schema, rename="camel", gc=False):
    """A participant who is in a room now."""

    room: RoomName
    id: Annotated[str, doc("The id of the connection: its `participant_id`.")]
    user_id: UserId
    user_name: UserName
    join_time: Annotated[DateTime, doc("Time of the join.")]
    duration: Duration
    mtg_session_id: Annotated[
        str | UnsetType, doc("The id of the ongoing meeting; absent before there is one.")
    ] = UNSET
    attributes: ShownAttributes = UNSET


class RoomPresence(Schema):
    """The participants who are in a room now."""

    total_count: Annotated[Count, doc("Number of participants that match, whatever the limit.")]
    data: list[PresentParticipant]


class RoomStay(Schema, gc=False):
    """A participant's unbroken time in a room, whatever meetings it was part of."""

    user_id: UserId
    participant_id: ConnectionId
    user_name: UserName
    join_time: JoinTime
    leave_time: LeaveTime
    duration: Duration
    left_by: Annotated[str | None, choice(LEFT_BY, "How the stay ended; `null` while it lasts.")]
    attributes: ShownAttributes = UNSET


class PastPresence(Schema, rename={"from_": "from"}):
    """The participants who were in a room `at` a time, or from `from` until `to`, by join time."""

    room: RoomName
    total_count: Count
    data: list[RoomStay]
    at: DateTime | UnsetType = UNSET
    from_: DateTime | UnsetType = UNSET
    to: DateTime | UnsetType = UNSET


class QuarantinedRoom(Schema):
    """A room whose events could not be processed."""

    room: RoomName
    reason: Annotated[str, doc("The error that stopped the room.")]
    since: DateTime
    attempts: Count
    retry_at: DateTime


class QuarantinedRooms(Schema):
    """The quarantined rooms of the domain, those quarantined longest first."""

    total_count: Count
    data: list[QuarantinedRoom]


class EventSource(Schema):
    """Who sent an event: a source, a program with an API key, or an import of a file."""

    type: Annotated[str, choice(SenderKind, "The kind of the sender.")]
    kind: Annotated[str | None, doc("The kind of a source, like `livekit`; `null` for others.")]
    name: Annotated[str, doc("The name of the source or the API key, or the name of the file.")]
    removed: Annotated[bool, doc("Whether the source was deleted, or the API key was revoked.")]


def event_source(sender: Sender) -> EventSource:
    """Return a sender as answers show it."""
    return EventSource(sender.kind.value, sender.vendor, sender.name, sender.is_removed)


CompleteUntil = Annotated[
    DateTime,
    doc("Everything that happened before this time, and was reported, is included."),
]
HeldBackBy = Annotated[
    EventSource | None,
    doc("The source or API key that holds `complete_until` back; `null` if there is none."),
]

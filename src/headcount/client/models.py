"""Types of answers and requests: meetings, participants, presence, rooms and health.

Responsible for the fields, which are those of the API. A time in unix seconds is an `int`, a time in RFC 3339 a
`datetime`. Fields that the client does not know are ignored, so that it understands newer servers. Must not know how
requests are sent. `tests/client/test_contract.py` compares the types with the OpenAPI document.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, dataclass_transform
from uuid import uuid4

import msgspec

Attributes = dict[str, str | int | float | bool]
"""Attributes of a participant by key."""
NewAttributes = Mapping[str, str | int | float | bool | None]
"""Attributes to send. A value that is None is unknown."""
EventKind = Literal["join", "leave", "end"]


class Meta(msgspec.Struct, frozen=True):
    """What an answer states beside its body.

    Everything that happened before `complete_until`, and was reported, is included in the answer. `held_back_by` is the
    source or API key that holds this time back: `source/KIND/NAME` or `api_key/NAME`. Both are None if the operation is
    not about a time. `request_id` finds the request in the log of the server. `id_replaced` is whether a correction
    replaced the id of the meeting in the request.
    """

    complete_until: datetime | None = None
    held_back_by: str | None = None
    request_id: str | None = None
    id_replaced: bool = False


_NO_META = Meta()


class _ModelType(msgspec.StructMeta):
    """The type of models: all are frozen, and made from keywords only."""

    def __new__(cls, *arguments: Any, **options: Any) -> "_ModelType":  # noqa: PYI034 - Self is not possible here
        return super().__new__(cls, *arguments, **{"frozen": True, "kw_only": True, "dict": True, **options})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, metaclass=_ModelType, frozen=True, kw_only=True):
    """An object of the API."""

    @property
    def meta(self) -> Meta:
        """What the answer with this object states beside it, such as until when it is complete."""
        found: Meta = self.__dict__.get("meta", _NO_META)
        return found


class Presence(dict[str, "list[PresentParticipant]"]):
    """The participants who are in rooms now, by room."""

    meta: Meta = _NO_META


class Participant(Model):
    """A participant's unbroken time in a meeting."""

    user_id: str | None
    participant_id: str
    user_name: str | None
    join_time: int
    duration: int
    attributes: Attributes | None = None


class Meeting(Model):
    """A meeting session."""

    id: str
    room: str
    start_time: int
    duration: int
    ongoing: bool
    max_participants: int


class MeetingWithParticipants(Meeting):
    """A meeting session with its participants: None if they were not requested."""

    participants: list[Participant] | None = None


class Meetings(Model):
    """A page of meetings. `total_count` is the number of all that match."""

    total_count: int
    data: list[MeetingWithParticipants]


class Attended(Model):
    """A user's part in a meeting, over all their connections."""

    join_time: int
    leave_time: int | None
    duration: int
    attendance_ratio: float


class UserMeeting(MeetingWithParticipants):
    """A meeting session and a user's part in it."""

    attended: Attended


class UserMeetings(Model):
    """A page of a user's meetings. `total_count` is the number of all that match."""

    total_count: int
    data: list[UserMeeting]


class Participants(Model):
    """A page of participants, by the time of their join."""

    data: list[Participant]


class AttendanceEntry(Model):
    """A person in a meeting. The fields from `status` on are None if nobody was expected."""

    user_id: str | None
    participant_id: str | None
    user_name: str | None
    connections: int
    join_time: int | None
    leave_time: int | None
    duration: int
    attendance_ratio: float
    status: str | None = None
    scheduled_duration: int | None = None
    scheduled_attendance_ratio: float | None = None
    late_by_seconds: int | None = None
    left_early_by_seconds: int | None = None


class AttendanceTotals(Model):
    """Number of persons; with a roster, also of expected users, and of persons by status."""

    people: int
    expected: int | None = None
    present: int | None = None
    late: int | None = None
    left_early: int | None = None
    partial: int | None = None
    absent: int | None = None
    unexpected: int | None = None


class AttendanceList(Meeting):
    """The persons of a meeting by their first join, then expected users who never joined."""

    starts_at: datetime
    ends_at: datetime
    totals: AttendanceTotals
    data: list[AttendanceEntry]


class ExpectedUser(Model):
    """A user who was expected."""

    user_id: str
    user_name: str | None = None


class TogetherSide(Model):
    """The time of one side, whatever the others."""

    name: str
    conditions: dict[str, list[str]]
    people: int
    join_time: int | None
    leave_time: int | None
    duration: int


class TogetherInterval(Model):
    """An interval during which all sides were in the meeting."""

    start_time: int
    end_time: int | None
    duration: int
    end_inferred: bool


class TogetherTime(Model):
    """The time during which all sides were in the meeting."""

    start_time: int | None
    end_time: int | None
    duration: int
    intervals: list[TogetherInterval]


class MeetingTogether(Meeting):
    """A meeting, its sides, and their time together."""

    sides: list[TogetherSide]
    together: TogetherTime


class PresentParticipant(Model, rename="camel"):
    """A participant who is in a room now."""

    room: str
    id: str
    user_id: str | None
    user_name: str | None
    join_time: datetime
    duration: int
    mtg_session_id: str | None = None
    attributes: Attributes | None = None


class RoomPresence(Model):
    """The participants who are in a room now. `total_count` is their number, whatever the limit."""

    total_count: int
    data: list[PresentParticipant]


class RoomStay(Model):
    """A participant's unbroken time in a room."""

    user_id: str | None
    participant_id: str
    user_name: str | None
    join_time: int
    leave_time: int | None
    duration: int
    left_by: str | None
    attributes: Attributes | None = None


class PastPresence(Model, rename={"from_": "from"}):
    """The participants who were in a room `at` a time, or from `from_` until `to`."""

    room: str
    total_count: int
    data: list[RoomStay]
    at: datetime | None = None
    from_: datetime | None = None
    to: datetime | None = None


class Room(Model):
    """A room. `created_at` is the time of its first event."""

    id: str
    name: str
    created_at: datetime
    api_created: bool = False
    privacy: str = "public"
    config: dict[str, str] = {}
    url: str | None = None


class Rooms(Model):
    """A page of rooms. `total_count` is the number of all."""

    total_count: int
    data: list[Room]


class EventSource(Model):
    """Who sent an event: a source, a program with an API key, or an import of a file."""

    type: str
    kind: str | None
    name: str
    removed: bool


class QuarantinedRoom(Model):
    """A room whose events could not be processed."""

    room: str
    reason: str
    since: datetime
    attempts: int
    retry_at: datetime


class QuarantinedRooms(Model):
    """The quarantined rooms."""

    total_count: int
    data: list[QuarantinedRoom]


class SenderStatus(Model):
    """A source, or an API key that sends events."""

    source: EventSource
    complete_until: datetime
    last_request_at: datetime | None
    last_poll_at: datetime | None


class CompletenessStatus(Model):
    """Until when answers are complete, and why."""

    complete_until: datetime
    held_back_by: EventSource | None
    processed_until: datetime
    total_count: int
    data: list[SenderStatus]


class KeyInfo(Model):
    """The API key of the client. `scopes` are some of `ingest`, `read` and `admin`, which includes all."""

    name: str
    domain: str
    scopes: list[str]


class Version(Model):
    """The version of the server."""

    version: str


class Event(Model, omit_defaults=True):
    """An event to ingest.

    Its `id` is generated, so that an event that is sent again counts once. `at` is the time of the event, unix seconds or
    a `datetime` with a time zone; without it the time of arrival counts.
    """

    room: str
    kind: EventKind
    participant_id: str | None = None
    at: float | datetime | None = None
    id: str | None = msgspec.field(default_factory=lambda: uuid4().hex)
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    joined_at: float | datetime | None = None
    attributes: NewAttributes | None = None


class SnapshotParticipant(Model, omit_defaults=True):
    """A participant who is in a room, for a snapshot."""

    participant_id: str
    user_id: str | None = None
    user_name: str | None = None
    attributes: NewAttributes | None = None


class IngestResult(Model):
    """The result of ingesting events. `position` is the end of the log, as an opaque cursor."""

    accepted: int
    duplicates: int
    position: str


class Message(Model):
    """A message of the stream, with the body that webhooks get.

    Pass `cursor` to `stream_events` as `last_event_id` to continue after this message.
    """

    version: str
    type: str
    id: str
    payload: dict[str, Any]
    event_ts: float

    @property
    def cursor(self) -> str:
        """The position of this message in the stream."""
        return str(self.__dict__.get("cursor", ""))

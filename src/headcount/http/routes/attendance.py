"""Attendance: an entry for each person of a meeting, compared with a roster of expected users.

Responsible for the roster's forms, in the URL and in a body, and for the answer. It must not know how statuses are
decided: `headcount.reporting.roster` does that.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.datastructures import QueryParams
from starlette.requests import Request

from headcount.http import params
from headcount.http.body import decode
from headcount.http.context import Answer, QueryContext
from headcount.http.errors import invalid
from headcount.http.operations import operation
from headcount.http.params import Param
from headcount.http.routes.meetings import MEETING_ID, REPLACED, find_meeting
from headcount.http.schemas import (
    Count,
    DateTime,
    Duration,
    Meeting,
    Ratio,
    Schema,
    Timestamp,
    UnixSeconds,
    UserId,
    UserName,
    choice,
    doc,
)
from headcount.http.serializer import Serializer, encode, ratio, rfc3339
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, people_in
from headcount.reporting.roster import Attendee, Schedule, Status, roll_call, schedule_of
from headcount.store.records import MeetingRow

_MAX_EXPECTED: Final = 10_000

EXPECTED: Final = Param(
    "expected",
    params.TEXT_LIST,
    "Ids of expected users, separated by commas or in several `expected=`. Send ids that contain a comma, and long"
    " rosters, as a body with POST.",
    None,
)
STARTS_AT: Final = Param(
    "starts_at",
    params.TIMESTAMP,
    "Scheduled start: unix seconds or RFC 3339. Default: the meeting's start.",
    None,
)
ENDS_AT: Final = Param(
    "ends_at", params.TIMESTAMP, "Scheduled end, in the same form. Default: the meeting's end.", None
)
MIN_RATIO: Final = Param(
    "min_attendance_ratio",
    params.RATIO,
    "Minimum part of the scheduled time, from 0 to 1. A person who attends less is `partial`.",
    Fraction(1, 2),
)
LATE_AFTER: Final = Param(
    "late_after_seconds",
    params.NON_NEGATIVE,
    "A person who joins more than this many seconds after the scheduled start is `late`.",
    300,
)
LEFT_EARLY_BEFORE: Final = Param(
    "left_early_before_seconds",
    params.NON_NEGATIVE,
    "A person who leaves more than this many seconds before the scheduled end has `left_early`.",
    300,
)
_ROSTER_PARAMS: Final = (EXPECTED, STARTS_AT, ENDS_AT, MIN_RATIO, LATE_AFTER, LEFT_EARLY_BEFORE)


class AttendanceEntry(Schema, omit_defaults=True):
    """A person in a meeting. The fields from `status` on are present if somebody was expected."""

    user_id: UserId
    participant_id: Annotated[str | None, doc("The connection; `null` if the user is known.")]
    user_name: UserName
    connections: Annotated[Count, doc("Number of connections.")]
    join_time: Annotated[UnixSeconds | None, doc("Time of the first join, in unix seconds.")]
    leave_time: Annotated[
        UnixSeconds | None, doc("Time of the last leave, in unix seconds; `null` before it.")
    ]
    duration: Duration
    attendance_ratio: Annotated[Ratio, doc("Part of the meeting's duration.")]
    status: Annotated[str | UnsetType, choice(Status, "Attendance status.")] = UNSET
    scheduled_duration: Annotated[
        Count | UnsetType, doc("Duration within the scheduled time, in seconds.")
    ] = UNSET
    scheduled_attendance_ratio: Annotated[Ratio | UnsetType, doc("Part of the scheduled time.")] = UNSET
    late_by_seconds: Annotated[
        Count | UnsetType | None, doc("Seconds after the scheduled start if late, else 0.")
    ] = UNSET
    left_early_by_seconds: Annotated[
        Count | UnsetType | None, doc("Seconds before the scheduled end if early, else 0.")
    ] = UNSET


class AttendanceTotals(Schema):
    """Number of persons; with `expected`, also of expected users, and of persons by status."""

    people: Count
    expected: Count | UnsetType = UNSET
    present: Count | UnsetType = UNSET
    late: Count | UnsetType = UNSET
    left_early: Count | UnsetType = UNSET
    partial: Count | UnsetType = UNSET
    absent: Count | UnsetType = UNSET
    unexpected: Count | UnsetType = UNSET


class AttendanceList(Meeting):
    """The persons of a meeting by their first join, then expected users who never joined."""

    starts_at: DateTime
    ends_at: DateTime
    totals: AttendanceTotals
    data: list[AttendanceEntry]


class ExpectedUser(Schema):
    """A user who was expected."""

    user_id: Annotated[str, doc("The user's id.", minLength=1)]
    user_name: Annotated[str | None, doc("The user's name.")] = None


class Roster(Schema):
    """The expected users, and the parameters of GET."""

    expected: Annotated[
        list[ExpectedUser | Annotated[str, doc("The id of a user.", minLength=1)]],
        doc("Expected users, as objects or as ids.", maxItems=_MAX_EXPECTED),
    ]
    starts_at: Annotated[Timestamp | UnsetType, doc(STARTS_AT.description)] = UNSET
    ends_at: Annotated[Timestamp | UnsetType, doc(ENDS_AT.description)] = UNSET
    min_attendance_ratio: Annotated[
        int | float | UnsetType, doc(MIN_RATIO.description + " Default: 0.5.", minimum=0, maximum=1)
    ] = UNSET
    late_after_seconds: Annotated[
        int | UnsetType, doc(LATE_AFTER.description + " Default: 300.", minimum=0)
    ] = UNSET
    left_early_before_seconds: Annotated[
        int | UnsetType, doc(LEFT_EARLY_BEFORE.description + " Default: 300.", minimum=0)
    ] = UNSET


_ROSTER: Final = msgspec.json.Decoder(Roster)


@dataclass(frozen=True, slots=True)
class RosterQuery:
    """The parameters of an attendance list. Without a roster `expected` is None; None as a time means the meeting's."""

    expected: dict[str, str | None] | None
    starts: Ms | None
    ends: Ms | None
    min_ratio: Fraction
    late_after_ms: Ms
    left_early_before_ms: Ms


@operation(
    "GET", "/meetings/{id}/attendance", "getAttendance", "Get the attendance list of a meeting", AttendanceList,
    tag="Meetings", params=(MEETING_ID, *_ROSTER_PARAMS), errors=(404,), headers=REPLACED,
)  # fmt: skip
def get_attendance(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns an entry for each person: a user, or a connection whose user is unknown.

    With `expected`, entries have a status, and expected users who never joined have an entry, too.
    """
    return _attendance(context, domain, request, query_of_url(request.query_params))


@operation(
    "POST", "/meetings/{id}/attendance", "createAttendanceReport", "Compare a meeting with a roster", AttendanceList,
    tag="Meetings", params=(MEETING_ID,), body=Roster, errors=(404, 408, 413, 415), headers=REPLACED,
)  # fmt: skip
def compare_attendance(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns the attendance list for a roster in the body: for long rosters, and for names of expected users.

    The scope `read` is sufficient.
    """
    return _attendance(context, domain, request, query_of_body(request.state.body))


OPERATIONS: Final = (get_attendance, compare_attendance)


def query_of_url(query: QueryParams) -> RosterQuery:
    """Return the parameters in the URL. Raise `ApiError` 400 if one is invalid."""
    user_ids = [user_id for ids in EXPECTED.get_all(query) for user_id in ids]
    return RosterQuery(
        dict.fromkeys(user_ids) if user_ids else None,
        STARTS_AT.get(query),
        ENDS_AT.get(query),
        MIN_RATIO.get(query),
        LATE_AFTER.get(query) * 1_000,
        LEFT_EARLY_BEFORE.get(query) * 1_000,
    )


def query_of_body(body: bytes) -> RosterQuery:
    """Return the parameters in a JSON body; they are parsed as those of a URL. Raise `ApiError` 400."""
    roster = decode(body, _ROSTER)
    if len(roster.expected) > _MAX_EXPECTED:
        raise invalid(
            f'"expected" must contain at most {_MAX_EXPECTED:,} people [Received {len(roster.expected):,}]'
        )
    texts = {
        param.name: str(value)
        for param in _ROSTER_PARAMS[1:]
        if (value := getattr(roster, param.name)) is not UNSET
    }
    for field, text in texts.items():
        params.parse_text(field, text)
    expected: dict[str, str | None] = {}
    for user in roster.expected:
        user_id, name = (user, None) if isinstance(user, str) else (user.user_id, user.user_name)
        user_id = params.parse_text("expected", user_id)
        expected[user_id] = expected.get(user_id) or name or None
    return replace(query_of_url(QueryParams(texts)), expected=expected)


def _attendance(context: QueryContext, domain: str, request: Request, query: RosterQuery) -> Answer:
    row, headers = find_meeting(context, domain, request)
    entries = context.meetings.entries([row])[row.id]
    return encode(attendance_list(query, row, entries, context.serializer())), headers


def attendance_list(
    query: RosterQuery, row: MeetingRow, entries: Sequence[Entry], serializer: Serializer
) -> AttendanceList:
    """Return the attendance list of a meeting with these entries. Raise `ApiError` 400 if the scheduled time is empty."""
    now = serializer.now
    schedule = _schedule(query, row, now)
    people = people_in(entries, now)
    if query.expected is None:
        totals = AttendanceTotals(len(people))
        data = [_entry(person, row, serializer) for person in people]
    else:
        attendees = roll_call(people, query.expected, schedule)
        totals = _totals(attendees, len(people), len(query.expected))
        data = [_entry_with_status(attendee, row, schedule, serializer) for attendee in attendees]
    meeting = serializer.meeting(row)
    return AttendanceList(
        meeting.id,
        meeting.room,
        meeting.start_time,
        meeting.duration,
        meeting.ongoing,
        meeting.max_participants,
        rfc3339(schedule.start),
        rfc3339(schedule.end),
        totals,
        data,
    )


def _schedule(query: RosterQuery, row: MeetingRow, now: Ms) -> Schedule:
    starts = row.start if query.starts is None else query.starts
    meeting_end = now if row.end is None else row.end
    ends = meeting_end if query.ends is None else query.ends
    if query.ends is not None and ends <= starts:
        raise invalid(f'"ends_at" must be later than the start, {rfc3339(starts)} [Received {rfc3339(ends)}]')
    if query.ends is None and ends < starts and row.end is not None:
        raise invalid(f'"starts_at" must be before the end of the meeting, {rfc3339(ends)}; or add "ends_at"')
    return schedule_of(
        starts, ends, row.end, now, query.min_ratio, query.late_after_ms, query.left_early_before_ms
    )


def _totals(attendees: Sequence[Attendee], people: int, expected: int) -> AttendanceTotals:
    counts = Counter(attendee.status for attendee in attendees)
    return AttendanceTotals(people, expected, **{status.value: counts[status] for status in Status})


def _entry(person: Person, row: MeetingRow, serializer: Serializer) -> AttendanceEntry:
    attended = serializer.attended(person, row)
    return AttendanceEntry(
        person.user_id,
        None if person.user_id is not None else person.participant_id,
        person.user_name,
        person.connections,
        attended.join_time,
        attended.leave_time,
        attended.duration,
        attended.attendance_ratio,
    )


def _entry_with_status(
    attendee: Attendee, row: MeetingRow, schedule: Schedule, serializer: Serializer
) -> AttendanceEntry:
    if attendee.person is None:
        entry = AttendanceEntry(attendee.user_id, None, attendee.user_name, 0, None, None, 0, 0.0)
    else:
        entry = _entry(attendee.person, row, serializer)
    entry.user_name = attendee.user_name
    entry.status = attendee.status.value
    entry.scheduled_duration = min(serializer.rounded(attendee.attended_ms), entry.duration)
    entry.scheduled_attendance_ratio = ratio(attendee.attended_ms, schedule.length_ms)
    entry.late_by_seconds = None if attendee.late_by_ms is None else serializer.rounded(attendee.late_by_ms)
    entry.left_early_by_seconds = (
        None if attendee.left_early_by_ms is None else serializer.rounded(attendee.left_early_by_ms)
    )
    return entry

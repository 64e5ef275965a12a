"""Attendance: the list of who was in a meeting, a line a person, and what became of those who were expected.

A roster is named in the URL, or in a body where it is long. What the statuses mean is said in `headcount.roster`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.datastructures import QueryParams

from headcount.http import params
from headcount.http.errors import invalid, not_json
from headcount.http.schemas import Wire, share, written
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, people_in
from headcount.reporting.roster import Attendee, Schedule, Status, roll_call, schedule_of
from headcount.store.records import MeetingRow

_MOST_EXPECTED: Final = 10_000


class Line(msgspec.Struct, omit_defaults=True):
    """A person on the list. The fields from `status` on are there if somebody was expected."""

    user_id: str | None
    participant_id: str | None
    user_name: str | None
    connections: int
    join_time: int | None
    leave_time: int | None
    duration: int
    share: float
    status: str | UnsetType = UNSET
    scheduled_duration: int | UnsetType = UNSET
    scheduled_share: float | UnsetType = UNSET
    late_by: int | UnsetType | None = UNSET
    left_early_by: int | UnsetType | None = UNSET


class AttendanceList(msgspec.Struct):
    """Who was in a meeting. `totals` come first."""

    id: str
    room: str
    start_time: int
    duration: int
    ongoing: bool
    max_participants: int
    starts_at: str
    ends_at: str
    totals: dict[str, int]
    data: list[Line]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked. `expected` is None if nobody was named; the times are None for the meeting's own."""

    expected: dict[str, str | None] | None
    starts: Ms | None
    ends: Ms | None
    threshold: Fraction
    late_after: Ms
    early_before: Ms


def asked_in_url(query: QueryParams) -> Asked:
    """What the URL asks. Raises `ApiError` 400 where it makes no sense."""
    named = [user_id for some in params.EXPECTED.all_of(query) for user_id in some]
    return Asked(
        dict.fromkeys(named) if named else None,
        params.STARTS_AT.of(query),
        params.ENDS_AT.of(query),
        params.THRESHOLD.of(query),
        params.LATE_AFTER.of(query) * 1_000,
        params.EARLY_BEFORE.of(query) * 1_000,
    )


class _Expected(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    user_name: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    expected: list[_Expected | str]
    starts_at: int | float | str | UnsetType = UNSET
    ends_at: int | float | str | UnsetType = UNSET
    threshold: int | float | UnsetType = UNSET
    late_after: int | UnsetType = UNSET
    early_before: int | UnsetType = UNSET


_BODY: Final = msgspec.json.Decoder(_Body)


def asked_in_body(body: bytes) -> Asked:
    """What a body of JSON asks; its fields are read as those of a URL are. Raises `ApiError` 400."""
    try:
        said = _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(f"the body is not as expected: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(f"the body is no JSON: {error}") from error
    if len(said.expected) > _MOST_EXPECTED:
        raise invalid(
            f'"expected" may name {_MOST_EXPECTED:,} people at most [Received {len(said.expected):,}]'
        )
    people = [_Expected(one) if isinstance(one, str) else one for one in said.expected]
    written_out = {
        name: str(value)
        for name in ("starts_at", "ends_at", "threshold", "late_after", "early_before")
        if (value := getattr(said, name)) is not UNSET
    }
    terms = asked_in_url(QueryParams(written_out))
    expected: dict[str, str | None] = {}
    for one in people:
        user_id = params.USER_ID.read("expected", one.user_id)
        expected[user_id] = expected.get(user_id) or one.user_name or None
    return Asked(expected, terms.starts, terms.ends, terms.threshold, terms.late_after, terms.early_before)


def attendance_list(asked: Asked, row: MeetingRow, entries: Sequence[Entry], wire: Wire) -> AttendanceList:
    """The list of one meeting, whose entries these are. Raises `ApiError` 400 if the scheduled time has no length."""
    terms = _terms(asked, row, wire.now)
    people = people_in(entries, wire.now)
    length = (wire.now if row.end is None else row.end) - row.start
    if asked.expected is None:
        totals, data = {"people": len(people)}, [_line(one, length, wire) for one in people]
    else:
        attendees = roll_call(people, asked.expected, terms)
        totals = _totals(attendees, len(people), len(asked.expected))
        data = [_line_of(one, length, terms, wire) for one in attendees]
    heading = wire.meeting(row)
    return AttendanceList(
        heading.id,
        heading.room,
        heading.start_time,
        heading.duration,
        heading.ongoing,
        heading.max_participants,
        written(terms.start),
        written(terms.end),
        totals,
        data,
    )


def _terms(asked: Asked, row: MeetingRow, now: Ms) -> Schedule:
    starts = row.start if asked.starts is None else asked.starts
    over = now if row.end is None else row.end
    ends = over if asked.ends is None else asked.ends
    if asked.ends is not None and ends <= starts:
        raise invalid(f'"ends_at" must be later than the start, {written(starts)} [Received {written(ends)}]')
    if asked.ends is None and ends < starts and row.end is not None:
        raise invalid(f'"starts_at" must be before the end of the meeting, {written(ends)}, or say "ends_at"')
    return schedule_of(starts, ends, row.end, now, asked.threshold, asked.late_after, asked.early_before)


def _totals(attendees: Sequence[Attendee], people: int, expected: int) -> dict[str, int]:
    counts = Counter(one.status for one in attendees)
    return {"people": people, "expected": expected, **{status.value: counts[status] for status in Status}}


def _line(person: Person, length: Ms, wire: Wire) -> Line:
    return Line(
        person.user_id,
        None if person.user_id is not None else person.participant_id,
        person.user_name,
        person.connections,
        wire.second(person.first_join),
        None if person.last_leave is None else wire.second(person.last_leave),
        wire.rounded(person.attended_ms),
        share(person.attended_ms, length),
    )


def _line_of(one: Attendee, length: Ms, terms: Schedule, wire: Wire) -> Line:
    if one.person is None:
        line = Line(one.user_id, None, one.user_name, 0, None, None, 0, 0.0)
    else:
        line = _line(one.person, length, wire)
    line.user_name = one.user_name
    line.status = one.status.value
    line.scheduled_duration = wire.rounded(one.attended_ms)
    line.scheduled_share = share(one.attended_ms, terms.length_ms)
    line.late_by = None if one.late_by_ms is None else wire.rounded(one.late_by_ms)
    line.left_early_by = None if one.left_early_by_ms is None else wire.rounded(one.left_early_by_ms)
    return line

"""Roll call: the attendance status of each person who was expected in a meeting, and of those who were not.

A person has the first of these statuses that applies: unexpected, absent, partial, late, left early, present. Only the time
in the meeting within the scheduled time counts. The scheduled time ends with the meeting, or now while it is ongoing,
because nobody could have stayed longer. Responsible for statuses; must not know how attendance is computed, or how a
person of a roster is found in the meeting. All times are compared in milliseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from headcount.intervals import clip, total_length
from headcount.kernel.events import Ms
from headcount.reporting.attendance import Person


class Status(StrEnum):
    """Attendance status of a person."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    PARTIAL = "partial"
    ABSENT = "absent"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The scheduled time [start, end) as far as it has passed, and the thresholds of the statuses.

    Attending less than `min_ratio` of it is partial. Joining more than `late_after_ms` after its start is late, leaving
    more than `early_before_ms` before its end is early. `has_started` is whether any of it has passed.
    """

    start: Ms
    end: Ms
    min_ratio: Fraction
    late_after_ms: Ms
    early_before_ms: Ms
    has_started: bool

    @property
    def length_ms(self) -> Ms:
        return self.end - self.start

    def ratio_of(self, attended_ms: Ms) -> float:
        """Return the attended part of the scheduled time, from 0 to 1; 0 before it has started."""
        return attended_ms / self.length_ms if self.length_ms else 0.0


def schedule_of(
    start: Ms,
    end: Ms,
    meeting_end: Ms | None,
    now: Ms,
    min_ratio: Fraction,
    late_after_ms: Ms,
    early_before_ms: Ms,
) -> Schedule:
    """Return the schedule [start, end) of a meeting. `meeting_end` is None while it is ongoing."""
    until = min(end, now if meeting_end is None else meeting_end)
    return Schedule(start, max(start, until), min_ratio, late_after_ms, early_before_ms, now > start)


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """A person on a roster, with the line that lists them. At least one of the three texts is known."""

    line: int
    user_id: str | None = None
    name: str | None = None
    email: str | None = None

    @property
    def label(self) -> str:
        return self.name or self.email or self.user_id or ""


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person of a roll call. `person` is None if they never joined, `listed` if they are on no roster file.

    `attended_ms` is the time within the schedule. `late_by_ms` and `left_early_by_ms` are None if the person was not
    expected or did not attend.
    """

    user_id: str | None
    user_name: str | None
    person: Person | None
    status: Status
    attended_ms: Ms
    late_by_ms: Ms | None = None
    left_early_by_ms: Ms | None = None
    listed: RosterPerson | None = None

    @property
    def email(self) -> str | None:
        """The e-mail address on the roster, else the attribute `email`."""
        listed = None if self.listed is None else self.listed.email
        return listed or (None if self.person is None else self.person.attribute("email"))


def roll_call(
    people: Iterable[Person], expected: Mapping[str, str | None], schedule: Schedule
) -> list[Attendee]:
    """Return all who joined, in the given order, then all expected who did not. `expected` has names by user id."""
    joined = [_attendee(person, expected, schedule) for person in people]
    joined_ids = {attendee.user_id for attendee in joined}
    absent = [
        Attendee(user_id, name, None, Status.ABSENT, 0)
        for user_id, name in expected.items()
        if user_id not in joined_ids
    ]
    return joined + absent


def _attendee(person: Person, expected: Mapping[str, str | None], schedule: Schedule) -> Attendee:
    user_id = person.user_id
    if user_id is None or user_id not in expected:
        return unexpected_attendee(person, schedule)
    return expected_attendee(person, user_id, person.user_name or expected[user_id], schedule)


def unexpected_attendee(person: Person, schedule: Schedule) -> Attendee:
    """Return somebody who joined and was not expected."""
    attended_ms = total_length(clip(person.spans, schedule.start, schedule.end))
    return Attendee(person.user_id, person.user_name, person, Status.UNEXPECTED, attended_ms)


def expected_attendee(
    person: Person,
    user_id: str | None,
    name: str | None,
    schedule: Schedule,
    listed: RosterPerson | None = None,
) -> Attendee:
    """Return somebody who was expected and joined, with the status of their time within the schedule."""
    attended = clip(person.spans, schedule.start, schedule.end)
    if not attended:
        status = Status.ABSENT if schedule.has_started else Status.PRESENT
        return Attendee(user_id, name, person, status, 0, listed=listed)
    attended_ms = total_length(attended)
    late_by_ms, early_by_ms = attended[0][0] - schedule.start, schedule.end - attended[-1][1]
    late_by_ms = late_by_ms if late_by_ms > schedule.late_after_ms else 0
    early_by_ms = early_by_ms if early_by_ms > schedule.early_before_ms else 0
    status = _status(attended_ms, late_by_ms, early_by_ms, schedule)
    return Attendee(user_id, name, person, status, attended_ms, late_by_ms, early_by_ms, listed)


def _status(attended_ms: Ms, late_by_ms: Ms, early_by_ms: Ms, schedule: Schedule) -> Status:
    if attended_ms < schedule.min_ratio * schedule.length_ms:
        return Status.PARTIAL
    if late_by_ms:
        return Status.LATE
    return Status.LEFT_EARLY if early_by_ms else Status.PRESENT

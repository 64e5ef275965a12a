"""Roster: who came of those who were expected, and who else.

Everybody has one status, the first of these that holds: walk-in (not expected), no-show, partial, late, left early,
present. What counts is the time that somebody was in the meeting within the scheduled time; that ends with the
meeting, or now while it goes on, since nobody could have stayed longer. All of it is compared in milliseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from headcount.intervals import clip, total_length
from headcount.kernel.events import Ms
from headcount.reporting.attendance import Person


class Status(StrEnum):
    """What became of somebody."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    PARTIAL = "partial"
    NO_SHOW = "no_show"
    WALK_IN = "walk_in"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of those who were expected, in the scheduled time [starts, ends) as far as it has come.

    Less than `threshold` of it is partial; later than `late_after` ms is late, more than `early_before` ms before its
    end is too early. `begun` is whether any of it has come yet.
    """

    starts: Ms
    ends: Ms
    threshold: Fraction
    late_after: Ms
    early_before: Ms
    begun: bool

    @property
    def length(self) -> Ms:
        return self.ends - self.starts


def terms_of(
    starts: Ms, ends: Ms, over: Ms | None, now: Ms, threshold: Fraction, late_after: Ms, early_before: Ms
) -> Terms:
    """Terms of a meeting that was over at `over`, or goes on; scheduled from `starts` to `ends`."""
    until = min(ends, now if over is None else over)
    return Terms(starts, max(starts, until), threshold, late_after, early_before, now > starts)


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody on the list. `person` is None for who never came; the rest is None for who was not expected."""

    user_id: str | None
    user_name: str | None
    person: Person | None
    status: Status
    counted: Ms
    late_by: Ms | None = None
    early_by: Ms | None = None


def called(people: Iterable[Person], expected: Mapping[str, str | None], terms: Terms) -> list[Attendee]:
    """Everybody who came, in the order given, then those who did not, in that of the roster.

    `expected` are user ids with the names that they go by, if these are known.
    """
    came = [_attendee(person, expected, terms) for person in people]
    seen = {one.user_id for one in came}
    absent = [
        Attendee(user_id, name, None, Status.NO_SHOW, 0)
        for user_id, name in expected.items()
        if user_id not in seen
    ]
    return came + absent


def _attendee(person: Person, expected: Mapping[str, str | None], terms: Terms) -> Attendee:
    counted = clip(person.spans, terms.starts, terms.ends)
    time = total_length(counted)
    user_id = person.user_id
    if user_id is None or user_id not in expected:
        return Attendee(user_id, person.user_name, person, Status.WALK_IN, time)
    name = person.user_name or expected[user_id]
    if not counted:
        status = Status.NO_SHOW if terms.begun else Status.PRESENT
        return Attendee(user_id, name, person, status, 0)
    late_by, early_by = counted[0][0] - terms.starts, terms.ends - counted[-1][1]
    late_by = late_by if late_by > terms.late_after else 0
    early_by = early_by if early_by > terms.early_before else 0
    status = _status(time, late_by, early_by, terms)
    return Attendee(user_id, name, person, status, time, late_by, early_by)


def _status(time: Ms, late_by: Ms, early_by: Ms, terms: Terms) -> Status:
    if time < terms.threshold * terms.length:
        return Status.PARTIAL
    if late_by:
        return Status.LATE
    return Status.LEFT_EARLY if early_by else Status.PRESENT

"""People of a meeting: searched, sorted, and shown some at a time.

Responsible for the rows of the people table and for their order. Must not know the timeline.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from headcount.dashboard.attributes import matches
from headcount.dashboard.formats import name_of
from headcount.dashboard.pages import query
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import PersonTotals, totals_of
from headcount.store.records import MeetingRow

PEOPLE_PER_PAGE: Final = 50
_ORDERS: Final = ("asc", "desc")


class Attendee(NamedTuple):
    """A person of the meeting. `attendance_ratio` is the attended part of the meeting's duration so far, from 0 to 1."""

    name: str
    user_id: str | None
    participant_id: str
    connections: int
    first_join: Ms
    last_leave: Ms | None
    duration_ms: Ms
    attendance_ratio: float
    is_inferred: bool
    attributes: Attributes | None


class PeopleTable(NamedTuple):
    """The first people that match a search, in an order. `matching` is how many match, of `total` people."""

    people: Sequence[Attendee]
    matching: int
    total: int
    search: str
    sort: str
    order: str


_SORT_KEYS: Final[Mapping[str, Callable[[PersonTotals], Any]]] = {
    "join": lambda person: (person.first_join, person.participant_id),
    "name": lambda person: name_of(person).casefold(),
    "leave": lambda person: person.until,
    "duration": lambda person: person.attended_ms,
    "attendance": lambda person: person.attended_ms,
    "connections": lambda person: person.connections,
}
SORTS: Final = tuple(_SORT_KEYS)


def attendees_of(meeting: MeetingRow, entries: Sequence[Entry], now: Ms) -> list[Attendee]:
    """Return each person of a meeting once, by their first join."""
    return [_attendee(person, meeting, now) for person in totals_of(entries, now)]


def people_table(
    meeting: MeetingRow, people: Sequence[PersonTotals], now: Ms, params: Mapping[str, str]
) -> PeopleTable:
    """Return the people that the parameters `q`, `sort`, `order` and `people` (a number) select. Raise `BadInput`."""
    selected = select(people, params)
    shown = query.number(params, "people") or PEOPLE_PER_PAGE
    return PeopleTable(
        [_attendee(person, meeting, now) for person in selected[:shown]],
        len(selected),
        len(people),
        query.text(params, "q") or "",
        query.choice(params, "sort", SORTS),
        query.choice(params, "order", _ORDERS),
    )


def select(people: Sequence[PersonTotals], params: Mapping[str, str]) -> Sequence[PersonTotals]:
    """Return the people that match a search by name, user id or attribute, in the order that is asked for. Raise `BadInput`."""
    sought = (query.text(params, "q") or "").casefold().strip()
    sort = query.choice(params, "sort", SORTS)
    descending = query.choice(params, "order", _ORDERS) == "desc"
    if sought:
        people = [
            one
            for one in people
            if sought in name_of(one).casefold()
            or sought in (one.user_id or "").casefold()
            or matches(one.attributes, sought)
        ]
    if sort == "join" and not descending:
        return people  # They come in this order.
    return sorted(people, key=_SORT_KEYS[sort], reverse=descending)


def _attendee(person: PersonTotals, meeting: MeetingRow, now: Ms) -> Attendee:
    duration_ms = max(1, (now if meeting.end is None else meeting.end) - meeting.start)
    return Attendee(
        name_of(person),
        person.user_id,
        person.participant_id,
        person.connections,
        person.first_join,
        person.last_leave,
        person.attended_ms,
        min(1.0, person.attended_ms / duration_ms),
        person.is_inferred,
        person.attributes,
    )

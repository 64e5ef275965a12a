"""Attendance: how long each person was in a meeting, whatever the number of their connections.

Responsible for grouping entries by person. The time of a person is the union of their stays, so two devices at the same
time count once. Must not know how entries are found or shown. Times are in ms.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from headcount.intervals import Interval, total_length, union
from headcount.kernel.attributes import Attributes, merge, text_of, values_of
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.kernel.stay_table import LeftBy

INFERRED: Final = frozenset(LeftBy) - {LeftBy.REPORTED, LeftBy.ROOM_ENDED}
"""Ways in which a stay ends without a reported leave."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a meeting: a user, or a connection without a user id.

    `spans` are disjoint, in order, and end now at the latest. `last_leave` is None while the person is connected.
    `connections` is the number of participant ids, `participant_id` the first of them. Of the attributes of their stays,
    the first known value of each key counts.
    """

    user_id: str | None
    participant_id: str
    user_name: str | None
    connections: int
    first_join: Ms
    last_leave: Ms | None
    spans: tuple[Interval, ...]
    attributes: Attributes | None = None

    @property
    def attended_ms(self) -> Ms:
        return total_length(self.spans)

    def attribute(self, key: str) -> str | None:
        """Return an attribute as text, or None if it is unknown."""
        value = values_of(self.attributes).get(key)
        return None if value is None else text_of(value)


def people_in(entries: Iterable[Entry], now: Ms) -> list[Person]:
    """Return each person of a meeting once, by first join, then participant id. `entries` are all of the meeting."""
    by_person: dict[tuple[bool, str], list[Entry]] = {}
    for entry in entries:
        key = bool(entry.user_id), entry.user_id or entry.participant_id
        by_person.setdefault(key, []).append(entry)
    people = [person_of(own, now) for own in by_person.values()]
    return sorted(people, key=lambda person: (person.first_join, person.participant_id))


def person_of(entries: Iterable[Entry], now: Ms) -> Person:
    """Return the person of these entries, which are all of one person in one meeting."""
    entries = sorted(entries, key=lambda entry: (entry.join, entry.participant_id))
    first = entries[0]
    leaves = [entry.leave for entry in entries if entry.leave is not None]
    return Person(
        first.user_id or None,
        first.participant_id,
        next((entry.user_name for entry in entries if entry.user_name), None),
        len({entry.participant_id for entry in entries}),
        first.join,
        max(leaves) if len(leaves) == len(entries) else None,
        union((entry.join, now if entry.leave is None else entry.leave) for entry in entries),
        _attributes_of(entries),
    )


def merged(people: Iterable[Person]) -> Person:
    """Return several people who are one as one person: the time is the union of theirs, of ids and names the first is."""
    people = sorted(people, key=lambda person: (person.first_join, person.participant_id))
    leaves = [person.last_leave for person in people if person.last_leave is not None]
    return replace(
        people[0],
        user_id=next((person.user_id for person in people if person.user_id), None),
        user_name=next((person.user_name for person in people if person.user_name), None),
        connections=sum(person.connections for person in people),
        last_leave=max(leaves) if len(leaves) == len(people) else None,
        spans=union(span for person in people for span in person.spans),
        attributes=_attributes_of(people),
    )


class PersonTotals(NamedTuple):
    """The totals of a person in a meeting: the fields of `Person` without its spans.

    `attended_ms` is the length of the union of the stays, which end at `until` ms. `is_inferred` is whether a leave is.
    """

    user_id: str | None
    participant_id: str
    user_name: str | None
    connections: int
    first_join: Ms
    last_leave: Ms | None
    attended_ms: Ms
    is_inferred: bool
    until: Ms
    attributes: Attributes | None = None


def totals_of(entries: Iterable[Entry], now: Ms) -> list[PersonTotals]:
    """Return the totals of each person of a meeting, in the order of `people_in`, in one pass over very many entries.

    `entries` are all of the meeting, by join, then participant id (rule 11).
    """
    totals: dict[tuple[str] | str, PersonTotals] = {}
    connections: dict[tuple[str] | str, set[str]] = {}
    make = PersonTotals._make
    for entry in entries:
        participant_id, user_id, user_name, join, leave, left_by, attributes = entry
        key = (user_id,) if user_id else participant_id
        until = now if leave is None else leave
        known = totals.get(key)
        if known is None:
            fields = (
                user_id or None,
                participant_id,
                user_name or None,
                1,
                join,
                leave,
                max(0, until - join),
            )
            totals[key] = make((*fields, left_by in INFERRED, until, attributes))
        else:
            own_ids = connections.setdefault(key, {known.participant_id})
            own_ids.add(participant_id)
            totals[key] = _with_entry(known, entry, until, len(own_ids))
    return list(totals.values())


def _with_entry(known: PersonTotals, entry: Entry, until: Ms, connections: int) -> PersonTotals:
    """The totals with one more entry, which joined last."""
    is_open = known.last_leave is None or entry.leave is None
    return known._replace(
        user_name=known.user_name or entry.user_name or None,
        connections=connections,
        last_leave=None if is_open else max(known.last_leave or 0, entry.leave or 0),
        attended_ms=known.attended_ms + max(0, until - max(entry.join, known.until)),
        is_inferred=known.is_inferred or entry.left_by in INFERRED,
        until=max(known.until, until),
        attributes=merge(known.attributes, (entry.attributes,)),
    )


def _attributes_of(stays: Iterable[Entry | Person]) -> Attributes | None:
    """Return the attributes of stays, which are in order: of each key, the first known value."""
    known: Attributes | None = None
    for stay in stays:
        known = merge(known, (stay.attributes,))
    return known

"""Attendance: how long each person was in a meeting, whatever the number of their connections.

Responsible for grouping entries by person. The time of a person is the union of their stays, so two devices at the same
time count once. Must not know how entries are found or shown. Times are in ms.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from headcount.intervals import Interval, total_length, union
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a meeting: a user, or a connection without a user id.

    `spans` are disjoint, in order, and end now at the latest. `last_leave` is None while the person is connected.
    `connections` is the number of participant ids, `participant_id` the first of them.
    """

    user_id: str | None
    participant_id: str
    user_name: str | None
    connections: int
    first_join: Ms
    last_leave: Ms | None
    spans: tuple[Interval, ...]

    @property
    def attended_ms(self) -> Ms:
        return total_length(self.spans)


def people_in(entries: Iterable[Entry], now: Ms) -> list[Person]:
    """Return each person of a meeting once, by first join, then participant id. `entries` are all of the meeting."""
    by_person: dict[tuple[bool, str], list[Entry]] = {}
    for entry in entries:
        key = bool(entry.user_id), entry.user_id or entry.participant_id
        by_person.setdefault(key, []).append(entry)
    people = [person_of(own, now) for own in by_person.values()]
    return sorted(people, key=lambda person: (person.first_join, person.participant_id))


def person_of(entries: Iterable[Entry], now: Ms) -> Person:
    """Return the person to whom all these entries of one meeting belong."""
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
    )

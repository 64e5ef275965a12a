"""Attending: how long a person was there, whatever they came and went with.

Knows entries of a meeting and intervals of ms, [start, end). Two devices at once count once: a person's time is
the union of their stays. Knows nothing of how entries were found, nor in which words this is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from headcount.intervals import Interval, total_length, union
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a meeting: a user, or a connection of whose user nothing is known.

    `spans` are when they were in, until now at the latest, apart and in order. `last_leave` is None while they are in.
    `connections` counts participant_ids. `participant_id` is the one they came with first.
    """

    user_id: str | None
    participant_id: str
    user_name: str | None
    connections: int
    first_join: Ms
    last_leave: Ms | None
    spans: tuple[Interval, ...]

    @property
    def time(self) -> Ms:
        return total_length(self.spans)


def people_in(entries: Iterable[Entry], now: Ms) -> list[Person]:
    """Each person once, by their first join, then participant_id. `entries` are all those of one meeting."""
    theirs: dict[tuple[bool, str], list[Entry]] = {}
    for entry in entries:
        theirs.setdefault((bool(entry.user_id), entry.user_id or entry.participant_id), []).append(entry)
    people = [person_of(them, now) for them in theirs.values()]
    return sorted(people, key=lambda person: (person.first_join, person.participant_id))


def person_of(entries: Iterable[Entry], now: Ms) -> Person:
    """The person whose entries of one meeting these are."""
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

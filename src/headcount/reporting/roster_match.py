"""Comparison of a meeting with a roster file: which person in the meeting is which person on the roster.

A person is found by user id, else by the attribute `external_id`, else by the attribute `email`, else by an e-mail address
that is the user id or the display name, else by name. Names are compared without case, accents, punctuation and the order
of their words. Nothing is decided by chance: if several people fit, they are reported as ambiguous. Responsible for finding people; must not know files or how results are shown.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headcount.reporting.attendance import Person, merged
from headcount.reporting.roster import (
    Attendee,
    RosterPerson,
    Schedule,
    Status,
    expected_attendee,
    unexpected_attendee,
)

_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A person on the roster whose name fits several people, or who shares a name with others on the roster.

    `candidates` are the people in the meeting with that name.
    """

    listed: RosterPerson
    candidates: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A meeting compared with a roster.

    `attendees` are all on the roster in its order, then all who were not expected, by first join. Ambiguous people and
    their candidates are only in `ambiguous`.
    """

    attendees: list[Attendee]
    ambiguous: list[Ambiguity]

    @property
    def totals(self) -> Mapping[Status, int]:
        """The number of attendees of each status, in the order of `Status`."""
        counts = Counter(attendee.status for attendee in self.attendees)
        return {status: counts[status] for status in Status}

    @property
    def expected(self) -> int:
        """The number of people on the roster."""
        return sum(attendee.listed is not None for attendee in self.attendees) + len(self.ambiguous)


def compare(people: Sequence[Person], roster: Sequence[RosterPerson], schedule: Schedule) -> Comparison:
    """Return the people of a meeting, as `people_in` returns them, compared with the people of a roster file."""
    matcher = _Matcher(people, roster)
    attendees = [
        _listed_attendee(listed, matcher.found.get(listed.line), schedule)
        for listed in roster
        if listed.line not in matcher.ambiguous
    ]
    attendees += [unexpected_attendee(person, schedule) for person in matcher.unmatched()]
    ambiguous = [
        Ambiguity(listed, tuple(matcher.ambiguous[listed.line]))
        for listed in roster
        if listed.line in matcher.ambiguous
    ]
    return Comparison(attendees, ambiguous)


def _listed_attendee(listed: RosterPerson, person: Person | None, schedule: Schedule) -> Attendee:
    if person is None:
        return Attendee(listed.user_id, listed.name, None, Status.ABSENT, 0, listed=listed)
    name = person.user_name or listed.name
    return expected_attendee(person, person.user_id or listed.user_id, name, schedule, listed)


class _Matcher:
    """Finds the person of each line of a roster. `found` and `ambiguous` are by line."""

    def __init__(self, people: Sequence[Person], roster: Sequence[RosterPerson]) -> None:
        self.found: dict[int, Person] = {}
        self.ambiguous: dict[int, list[Person]] = {}
        self._people = people
        self._used: set[int] = set()
        self._by_user_id(roster)
        # If the ids of the roster are those of the meeting, another id is another person, whatever their name.
        same_ids = bool(self.found)
        self._by_attribute(roster, "external_id", lambda listed: listed.user_id)
        same_external_ids = not same_ids and bool(self.found)
        self._by_attribute(roster, "email", lambda listed: listed.email, str.casefold)
        self._by_address(self._open(roster))
        self._by_name(
            self._open(roster),
            lambda person: (
                (same_ids and person.user_id is not None)
                or (same_external_ids and person.attribute("external_id") is not None)
            ),
        )

    def unmatched(self) -> Iterator[Person]:
        return self._free()

    def _open(self, roster: Iterable[RosterPerson]) -> list[RosterPerson]:
        return [
            listed for listed in roster if listed.line not in self.found and listed.line not in self.ambiguous
        ]

    def _free(self) -> Iterator[Person]:
        return (person for person in self._people if id(person) not in self._used)

    def _match(self, listed: RosterPerson, people: Sequence[Person]) -> None:
        known = self.found.get(listed.line)
        everyone = people if known is None else [known, *people]
        self.found[listed.line] = everyone[0] if len(everyone) == 1 else merged(everyone)
        self._used.update(map(id, people))

    def _by_user_id(self, roster: Iterable[RosterPerson]) -> None:
        by_id = {person.user_id: person for person in self._people if person.user_id is not None}
        for listed in roster:
            # A list without a header may contain ids, which then look like names.
            person = by_id.get(listed.user_id or (not listed.email and listed.name) or "")
            if person is not None and id(person) not in self._used:
                self._match(listed, [person])

    def _by_attribute(
        self,
        roster: Iterable[RosterPerson],
        attribute: str,
        text_of_listed: Callable[[RosterPerson], str | None],
        form: Callable[[str], str] = str,
    ) -> None:
        """Match by an attribute that identifies people: all connections with its value are of one person.

        They also belong to somebody who was found by an id, unless they have another user id.
        """
        by_text: dict[str, list[Person]] = defaultdict(list)
        for person in self._free():
            if (text := person.attribute(attribute)) is not None:
                by_text[form(text)].append(person)
        groups: dict[str, list[RosterPerson]] = defaultdict(list)
        for listed in roster:
            if (text := text_of_listed(listed)) is not None and form(text) in by_text:
                groups[form(text)].append(listed)
        for text, group in groups.items():
            people = by_text[text]
            if len(group) > 1:
                self._report(self._open(group), people)
                continue
            known = self.found.get(group[0].line)
            if known is not None and known.user_id is not None:
                people = [person for person in people if person.user_id is None]
            if people and group[0].line not in self.ambiguous:
                self._match(group[0], people)

    def _by_address(self, roster: Iterable[RosterPerson]) -> None:
        by_text: dict[str, list[Person]] = defaultdict(list)
        for person in self._free():
            for text in {(person.user_id or "").casefold(), (person.user_name or "").casefold()} - {""}:
                by_text[text].append(person)
        for listed in roster:
            if listed.email is not None:
                free = [one for one in by_text.get(listed.email.casefold(), ()) if id(one) not in self._used]
                self._decide([listed], free)

    def _by_name(self, roster: Iterable[RosterPerson], has_other_id: Callable[[Person], bool]) -> None:
        by_name: dict[str, list[Person]] = defaultdict(list)
        for person in self._free():
            by_name[name_key(person.user_name or "")].append(person)
        namesakes: dict[str, list[RosterPerson]] = defaultdict(list)
        for listed in roster:
            if listed.name is not None and (key := name_key(listed.name)):
                namesakes[key].append(listed)
        for key, group in namesakes.items():
            has_ids = any(listed.user_id for listed in group)
            people = [person for person in by_name.get(key, ()) if not (has_ids and has_other_id(person))]
            self._decide(group, people)

    def _decide(self, group: Sequence[RosterPerson], people: Sequence[Person]) -> None:
        """Match one person of the roster with one in the meeting, who may have had several connections without an id."""
        if not people:
            return
        are_one = len(people) == 1 or all(person.user_id is None for person in people)
        if len(group) == 1 and are_one:
            self._match(group[0], people)
            return
        self._report(group, people)

    def _report(self, group: Sequence[RosterPerson], people: Sequence[Person]) -> None:
        """Report the candidates of people of the roster, who are nobody else's match from now on."""
        if group:
            self.ambiguous.update({listed.line: list(people) for listed in group})
            self._used.update(map(id, people))


def name_key(name: str) -> str:
    """Return a name without case, accents and punctuation, with its words in alphabetical order."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LETTERS)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(sorted(re.findall(r"\w+", letters)))

"""Data subjects: the people behind a user id, a participant id or an attribute, and all that is stored about them.

A user id stands for the participants that had it, in all rooms of a domain. A row about such a participant that has
another user id is about somebody else: some sources use the ids of participants again.

Everything is read in pages, so that memory and transactions stay small. Only the ids of a person's participants are in
memory at once.

Responsible for finding the person and their rows. Must not know the files that are made of them, nor change anything.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate, islice
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from headcount.errors import BadInput
from headcount.kernel.attributes import AttributeFilter, Attributes, canonical, matches
from headcount.kernel.events import Event, Ms
from headcount.kernel.rules import NEVER
from headcount.store.access_log import Subject, SubjectType
from headcount.store.database import Database
from headcount.store.pseudonyms import pseudonyms_of
from headcount.store.records import SNAPSHOT, Correction, MeetingRow, StayRow, listed_in
from headcount.store.sources import ExcludedParticipant
from headcount.store.statements import with_lists

_PAGE_SIZE: Final = 1_000
_POSITIONS: Final = 20_000
"""Entries of the log that one statement reads."""
_IDS: Final = 10_000
"""Participant ids in one statement."""
_NO_KIND: Final = 0
"""The kind of no entry."""
_BEFORE_ALL: Final = -(2**62)
_ESCAPED_IN_JSON: Final = re.compile(r'["\\/\x00-\x1f\x7f-\U0010ffff]')
_WILDCARDS: Final = re.compile(r"[\\%_]")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_SHORT: Final = 4
"""Shorter texts are found in free text only between quotes: too much else looks like them."""
_SEPARATORS: Final = re.compile(r"[\"'<>&=?,;{}\[\]()\s\\]+")


class SelectorKind(StrEnum):
    """By what a person is selected."""

    USER_ID = "user_id"
    PARTICIPANT_ID = "participant_id"
    ATTRIBUTE = "attribute"


class Selector(NamedTuple):
    """What selects a person: the value of an id, or of the attribute `key`."""

    kind: SelectorKind
    value: str
    key: str = ""

    @property
    def description(self) -> str:
        """The selector as a phrase."""
        if self.kind is SelectorKind.ATTRIBUTE:
            return f"the attribute {self.key}={self.value}"
        name = "user id" if self.kind is SelectorKind.USER_ID else "participant id"
        return f"the {name} '{self.value}'"

    @property
    def subject(self) -> Subject:
        """The type and the id of the subject in the access log, which has no values of attributes."""
        if self.kind is SelectorKind.ATTRIBUTE:
            return Subject(SubjectType.ATTRIBUTE, self.key)
        is_user = self.kind is SelectorKind.USER_ID
        return Subject(SubjectType.USER if is_user else SubjectType.PARTICIPANT, self.value)


def parse_selector(
    user_id: str | None = None, participant_id: str | None = None, attribute: str | None = None
) -> Selector:
    """Return the one selector that is given. `attribute` is KEY=VALUE. Raise `BadInput`."""
    given = {
        SelectorKind.USER_ID: user_id,
        SelectorKind.PARTICIPANT_ID: participant_id,
        SelectorKind.ATTRIBUTE: attribute,
    }
    chosen = [(kind, value) for kind, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise BadInput("expected one of a user id, a participant id and an attribute")
    ((kind, value),) = chosen
    if "\0" in value:
        raise BadInput(f"the {kind.replace('_', ' ')} contains the character U+0000: remove it")
    if kind is not SelectorKind.ATTRIBUTE:
        if not value:
            raise BadInput(f"the {kind.replace('_', ' ')} is empty")
        return Selector(kind, value)
    key, _, value = value.partition("=")
    if not key or not value:
        raise BadInput(f"attribute: expected KEY=VALUE, such as email=anna@example.com, got '{attribute}'")
    return Selector(kind, value, key)


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A person in a domain: the participants that they were, by room.

    `users` are the user id that selects the person, and the pseudonym that an erasure may have put in its place.
    """

    domain: str
    selector: Selector
    participants: Mapping[str, frozenset[str]]
    users: frozenset[str] = frozenset()

    def has(self, room: str, participant_id: str | None, user_id: str | None) -> bool:
        """Return whether a row with these ids is about the person."""
        kind, value, _ = self.selector
        if kind is SelectorKind.USER_ID and user_id:
            return user_id in self.users
        if kind is SelectorKind.PARTICIPANT_ID:
            return participant_id == value
        return participant_id in self.participants.get(room, ())


def with_events(subject: DataSubject, events: Iterable[Event]) -> DataSubject:
    """Return a person with the participants that they are in events which are not in the table."""
    selectors = [subject.selector._replace(value=user) for user in subject.users] or [subject.selector]
    found = {room: set(ids) for room, ids in subject.participants.items()}
    for event in events:
        who = event.participant_id
        if who and any(_is_selected(one, who, event.user_id, event.attributes) for one in selectors):
            found.setdefault(event.room, set()).add(who)
    participants = {room: frozenset(ids) for room, ids in sorted(found.items())}
    return replace(subject, participants=participants)


class SubjectEntry(NamedTuple):
    """An entry of the log that is about a person. Of a snapshot it has what lists the person, as JSON."""

    room: str
    position: int
    received: Ms
    origin: int
    snapshot: str | None
    sender: str | None
    digest: bytes | None
    event_id: str | None
    kind: int
    at: Ms
    participant_id: str | None
    user_id: str | None
    user_name: str | None
    source_session: str | None
    joined_at: Ms | None
    inferred: str | None
    attributes: Attributes | None


class DataSubjects:
    """Reads what is stored about people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, domain: str, selector: Selector) -> DataSubject:
        """Return the person that a selector selects. It reads the log of the domain once."""
        users = frozenset[str]()
        if selector.kind is SelectorKind.USER_ID:
            users = frozenset({selector.value, pseudonyms_of(self._database).user(domain, selector.value)})
        found: dict[str, set[str]] = {}
        for one in [selector._replace(value=user) for user in sorted(users)] or [selector]:
            for page in self.search(domain, one):
                for room, participant_id in page:
                    found.setdefault(room, set()).add(participant_id)
        participants = {room: frozenset(ids) for room, ids in sorted(found.items())}
        return DataSubject(domain, selector, participants, users)

    def entries(self, subject: DataSubject) -> Iterator[SubjectEntry]:
        """Yield the entries of the log about a person, by room and time. A snapshot is reduced to the person."""
        room_before = ""
        for room, ids in _chunks(subject):
            at, position = _BEFORE_ALL, 0
            kind, room_before = (_NO_KIND if room == room_before else SNAPSHOT), room
            while page := self._rows(
                "select_participants_entries", subject.domain, room=room, participant_ids=ids, list_kind=kind, at=at,
                position=position,
            ):  # fmt: skip
                position, at = page[-1][0], page[-1][8]
                for row in page:
                    entry = _about(subject, SubjectEntry(room, *row))
                    if entry is not None:
                        yield entry

    def stays(self, subject: DataSubject) -> Iterator[StayRow]:
        """Yield the stays of a person that count, by room and join."""
        for page in self._stay_pages(subject):
            yield from page

    def pending_stays(self, subject: DataSubject) -> Iterator[StayRow]:
        """Yield the open stays of a person that are too young to count (R14)."""
        with self._database.reading() as connection:
            rows = connection.rows("select_domain_pending_stays", domain=subject.domain)
        for room, join, participant_id, user_id, user_name, attributes in rows:
            if subject.has(room, participant_id, user_id):
                yield StayRow(
                    subject.domain, room, join, participant_id, None, None, user_id, user_name, attributes
                )

    def meetings(self, subject: DataSubject) -> Iterator[MeetingRow]:
        """Yield the meetings that a person attended, by room, each once."""
        room, known = "", set[str]()
        for stays in self._stay_pages(subject):
            if stays[0].room != room:
                room, known = stays[0].room, set()
            for meeting in self._meetings_of(subject.domain, room, stays):
                if meeting.id not in known:
                    known.add(meeting.id)
                    yield meeting

    def corrections(self, subject: DataSubject) -> Iterator[Correction]:
        """Yield the corrections that are about a person, without the stays of others."""
        for room in subject.participants:
            first, number = _BEFORE_ALL, 0
            while page := self._rows(
                "select_room_corrections", subject.domain, room=room, first=first, number=number
            ):
                number, first = page[-1][0], page[-1][4]
                for row in page:
                    correction = _own_part(subject, Correction(*row[1:]))
                    if correction is not None:
                        yield correction

    def excluded_participants(self, subject: DataSubject) -> Iterator[ExcludedParticipant]:
        """Yield the joins and leaves of a person who did not count, such as a recorder."""
        place: dict[str, Any] = {"room": "", "at": _BEFORE_ALL, "participant": "", "kind": 0}
        while page := self._rows("select_domain_excluded_participants", subject.domain, **place):
            for row in map(ExcludedParticipant._make, page):
                if subject.has(row.room, row.participant_id, row.user_id):
                    yield row
            _, room, at, participant, kind, *_ = page[-1]
            place = {"room": room, "at": at, "participant": participant, "kind": kind}

    def _rows(self, name: str, domain: str, **values: Any) -> list[tuple[Any, ...]]:
        text, values = with_lists(name, {"domain": domain, "limit": _PAGE_SIZE, **values})
        with self._database.reading() as connection:
            return connection.query(text, values)

    def search(self, domain: str, selector: Selector) -> Iterator[set[tuple[str, str]]]:
        """Yield the rooms and ids of the person's participants, for each page that is read, some repeatedly."""
        yield from self._participants_in_log(domain, selector)
        yield from self._participants_in_stays(domain, selector)
        with self._database.reading() as connection:
            pending = connection.rows("select_domain_pending_stays", domain=domain)
            excluded = connection.rows("select_excluded_people", domain=domain)
        yield {
            (room, participant_id)
            for room, _, participant_id, user_id, _, attributes in pending
            if _is_selected(selector, participant_id, user_id, attributes)
        }
        yield {
            (room, participant_id)
            for room, participant_id, user_id in excluded
            if _is_selected(selector, participant_id, user_id, None)
        }

    def stay_people(
        self, domain: str
    ) -> Iterator[list[tuple[str, str, Ms, str, str | None, Attributes | None]]]:
        """Yield domain, room, join, participant, user and attributes of all stays of a domain, in pages."""
        place: dict[str, Any] = {"room": "", "join": _BEFORE_ALL, "participant": ""}
        while page := self._rows("select_people_of_stays", domain, **place):
            yield [(domain, *row) for row in page]
            place = dict(zip(place, page[-1][:3], strict=True))

    def _participants_in_log(self, domain: str, selector: Selector) -> Iterator[set[tuple[str, str]]]:
        after = 0
        with self._database.reading() as connection:
            end, _ = connection.row("select_log_end") or (0, 0)
        values = {"domain": domain, "limit": _PAGE_SIZE, **_conditions(selector)}
        while after < end:
            until = after + _POSITIONS
            with self._database.reading() as connection:
                page = connection.rows("select_entries_about", after=after, until=until, **values)
            found: set[tuple[str, str]] = set()
            for _, room, participant_id, user_id, attributes, snapshot in page:
                if snapshot is not None:
                    found |= {(room, one[0]) for one in _listed(snapshot) if _is_selected(selector, *one)}
                elif participant_id and _is_selected(selector, participant_id, user_id, attributes):
                    found.add((room, participant_id))
            yield found
            after = page[-1][0] if len(page) == _PAGE_SIZE else until

    def _participants_in_stays(self, domain: str, selector: Selector) -> Iterator[set[tuple[str, str]]]:
        """Yield those of stays: the events behind them may be deleted, or in the archive of a cluster."""
        if selector.kind is SelectorKind.USER_ID:
            with self._database.reading() as connection:
                rows = connection.rows("select_participants_of_user", domain=domain, user_id=selector.value)
            yield {(room, participant_id) for room, participant_id in rows}
            return
        conditions = _conditions(selector)
        del conditions["user_id"]
        place: dict[str, Any] = {"room": "", "join": _BEFORE_ALL, "participant": ""}
        while page := self._rows("select_stays_about", domain, **place, **conditions):
            yield {
                (room, participant_id)
                for room, _, participant_id, user_id, attributes in page
                if _is_selected(selector, participant_id, user_id, attributes)
            }
            place = dict(zip(place, page[-1][:3], strict=True))

    def _stay_pages(self, subject: DataSubject) -> Iterator[list[StayRow]]:
        """Yield the stays of a person in pages, each of one room and by join."""
        for room, ids in _chunks(subject):
            join, participant = _BEFORE_ALL, ""
            while page := self._rows(
                "select_participants_stays",
                subject.domain,
                room=room,
                participant_ids=ids,
                join=join,
                participant=participant,
            ):
                _, _, join, participant, *_ = page[-1]
                rows = [StayRow(*row) for row in page]
                own = [row for row in rows if subject.has(room, row.participant_id, row.user_id)]
                if own:
                    yield own

    def _meetings_of(self, domain: str, room: str, stays: Sequence[StayRow]) -> Iterator[MeetingRow]:
        """Yield the meetings that overlap some stays of a room, which are ordered by join."""
        joins = [stay.join for stay in stays]
        latest = [*accumulate((NEVER if stay.leave is None else stay.leave for stay in stays), max)]
        after_s, after_id = _BEFORE_ALL, ""
        while page := self._rows(
            "select_meetings_between", domain, room=room, first=joins[0], last=latest[-1], after_s=after_s, after_id=after_id
        ):  # fmt: skip
            meetings = [MeetingRow(*row) for row in page]
            after_s, after_id = meetings[-1].start // 1_000, meetings[-1].id
            for meeting in meetings:
                before_end = bisect_left(joins, NEVER if meeting.end is None else meeting.end)
                if before_end and latest[before_end - 1] > meeting.start:
                    yield meeting


class PersonalTexts:
    """Texts by which somebody may be mentioned: ids, names and addresses."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts: Final = frozenset(texts) - {""}
        self._phrases: Final = [text for text in self.texts if _SEPARATORS.search(text)]

    def found_in(self, *texts: str) -> bool:
        """Return whether one of the texts is found as a word in free texts. A short one must be between quotes."""
        return any(
            self._is_in(text)
            for raw in texts
            for text in {raw, _ESCAPE.sub(lambda code: chr(int(code[1], 16)), raw), unquote_plus(raw)}
        )

    def _is_in(self, text: str) -> bool:
        found = self.texts.intersection(_SEPARATORS.split(text))
        return any(len(one) >= _SHORT or f'"{one}"' in text for one in found) or any(
            phrase in text for phrase in self._phrases
        )


def _conditions(selector: Selector) -> dict[str, str | None]:
    """Return the values of statements that find what may be about the person, and `_is_selected` checks."""
    kind, value, _ = selector
    return {
        "user_id": value if kind is SelectorKind.USER_ID else None,
        "participant_id": value if kind is SelectorKind.PARTICIPANT_ID else None,
        "pattern": f"%{_pattern(value)}%",
    }


def _pattern(value: str) -> str:
    """Return the longest part of a value that is written in JSON as it is, for `like`."""
    longest = max(_ESCAPED_IN_JSON.split(value), key=len)
    return _WILDCARDS.sub(r"\\\g<0>", longest)


def _is_selected(
    selector: Selector, participant_id: str | None, user_id: str | None, attributes: Attributes | None
) -> bool:
    match selector.kind:
        case SelectorKind.USER_ID:
            return user_id == selector.value
        case SelectorKind.PARTICIPANT_ID:
            return participant_id == selector.value
        case SelectorKind.ATTRIBUTE:
            return matches(attributes, [AttributeFilter(selector.key, selector.value)])


def _listed(snapshot: str) -> Iterator[tuple[str, str | None, Attributes | None]]:
    """Yield participant id, user id and attributes of everybody on a snapshot."""
    for one in listed_in(snapshot):
        attributes = one.get("attributes")
        yield one["participant_id"], one.get("user_id"), canonical(attributes) if attributes else None


def _chunks(subject: DataSubject) -> Iterator[tuple[str, list[str]]]:
    """Yield the rooms with the ids of the person's participants, up to `_IDS` at once."""
    for room, ids in subject.participants.items():
        left = iter(sorted(ids))
        while chunk := list(islice(left, _IDS)):
            yield room, chunk


def _about(subject: DataSubject, entry: SubjectEntry) -> SubjectEntry | None:
    """Return what an entry has about the person, or None."""
    if entry.kind != SNAPSHOT:
        return entry if subject.has(entry.room, entry.participant_id, entry.user_id) else None
    listed = listed_in(entry.snapshot)
    own = [one for one in listed if subject.has(entry.room, one["participant_id"], one.get("user_id"))]
    return entry._replace(snapshot=msgspec.json.encode(own).decode()) if own else None


def _own_part(subject: DataSubject, correction: Correction) -> Correction | None:
    """Return a correction without the ids, names and stays of others; None if it is not about the person."""
    changes = msgspec.json.decode(correction.before_and_after)
    event = changes["event"]
    own = {
        name: [stay for stay in changes[name] if subject.has(correction.room, stay["participant_id"], stay["user_id"])]
        for name in ("stays_before", "stays_after")
    }  # fmt: skip
    known = {stay["participant_id"] for stays in own.values() for stay in stays}
    is_own_event = event is not None and (
        event["participant_id"] in known or subject.has(correction.room, event["participant_id"], None)
    )
    if not is_own_event and own["stays_before"] == own["stays_after"]:
        return None
    text = msgspec.json.encode({"event": event if is_own_event else None, **own}).decode()
    return correction._replace(before_and_after=text)

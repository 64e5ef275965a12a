"""Texts that mention erased people outside of the log and the rooms: messages, deliveries, dead letters and others.

Each page of a table is one transaction. What has a structure is rewritten; a dead letter or an answer that mentions somebody
is deleted, because what it has cannot be known.

Responsible for finding and rewriting these rows. Must not know why somebody is erased.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any, Final

import msgspec

from headcount.store.access_log import AccessLog, SubjectType
from headcount.store.credentials import digest_of
from headcount.store.data_subjects import PersonalTexts, SelectorKind
from headcount.store.database import Connection, Database
from headcount.store.erasures import ErasedParticipant, Erasure
from headcount.store.pseudonyms import Pseudonymizer, hash_selector, pseudonyms_of

_PAGE: Final = 500
_PRESENCE_ID: Final = re.compile(r"(ptcpt-(?:join|left)-\d+-)([0-9a-f]{16})(.*)")

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mentions:
    """How erased people may be mentioned: by the participants of a room, and by other texts.

    `users` are the user ids, with what replaces each. `user_hash` returns the hash of a user id, and `digest` is that of the
    person, if a user id selected them.
    """

    domain: str
    pseudonyms: Mapping[str, Mapping[str, str]]
    texts: PersonalTexts
    user_pseudonym: str | None
    covers_all: bool
    users: dict[str, str] = field(default_factory=dict)
    user_hash: Callable[[str], str] = str
    digest: str | None = None

    @classmethod
    def of(
        cls, erasure: Erasure, participants: Sequence[ErasedParticipant], pseudonyms: Pseudonymizer
    ) -> "Mentions":
        """Return the mentions of the participants of a request."""
        by_room: dict[str, dict[str, str]] = {}
        texts: set[str] = set()
        for one in participants:
            if one.participant_id is not None:
                by_room.setdefault(one.room, {})[one.participant_id] = one.pseudonym
                texts.add(one.participant_id)
            texts |= set(msgspec.json.decode(one.texts, type=list[str]) if one.texts else ())
        if erasure.selector is not None:
            texts.add(erasure.selector)
        names = {one.pseudonym for one in participants} | {one.user_pseudonym for one in participants}
        users: dict[str, str] = {}
        if erasure.kind is SelectorKind.USER_ID and erasure.selector is not None:
            users[erasure.selector] = pseudonyms.user(erasure.domain, erasure.selector)
        user = next((one.user_pseudonym for one in participants if one.user_pseudonym is not None), None)
        covers_all = any(not one.users for one in participants)
        texts -= names
        key = erasure.list_key or pseudonyms.selector_key
        user_hash = partial(hash_selector, key, erasure.domain, SelectorKind.USER_ID, "")
        digest = erasure.digest if erasure.kind is SelectorKind.USER_ID else None
        return cls(
            erasure.domain, by_room, PersonalTexts(texts), user, covers_all, users, user_hash, digest
        )  # fmt: skip

    def redact(self, room: str, stay: dict[str, Any]) -> bool:
        """Remove a person from an object with `participant_id` and maybe names. Return whether it was about one."""
        pseudonym = self.pseudonyms.get(room, {}).get(stay.get("participant_id") or "")
        if pseudonym is None:
            return False
        stay["participant_id"] = pseudonym
        user_id = stay.get("user_id")
        if self.covers_all or user_id is None or user_id in self.texts.texts:
            for name, value in (
                ("user_id", self.user_pseudonym if user_id else None),
                ("user_name", None),
                ("attributes", None),
            ):
                if name in stay:
                    stay[name] = value
        return True


def scrub(database: Database, mentions: Mentions) -> Iterator[Counts]:
    """Rewrite all rows that mention people, a page at a time, and yield how many were changed."""
    for name, work in (
        ("messages", _messages),
        ("corrections", _corrections),
        ("delivery_attempts", _attempts),
        ("dead_letters", _dead_letters),
    ):
        yield from _pages(database, mentions, name, work)
    yield _details(database, mentions)
    yield from _shares(database, mentions)
    yield from _access_log(database, mentions)


Work = Callable[[Connection, Mentions, int], tuple[int, int]]
"""Rewrites the page after a number, and returns the last number, 0 at the end, and how many rows were changed."""


def _pages(database: Database, mentions: Mentions, name: str, work: Work) -> Iterator[Counts]:
    last = 0
    while True:
        with database.writing() as connection:
            last, changed = work(connection, mentions, last)
        yield {name: changed}
        if not last:
            return


def _end(rows: Sequence[tuple[Any, ...]]) -> int:
    return int(rows[-1][0]) if len(rows) == _PAGE else 0


def _messages(connection: Connection, mentions: Mentions, after: int) -> tuple[int, int]:
    rows = connection.rows("select_messages_to_scrub", position=after, limit=_PAGE)
    changed = []
    for position, domain, name, _, room, payload in rows:
        if domain != mentions.domain or room not in mentions.pseudonyms:
            continue
        content = msgspec.json.decode(payload)
        if mentions.redact(room, content):
            new = _presence_id(domain, room, name, content)
            if "attributes" in content and content["attributes"] is None:
                del content["attributes"]
            changed.append((new, msgspec.json.encode(content).decode(), position))
    if changed:
        changed = _numbered(connection, mentions.domain, changed)
        connection.write("rewrite_message", changed)
        connection.write(
            "rename_attempts_of_message", [(name, mentions.domain, position) for name, _, position in changed]
        )
    return _end(rows), len(changed)


def _numbered(
    connection: Connection, domain: str, changed: Sequence[tuple[str, str, int]]
) -> list[tuple[str, str, int]]:
    """Number the ids that other messages have: a change may be published under the pseudonym already."""
    taken: set[str] = set()
    numbered = []
    for name, payload, position in changed:
        number, made = 1, name
        while made in taken or (
            (row := connection.row("select_message", domain=domain, id=made)) is not None
            and row[0] != position
        ):
            number += 1
            made = f"{name}-{number}"
        taken.add(made)
        numbered.append((made, payload, position))
    return numbered


def _presence_id(domain: str, room: str, name: str, content: Mapping[str, Any]) -> str:
    """Return the id of a message about a join or leave, which has a hash of the participant."""
    parts = _PRESENCE_ID.fullmatch(name)
    if parts is None:
        return name
    who = f"{domain}\0{room}\0{content['participant_id']}\0{content['join']}"
    return parts[1] + blake2b(who.encode(), digest_size=8).hexdigest() + parts[3]


def _corrections(connection: Connection, mentions: Mentions, after: int) -> tuple[int, int]:
    rows = connection.rows("select_corrections_to_scrub", number=after, limit=_PAGE)
    changed = []
    for number, domain, room, text in rows:
        if domain != mentions.domain or room not in mentions.pseudonyms:
            continue
        content = msgspec.json.decode(text)
        objects = [content["event"], *content["stays_before"], *content["stays_after"]]
        found = [mentions.redact(room, one) for one in objects if one is not None]
        if any(found):
            changed.append((msgspec.json.encode(content).decode(), number))
    if changed:
        connection.write("rewrite_correction", changed)
    return _end(rows), len(changed)


def _attempts(connection: Connection, mentions: Mentions, after: int) -> tuple[int, int]:
    rows = connection.rows("select_attempts_to_scrub", number=after, limit=_PAGE)
    changed = [
        (number,)
        for number, domain, response, error in rows
        if domain == mentions.domain and mentions.texts.found_in(response, error)
    ]
    if changed:
        connection.write("clear_attempt", changed)
    return _end(rows), len(changed)


def _dead_letters(connection: Connection, mentions: Mentions, after: int) -> tuple[int, int]:
    rows = connection.rows("select_dead_letters_to_scrub", domain=mentions.domain, number=after, limit=_PAGE)
    changed = [
        (number,)
        for number, url, headers, body, reason in rows
        if mentions.texts.found_in(url, headers, bytes(body).decode("utf-8", "replace"), reason)
    ]
    if changed:
        connection.write("delete_dead_letter", changed)
    return _end(rows), len(changed)


def _details(database: Database, mentions: Mentions) -> Counts:
    """Clear the details of statistics and the reasons of quarantines that mention somebody, and values without meetings."""
    with database.writing() as connection:
        connection.run("delete_empty_attribute_counts", domain=mentions.domain)
        details = [
            (token, metric)
            for token, metric, detail in connection.rows("select_details_to_scrub", domain=mentions.domain)
            if mentions.texts.found_in(detail)
        ]
        if details:
            connection.write("clear_detail", details)
        reasons = [
            ("erased", mentions.domain, room)
            for room, reason in connection.rows("select_reasons_to_scrub", domain=mentions.domain)
            if mentions.texts.found_in(reason)
        ]
        if reasons:
            connection.write("clear_reason", reasons)
    return {}


def _shares(database: Database, mentions: Mentions) -> Iterator[Counts]:
    """Rename participants in shared links with masked names, where a number stands for the hash of each."""
    with database.reading() as connection:
        shares = [
            digest for (digest,) in connection.rows("select_shares_with_numbers", domain=mentions.domain)
        ]
    people = [pair for room in mentions.pseudonyms.values() for pair in room.items()]
    for share in shares:
        for start in range(0, len(people), _PAGE):
            renamed = [
                (digest_of(f"{share}\0p\0{new}"), share, digest_of(f"{share}\0p\0{old}"))
                for old, new in people[start : start + _PAGE]
                if old != new
            ]
            with database.writing() as connection:
                if renamed:
                    connection.write("rename_share_participant", renamed)
            yield {}
        with database.writing() as connection:
            users = [(share, digest_of(f"{share}\0u\0{user}")) for user in mentions.texts.texts]
            if users:
                connection.write("delete_share_participant", users)
        yield {}


def _access_log(database: Database, mentions: Mentions) -> Iterator[Counts]:
    """Rename people in the access log, which records who looked at them."""
    access, pseudonyms = AccessLog(database), pseudonyms_of(database)
    users, after = dict(mentions.users), ""
    # Of an erasure that is read from the list, only the hash of the user id is known.
    while mentions.digest and (page := access.subjects(mentions.domain, SubjectType.USER, after=after)):
        after = page[-1]
        found = (user for user in page if mentions.user_hash(user) == mentions.digest)
        users |= {user: pseudonyms.user(mentions.domain, user) for user in found}
    for user, pseudonym in users.items():
        yield {"access_log": access.rename_subject(mentions.domain, SubjectType.USER, user, pseudonym)}
    people = dict(pair for room in mentions.pseudonyms.values() for pair in room.items())
    after = ""
    while page := access.subjects(mentions.domain, SubjectType.PARTICIPANT, after=after):
        after = page[-1]
        for old in people.keys() & set(page):
            yield {
                "access_log": access.rename_subject(
                    mentions.domain, SubjectType.PARTICIPANT, old, people[old]
                )
            }

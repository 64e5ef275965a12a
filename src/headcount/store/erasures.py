"""Erasures: requests to erase or to pseudonymize a person, and the participants that are erased.

A request names a person by a keyed hash. What selects the person in plain text is deleted when the request is done.

Responsible for these two tables, and for the list outside of the store. Must not know how data are rewritten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.database import Connection, Database
from headcount.store.pseudonyms import hash_selector, pseudonyms_of

_NEVER_ERASED: Final = -(2**62)
_STORED: Final = """
with wanted (domain, room, pseudonym) as ({keys})
select e.domain, e.room, e.pseudonym, e.erasure, e.state, e.users, e.user_pseudonym, e.until_ms, e.erased_ms, e.progress_ms,
  e.closed_ms, e.participant_id, e.texts
from wanted as w
cross join erased_participants as e
where e.domain = w.domain and e.room = w.room and e.pseudonym = w.pseudonym
"""


class Mode(StrEnum):
    """How the user id is treated: it is removed, or replaced by a pseudonym that is the same in all rooms."""

    ERASE = "erase"
    PSEUDONYMIZE = "pseudonymize"


class State(StrEnum):
    """How far a request is: its participants are searched, their rooms are rewritten, or everything is done."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A request. `digest` is the keyed hash of what selects the person; `selector` is None when the request is done.

    Events up to `until` are meant. `counts` is what was changed, by name.
    """

    number: int
    id: str
    domain: str
    mode: Mode
    kind: SelectorKind
    attribute: str
    digest: str
    selector: str | None
    until: Ms
    requested: Ms
    requested_by: str
    state: State = State.PENDING
    finished: Ms | None = None
    counts: dict[str, int] = field(default_factory=dict)
    list_key: str | None = None

    def counting(self, counts: Mapping[str, int]) -> "Erasure":
        """Return the request with more changes counted."""
        names = {**self.counts, **counts}
        return replace(self, counts={name: self.counts.get(name, 0) + counts.get(name, 0) for name in names})

    @property
    def subject(self) -> Selector | None:
        """What selects the person, if it is still known."""
        return None if self.selector is None else Selector(self.kind, self.selector, self.attribute)


class ErasedParticipant(NamedTuple):
    """A participant of a room who is erased. Field order is column order.

    `state` is 0 while entries are rewritten, 1 while other texts are, and 2 when everything is done. With `users`, hashes of
    user ids separated by commas, only what has one of them or no user id is meant.
    """

    domain: str
    room: str
    pseudonym: str
    erasure: int
    state: int
    users: str
    user_pseudonym: str | None
    until: Ms
    erased: Ms
    progress: Ms
    closed: Ms | None
    participant_id: str | None
    texts: str | None


class Erasures:
    """The requests of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self, domain: str, selector: Selector, mode: Mode, until: Ms, now: Ms, requested_by: str
    ) -> Erasure:
        """Request an erasure, which the engine carries out. The same request again returns the first one if that is not done."""
        require_selector(selector)
        key = pseudonyms_of(self._database).selector_key
        digest = hash_selector(key, domain, selector.kind, selector.key, selector.value)
        for known in self.all(domain):
            if known.digest == digest and known.mode is mode and known.state is not State.DONE:
                return known
        name = blake2b(f"{domain}\0{digest}\0{mode}\0{now}".encode(), digest_size=8).hexdigest()
        erasure = Erasure(
            0, name, domain, mode, selector.kind, selector.key, digest, selector.value, until, now, requested_by
        )  # fmt: skip
        self.add([erasure])
        return next(one for one in self.all(domain) if one.id == name)

    def add(self, erasures: Iterable[Erasure]) -> int:
        """Add requests that are not known yet, and return how many."""
        with self._database.writing() as connection:
            return connection.write("insert_erasure", [_row(one) for one in erasures])

    def all(self, domain: str | None = None) -> list[Erasure]:
        """Return the requests of a domain, or of all, the oldest first."""
        with self._database.reading() as connection:
            found = [_erasure(row) for row in connection.rows("select_erasures")]
        return [one for one in found if domain is None or one.domain == domain]

    def find(self, domain: str, number: int) -> Erasure | None:
        """Return a request by its number, or None."""
        return next((one for one in self.all(domain) if one.number == number), None)

    def about(self, domain: str, selector: Selector) -> list[Erasure]:
        """Return the requests of a domain that name a person in this way, also those that are done, the oldest first."""
        key, parts = pseudonyms_of(self._database).selector_key, (selector.kind, selector.key, selector.value)
        return [
            one
            for one in self.all(domain)
            if one.digest == hash_selector(one.list_key or key, domain, *parts)
        ]

    def version(self) -> tuple[int, ...]:
        """Return a value that changes when a request is added or done."""
        with self._database.reading() as connection:
            return tuple(connection.row("select_erasures_version") or ())

    def participants(self, domain: str) -> list[ErasedParticipant]:
        """Return the erased participants of a domain."""
        with self._database.reading() as connection:
            return [
                ErasedParticipant(*row)
                for row in connection.rows("select_erased_participants", domain=domain)
            ]

    def participants_of(self, number: int) -> list[ErasedParticipant]:
        """Return the participants of a request that is not done."""
        with self._database.reading() as connection:
            rows = connection.rows("select_participants_of_erasure", erasure=number)
        return [ErasedParticipant(*row) for row in rows]

    def unfinished(self, rooms: int, limit: int) -> list[list[ErasedParticipant]]:
        """Return participants with entries to rewrite, of some rooms. Those of a room have the same progress."""
        with self._database.reading() as connection:
            return [
                [
                    ErasedParticipant(*row)
                    for row in connection.rows(
                        "select_unfinished_participants",
                        domain=domain,
                        room=room,
                        progress=progress,
                        limit=limit,
                    )
                ]
                for domain, room, progress in connection.rows("select_unfinished_rooms", limit=rooms)
            ]

    def update(self, erasure: Erasure) -> None:
        """Store the progress of a request."""
        with self._database.writing() as connection:
            write_progress(connection, erasure)

    def finish(self, erasure: Erasure) -> None:
        """Delete what is in plain text about a request, which is done."""
        with self._database.writing() as connection:
            connection.run("finish_erased_participants", erasure=erasure.number)
        self.update(erasure)

    def add_participants(self, participants: Sequence[ErasedParticipant]) -> list[ErasedParticipant]:
        """Add participants to erase, and return them as they are stored."""
        with self._database.writing() as connection:
            return write_participants(connection, participants)


def write_progress(connection: Connection, erasure: Erasure) -> None:
    """Write the progress of a request in the current transaction."""
    connection.run(
        "update_erasure", number=erasure.number, state=erasure.state.value, selector=erasure.selector,
        finished=erasure.finished, counts=msgspec.json.encode(erasure.counts).decode(),
    )  # fmt: skip


def new_participant(
    erasure: Erasure, room: str, pseudonym: str, participant_id: str, users: str, user_pseudonym: str | None
) -> ErasedParticipant:
    """Return a participant who is not erased yet."""
    return ErasedParticipant(
        erasure.domain, room, pseudonym, erasure.number, 0, users, user_pseudonym, erasure.until, _NEVER_ERASED, _NEVER_ERASED, None,
        participant_id, None,
    )  # fmt: skip


def write_participants(
    connection: Connection, participants: Sequence[ErasedParticipant]
) -> list[ErasedParticipant]:
    """Write participants to erase in the current transaction, and return them as they are stored."""
    rows = [
        (one.domain, one.room, one.pseudonym, one.erasure, one.users, one.user_pseudonym, one.until, one.erased, one.progress,
         one.participant_id)
        for one in participants
    ]  # fmt: skip
    if not rows:
        return []
    connection.write("upsert_erased_participant", rows)
    keys = [one[:3] for one in participants]
    return [ErasedParticipant(*row) for row in connection.lookup(_STORED, keys)]


def require_selector(selector: Selector) -> None:
    """Raise `BadInput` for a person who cannot be erased because a pseudonym stands for them."""
    if selector.value.startswith("anon-"):
        raise BadInput(f"{selector.description} is a pseudonym: the person is erased already")


def _row(one: Erasure) -> tuple[Any, ...]:
    return (
        one.id, one.domain, one.mode.value, one.kind.value, one.attribute, one.digest, one.selector, one.until,
        one.requested, one.requested_by, one.state.value, one.finished, msgspec.json.encode(one.counts).decode(),
        one.list_key,
    )  # fmt: skip


def _erasure(row: tuple[Any, ...]) -> Erasure:
    (
        number,
        name,
        domain,
        mode,
        kind,
        attribute,
        digest,
        selector,
        until,
        requested,
        by,
        state,
        finished,
        counts,
        key,
    ) = row
    return Erasure(
        number, name, domain, Mode(mode), SelectorKind(kind), attribute, digest, selector, until, requested, by,
        State(state), finished, msgspec.json.decode(counts, type=dict[str, int]), key,
    )  # fmt: skip

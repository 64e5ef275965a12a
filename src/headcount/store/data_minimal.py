"""Data-minimal mode of a domain: participants are counted, and nobody is identified.

In such a domain, nothing that names a person is written. The pseudonym of a participant stands for their id. Their user
id, name and event ids are dropped, as are the attributes by which usage is not counted.

A participant who is in a room when the mode changes has one id in their join and leave: the one that is stored already.

Responsible for which domains have the mode, and for what is stored of an entry in them. Must not know where entries come
from, or where they are written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.attributes import Attributes, canonical, values_of
from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Connection, Database
from headcount.store.pseudonyms import Pseudonymizer, is_pseudonym, pseudonyms_of
from headcount.store.records import LogEntry

_TTL_S: Final = 0.5
"""A process notices a change within this time."""
_PRESENT_TTL_S: Final = 2.0
_SETTLED_AFTER: Final = 5
"""Reads of who is in the rooms of a domain that find nobody with an id of the other mode: then there is nobody left."""
_RECEIVED: Final = re.compile(r"\s*\[Received .*", re.DOTALL)
_QUOTED: Final = re.compile(
    r"'[^']*'|\"(?!(?:at|id|kind|room|user_id|joined_at|participants?|attributes|participant_id)\")[^\"]*\""
)


class MinimalDomain(NamedTuple):
    """A domain with the mode, or one that once had it, and when that changed. Field order is column order."""

    domain: str
    minimal: bool
    changed: Ms


@dataclass(slots=True)
class _Mode:
    """The mode of a domain. `present` are those in its rooms whose id is that of the other mode."""

    minimal: bool
    changed: Ms
    present: frozenset[tuple[str, str]] = frozenset()
    read_s: float = -_PRESENT_TTL_S
    empty_reads: int = 0


@dataclass(slots=True)
class _State:
    """What is known of all domains, since a moment."""

    read_s: float
    modes: Mapping[str, _Mode] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()


class DataMinimal:
    """The data-minimal mode of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state = _State(-_TTL_S)
        self._pseudonymizer: Pseudonymizer | None = None

    def all(self) -> list[MinimalDomain]:
        """Return the domains with the mode, and those that once had it."""
        with self._database.reading() as connection:
            return _read(connection)

    def switch(self, domain: str, *, minimal: bool, now: Ms) -> bool:
        """Turn the mode of a domain on or off. Return False if it was so already. Every process notices it within a second."""
        require_domain(domain)
        known = {one.domain: one.minimal for one in self.all()}
        if known.get(domain, False) == minimal:
            return False
        with self._database.writing() as connection:
            connection.write("upsert_minimal_domain", [(domain, int(minimal), now)])
        self._state = _State(-_TTL_S)
        return True

    def has(self, domain: str) -> bool:
        """Return whether a domain has the mode."""
        mode = self._read().modes.get(domain)
        return mode is not None and mode.minimal

    def groups(self, groups: Sequence[Sequence[LogEntry]]) -> Sequence[Sequence[LogEntry]]:
        """Return the entries of several requests as they are stored."""
        state = self._read()
        if not state.modes:
            return groups
        return [[self._stored(entry, state) for entry in group] for group in groups]

    def participant(self, domain: str, room: str, participant_id: str) -> str:
        """Return the id under which a participant of a room is stored."""
        mode = self._read().modes.get(domain)
        return participant_id if mode is None else self._id(mode, domain, room, participant_id)[0]

    def attributes(self, attributes: Attributes | None) -> Attributes | None:
        """Return the attributes by which usage is counted."""
        if attributes is None:
            return None
        counted = self._read().counted
        return canonical({key: value for key, value in values_of(attributes).items() if key in counted})

    def digest(self, digest: bytes) -> bytes:
        """Return what stands for the digest of a content, 16 bytes: nobody can try which content has it."""
        return self._pseudonyms().digest("digest", digest.hex())

    def _stored(self, entry: LogEntry, state: _State) -> LogEntry:
        mode = state.modes.get(entry.domain)
        if mode is None:
            return entry
        if entry.snapshot is not None:
            return self._stored_snapshot(entry, mode)
        who, is_minimal = entry.participant_id, mode.minimal
        if who is not None:
            who, is_minimal = self._id(mode, entry.domain, entry.room, who)
        if not is_minimal:
            return entry
        return entry._replace(
            participant_id=who, user_id=None, user_name=None, event_id=None, digest=None,
            attributes=self.attributes(entry.attributes),
        )  # fmt: skip

    def _stored_snapshot(self, entry: LogEntry, mode: _Mode) -> LogEntry:
        assert entry.snapshot is not None
        listed = [self._stored_participant(entry, mode, one) for one in msgspec.json.decode(entry.snapshot)]
        stored = entry._replace(snapshot=msgspec.json.encode(listed).decode())
        return stored._replace(digest=None, event_id=None) if mode.minimal else stored

    def _stored_participant(self, entry: LogEntry, mode: _Mode, one: dict[str, Any]) -> dict[str, Any]:
        who, is_minimal = self._id(mode, entry.domain, entry.room, one["participant_id"])
        if not is_minimal:
            return one
        stored: dict[str, Any] = {"participant_id": who}
        kept = self.attributes(canonical(one.get("attributes") or {}))
        if kept is not None:
            stored["attributes"] = values_of(kept)
        return stored

    def _id(self, mode: _Mode, domain: str, room: str, participant_id: str) -> tuple[str, bool]:
        """Return the id under which a participant is stored, and whether nothing else of them is."""
        if mode.minimal and not mode.present:
            return self._pseudonyms().participant(domain, room, participant_id), True
        if mode.minimal:
            is_present = (room, participant_id) in mode.present
            stored = (
                participant_id if is_present else self._pseudonyms().participant(domain, room, participant_id)
            )
            return stored, True
        if mode.present:
            pseudonym = self._pseudonyms().participant(domain, room, participant_id)
            if (room, pseudonym) in mode.present:
                return pseudonym, True
        return participant_id, False

    def _read(self) -> _State:
        """Return what is known of all domains, not older than the time limit."""
        state, now_s = self._state, monotonic()
        if now_s - state.read_s < _TTL_S:
            return state
        with self._database.reading() as connection:
            rows = _read(connection)
            if rows:
                (text,) = connection.row("select_usage_attributes") or ("",)
                modes = {
                    one.domain: _mode(connection, one, state.modes.get(one.domain), now_s) for one in rows
                }
                state = _State(now_s, modes, frozenset(text.split(",")))
            else:
                state = _State(now_s)
        self._state = state
        return state

    def _pseudonyms(self) -> Pseudonymizer:
        if self._pseudonymizer is None:
            self._pseudonymizer = pseudonyms_of(self._database)
        return self._pseudonymizer


def reason_without_values(reason: str) -> str:
    """Return why a request was refused, without what it contained."""
    return _QUOTED.sub("'…'", _RECEIVED.sub("", reason))


def _read(connection: Connection) -> list[MinimalDomain]:
    return [
        MinimalDomain(domain, bool(minimal), changed)
        for domain, minimal, changed in connection.rows("select_minimal_domains")
    ]


def _mode(connection: Connection, row: MinimalDomain, known: _Mode | None, now_s: float) -> _Mode:
    """Return the mode of a domain, with those in its rooms whose id is that of the other mode, as long as there are any."""
    mode = known if known is not None and known.changed == row.changed else _Mode(row.minimal, row.changed)
    if mode.empty_reads < _SETTLED_AFTER and now_s - mode.read_s >= _PRESENT_TTL_S:
        inside = connection.rows("select_open_participants", domain=row.domain)
        mode.present = frozenset((room, who) for room, who in inside if is_pseudonym(who) != row.minimal)
        mode.empty_reads = 0 if mode.present else mode.empty_reads + 1
        mode.read_s = now_s
    return mode

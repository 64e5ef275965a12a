"""Sources: the configured video servers, their statistics, dead letters and excluded participants.

The token of a source is random and part of its URL. Its secrets and credentials are encrypted, if there is a key.

Responsible for these tables. Must not know the payloads of any source.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Kind, Ms
from headcount.limits import require_label
from headcount.store.cell import require_cell
from headcount.store.data_minimal import DataMinimal, reason_without_values
from headcount.store.database import Connection, Database
from headcount.store.provenance import Senders, read_senders
from headcount.store.records import KIND_CODES
from headcount.store.stored_secrets import decrypt_options, encrypt_options

DEAD_LETTERS_LIMIT: Final = 1_000
COMPLETE_REQUESTS: Final = "complete_requests"
"""A time, not a counter: what a source, or an API key as a sender, reported in requests is in the log up to then."""
COMPLETE_POLLS: Final = "complete_polls"
"""Likewise of what polls of a source found."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A configured source. `options` are specific to its kind; a `declared` source comes from the settings file or from variables."""

    token: str
    kind: str
    domain: str
    name: str
    secrets: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    declared: bool = False
    created: Ms = 0


class DeclaredChanges(NamedTuple):
    """The sources that a declaration created, changed, and no longer has."""

    created: list[SourceRow]
    changed: list[SourceRow]
    released: list[SourceRow]


class SourceStat(NamedTuple):
    """One counter of a source: its total, when it last grew (ms), and a detail of that."""

    token: str
    metric: str
    total: int
    last: Ms
    detail: str | None = None


class DeadLetter(NamedTuple):
    """A verified request that could not be parsed."""

    number: int
    token: str
    received: Ms
    url: str
    headers: Mapping[str, str]
    body: bytes
    reason: str


class DeadLetterSummary(NamedTuple):
    """The time, the reason and the beginning of a dead letter."""

    received: Ms
    reason: str
    beginning: bytes


class ExcludedParticipant(NamedTuple):
    """A join or leave of a participant who does not count, such as a recorder. Field order is column order."""

    domain: str
    room: str
    at: Ms
    participant_id: str
    kind: int
    role: str
    user_id: str | None
    user_name: str | None
    token: str


class Sources:
    """The sources of all domains."""

    def __init__(self, database: Database, minimal: DataMinimal | None = None) -> None:
        self._database = database
        self._minimal = minimal or DataMinimal(database)

    def add(self, row: SourceRow) -> None:
        """Add a source. Raise `BadInput` if the domain has one of that name."""
        if not row.secrets or any(not secret or "\0" in secret for secret in row.secrets):
            raise BadInput("a source has at least one secret, and none of them is empty")
        if any((one.domain, one.name) == (row.domain, row.name) for one in self.all()):
            raise BadInput(
                f"the domain '{row.domain}' has a source '{row.name}' already:"
                " give this one another --name, or remove that one"
            )
        with self._database.writing() as connection:
            self._insert(connection, row)

    def declare(
        self, declared: Sequence[SourceRow], new_token: Callable[[], str], now: Ms
    ) -> DeclaredChanges:
        """Create and change sources so that there are the declared ones, in one transaction that excludes that of other processes.

        A source without a token keeps the one that it has, or gets a new one. A source that is not declared any more stays.
        Raise `BadInput` if a token is that of a source that is not declared.
        """
        done = DeclaredChanges([], [], [])
        with self._database.writing() as connection:
            connection.lock_sources()
            existing = [self._decode(*row) for row in connection.rows("select_sources")]
            by_name = {(row.domain, row.name): row for row in existing}
            by_token = {row.token: row for row in existing}
            for row in declared:
                known = by_name.pop((row.domain, row.name), None)
                if known is not None and row.token in ("", known.token):
                    wanted = replace(row, token=known.token, created=known.created)
                    if wanted != known:
                        connection.run("update_source", token=known.token, **self._encode(wanted))
                        done.changed.append(wanted)
                    continue
                wanted = replace(row, token=row.token or new_token(), created=now)
                holder = by_token.get(wanted.token)
                if holder is not None and not holder.declared:
                    raise BadInput(
                        f"the token of the declared source '{row.name}' is that of the source '{holder.name}' in domain"
                        f" '{holder.domain}': give it another token, or delete that source"
                    )
                for old in (known, holder):
                    if old is not None:
                        connection.run("remove_source", token=old.token, removed=now)
                        by_name.pop((old.domain, old.name), None)
                self._insert(connection, wanted)
                done.created.append(wanted)
            for row in by_name.values():
                if row.declared:
                    connection.run(
                        "update_source", token=row.token, **self._encode(replace(row, declared=False))
                    )
                    done.released.append(row)
        return done

    def _insert(self, connection: Connection, row: SourceRow) -> None:
        """Insert a source, or bring back the deleted one with this token: its senders and counters are the same."""
        for name, text in (
            ("domain", row.domain),
            ("a source's name", row.name),
            ("a source's token", row.token),
        ):
            require_label(name, text)
        require_cell(connection, row.domain)
        values = {
            "token": row.token,
            "domain": row.domain,
            "name": row.name,
            "created": row.created,
            **self._encode(row),
        }
        if connection.run("restore_source", **values) == 0:
            connection.run("insert_source", **values)

    def change(self, row: SourceRow) -> None:
        """Change the secrets or options of a source."""
        with self._database.writing() as connection:
            connection.run("update_source", token=row.token, **self._encode(row))

    def remove(self, token: str, now: Ms) -> bool:
        """Remove a source with its secrets. Return False if there is none."""
        with self._database.writing() as connection:
            return connection.run("remove_source", token=token, removed=now) == 1

    def find(self, token: str) -> SourceRow | None:
        """Return the source with a token, or None."""
        with self._database.reading() as connection:
            row = connection.row("select_source", token=token)
            return None if row is None else self._decode(*row)

    def all(self) -> list[SourceRow]:
        """Return all sources by domain and name."""
        with self._database.reading() as connection:
            return [self._decode(*row) for row in connection.rows("select_sources")]

    def creation_times(self, domain: str) -> dict[str, Ms]:
        """Return when the sources of a domain were created, by token. This reads no secret."""
        with self._database.reading() as connection:
            return {row[0]: row[-1] for row in connection.rows("select_sources") if row[2] == domain}

    def senders(self, domain: str) -> Senders:
        """Return what is shown of those who sent the entries of a domain: sources, API keys and files."""
        return read_senders(self._database, domain)

    def rooms_in_use(self, domain: str, prefix: str) -> list[str]:
        """Return rooms by the beginning of their names that are or may be active: unprocessed entries count, too."""
        with self._database.reading() as connection:
            return [
                str(room)
                for (room,) in connection.rows("select_active_rooms_by_prefix", domain=domain, prefix=prefix)
            ]

    def rooms_of_session(self, domain: str, session: str, since: Ms) -> list[str]:
        """Return the active rooms with events of a source session since a time: unprocessed entries count, too."""
        with self._database.reading() as connection:
            rows = connection.rows("select_rooms_of_session", domain=domain, session=session, since=since)
        return [str(room) for (room,) in rows]

    def has_room(self, domain: str, room: str) -> bool:
        """Return whether the log has events of a room."""
        with self._database.reading() as connection:
            return connection.row("select_room_exists", domain=domain, room=room) is not None

    def excluded_role(self, domain: str, room: str, joined_at: Ms, participant_id: str) -> str | None:
        """Return the role of a participant whose join at this moment was excluded, or None."""
        with self._database.reading() as connection:
            row = connection.row(
                "select_excluded_role",
                domain=domain,
                room=room,
                at=joined_at,
                participant=self._minimal.participant(domain, room, participant_id),
                join=KIND_CODES[Kind.JOIN],
            )
        return None if row is None else str(row[0])

    def add_stats(self, stats: Iterable[SourceStat]) -> None:
        """Add to the counters of sources."""
        with self._database.writing() as connection:
            connection.write("add_source_stats", [tuple(one) for one in stats])

    def stats(self) -> dict[str, dict[str, SourceStat]]:
        """Return the counters of each source by token and metric."""
        found: dict[str, dict[str, SourceStat]] = {}
        with self._database.reading() as connection:
            for row in connection.rows("select_source_stats"):
                stat = SourceStat(*row)
                found.setdefault(stat.token, {})[stat.metric] = stat
        return found

    def add_dead_letter(self, dead_letter: DeadLetter) -> None:
        """Store a request that cannot be parsed. An identical one is stored once.

        In a domain in the data-minimal mode, only the reason is stored, and it cannot be retried.
        """
        digest = blake2b(dead_letter.url.encode() + b"\0" + dead_letter.body, digest_size=16).digest()
        source = self.find(dead_letter.token)
        if source is not None and self._minimal.has(source.domain):
            digest = self._minimal.digest(digest)
            dead_letter = dead_letter._replace(
                url="", headers={}, body=b"", reason=reason_without_values(dead_letter.reason)
            )
        headers = msgspec.json.encode(dead_letter.headers).decode()
        row = (
            dead_letter.token,
            digest,
            dead_letter.received,
            dead_letter.url,
            headers,
            dead_letter.body,
            dead_letter.reason,
        )
        with self._database.writing() as connection:
            connection.write("insert_dead_letter", [row])

    def dead_letters(self, after: int = 0, limit: int = DEAD_LETTERS_LIMIT) -> list[DeadLetter]:
        """Return dead letters after a number, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_dead_letters", after=after, limit=limit)
        return [
            DeadLetter(number, token, received, url, msgspec.json.decode(headers), bytes(body), reason)
            for number, token, received, url, headers, body, reason in rows
        ]

    def latest_dead_letters(self, token: str, limit: int) -> list[DeadLetterSummary]:
        """Return summaries of the dead letters of a source, the newest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_latest_dead_letters", token=token, limit=limit)
        return [DeadLetterSummary(received, reason, bytes(body)) for received, reason, body in rows]

    def count_dead_letters(self) -> dict[str, int]:
        """Return how many dead letters each source has."""
        with self._database.reading() as connection:
            return dict(connection.rows("count_dead_letters"))

    def delete_dead_letters(self, numbers: Sequence[int]) -> None:
        """Delete dead letters by number."""
        with self._database.writing() as connection:
            connection.write("delete_dead_letter", [(number,) for number in numbers])

    def add_excluded_participants(self, participants: Sequence[ExcludedParticipant]) -> None:
        """Add excluded participants. An identical one is stored once."""
        participants = [self._stored(one) for one in participants]
        with self._database.writing() as connection:
            connection.write("insert_excluded_participant", participants)

    def reason(self, domain: str, reason: str) -> str:
        """Return why a request was refused, as it is stored: in the data-minimal mode without what the request contained."""
        return reason_without_values(reason) if self._minimal.has(domain) else reason

    def _stored(self, one: ExcludedParticipant) -> ExcludedParticipant:
        stored = one._replace(
            participant_id=self._minimal.participant(one.domain, one.room, one.participant_id)
        )
        return stored._replace(user_id=None, user_name=None) if self._minimal.has(one.domain) else stored

    def excluded_participants(
        self, domain: str, room: str, start: Ms, until: Ms, limit: int
    ) -> list[ExcludedParticipant]:
        """Return the excluded participants of a room in [start, until)."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_excluded_participants",
                domain=domain,
                room=room,
                start=start,
                until=until,
                limit=limit,
            )
        return [ExcludedParticipant._make((domain, *row, "")) for row in rows]

    def _encode(self, row: SourceRow) -> dict[str, Any]:
        keyring, secrets = self._database.keyring, msgspec.json.encode(row.secrets).decode()
        return {
            "kind": row.kind,
            "secrets": keyring.encrypt(secrets, "sources", "secrets", row.token),
            "options": encrypt_options(keyring, row.token, row.options),
            "declared": int(row.declared),
        }

    def _decode(
        self,
        token: str,
        kind: str,
        domain: str,
        name: str,
        secrets: str,
        options: str,
        declared: int,
        created: Ms,
    ) -> SourceRow:
        keyring = self._database.keyring
        decoded = msgspec.json.decode(keyring.decrypt(secrets, "sources", "secrets", token), type=list[str])
        return SourceRow(
            token,
            kind,
            domain,
            name,
            tuple(decoded),
            decrypt_options(keyring, token, options),
            bool(declared),
            created,
        )

"""Sources: which video servers may send, with what secrets, how they fare, and what of theirs could not be read.

A source's token is part of the address that it sends to, and is made of chance. Its secrets are kept
as they are: signatures cannot be checked without them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.limits import require_label
from headcount.store.database import Database

DEAD_LETTERS_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as it was set up. `options` are its own; `declared` ones come from the settings file."""

    token: str
    kind: str
    domain: str
    name: str
    secrets: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    declared: bool = False
    created: Ms = 0


class SourceStat(NamedTuple):
    """How often something befell a source, when last, and what was said of it."""

    token: str
    what: str
    number: int
    last: Ms
    told: str | None = None


class DeadLetter(NamedTuple):
    """A delivery that was genuine and could not be read."""

    number: int
    token: str
    received: Ms
    url: str
    headers: Mapping[str, str]
    body: bytes
    reason: str


class DeadLetterSummary(NamedTuple):
    """A delivery that could not be read, as it is shown: when it came, why it could not be, and how it begins."""

    received: Ms
    reason: str
    beginning: bytes


class ExcludedParticipant(NamedTuple):
    """Somebody who came or went and does not count: a recorder, say. Field order is column order."""

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

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: SourceRow) -> None:
        """Set a source up. Raises `BadInput` if the domain has one of that name."""
        for what, text in (
            ("domain", row.domain),
            ("a source's name", row.name),
            ("a source's token", row.token),
        ):
            require_label(what, text)
        if not row.secrets or any(not secret or "\0" in secret for secret in row.secrets):
            raise BadInput("a source has at least one secret, and none of them is empty")
        if any((one.domain, one.name) == (row.domain, row.name) for one in self.all()):
            raise BadInput(
                f"the domain '{row.domain}' has a source '{row.name}' already:"
                " give this one another --name, or remove that one"
            )
        with self._database.writing() as connection:
            connection.run(
                "insert_source", token=row.token, domain=row.domain, name=row.name, created=row.created, **_changing(row)
            )  # fmt: skip

    def change(self, row: SourceRow) -> None:
        """Give a source other secrets or options."""
        with self._database.writing() as connection:
            connection.run("update_source", token=row.token, **_changing(row))

    def remove(self, token: str, now: Ms) -> bool:
        """Let a source send no more; False if there is none."""
        with self._database.writing() as connection:
            return connection.run("remove_source", token=token, removed=now) == 1

    def find(self, token: str) -> SourceRow | None:
        with self._database.reading() as connection:
            row = connection.row("select_source", token=token)
            return None if row is None else _source(*row)

    def all(self) -> list[SourceRow]:
        with self._database.reading() as connection:
            return [_source(*row) for row in connection.rows("select_sources")]

    def rooms_in_use(self, domain: str, beginning: str) -> list[str]:
        """Rooms whose names begin so and in which somebody may be, by the tables or by what they have not caught up with."""
        with self._database.reading() as connection:
            return [
                str(room)
                for (room,) in connection.rows(
                    "select_active_rooms_by_prefix", domain=domain, prefix=beginning
                )
            ]

    def add_stats(self, tallies: Iterable[SourceStat]) -> None:
        """Add what befell sources since the last time."""
        with self._database.writing() as connection:
            connection.write("add_source_stats", [tuple(one) for one in tallies])

    def stats(self) -> dict[str, dict[str, SourceStat]]:
        """What befell each source so far, by token and what."""
        found: dict[str, dict[str, SourceStat]] = {}
        with self._database.reading() as connection:
            for row in connection.rows("select_source_stats"):
                tally = SourceStat(*row)
                found.setdefault(tally.token, {})[tally.what] = tally
        return found

    def add_dead_letter(self, letter: DeadLetter) -> None:
        """Keep a delivery that cannot be read. The same again is kept once."""
        digest = blake2b(letter.url.encode() + b"\0" + letter.body, digest_size=16).digest()
        headers = msgspec.json.encode(letter.headers).decode()
        row = (letter.token, digest, letter.received, letter.url, headers, letter.body, letter.reason)
        with self._database.writing() as connection:
            connection.write("insert_dead_letter", [row])

    def dead_letters(self, after: int = 0, most: int = DEAD_LETTERS_LIMIT) -> list[DeadLetter]:
        """Deliveries that could not be read, oldest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_dead_letters", after=after, limit=most)
        return [
            DeadLetter(number, token, received, url, msgspec.json.decode(headers), bytes(body), reason)
            for number, token, received, url, headers, body, reason in rows
        ]

    def latest_dead_letters(self, token: str, most: int) -> list[DeadLetterSummary]:
        """What of a source could not be read, the newest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_latest_dead_letters", token=token, limit=most)
        return [DeadLetterSummary(received, reason, bytes(body)) for received, reason, body in rows]

    def count_dead_letters(self) -> dict[str, int]:
        """How many deliveries of each source could not be read."""
        with self._database.reading() as connection:
            return dict(connection.rows("count_dead_letters"))

    def delete_dead_letters(self, numbers: Sequence[int]) -> None:
        with self._database.writing() as connection:
            connection.write("delete_dead_letter", [(number,) for number in numbers])

    def add_excluded_participants(self, bystanders: Sequence[ExcludedParticipant]) -> None:
        with self._database.writing() as connection:
            connection.write("insert_excluded_participant", bystanders)

    def excluded_participants(
        self, domain: str, room: str, start: Ms, until: Ms, most: int
    ) -> list[ExcludedParticipant]:
        """Who came to and went from a room in [start, until) and does not count."""
        with self._database.reading() as connection:
            rows = connection.rows(
                "select_excluded_participants", domain=domain, room=room, start=start, until=until, limit=most
            )
        return [ExcludedParticipant._make((domain, *row, "")) for row in rows]


def _changing(row: SourceRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "secrets": msgspec.json.encode(row.secrets).decode(),
        "options": msgspec.json.encode(dict(row.options)).decode(),
        "declared": int(row.declared),
    }


def _source(
    token: str, kind: str, domain: str, name: str, secrets: str, options: str, declared: int, created: Ms
) -> SourceRow:
    given = tuple(msgspec.json.decode(secrets, type=list[str]))
    return SourceRow(token, kind, domain, name, given, msgspec.json.decode(options), bool(declared), created)

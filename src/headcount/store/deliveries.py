"""Deliveries: what still waits for an endpoint or was given up, and every attempt that was made.

Whoever delivers keeps what it did in batches. Dead before a batch is committed, it delivers some of it
again, under the same ids; it loses none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.database import Connection, Database
from headcount.store.endpoints import State
from headcount.store.messages import Message


class Standing(NamedTuple):
    """How an endpoint stands after a batch. It counts only if nobody changed the endpoint meanwhile."""

    uuid: str
    changes: int
    position: int
    last_pushed: Ms | None
    state: State
    failed_count: int


class Delivery(NamedTuple):
    """A message that an endpoint has not got, though its position is past it. Field order is column order."""

    endpoint: str
    domain: str
    position: int
    room: str
    attempts: int
    next_at: Ms
    parked: int = 0
    asked: int = 0
    reason: str | None = None


class Attempt(NamedTuple):
    """One request, and what came of it. Field order is column order."""

    endpoint: str
    domain: str
    position: int
    message_id: str
    at: Ms
    delivered: int
    status: int | None
    latency_ms: int
    answer: str
    error: str | None


@dataclass(slots=True)
class Batch:
    """What is kept in one commit."""

    standings: list[Standing] = field(default_factory=list)
    undelivered: list[Delivery] = field(default_factory=list)
    done: list[tuple[str, int, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


class Fate(StrEnum):
    """What became of a message at an endpoint."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    PARKED = "parked"


class Told(NamedTuple):
    """A message at an endpoint: what became of it, and by which attempts, the last one first."""

    position: int
    id: str
    type: str
    room: str
    created: Ms
    fate: Fate
    next_at: Ms | None
    reason: str | None
    attempts: list[Attempt]


class Deliveries:
    """The deliveries of all endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, uuid: str, after: int, most: int) -> list[tuple[Message, int, Ms, int]]:
        """What waits for an endpoint, in order: the message, how often it was tried, when it is tried next, `asked`."""
        with self._database.reading() as connection:
            rows = connection.rows("deliveries_waiting", endpoint=uuid, after=after, most=most)
        return [(Message(*row[:-3]), *row[-3:]) for row in rows]

    def keep(self, batch: Batch) -> None:
        """Commit what was done."""
        with self._database.writing() as connection:
            connection.write("keep_attempt", batch.attempts)
            connection.write("drop_delivery", batch.done)
            connection.write("keep_delivery", batch.undelivered)
            for standing in batch.standings:
                told = standing._asdict()
                connection.run("keep_progress", **_some(told, "uuid", "position", "last_pushed"))
                connection.run("keep_standing", **_some(told, "uuid", "changes", "state", "failed_count"))

    def counts(self) -> dict[tuple[str, Fate], int]:
        """How many messages wait for each endpoint, and how many were given up."""
        with self._database.reading() as connection:
            rows = connection.rows("count_deliveries")
        return {(uuid, Fate.PARKED if parked else Fate.WAITING): number for uuid, parked, number in rows}

    def listed(self, uuid: str, before: int | None, most: int, fate: Fate | None = None) -> list[Told]:
        """A page of what an endpoint was told, or is to be told again, the newest first."""
        values = {"endpoint": uuid, "before": before if before is not None else 2**62, "most": most}
        with self._database.reading() as connection:
            positions = [row[0] for row in connection.rows_of(_LISTED[fate], values)]
            return _told(connection, uuid, positions)

    def attempts_between(self, uuid: str, first: int, last: int) -> list[Attempt]:
        """The attempts to tell an endpoint of the messages from one position to another, in order."""
        with self._database.reading() as connection:
            rows = connection.rows("attempts_between", endpoint=uuid, first=first, last=last)
            return [Attempt(*row) for row in rows]

    def prune(self, before: Ms) -> int:
        """Forget attempts that were made before a moment, and what waits of messages that are no more."""
        with self._database.writing() as connection:
            connection.run("prune_deliveries")
            return connection.run("prune_attempts", before=before)


def _some(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


_TRIED = "select distinct position from attempts where endpoint = :endpoint and position < :before"
_UNDELIVERED = "select position from deliveries where endpoint = :endpoint and position < :before"
_LAST = "order by position desc limit :most"
_LISTED: dict[Fate | None, str] = {
    None: f"select position from (select position from ({_TRIED} {_LAST}) a"  # noqa: S608 - our own
    f" union select position from ({_UNDELIVERED} {_LAST}) b) c {_LAST}",
    Fate.WAITING: f"{_UNDELIVERED} and parked = 0 {_LAST}",
    Fate.PARKED: f"{_UNDELIVERED} and parked = 1 {_LAST}",
    Fate.DELIVERED: f"{_TRIED} and delivered = 1 and position not in"  # noqa: S608 - our own
    f" (select position from deliveries where endpoint = :endpoint) {_LAST}",
}


def _told(connection: Connection, uuid: str, positions: Sequence[int]) -> list[Told]:
    if not positions:
        return []
    named = {f"p{n}": position for n, position in enumerate(positions)}
    these = f"position in ({', '.join(f':{name}' for name in named)})"
    values = {"endpoint": uuid} | named
    messages = connection.rows_of(
        f"select position, id, type, room, created_ms from messages where {these}",  # noqa: S608 - our own
        named,
    )
    rows = connection.rows_of(
        f"select position, parked, next_at_ms, reason from deliveries where endpoint = :endpoint and {these}",  # noqa: S608
        values,
    )
    undelivered = {row[0]: row[1:] for row in rows}
    attempts: dict[int, list[Attempt]] = {}
    for row in connection.rows_of(
        "select endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, answer, error"  # noqa: S608
        f" from attempts where endpoint = :endpoint and {these} order by number desc",
        values,
    ):
        attempts.setdefault(row[2], []).append(Attempt(*row))
    return [
        _one(message, undelivered.get(message[0]), attempts.get(message[0], []))
        for message in sorted(messages, reverse=True)
    ]


def _one(message: tuple[Any, ...], row: tuple[Any, ...] | None, attempts: list[Attempt]) -> Told:
    if row is None:
        return Told._make((*message, Fate.DELIVERED, None, None, attempts))
    parked, next_at, reason = row
    if parked:
        return Told._make((*message, Fate.PARKED, None, reason, attempts))
    return Told._make((*message, Fate.WAITING, next_at or None, reason, attempts))

"""Endpoints: who is told of meetings, with what secrets, and how far each has been told.

Secrets are kept as they are: nothing can be signed without them. An endpoint's `position` says up to where
the outbox was taken up for it: what is before it was delivered, or has a row in `deliveries`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Connection, Database
from headcount.store.outbox import Message, MessageType
from headcount.store.statements import with_lists

RESEND_LIMIT: Final = 10_000

OURS: Final = tuple(str(type_) for type_ in MessageType)
DAILYS: Final = (
    "waiting-participant.joined", "waiting-participant.left", "recording.started", "recording.ready-to-download",
    "recording.error", "transcript.started", "transcript.ready-to-download", "transcript.error", "streaming.started",
    "streaming.updated", "streaming.ended", "streaming.error", "batch-processor.job-finished", "batch-processor.error",
    "dialout.connected", "dialout.answered", "dialout.stopped", "dialout.warning", "dialout.error", "dialin.ready",
    "dialin.connected", "dialin.stopped", "dialin.warning", "dialin.error", "calltransfer.triggered",
    "calltransfer.initiated", "calltransfer.answered", "calltransfer.completed",
)  # fmt: skip
"""Those of Daily's types that may be asked for, and never come: we do not know of such things."""
EVENT_TYPES: Final = (*OURS, *DAILYS)


class State(StrEnum):
    """Whether an endpoint is sent to. One that failed keeps its messages until it is set going again."""

    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class RetryType(StrEnum):
    """What follows a failure: Daily's two ways."""

    CIRCUIT_BREAKER = "circuit-breaker"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it was set up, and how it stands. Field order is column order.

    The first of `secrets` (base64) is the one that Daily's `hmac` shows. `version` grows with each change by a
    request, after which the dispatcher reads the endpoint again.
    """

    uuid: str
    domain: str
    url: str
    secrets: tuple[str, ...]
    basic_auth: str | None
    retry_type: RetryType
    event_types: tuple[str, ...]
    state: State = State.ACTIVE
    failed_count: int = 0
    last_pushed: Ms | None = None
    position: int = 0
    version: int = 0
    created: Ms = 0
    updated: Ms = 0


@dataclass(frozen=True, slots=True)
class ResendFilter:
    """Which messages are to be sent again; what is None does not matter."""

    ids: Sequence[str] | None = None
    room: str | None = None
    since: Ms | None = None
    until: Ms | None = None
    failed: bool = False


class Endpoints:
    """The endpoints of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: Endpoint) -> None:
        require_domain(row.domain)
        with self._database.writing() as connection:
            connection.run(
                "insert_endpoint", uuid=row.uuid, domain=row.domain, state=row.state, position=row.position,
                created=row.created, **_changing(row),
            )  # fmt: skip

    def reenable(self, row: Endpoint) -> None:
        """Give an endpoint what `row` says and set it going: what waits is tried as if for the first time."""
        with self._database.writing() as connection:
            connection.run(
                "update_endpoint", uuid=row.uuid, state=State.ACTIVE, failed_count=0, updated=row.updated,
                **_changing(row),
            )  # fmt: skip
            connection.run("reset_pending_deliveries", uuid=row.uuid)

    def change(self, row: Endpoint) -> None:
        """Give an endpoint what `row` says; how it stands stays."""
        with self._database.writing() as connection:
            connection.run(
                "update_endpoint", uuid=row.uuid, state=row.state, failed_count=row.failed_count,
                updated=row.updated, **_changing(row),
            )  # fmt: skip

    def remove(self, uuid: str) -> bool:
        """Tell it no more, and forget what waits for it; False if there is none."""
        with self._database.writing() as connection:
            connection.run("delete_endpoint_deliveries", uuid=uuid)
            connection.run("delete_endpoint_attempts", uuid=uuid)
            return connection.run("delete_endpoint", uuid=uuid) == 1

    def find(self, domain: str, uuid: str) -> Endpoint | None:
        """The endpoint, if it is the domain's."""
        with self._database.reading() as connection:
            row = connection.row("select_endpoint", uuid=uuid)
        return None if row is None or row[1] != domain else _endpoint(*row)

    def all(self, domain: str | None = None) -> list[Endpoint]:
        """The endpoints, the oldest first; of a domain only, if asked."""
        with self._database.reading() as connection:
            if domain is None:
                rows = connection.rows("select_endpoints")
            else:
                rows = connection.rows("select_domain_endpoints", domain=domain)
        return [_endpoint(*row) for row in rows]

    def active(self) -> dict[str, int]:
        """Which endpoints are sent to, and how often each was changed."""
        with self._database.reading() as connection:
            return dict(connection.rows("select_active_endpoint_versions"))

    def resend(self, row: Endpoint, wanted: ResendFilter, most: int = RESEND_LIMIT) -> int:
        """Let messages that were taken up be sent again, at most so many, the oldest; how many they are."""
        text, values = _replaying(row, wanted)
        with self._database.writing() as connection:
            again = connection.query(text, values | {"limit": most})
            connection.run("increment_endpoint_version", uuid=row.uuid)
        return len(again)


def _replaying(row: Endpoint, wanted: ResendFilter) -> tuple[str, dict[str, Any]]:
    types = {f"type_{n}": type_ for n, type_ in enumerate(row.event_types)}
    ids = {f"id_{n}": name for n, name in enumerate(wanted.ids or ())}
    bounds = {
        "room = :room": ("room", wanted.room),
        "created_ms >= :since": ("since", wanted.since),
        "created_ms < :until": ("until", wanted.until),
    }
    conditions = [
        "domain = :domain",
        "position <= (select position from endpoints where uuid = :endpoint)",
        f"type in ({', '.join(f':{name}' for name in types)})",
        *(text for text, (_, value) in bounds.items() if value is not None),
    ]
    if wanted.ids is not None:
        conditions.append(f"id in ({', '.join(f':{name}' for name in ids)})" if ids else "false")
    if wanted.failed:
        conditions.append(
            "position in (select position from deliveries where endpoint = :endpoint and failed = 1)"
        )
    # Built here, since the conditions that are given decide which index serves it.
    text = (
        "insert into deliveries (endpoint, domain, position, room, attempts, next_attempt_ms, failed, generation)"  # noqa: S608 - our own
        f" select :endpoint, domain, position, room, 0, 0, 0, (select version + 1 from endpoints where uuid = :endpoint)"
        f" from messages where {' and '.join(conditions)}"
        " order by position limit :limit"
        " on conflict (endpoint, position) do update"
        " set attempts = 0, next_attempt_ms = 0, failed = 0, generation = excluded.generation, reason = null"
        " returning position"
    )
    values = {name: value for name, value in bounds.values() if value is not None}
    return text, {"endpoint": row.uuid, "domain": row.domain} | types | ids | values


def _changing(row: Endpoint) -> dict[str, Any]:
    return {
        "url": row.url,
        "secrets": msgspec.json.encode(row.secrets).decode(),
        "basic_auth": row.basic_auth,
        "retry_type": row.retry_type,
        "event_types": " ".join(row.event_types),
    }


def _endpoint(
    uuid: str, domain: str, url: str, secrets: str, basic_auth: str | None, retry_type: str, event_types: str,
    state: str, *rest: Any,
) -> Endpoint:  # fmt: skip
    given = tuple(msgspec.json.decode(secrets, type=list[str]))
    types = tuple(event_types.split())
    return Endpoint(uuid, domain, url, given, basic_auth, RetryType(retry_type), types, State(state), *rest)


class EndpointProgress(NamedTuple):
    """How an endpoint stands after a batch. It counts only if nobody changed the endpoint meanwhile."""

    uuid: str
    version: int
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
    failed: int = 0
    generation: int = 0
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
class DeliveryBatch:
    """What is kept in one commit."""

    standings: list[EndpointProgress] = field(default_factory=list)
    undelivered: list[Delivery] = field(default_factory=list)
    done: list[tuple[str, int, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


class DeliveryState(StrEnum):
    """What became of a message at an endpoint."""

    DELIVERED = "delivered"
    PENDING = "waiting"
    FAILED = "parked"


class MessageDeliveries(NamedTuple):
    """A message at an endpoint: what became of it, and by which attempts, the last one first."""

    position: int
    id: str
    type: str
    room: str
    created: Ms
    state: DeliveryState
    next_at: Ms | None
    reason: str | None
    attempts: list[Attempt]


class Deliveries:
    """The deliveries of all endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, uuid: str, after: int, most: int) -> list[tuple[Message, int, Ms, int]]:
        """What waits for an endpoint, in order: the message, how often it was tried, when it is tried next, `asked`."""
        with self._database.reading() as connection:
            rows = connection.rows("select_pending_deliveries", endpoint=uuid, after=after, limit=most)
        return [(Message(*row[:-3]), *row[-3:]) for row in rows]

    def commit(self, batch: DeliveryBatch) -> None:
        """Commit what was done."""
        with self._database.writing() as connection:
            connection.write("insert_attempt", batch.attempts)
            connection.write("delete_delivery", batch.done)
            connection.write("upsert_delivery", batch.undelivered)
            for standing in batch.standings:
                told = standing._asdict()
                connection.run("update_endpoint_progress", **_some(told, "uuid", "position", "last_pushed"))
                connection.run(
                    "update_endpoint_state", **_some(told, "uuid", "version", "state", "failed_count")
                )

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many messages wait for each endpoint, and how many were given up."""
        with self._database.reading() as connection:
            rows = connection.rows("count_deliveries")
        return {
            (uuid, DeliveryState.FAILED if failed else DeliveryState.PENDING): number
            for uuid, failed, number in rows
        }

    def page(
        self, uuid: str, before: int | None, most: int, fate: DeliveryState | None = None
    ) -> list[MessageDeliveries]:
        """A page of what an endpoint was told, or is to be told again, the newest first."""
        values = {"endpoint": uuid, "before": before if before is not None else 2**62, "limit": most}
        with self._database.reading() as connection:
            match fate:
                case None:
                    rows = connection.rows("select_positions", **values)
                case DeliveryState.DELIVERED:
                    rows = connection.rows("select_delivered_positions", **values)
                case DeliveryState.PENDING | DeliveryState.FAILED:
                    failed = int(fate is DeliveryState.FAILED)
                    rows = connection.rows("select_undelivered_positions", **values, failed=failed)
            return _told(connection, uuid, [position for (position,) in rows])

    def attempts_between(self, uuid: str, first: int, last: int) -> list[Attempt]:
        """The attempts to tell an endpoint of the messages from one position to another, in order."""
        with self._database.reading() as connection:
            rows = connection.rows("select_attempts", endpoint=uuid, first=first, last=last)
            return [Attempt(*row) for row in rows]

    def prune(self, before: Ms) -> int:
        """Forget attempts that were made before a moment, and what waits of messages that are no more."""
        with self._database.writing() as connection:
            connection.run("delete_orphaned_deliveries")
            return connection.run("delete_old_attempts", before=before)


def _some(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _told(connection: Connection, uuid: str, positions: list[int]) -> list[MessageDeliveries]:
    if not positions:
        return []
    these = {"endpoint": uuid, "positions": positions}
    messages = connection.query(*with_lists("select_messages_by_position", {"positions": positions}))
    rows = connection.query(*with_lists("select_deliveries_by_position", these))
    undelivered = {row[0]: row[1:] for row in rows}
    attempts: dict[int, list[Attempt]] = {}
    for row in connection.query(*with_lists("select_attempts_by_position", these)):
        attempts.setdefault(row[2], []).append(Attempt(*row))
    return [_one(message, undelivered.get(message[0]), attempts.get(message[0], [])) for message in messages]


def _one(message: tuple[Any, ...], row: tuple[Any, ...] | None, attempts: list[Attempt]) -> MessageDeliveries:
    if row is None:
        return MessageDeliveries._make((*message, DeliveryState.DELIVERED, None, None, attempts))
    failed, next_at, reason = row
    if failed:
        return MessageDeliveries._make((*message, DeliveryState.FAILED, None, reason, attempts))
    return MessageDeliveries._make((*message, DeliveryState.PENDING, next_at or None, reason, attempts))

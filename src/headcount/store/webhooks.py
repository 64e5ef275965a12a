"""Webhook endpoints, and the deliveries of messages to them.

Secrets and credentials are encrypted, if there is a key. The `position` of an endpoint is how far
the outbox was read for it: each message up to there is delivered or has a row in `deliveries`.

Responsible for both tables and for the attempts. Must not know HTTP, signatures or when a delivery is retried.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.cell import require_cell
from headcount.store.database import Connection, Database, Encryption
from headcount.store.outbox import Message, MessageType
from headcount.store.statements import with_lists

RESEND_LIMIT: Final = 10_000

SENT_EVENT_TYPES: Final = tuple(str(type_) for type_ in MessageType)
_UNSENT_EVENT_TYPES: Final = (
    "waiting-participant.joined", "waiting-participant.left", "recording.started", "recording.ready-to-download",
    "recording.error", "transcript.started", "transcript.ready-to-download", "transcript.error", "streaming.started",
    "streaming.updated", "streaming.ended", "streaming.error", "batch-processor.job-finished", "batch-processor.error",
    "dialout.connected", "dialout.answered", "dialout.stopped", "dialout.warning", "dialout.error", "dialin.ready",
    "dialin.connected", "dialin.stopped", "dialin.warning", "dialin.error", "calltransfer.triggered",
    "calltransfer.initiated", "calltransfer.answered", "calltransfer.completed",
)  # fmt: skip
"""Event types of Daily that an endpoint may subscribe to and that Headcount never sends."""
EVENT_TYPES: Final = (*SENT_EVENT_TYPES, *_UNSENT_EVENT_TYPES)
DEFAULT_EVENT_TYPES: Final = tuple(
    type_ for type_ in SENT_EVENT_TYPES if type_ != MessageType.MEETING_UPDATED
)
"""Event types of an endpoint that subscribes to none: all of Daily's that Headcount sends."""


class EndpointStatus(StrEnum):
    """The state of an endpoint. Messages to a failed one are queued until it is re-enabled."""

    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class RetryType(StrEnum):
    """Daily's two retry policies."""

    CIRCUIT_BREAKER = "circuit-breaker"
    EXPONENTIAL = "exponential"


class DeliveryState(StrEnum):
    """The state of a message at an endpoint."""

    DELIVERED = "delivered"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint. Field order is column order.

    The first of `secrets` (base64) is the one that Daily's `hmac` shows. `extensions` is whether payloads of Daily's
    event types have Headcount's fields, too. `version` grows with each change by a request, after which the dispatcher
    reads the endpoint again.
    """

    uuid: str
    domain: str
    url: str
    secrets: tuple[str, ...]
    basic_auth: str | None
    retry_type: RetryType
    event_types: tuple[str, ...]
    extensions: bool = False
    state: EndpointStatus = EndpointStatus.ACTIVE
    failed_count: int = 0
    last_pushed: Ms | None = None
    position: int = 0
    version: int = 0
    created: Ms = 0
    updated: Ms = 0


@dataclass(frozen=True, slots=True)
class ResendFilter:
    """Which messages to send again. A field that is None, or False, does not filter."""

    ids: Sequence[str] | None = None
    room: str | None = None
    since: Ms | None = None
    until: Ms | None = None
    failed: bool = False


class EndpointProgress(NamedTuple):
    """The progress and the state of an endpoint. The state applies only if `version` is still current."""

    uuid: str
    version: int
    position: int
    last_pushed: Ms | None
    state: EndpointStatus
    failed_count: int


class Delivery(NamedTuple):
    """An undelivered message before the position of an endpoint. Field order is column order."""

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
    """One request to an endpoint and its result. Field order is column order."""

    endpoint: str
    domain: str
    position: int
    message_id: str
    at: Ms
    delivered: int
    status: int | None
    latency_ms: int
    response: str
    error: str | None


@dataclass(slots=True)
class DeliveryBatch:
    """Results that are committed together. `delivered` has (endpoint, position, generation)."""

    progress: list[EndpointProgress] = field(default_factory=list)
    undelivered: list[Delivery] = field(default_factory=list)
    delivered: list[tuple[str, int, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)


class MessageDeliveries(NamedTuple):
    """A message at an endpoint, with its attempts, the latest first."""

    position: int
    id: str
    type: str
    room: str
    created: Ms
    state: DeliveryState
    next_at: Ms | None
    reason: str | None
    attempts: list[Attempt]


class Endpoints:
    """The endpoints of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: Endpoint) -> None:
        """Add an endpoint."""
        require_domain(row.domain)
        with self._subscribing() as connection:
            require_cell(connection, row.domain)
            connection.run(
                "insert_endpoint", uuid=row.uuid, domain=row.domain, state=row.state, position=row.position,
                created=row.created, **_settings(self._database.keyring, row),
            )  # fmt: skip

    def change(self, row: Endpoint) -> None:
        """Change the settings of an endpoint; its state stays."""
        with self._subscribing() as connection:
            connection.run(
                "update_endpoint", uuid=row.uuid, state=row.state, failed_count=row.failed_count,
                updated=row.updated, **_settings(self._database.keyring, row),
            )  # fmt: skip

    def reenable(self, row: Endpoint) -> None:
        """Change the settings of an endpoint and activate it. Pending messages start again with their first attempt."""
        with self._subscribing() as connection:
            connection.run(
                "update_endpoint", uuid=row.uuid, state=EndpointStatus.ACTIVE, failed_count=0, updated=row.updated,
                **_settings(self._database.keyring, row),
            )  # fmt: skip
            connection.run("reset_pending_deliveries", uuid=row.uuid)

    @contextmanager
    def _subscribing(self) -> Iterator[Connection]:
        """Write what may subscribe to joins and leaves: commits of the engine come before it or include them."""
        with self._database.writing() as connection:
            connection.run("touch_engine_state")
            yield connection

    def remove(self, uuid: str) -> bool:
        """Delete an endpoint with its deliveries. Return False if there is none."""
        with self._database.writing() as connection:
            connection.run("delete_endpoint_deliveries", uuid=uuid)
            connection.run("delete_endpoint_attempts", uuid=uuid)
            return connection.run("delete_endpoint", uuid=uuid) == 1

    def find(self, domain: str, uuid: str) -> Endpoint | None:
        """Return the endpoint if it belongs to the domain, else None."""
        with self._database.reading() as connection:
            row = connection.row("select_endpoint", uuid=uuid)
        return None if row is None or row[1] != domain else _endpoint(self._database.keyring, *row)

    def all(self, domain: str | None = None) -> list[Endpoint]:
        """Return the endpoints of all domains or of one, the oldest first."""
        with self._database.reading() as connection:
            if domain is None:
                rows = connection.rows("select_endpoints")
            else:
                rows = connection.rows("select_domain_endpoints", domain=domain)
        return [_endpoint(self._database.keyring, *row) for row in rows]

    def active(self) -> dict[str, int]:
        """Return the versions of active endpoints by uuid."""
        with self._database.reading() as connection:
            return dict(connection.rows("select_active_endpoint_versions"))

    def resend(self, row: Endpoint, wanted: ResendFilter, limit: int = RESEND_LIMIT) -> int:
        """Queue messages again, the oldest first, up to `limit`, and return how many."""
        text, values = _resend_statement(row, wanted)
        with self._database.writing() as connection:
            queued = connection.query(text, values | {"limit": limit})
            connection.run("increment_endpoint_version", uuid=row.uuid)
        return len(queued)


class Deliveries:
    """The deliveries of all endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, uuid: str, after: int, limit: int) -> list[tuple[Message, int, Ms, int]]:
        """Return the pending messages of an endpoint in order, each with its attempts, next attempt and generation."""
        with self._database.reading() as connection:
            rows = connection.rows("select_pending_deliveries", endpoint=uuid, after=after, limit=limit)
        return [(Message(*row[:-3]), *row[-3:]) for row in rows]

    def commit(self, batch: DeliveryBatch) -> None:
        """Commit the results of attempts."""
        with self._database.writing() as connection:
            connection.write("insert_attempt", batch.attempts)
            connection.write("delete_delivery", batch.delivered)
            connection.write("upsert_delivery", batch.undelivered)
            for one in batch.progress:
                connection.run(
                    "update_endpoint_progress",
                    uuid=one.uuid,
                    position=one.position,
                    last_pushed=one.last_pushed,
                )
                connection.run(
                    "update_endpoint_state",
                    uuid=one.uuid,
                    version=one.version,
                    state=one.state,
                    failed_count=one.failed_count,
                )

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """Return how many messages are pending and failed, by endpoint and state."""
        with self._database.reading() as connection:
            rows = connection.rows("count_deliveries")
        return {
            (uuid, DeliveryState.FAILED if failed else DeliveryState.PENDING): number
            for uuid, failed, number in rows
        }

    def page(
        self, uuid: str, before: int | None, limit: int, state: DeliveryState | None = None
    ) -> list[MessageDeliveries]:
        """Return a page of the messages of an endpoint, the newest first: those before a position, of one state or all."""
        values = {"endpoint": uuid, "before": before if before is not None else 2**62, "limit": limit}
        with self._database.reading() as connection:
            match state:
                case None:
                    rows = connection.rows("select_positions", **values)
                case DeliveryState.DELIVERED:
                    rows = connection.rows("select_delivered_positions", **values)
                case DeliveryState.PENDING | DeliveryState.FAILED:
                    failed = int(state is DeliveryState.FAILED)
                    rows = connection.rows("select_undelivered_positions", **values, failed=failed)
            return _messages_at(connection, uuid, [position for (position,) in rows])

    def of_messages(self, uuid: str, positions: list[int]) -> list[MessageDeliveries]:
        """Return the deliveries of some messages to an endpoint, which had none of the others."""
        with self._database.reading() as connection:
            found = _messages_at(connection, uuid, positions)
        return [one for one in found if one.attempts or one.state is not DeliveryState.DELIVERED]

    def attempts_between(self, uuid: str, first: int, last: int) -> list[Attempt]:
        """Return the attempts for the messages from one position to another, in order."""
        with self._database.reading() as connection:
            rows = connection.rows("select_attempts", endpoint=uuid, first=first, last=last)
            return [Attempt(*row) for row in rows]

    def prune(self, before: Ms) -> int:
        """Delete attempts made before a time, and deliveries of deleted messages. Return how many attempts."""
        with self._database.writing() as connection:
            connection.run("delete_orphaned_deliveries")
            return connection.run("delete_old_attempts", before=before)


def _resend_statement(row: Endpoint, wanted: ResendFilter) -> tuple[str, dict[str, Any]]:
    """Return the statement that queues messages again.

    It is built here, because the conditions that apply decide which index serves it.
    """
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
    text = (
        "insert into deliveries (endpoint, domain, position, room, attempts, next_attempt_ms, failed, generation)"  # noqa: S608 - our own
        " select :endpoint, domain, position, room, 0, 0, 0, (select version + 1 from endpoints where uuid = :endpoint)"
        f" from messages where {' and '.join(conditions)}"
        " order by position limit :limit"
        " on conflict (endpoint, position) do update"
        " set attempts = 0, next_attempt_ms = 0, failed = 0, generation = excluded.generation, reason = null"
        " returning position"
    )
    values = {name: value for name, value in bounds.values() if value is not None}
    return text, {"endpoint": row.uuid, "domain": row.domain} | types | ids | values


def _settings(keyring: Encryption, row: Endpoint) -> dict[str, Any]:
    secrets, auth = msgspec.json.encode(row.secrets).decode(), row.basic_auth
    return {
        "url": row.url,
        "secrets": keyring.encrypt(secrets, "endpoints", "secrets", row.uuid),
        "basic_auth": auth and keyring.encrypt(auth, "endpoints", "basic_auth", row.uuid),
        "retry_type": row.retry_type,
        "event_types": " ".join(row.event_types),
        "extensions": int(row.extensions),
    }


def _endpoint(
    keyring: Encryption, uuid: str, domain: str, url: str, secrets: str, basic_auth: str | None, retry_type: str, event_types: str,
    extensions: int, state: str, *rest: Any,
) -> Endpoint:  # fmt: skip
    secrets = keyring.decrypt(secrets, "endpoints", "secrets", uuid)
    auth = basic_auth and keyring.decrypt(basic_auth, "endpoints", "basic_auth", uuid)
    decoded = tuple(msgspec.json.decode(secrets, type=list[str]))
    types = tuple(event_types.split())
    return Endpoint(
        uuid, domain, url, decoded, auth, RetryType(retry_type), types, bool(extensions), EndpointStatus(state), *rest
    )  # fmt: skip


def _messages_at(connection: Connection, uuid: str, positions: list[int]) -> list[MessageDeliveries]:
    if not positions:
        return []
    values = {"endpoint": uuid, "positions": positions}
    messages = connection.query(*with_lists("select_messages_by_position", {"positions": positions}))
    rows = connection.query(*with_lists("select_deliveries_by_position", values))
    undelivered = {row[0]: row[1:] for row in rows}
    attempts: dict[int, list[Attempt]] = {}
    for row in connection.query(*with_lists("select_attempts_by_position", values)):
        attempts.setdefault(row[2], []).append(Attempt(*row))
    return [
        _message(message, undelivered.get(message[0]), attempts.get(message[0], [])) for message in messages
    ]


def _message(
    message: tuple[Any, ...], undelivered: tuple[Any, ...] | None, attempts: list[Attempt]
) -> MessageDeliveries:
    if undelivered is None:
        return MessageDeliveries._make((*message, DeliveryState.DELIVERED, None, None, attempts))
    failed, next_at, reason = undelivered
    if failed:
        return MessageDeliveries._make((*message, DeliveryState.FAILED, None, reason, attempts))
    return MessageDeliveries._make((*message, DeliveryState.PENDING, next_at or None, reason, attempts))

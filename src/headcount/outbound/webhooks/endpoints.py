"""Webhook endpoints: create, update, delete, ping and replay, with Daily's fields and error messages.

Responsible for validation and for waking the dispatcher after a change. Must not know HTTP: the API, the dashboard and the
command line use it alike.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.outbound.webhooks.client import DeliveryResult, Transport
from headcount.outbound.webhooks.egress import check_url
from headcount.outbound.webhooks.signing import is_secret, request_headers
from headcount.store.outbox import Messages
from headcount.store.webhooks import (
    DEFAULT_EVENT_TYPES,
    EVENT_TYPES,
    Deliveries,
    DeliveryState,
    Endpoint,
    Endpoints,
    MessageDeliveries,
    ResendFilter,
    RetryType,
)
from headcount.telemetry.logging import security_event
from headcount.timestamps import InvalidTimestamp, from_seconds, parse_timestamp

PING: Final = b'{"test":"test"}'
PING_TIMEOUT_S: Final = 8.0
MAX_ENDPOINTS: Final = 1_000
_MAX_SECRETS: Final = 4
_MAX_SECRET_LENGTH: Final = 1_024
_MAX_IDS: Final = 1_000
_SECRET_BYTES: Final = 32
_MAX_TIME_S: Final = 10**12

FIELDS: Final = ("url", "eventTypes", "retryType", "basicAuth", "hmac", "extensions")
"""Daily's fields, and `extensions`, which is a Headcount extension."""
SECRETS_FIELDS: Final = ("secrets",)
RESEND_FIELDS: Final = ("id", "ids", "room", "from", "to", "failed")


class EndpointDidNotAnswer(BadInput):
    """An endpoint did not answer the ping. The message is Daily's; `result` is for those who have their own."""

    def __init__(self, message: str, url: str, result: DeliveryResult) -> None:
        self.url = url
        self.result = result
        super().__init__(message)


Fields = Mapping[str, Any]
"""Fields of a request body, not yet validated."""


@dataclass(frozen=True, slots=True)
class EndpointManager:
    """Operations on endpoints. `random_bytes` returns as many bytes as asked for; `on_change` is called after each change."""

    endpoints: Endpoints
    deliveries: Deliveries
    messages: Messages
    transport: Transport
    now: Callable[[], Ms]
    new_uuid: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    on_change: Callable[[], None] = lambda: None

    async def create(self, domain: str, fields: Fields, *, verify: bool = True) -> Endpoint:
        """Create an endpoint for messages from now on. Raise `BadInput`, also if it does not answer the ping."""
        _allow_only(fields, FIELDS)
        if "url" not in fields:
            raise BadInput('"url" is required')
        existing = await asyncio.to_thread(self.endpoints.all, domain)
        if len(existing) >= MAX_ENDPOINTS:
            raise BadInput(f"the domain has {MAX_ENDPOINTS:,} webhooks, the maximum: delete one first")
        now = self.now()
        new = Endpoint(
            self.new_uuid(), domain, "", (self._new_secret(),), None, RetryType.CIRCUIT_BREAKER, DEFAULT_EVENT_TYPES,
            created=now, updated=now,
        )  # fmt: skip
        row = _updated(new, fields)
        if verify:
            await self._require_answer(row)
        row = replace(row, position=await asyncio.to_thread(self.messages.end))
        await asyncio.to_thread(self.endpoints.add, row)
        security_event("webhook_created", domain=domain, webhook=row.uuid)
        self.on_change()
        return row

    async def update(self, domain: str, uuid: str, fields: Fields, *, verify: bool = True) -> Endpoint | None:
        """Update an endpoint and enable it; return None if there is none. Raise `BadInput`."""
        _allow_only(fields, FIELDS)
        found = await self.find(domain, uuid)
        if found is None:
            return None
        row = replace(_updated(found, fields), updated=self.now())
        if verify:
            await self._require_answer(row)
        await asyncio.to_thread(self.endpoints.reenable, row)
        security_event("webhook_changed", domain=domain, webhook=uuid, fields=sorted(fields))
        self.on_change()
        return await self.find(domain, uuid)

    async def set_secrets(self, row: Endpoint, fields: Fields) -> tuple[str, ...]:
        """Replace the secrets of an endpoint by `secrets`, without a ping, and return them. Raise `BadInput`."""
        _allow_only(fields, SECRETS_FIELDS)
        if "secrets" not in fields:
            raise BadInput('"secrets" is required')
        secrets = _secrets(fields["secrets"])
        await asyncio.to_thread(self.endpoints.change, replace(row, secrets=secrets, updated=self.now()))
        security_event("webhook_secrets_changed", domain=row.domain, webhook=row.uuid)
        self.on_change()
        return secrets

    async def add_secret(self, row: Endpoint) -> None:
        """Add a new secret as the first; the others stay valid. Raise `BadInput` if there are too many."""
        await self.set_secrets(row, {"secrets": [self._new_secret(), *row.secrets]})

    async def delete(self, domain: str, uuid: str) -> bool:
        """Delete an endpoint; return False if there is none."""
        if await self.find(domain, uuid) is None:
            return False
        deleted = await asyncio.to_thread(self.endpoints.remove, uuid)
        security_event("webhook_deleted", domain=domain, webhook=uuid)
        self.on_change()
        return deleted

    async def find(self, domain: str, uuid: str) -> Endpoint | None:
        if "\0" in uuid:
            return None
        return await asyncio.to_thread(self.endpoints.find, domain, uuid)

    async def all(self, domain: str) -> list[Endpoint]:
        return await asyncio.to_thread(self.endpoints.all, domain)

    async def ping(self, row: Endpoint) -> DeliveryResult:
        """Send a signed ping and return the result."""
        client = self.transport.client(row.url)
        try:
            now = self.now()
            headers = request_headers(row, f"test-{row.uuid}-{now}", PING, now)
            return await client.post(headers, PING, PING_TIMEOUT_S)
        finally:
            await client.close()

    async def resend(self, row: Endpoint, fields: Fields) -> int:
        """Resend messages that were sent or failed; return their number. Raise `BadInput`."""
        selection = _selection(fields)
        number = await asyncio.to_thread(self.endpoints.resend, row, selection)
        self.on_change()
        return number

    async def list_messages(
        self, row: Endpoint, after: str | None, limit: int, state: DeliveryState | None
    ) -> list[MessageDeliveries] | None:
        """Return a page of an endpoint's messages, newest first, after the message `after`; None if that does not exist."""
        before = None
        if after is not None:
            message = await asyncio.to_thread(self.messages.by_id, row.domain, after)
            if message is None:
                return None
            before = message.position
        return await asyncio.to_thread(self.deliveries.page, row.uuid, before, limit, state)

    async def _require_answer(self, row: Endpoint) -> None:
        result = await self.ping(row)
        if not result.succeeded:
            message = (
                f"the webhook endpoint {row.url} did not answer the ping: {result.error}"
                if result.status is None
                else f"non-200 status code returned from webhook endpoint, recvd {result.status}"
            )
            raise EndpointDidNotAnswer(message, row.url, result)

    def _new_secret(self) -> str:
        return b64encode(self.random_bytes(_SECRET_BYTES)).decode()


def _updated(row: Endpoint, fields: Fields) -> Endpoint:
    """Return the endpoint with the fields of a request. Raise `BadInput`."""
    if "url" in fields:
        check_url(_text(fields, "url"))
        row = replace(row, url=fields["url"])
    if "retryType" in fields:
        row = replace(row, retry_type=_retry_type(fields["retryType"]))
    if "eventTypes" in fields:
        row = replace(row, event_types=_event_types(fields["eventTypes"]))
    if "basicAuth" in fields:
        row = replace(row, basic_auth=_basic_auth(fields))
    if "extensions" in fields:
        row = replace(row, extensions=_boolean(fields, "extensions"))
    if "hmac" in fields:
        row = replace(row, secrets=_with_hmac(row, _text(fields, "hmac")))
    return row


def _with_hmac(row: Endpoint, hmac: str) -> tuple[str, ...]:
    """Return the secrets with `hmac` as the first. A new one replaces all; the one that is first already changes nothing.

    So a client that sends back the fields that it read does not end a rotation of secrets.
    """
    if hmac == row.secrets[0]:
        return row.secrets
    if not is_secret(hmac):
        raise BadInput('"hmac" must be a valid base64 string')
    if len(hmac) > _MAX_SECRET_LENGTH:
        raise BadInput(f'"hmac" length must be less than or equal to {_MAX_SECRET_LENGTH:,} characters long')
    return (hmac,)


def _secrets(given: Any) -> tuple[str, ...]:
    """Return all valid secrets, the first for Daily's signature. Raise `BadInput`."""
    if not isinstance(given, list) or not given or not all(isinstance(secret, str) for secret in given):
        raise BadInput('"secrets" must be an array of one or more strings')
    for number, secret in enumerate(given):
        if not is_secret(secret):
            raise BadInput(f'"secrets[{number}]" must be a valid base64 string')
    secrets = tuple(dict.fromkeys(given))
    if len(secrets) > _MAX_SECRETS or any(len(secret) > _MAX_SECRET_LENGTH for secret in secrets):
        raise BadInput(
            f'"secrets" must contain less than or equal to {_MAX_SECRETS} items of up to {_MAX_SECRET_LENGTH:,} characters'
        )
    return secrets


def _event_types(given: Any) -> tuple[str, ...]:
    """Return the event types; an empty list means the default."""
    if not isinstance(given, list):
        raise BadInput('"eventTypes" must be an array')
    for number, event_type in enumerate(given):
        if event_type not in EVENT_TYPES:
            raise BadInput(f'"eventTypes[{number}]" must be one of [{", ".join(EVENT_TYPES)}]')
    return tuple(dict.fromkeys(given)) or DEFAULT_EVENT_TYPES


def _basic_auth(fields: Fields) -> str | None:
    """Return the credentials after `Basic`. A text with a colon is not base64 yet, and is encoded."""
    if fields["basicAuth"] is None:
        return None
    text = _text(fields, "basicAuth")
    if ":" in text:
        return b64encode(text.encode(errors="replace")).decode()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput('"basicAuth" must be base64 of user:password, or user:password itself')
    return text


def _retry_type(given: Any) -> RetryType:
    names = [str(retry_type) for retry_type in RetryType]
    if given not in names:
        raise BadInput(
            f'"retryType" must be one of [{", ".join(names)}] [Received retryType="{str(given)[:50]}"]'
        )
    return RetryType(given)


def _selection(fields: Fields) -> ResendFilter:
    _allow_only(fields, RESEND_FIELDS)
    if not fields:
        raise BadInput(f"select the messages to resend by one of {', '.join(RESEND_FIELDS)}")
    ids = [_text(fields, "id")] if "id" in fields else None
    if "ids" in fields:
        ids = fields["ids"]
        if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids) or len(ids) > _MAX_IDS:
            raise BadInput(f'"ids" must be an array of at most {_MAX_IDS:,} strings')
    if any("\0" in id_ for id_ in ids or ()):
        raise BadInput('"id" must not contain U+0000')
    failed = "failed" in fields and _boolean(fields, "failed")
    return ResendFilter(
        ids,
        _text(fields, "room") if "room" in fields else None,
        _time(fields, "from"),
        _time(fields, "to"),
        failed=failed,
    )


def _time(fields: Fields, name: str) -> Ms | None:
    """Return Unix seconds, whole or fractional, or RFC 3339 with its zone, as ms."""
    given = fields.get(name)
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < _MAX_TIME_S:
        return from_seconds(given)
    try:
        return parse_timestamp(given if isinstance(given, str) and not given.isdigit() else "none")
    except InvalidTimestamp:
        raise BadInput(f'"{name}" must be unix seconds, or RFC 3339 with an offset') from None


def _allow_only(fields: Fields, known: tuple[str, ...]) -> None:
    for name in fields:
        if name not in known:
            raise BadInput(f'"{name}" is not allowed')


def _boolean(fields: Fields, name: str) -> bool:
    value = fields[name]
    if not isinstance(value, bool):
        raise BadInput(f'"{name}" must be a boolean')
    return value


def _text(fields: Fields, name: str) -> str:
    text = fields[name]
    if not isinstance(text, str):
        raise BadInput(f'"{name}" must be a string')
    if not text:
        raise BadInput(f'"{name}" is not allowed to be empty')
    if "\0" in text:
        raise BadInput(f'"{name}" must not contain U+0000')
    return text

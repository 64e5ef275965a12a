"""Managing: endpoints are set up, changed, tried and asked to be told again; in Daily's words, over any carrier.

What is wrong with what was said is told in the words that Daily's clients know.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.outbound.webhooks.client import DeliveryResult, Transport
from headcount.outbound.webhooks.dispatcher import headers_of
from headcount.outbound.webhooks.egress import check_url
from headcount.outbound.webhooks.signing import is_secret
from headcount.store.outbox import Messages
from headcount.store.webhooks import (
    EVENT_TYPES,
    OURS,
    Deliveries,
    DeliveryState,
    Endpoint,
    Endpoints,
    MessageDeliveries,
    ResendFilter,
    RetryType,
)
from headcount.telemetry.logging import security_event
from headcount.timestamps import UnreadableMoment, from_seconds, moment

PING: Final = b'{"test":"test"}'
PING_S: Final = 8.0
MOST_ENDPOINTS: Final = 1_000
_MOST_SECRETS: Final = 4
_MOST_IDS: Final = 1_000
_SECRET_BYTES: Final = 32
_FURTHEST_S: Final = 10**12

FIELDS: Final = ("url", "eventTypes", "retryType", "basicAuth", "hmac", "secrets")
REPLAY_FIELDS: Final = ("id", "ids", "room", "from", "to", "failed")

Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointManager:
    """What is done with endpoints. `chance` makes so many bytes of it, `changed` tells who delivers."""

    endpoints: Endpoints
    deliveries: Deliveries
    messages: Messages
    world: Transport
    now: Callable[[], Ms]
    uuid: Callable[[], str]
    chance: Callable[[int], bytes]
    changed: Callable[[], None] = lambda: None

    async def create(self, domain: str, said: Said, *, verify: bool = True) -> Endpoint:
        """A new endpoint, which is told what happens from now on. Raises `BadInput`."""
        _only(said, FIELDS)
        if "url" not in said:
            raise BadInput('"url" is required')
        there = await asyncio.to_thread(self.endpoints.all, domain)
        if len(there) >= MOST_ENDPOINTS:
            raise BadInput(f"a domain has at most {MOST_ENDPOINTS:,} webhooks: remove one first")
        now = self.now()
        fresh = Endpoint(
            self.uuid(), domain, "", (b64encode(self.chance(_SECRET_BYTES)).decode(),), None,
            RetryType.CIRCUIT_BREAKER, OURS, created=now, updated=now,
        )  # fmt: skip
        row = _with(fresh, said)
        if verify:
            await self._verify(row)
        row = replace(row, position=await asyncio.to_thread(self.messages.end))
        await asyncio.to_thread(self.endpoints.add, row)
        security_event("webhook_created", domain=domain, webhook=row.uuid)
        self.changed()
        return row

    async def update(self, domain: str, uuid: str, said: Said, *, verify: bool = True) -> Endpoint | None:
        """Change an endpoint and set it going; None if there is none. Raises `BadInput`."""
        _only(said, FIELDS)
        found = await self.find(domain, uuid)
        if found is None:
            return None
        row = replace(_with(found, said), updated=self.now())
        if verify:
            await self._verify(row)
        await asyncio.to_thread(self.endpoints.reenable, row)
        security_event("webhook_changed", domain=domain, webhook=uuid, fields=sorted(said))
        self.changed()
        return await self.find(domain, uuid)

    async def set_secrets(self, row: Endpoint, secrets: tuple[str, ...]) -> None:
        """Give an endpoint other secrets, without a word to it."""
        changed = _with(row, {"secrets": list(secrets)})
        await asyncio.to_thread(self.endpoints.change, replace(changed, updated=self.now()))
        security_event("webhook_secrets_changed", domain=row.domain, webhook=row.uuid)
        self.changed()

    async def add_secret(self, row: Endpoint) -> None:
        """Give an endpoint a new secret, which comes first; the others hold on. Raises `BadInput` if it has too many."""
        fresh = b64encode(self.chance(_SECRET_BYTES)).decode()
        await self.set_secrets(row, (fresh, *row.secrets))

    async def delete(self, domain: str, uuid: str) -> bool:
        """Tell an endpoint nothing more; False if there is none."""
        if await self.find(domain, uuid) is None:
            return False
        removed = await asyncio.to_thread(self.endpoints.remove, uuid)
        security_event("webhook_removed", domain=domain, webhook=uuid)
        self.changed()
        return removed

    async def find(self, domain: str, uuid: str) -> Endpoint | None:
        if "\0" in uuid:
            return None
        return await asyncio.to_thread(self.endpoints.find, domain, uuid)

    async def all(self, domain: str) -> list[Endpoint]:
        return await asyncio.to_thread(self.endpoints.all, domain)

    async def ping(self, row: Endpoint) -> DeliveryResult:
        """Send the ping, signed, and say what came of it."""
        client = self.world.client(row.url)
        try:
            now = self.now()
            return await client.post(headers_of(row, f"test-{row.uuid}-{now}", PING, now), PING, PING_S)
        finally:
            await client.close()

    async def replay(self, row: Endpoint, said: Said) -> int:
        """Send again what was sent, or given up; how many messages that is. Raises `BadInput`."""
        wanted = _wanted(said)
        again = await asyncio.to_thread(self.endpoints.resend, row, wanted)
        self.changed()
        return again

    async def list_messages(
        self, row: Endpoint, after: str | None, most: int, fate: DeliveryState | None
    ) -> list[MessageDeliveries] | None:
        """A page of what an endpoint was told, after a message; None if there is no such message."""
        before = None
        if after is not None:
            message = await asyncio.to_thread(self.messages.by_id, row.domain, after)
            if message is None:
                return None
            before = message.position
        return await asyncio.to_thread(self.deliveries.page, row.uuid, before, most, fate)

    async def _verify(self, row: Endpoint) -> None:
        answered = await self.ping(row)
        if not answered.good:
            status = "undefined" if answered.status is None else answered.status
            because = "" if answered.error is None else f" ({answered.error})"
            raise BadInput(f"non-200 status code returned from webhook endpoint, recvd {status}{because}")


def _with(row: Endpoint, said: Said) -> Endpoint:
    """The endpoint with what was said of it. Raises `BadInput`."""
    if "url" in said:
        check_url(_text(said, "url"))
        row = replace(row, url=said["url"])
    if "retryType" in said:
        row = replace(row, retry_type=RetryType(_one_of(said, "retryType", [str(one) for one in RetryType])))
    if "eventTypes" in said:
        row = replace(row, event_types=_types(said["eventTypes"]))
    if "basicAuth" in said:
        row = replace(row, basic_auth=_basic(said))
    return replace(row, secrets=_secrets(row, said))


def _secrets(row: Endpoint, said: Said) -> tuple[str, ...]:
    """`secrets` are all that hold, the first one Daily's; `hmac` alone takes the place of all of them."""
    given = said.get("secrets", [] if "hmac" in said else list(row.secrets))
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadInput('"secrets" must be an array of strings')
    if "hmac" in said:
        given = [_text(said, "hmac"), *given]
    name = "hmac" if "hmac" in said else "secrets"
    if not given or not all(map(is_secret, given)):
        raise BadInput(f'"{name}" must be a valid base64 string')
    secrets = tuple(dict.fromkeys(given))
    if len(secrets) > _MOST_SECRETS or any(len(one) > 1_024 for one in secrets):
        raise BadInput(
            f'"secrets" must contain less than or equal to {_MOST_SECRETS} items, each up to 1024 letters'
        )
    return secrets


def _types(given: Any) -> tuple[str, ...]:
    """The types that are asked for; none is all of ours."""
    if not isinstance(given, list):
        raise BadInput('"eventTypes" must be an array')
    for number, one in enumerate(given):
        if one not in EVENT_TYPES:
            raise BadInput(f'"eventTypes[{number}]" must be one of [{", ".join(EVENT_TYPES)}]')
    return tuple(dict.fromkeys(given)) or OURS


def _basic(said: Said) -> str | None:
    """What follows `Basic`. With a colon it cannot be base64 yet, and is made so."""
    if said["basicAuth"] is None:
        return None
    text = _text(said, "basicAuth")
    if ":" in text:
        return b64encode(text.encode(errors="replace")).decode()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput('"basicAuth" must be base64 of user:password, or user:password itself')
    return text


def _wanted(said: Said) -> ResendFilter:
    _only(said, REPLAY_FIELDS)
    if not said:
        raise BadInput(f"say what is to be sent again: one of {', '.join(REPLAY_FIELDS)}")
    ids = [_text(said, "id")] if "id" in said else None
    if "ids" in said:
        ids = said["ids"]
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids) or len(ids) > _MOST_IDS:
            raise BadInput(f'"ids" must be an array of at most {_MOST_IDS:,} strings')
    if any("\0" in one for one in ids or ()):
        raise BadInput('"id" must not contain U+0000')
    failed = said.get("failed", False)
    if not isinstance(failed, bool):
        raise BadInput('"failed" must be a boolean')
    return ResendFilter(
        ids,
        _text(said, "room") if "room" in said else None,
        _moment(said, "from"),
        _moment(said, "to"),
        failed=failed,
    )


def _moment(said: Said, name: str) -> Ms | None:
    """Unix seconds, perhaps with a fraction, or RFC 3339 with its zone."""
    given = said.get(name)
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < _FURTHEST_S:
        return from_seconds(given)
    try:
        return moment(given if isinstance(given, str) and not given.isdigit() else "none")
    except UnreadableMoment:
        raise BadInput(f'"{name}" must be unix seconds, or RFC 3339 with its zone') from None


def _only(said: Said, known: tuple[str, ...]) -> None:
    for name in said:
        if name not in known:
            raise BadInput(f'"{name}" is not allowed')


def _text(said: Said, name: str) -> str:
    text = said[name]
    if not isinstance(text, str):
        raise BadInput(f'"{name}" must be a string')
    if not text:
        raise BadInput(f'"{name}" is not allowed to be empty')
    if "\0" in text:
        raise BadInput(f'"{name}" must not contain U+0000')
    return text


def _one_of(said: Said, name: str, words: list[str]) -> str:
    if said[name] not in words:
        raise BadInput(
            f'"{name}" must be one of [{", ".join(words)}] [Received {name}="{str(said[name])[:50]}"]'
        )
    return str(said[name])

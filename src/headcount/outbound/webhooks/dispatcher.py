"""Dispatcher of outgoing webhooks: from the outbox to every endpoint, while this process leads.

Responsible for which messages each queue is given, and for storing the results in batches. Must not know HTTP or when an
attempt is made.

The outbox is read once for all endpoints that have read it to the end, and separately for each that is behind. Each endpoint
has a queue, so that a slow or dead one delays no other endpoint, nor the engine. Delivery is at least once: a message whose
result was not stored when the process died is sent again, under the same id.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from headcount.kernel.events import Ms
from headcount.outbound.payloads import encode
from headcount.outbound.webhooks.client import Client, DeliveryResult, Transport
from headcount.outbound.webhooks.endpoint_queue import (
    CAPACITY,
    EndpointQueue,
    QueueContext,
    QueuedMessage,
    Results,
)
from headcount.outbound.webhooks.metrics import WebhookMetrics
from headcount.outbound.webhooks.retry_policy import Backoff, Outcome
from headcount.outbound.webhooks.signing import request_headers
from headcount.store.database import StoreError
from headcount.store.outbox import Message, Messages
from headcount.store.webhooks import Deliveries, DeliveryBatch, Endpoint, Endpoints

_POLL_S: Final = 0.05
_STORE_S: Final = 0.1
_REFRESH_S: Final = 0.5
"""How often endpoints are read from the store, unless a change wakes the dispatcher."""
_STOP_TIMEOUT_S: Final = 3.0
_PAUSE_S: Final = 1.0
_PAGE: Final = 500
_MIN_CAPACITY: Final = CAPACITY // 10
"""A queue with less capacity is not worth a query."""

T = TypeVar("T")

log = structlog.get_logger("headcount.webhooks")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the dispatcher needs. `is_leader` returns whether this process delivers; `chance` is random from [0, 1)."""

    endpoints: Endpoints
    deliveries: Deliveries
    messages: Messages
    transport: Transport
    is_leader: Callable[[], bool]
    now: Callable[[], Ms]
    metrics: WebhookMetrics
    chance: Callable[[], float]
    backoff: Backoff | None = None


@dataclass(slots=True)
class _Receiver:
    """An active endpoint with its queue and its client."""

    queue: EndpointQueue
    client: Client


class Dispatcher:
    """Reads the outbox and posts. `run` ends only when it is cancelled; `stop` stores the last results."""

    def __init__(self, parts: Dependencies) -> None:
        self._parts = parts
        self._receivers: dict[str, _Receiver] = {}
        self._woken = asyncio.Event()
        self._refreshed_s = -_REFRESH_S
        self._threads = ThreadPoolExecutor(2, "webhooks")
        self._context = QueueContext(self._post, parts.now, parts.chance, self._on_attempt, parts.backoff)
        self._storing = asyncio.Lock()

    @property
    def pending(self) -> int:
        """The number of messages in all queues."""
        return sum(len(receiver.queue) for receiver in list(self._receivers.values()))

    def wake(self) -> None:
        """Read endpoints and messages now. To be called in the event loop."""
        self._refreshed_s = -_REFRESH_S
        self._woken.set()

    async def run(self) -> None:
        """Deliver while this process leads, until cancelled."""
        storing = asyncio.create_task(self._store_repeatedly())
        try:
            while True:
                try:
                    more = await self._step()
                except StoreError as error:
                    log.warning("outbox read failed; will retry", reason=str(error))
                    await asyncio.sleep(_PAUSE_S)
                    continue
                except Exception:
                    log.exception("delivery failed; it continues from the store")
                    await asyncio.sleep(_PAUSE_S)
                    continue
                if not more:
                    await self._wait()
        finally:
            storing.cancel()

    async def stop(self) -> None:
        """Start no more attempts, wait a little for those in progress, and store the results."""
        queues = [receiver.queue for receiver in self._receivers.values()]
        for queue in queues:
            queue.close()
        running = [task for queue in queues for task in queue.running]
        if running:
            await asyncio.wait(running, timeout=_STOP_TIMEOUT_S)
        abandoned = [task for queue in queues for task in queue.abandon()]
        if abandoned:
            await asyncio.wait(abandoned)
        try:
            await self._store()
        except StoreError as error:
            log.warning("last results were not stored; messages are sent again", reason=str(error))
        for receiver in self._receivers.values():
            await receiver.client.close()
        self._receivers.clear()
        self._threads.shutdown()

    async def _wait(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(_POLL_S if self._receivers else _REFRESH_S):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _step(self) -> bool:
        """Refresh endpoints and queue new messages; return whether there are more."""
        if not self._parts.is_leader():
            await self._close_all_but({})
            return False
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refreshed_s >= _REFRESH_S:
            self._refreshed_s = now_s
            await self._refresh_endpoints()
        return await self._queue_messages()

    # Endpoints

    async def _refresh_endpoints(self) -> None:
        """Open endpoints that are new or changed, close those that were disabled or deleted."""
        active = await self._query(self._parts.endpoints.active)
        await self._close_all_but(active)
        missing = active.keys() - self._receivers.keys()
        if not missing:
            return
        for endpoint in await self._query(self._parts.endpoints.all):
            if endpoint.uuid in missing:
                await self._open(endpoint)

    async def _open(self, endpoint: Endpoint) -> None:
        queue = EndpointQueue(endpoint, self._context)
        self._receivers[endpoint.uuid] = _Receiver(queue, self._parts.transport.client(endpoint.url))
        await self._queue_pending(queue)

    async def _close_all_but(self, active: dict[str, int]) -> None:
        """Close all other endpoints, each as soon as it has no attempt in progress and its results are stored."""
        for uuid, receiver in list(self._receivers.items()):
            queue = receiver.queue
            if active.get(uuid) == queue.endpoint.version:
                continue
            queue.close()
            if queue.idle:
                await self._store()
                if queue.idle and self._receivers.pop(uuid, None) is not None:
                    await receiver.client.close()
            else:
                self._refreshed_s = -_REFRESH_S

    # Messages

    async def _queue_messages(self) -> bool:
        queues = [
            receiver.queue
            for receiver in self._receivers.values()
            if receiver.queue.capacity >= _MIN_CAPACITY
        ]
        for queue in queues:
            if queue.pending_after is not None:
                await self._queue_pending(queue)
        queues = [queue for queue in queues if queue.pending_after is None]
        if not queues:
            return False
        end = max(queue.read_to for queue in queues)
        more = False
        for queue in queues:
            if queue.read_to < end:
                more |= await self._catch_up(queue, end)
        ahead = [queue for queue in queues if queue.read_to == end]
        new = await self._query(lambda: self._parts.messages.after(end, limit=_PAGE))
        if new:
            _distribute(ahead, new)
        return more or len(new) == _PAGE

    async def _queue_pending(self, queue: EndpointQueue) -> None:
        """Queue the pending deliveries of the store, before any newer message."""
        after, capacity = queue.pending_after, queue.capacity
        found = await self._query(self._parts.deliveries.pending, queue.endpoint.uuid, after, capacity)
        if queue.closing:
            return
        queue.pending_after = found[-1][0].position if len(found) == capacity else None
        messages = [
            _queued(
                message,
                queue.endpoint,
                {},
                attempts=attempts,
                next_at=next_at,
                stored=True,
                generation=generation,
            )
            for message, attempts, next_at, generation in found
        ]
        queue.add(messages, queue.read_to)

    async def _catch_up(self, queue: EndpointQueue, end: int) -> bool:
        """Queue messages up to `end` for an endpoint that is behind; return whether there are more."""
        limit = min(queue.capacity, _PAGE)
        if limit <= 0:
            return False
        endpoint = queue.endpoint
        found = await self._query(
            lambda: self._parts.messages.after(
                queue.read_to, domain=endpoint.domain, types=endpoint.event_types, limit=limit
            )
        )
        if queue.closing:
            return False
        messages = [_queued(message, endpoint, {}) for message in found if message.position <= end]
        complete = len(found) < limit or found[-1].position > end
        queue.add(messages, end if complete else found[-1].position)
        return not complete

    # Results

    async def _post(self, endpoint: Endpoint, message: QueuedMessage) -> DeliveryResult:
        headers = request_headers(endpoint, message.id, message.body, self._parts.now())
        try:
            return await self._receivers[endpoint.uuid].client.post(headers, message.body)
        except Exception:
            log.exception(
                "webhook attempt failed by an internal error", endpoint=endpoint.uuid, id=message.id
            )
            return DeliveryResult(None, 0, "", "internal error; see the log")

    def _on_attempt(
        self, endpoint: Endpoint, message: QueuedMessage, result: DeliveryResult, outcome: Outcome
    ) -> None:
        self._parts.metrics.count_attempt(outcome, self._parts.now() - message.created)
        if outcome is Outcome.DELIVERED:
            return
        context: dict[str, Any] = {
            "endpoint": endpoint.uuid, "domain": endpoint.domain, "id": message.id, "attempts": message.attempts,
            "status": result.status, "reason": result.error,
        }  # fmt: skip
        if outcome is Outcome.FAILED:
            log.error("webhook message failed; it can be resent", **context)
        else:
            log.warning("webhook attempt failed; will retry", **context)

    async def _store_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(_STORE_S)
            try:
                await self._store()
            except StoreError as error:
                log.warning("storing webhook results failed; will retry", reason=str(error))
                await asyncio.sleep(_PAUSE_S)

    async def _store(self) -> None:
        """Store the results since the last time."""
        async with self._storing:
            unstored = [
                (receiver.queue, results)
                for receiver in self._receivers.values()
                if (results := receiver.queue.take_results()) is not None
            ]
            if not unstored:
                return
            try:
                await self._query(self._parts.deliveries.commit, _batch([results for _, results in unstored]))
            except BaseException:
                for queue, results in unstored:
                    queue.restore_results(results)
                raise
        for queue, _ in unstored:
            if queue.failed and queue.idle and not queue.closing:
                queue.close()
                log.error(
                    "webhook endpoint disabled after consecutive failures; its messages are queued until it is re-enabled",
                    endpoint=queue.endpoint.uuid, domain=queue.endpoint.domain,
                )  # fmt: skip

    async def _query(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call the store in a thread of the dispatcher: the threads of requests may be busy."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _distribute(queues: Sequence[EndpointQueue], new: Sequence[Message]) -> None:
    """Add new messages to queues that have read the outbox to the end, as far as each has capacity."""
    bodies: dict[tuple[int, bool], bytes] = {}
    for queue in queues:
        endpoint, capacity, read_to = queue.endpoint, queue.capacity, new[-1].position
        wanted = [
            message
            for message in new
            if message.domain == endpoint.domain and message.type in endpoint.event_types
        ]
        if len(wanted) > capacity:
            wanted = wanted[:capacity]
            read_to = wanted[-1].position if wanted else queue.read_to
        queue.add([_queued(message, endpoint, bodies) for message in wanted], read_to)


def _queued(
    message: Message, endpoint: Endpoint, bodies: dict[tuple[int, bool], bytes], **more: Any
) -> QueuedMessage:
    """Return a message for one endpoint. Its body is encoded once for all endpoints that get the same fields."""
    key = (message.position, endpoint.extensions)
    body = bodies.get(key)
    if body is None:
        body = bodies[key] = encode(message, extensions=endpoint.extensions).encode()
    return QueuedMessage(message.position, message.id, message.room, message.created, body, **more)


def _batch(results: Sequence[Results]) -> DeliveryBatch:
    return DeliveryBatch(
        [one.progress for one in results],
        [delivery for one in results for delivery in one.undelivered],
        [key for one in results for key in one.delivered],
        [attempt for one in results for attempt in one.attempts],
    )

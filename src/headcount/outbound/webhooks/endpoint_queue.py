"""Queue of one webhook endpoint: its messages in order within each room, and the attempts in progress.

Responsible for which message is sent when, for the number of concurrent attempts, and for what is to be stored about them. Must not know the
store or the network: the dispatcher collects results in batches and does the requests. A message that fails delays only
later ones of its room.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from headcount.kernel.events import Ms
from headcount.outbound.webhooks.client import DeliveryResult
from headcount.outbound.webhooks.retry_policy import MAX_DELAY_MS, Backoff, EndpointHealth, Outcome, decide
from headcount.store.webhooks import Attempt, Delivery, Endpoint, EndpointProgress, EndpointStatus

CONCURRENCY: Final = 8
CAPACITY: Final = 1_000
"""The most messages in the queue of one endpoint; the rest stays in the outbox."""
_FRESH_MS: Final[Ms] = 1_000
_FAR_AHEAD: Final = 1_000
"""A position that grows only by messages of others is stored once it is so far ahead."""


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """A message in the queue of one endpoint. `stored` is whether the store has it as a pending delivery.

    `generation` is that of its pending delivery: a replay increases it.
    """

    position: int
    id: str
    room: str
    created: Ms
    body: bytes
    attempts: int = 0
    next_at: Ms = 0
    stored: bool = False
    generation: int = 0
    queued_at: Ms = 0


@dataclass(slots=True)
class Results:
    """What is to be stored about a queue. `delivered` has endpoint, position and generation of each message."""

    attempts: list[Attempt]
    undelivered: list[Delivery]
    delivered: list[tuple[str, int, int]]
    progress: EndpointProgress


@dataclass(frozen=True, slots=True)
class QueueContext:
    """What a queue needs: `post` sends a message, `now` is the time, `chance` is random from [0, 1).

    `on_attempt` is called after each attempt. `backoff` replaces that of the endpoint's retry type.
    """

    post: Callable[[Endpoint, QueuedMessage], Awaitable[DeliveryResult]]
    now: Callable[[], Ms]
    chance: Callable[[], float]
    on_attempt: Callable[[Endpoint, QueuedMessage, DeliveryResult, Outcome], None]
    backoff: Backoff | None = None


class EndpointQueue:
    """The messages of one endpoint. Lives in one event loop.

    `read_to` is the position up to which the outbox was read. `pending_after` is the position up to which pending
    deliveries were read from the store; None once all of them were.
    """

    def __init__(self, endpoint: Endpoint, context: QueueContext) -> None:
        self.endpoint = endpoint
        self.read_to = endpoint.position
        self.pending_after: int | None = 0
        self.closing = False
        self._stored_to = endpoint.position
        self._context = context
        self._health = EndpointHealth(endpoint.state, endpoint.failed_count)
        self._messages: dict[int, QueuedMessage] = {}
        self._seen_ahead: set[int] = set()
        self._rooms: dict[str, deque[QueuedMessage]] = {}
        self._due: list[tuple[Ms, int, str]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._attempts: list[Attempt] = []
        self._undelivered: dict[int, Delivery] = {}
        self._delivered: dict[int, int] = {}
        self._last_pushed: Ms | None = None
        self._dirty = False

    @property
    def failed(self) -> bool:
        return self._health.state is EndpointStatus.FAILED

    @property
    def idle(self) -> bool:
        """Whether no attempt is in progress."""
        return not self._running

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The attempts in progress."""
        return list(self._running)

    @property
    def capacity(self) -> int:
        """The number of messages that may be added."""
        if self.closing or self.failed:
            return 0
        return CAPACITY - max(len(self._messages), len(self._attempts))

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Sequence[QueuedMessage], read_to: int) -> None:
        """Add all messages of the endpoint up to the position `read_to`, in order.

        A message that failed before a restart is a pending delivery, though the endpoint's position may be before it. It
        then comes twice, from the deliveries and from the outbox, and is added once.
        """
        now = self._context.now()
        for message in messages:
            if message.position in self._seen_ahead or message.position in self._messages:
                continue
            if message.stored and message.position > self.read_to:
                self._seen_ahead.add(message.position)
            message.queued_at = now
            self._messages[message.position] = message
            room = self._rooms.get(message.room)
            if room is None:
                self._rooms[message.room] = deque((message,))
                heappush(self._due, (message.next_at, message.position, message.room))
            else:
                room.append(message)
        self.read_to = max(self.read_to, read_to)
        self._dirty = self._dirty or self.read_to > self._stored_to + _FAR_AHEAD
        self.start_due()

    def start_due(self) -> None:
        """Start attempts that are due, and schedule the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.closing or self.failed:
            return
        now = self._context.now()
        while self._due and len(self._running) < CONCURRENCY:
            at, _, room = self._due[0]
            if now < at <= now + MAX_DELAY_MS:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later((at - now) / 1_000 + 0.001, self.start_due)
                return
            heappop(self._due)
            task = asyncio.ensure_future(self._attempt(self._rooms[room][0]))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def close(self) -> None:
        """Start no more attempts. Those in progress go on."""
        self.closing = True
        self.start_due()

    def abandon(self) -> list[asyncio.Task[None]]:
        """Cancel the attempts in progress; whether they arrived is unknown."""
        for task in self._running:
            task.cancel()
        return list(self._running)

    def take_results(self) -> Results | None:
        """Return what is to be stored since the last call, or None. It must be stored, or returned by `restore_results`."""
        stopped = (self.closing or self.failed) and self.idle
        unstored = stopped and any(not message.stored for message in self._messages.values())
        if not (self._dirty or unstored):
            return None
        position = self._stored_to = self.read_to if stopped else self._settled_position()
        for message in self._messages.values():
            if message.position <= position and not message.stored:
                self._undelivered[message.position] = self._delivery(message)
                message.stored = True
        progress = EndpointProgress(
            self.endpoint.uuid, self.endpoint.version, position, self._last_pushed,
            self._health.state, self._health.failed_count,
        )  # fmt: skip
        delivered = [(self.endpoint.uuid, *item) for item in self._delivered.items()]
        results = Results(self._attempts, list(self._undelivered.values()), delivered, progress)
        self._attempts, self._undelivered, self._delivered, self._dirty = [], {}, {}, False
        return results

    def restore_results(self, results: Results) -> None:
        """Take back results that could not be stored, for the next call of `take_results`."""
        self._attempts = results.attempts + self._attempts
        newer = self._undelivered.keys() | self._delivered.keys()
        for delivery in results.undelivered:
            if delivery.position not in newer:
                self._undelivered[delivery.position] = delivery
        self._delivered |= {
            position: generation for _, position, generation in results.delivered if position not in newer
        }
        self._dirty = True

    def _settled_position(self) -> int:
        """Return the position up to which each message was delivered, or has a pending delivery or gets one now.

        A message that was just queued is delivered in a moment and needs no pending delivery: the position stays before it.
        One that takes longer gets a pending delivery, so that few messages are sent twice if the process dies.
        """
        fresh = self._context.now() - _FRESH_MS
        moving = (
            message.position
            for message in self._messages.values()
            if not message.stored and message.queued_at > fresh and self._rooms[message.room][0].attempts == 0
        )
        return min(moving, default=self.read_to + 1) - 1

    def _delivery(self, message: QueuedMessage) -> Delivery:
        endpoint = self.endpoint
        return Delivery(
            endpoint.uuid, endpoint.domain, message.position, message.room, message.attempts, message.next_at,
            generation=message.generation,
        )  # fmt: skip

    async def _attempt(self, message: QueuedMessage) -> None:
        endpoint, context = self.endpoint, self._context
        started = context.now()
        result = await context.post(endpoint, message)
        message.attempts += 1
        now = context.now()
        decision = decide(
            result.succeeded, self._health, endpoint.retry_type, message.attempts, now, context.chance(), context.backoff
        )  # fmt: skip
        self._health = decision.health
        self._last_pushed = started
        self._dirty = True
        self._attempts.append(_attempt_row(endpoint, message, started, result))
        self._apply(message, decision.outcome, decision.retry_at, _reason(message.attempts, result))
        context.on_attempt(endpoint, message, result, decision.outcome)

    def _apply(self, message: QueuedMessage, outcome: Outcome, retry_at: Ms, reason: str) -> None:
        """Keep or remove a message after an attempt, and schedule the next one of its room."""
        room = self._rooms[message.room]
        if outcome is Outcome.RETRY:
            message.next_at = retry_at
            message.stored = True
            self._undelivered[message.position] = self._delivery(message)._replace(reason=reason)
        else:
            room.popleft()
            del self._messages[message.position]
            self._undelivered.pop(message.position, None)
            if outcome is Outcome.FAILED:
                self._undelivered[message.position] = self._delivery(message)._replace(
                    failed=1, reason=reason
                )
            elif message.stored:
                self._delivered[message.position] = message.generation
        if room:
            heappush(self._due, (room[0].next_at, room[0].position, message.room))
        else:
            del self._rooms[message.room]

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()
        self.start_due()


def _attempt_row(endpoint: Endpoint, message: QueuedMessage, started: Ms, result: DeliveryResult) -> Attempt:
    return Attempt(
        endpoint.uuid, endpoint.domain, message.position, message.id, started, int(result.succeeded), result.status,
        result.latency_ms, result.body, result.error,
    )  # fmt: skip


def _reason(attempts: int, result: DeliveryResult) -> str:
    times = "once" if attempts == 1 else f"{attempts} times"
    return f"tried {times}: {result.error or f'answered {result.status}'}"

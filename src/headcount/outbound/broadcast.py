"""Live broadcast of published messages to the streams that are open in this process.

Responsible for following the outbox with one task, for the queue of each stream, and for closing streams that are too slow
or no longer authorized. Must not know how a message is encoded or sent.

The bytes of a message are made once for all streams. A stream that is read more slowly than messages arrive is closed, so
that memory is bounded and no stream waits for another.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Final

import structlog

from headcount.kernel.events import Ms
from headcount.store.database import StoreError
from headcount.store.outbox import Message, Messages

HEARTBEAT_S: Final = 15.0
MAX_QUEUED: Final = 1_000
MAX_QUEUED_BYTES: Final = 1_000_000
"""What may be queued for one stream."""
MAX_PER_DOMAIN: Final = 1_000
"""The default limit of a domain's streams in one process."""
_POLL_S: Final = 0.25
_AUTHORIZATION_S: Final = 1.0
_PAUSE_S: Final = 1.0
PAGE: Final = 500

SLOW_CONSUMER: Final = "slow_consumer"
KEY_REVOKED: Final = "key_revoked"
SHUTDOWN: Final = "shutdown"

log = structlog.get_logger("headcount.streams")


class Listener:
    """One open stream: its filters, the position that it has reached, and what is queued for it.

    `token` is the credential that opened it. An empty filter of rooms or types matches all.
    """

    __slots__ = (
        "_queue", "_queued_bytes", "_woken", "domain", "end_reason", "heartbeat_due", "on_end", "position", "rooms",
        "token", "types",
    )  # fmt: skip

    def __init__(
        self, domain: str, token: bytes, rooms: Collection[str], types: Collection[str], position: int
    ) -> None:
        self.domain = domain
        self.token = token
        self.rooms = frozenset(rooms)
        self.types = frozenset(types)
        self.position = position
        self.end_reason: str | None = None
        self.heartbeat_due = False
        self.on_end: Callable[[], None] | None = None
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._woken = asyncio.Event()

    def matches(self, message: Message) -> bool:
        return (not self.rooms or message.room in self.rooms) and (
            not self.types or message.type in self.types
        )

    def enqueue(self, encoded: bytes) -> None:
        """Queue a message. A stream with too much in its queue is closed as too slow."""
        self._queue.append(encoded)
        self._queued_bytes += len(encoded)
        if len(self._queue) > MAX_QUEUED or self._queued_bytes > MAX_QUEUED_BYTES:
            self.end(SLOW_CONSUMER)
        self._woken.set()

    def request_heartbeat(self) -> None:
        self.heartbeat_due = True
        self._woken.set()

    def end(self, reason: str) -> None:
        """Close the stream with a reason. The first reason counts."""
        if self.end_reason is not None:
            return
        self.end_reason = reason
        if reason == SLOW_CONSUMER:
            self._queue.clear()
        self._woken.set()
        if self.on_end is not None:
            self.on_end()

    async def wait(self) -> list[bytes]:
        """Wait until there is something to do; return the queued messages, possibly none."""
        await self._woken.wait()
        self._woken.clear()
        queued = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        return queued


class Broadcaster:
    """The open streams of this process and the task that serves them.

    `encode` makes the bytes of a message, `is_valid` returns whether a token is still valid, `max_per_domain` is the limit
    of a domain's streams. All but `wake` belongs to the loop in which `run` runs.
    """

    def __init__(
        self,
        messages: Messages,
        encode: Callable[[Message], bytes],
        is_valid: Callable[[bytes], bool],
        now: Callable[[], Ms],
        max_per_domain: int = MAX_PER_DOMAIN,
    ) -> None:
        self.messages = messages
        self.max_per_domain = max_per_domain
        self._encode = encode
        self.disconnected: Counter[str] = Counter({SLOW_CONSUMER: 0, KEY_REVOKED: 0, SHUTDOWN: 0})
        self.sent = 0
        self.stopping = False
        self._is_valid = is_valid
        self._now = now
        self._open: set[Listener] = set()
        self._open_by_domain: Counter[str] = Counter()
        self._live: dict[str, set[Listener]] = {}
        self._position = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._has_live = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    # Streams

    def is_full_for(self, domain: str) -> bool:
        """Return whether a domain has as many streams in this process as it may have."""
        return self._open_by_domain[domain] >= self.max_per_domain

    def complete_since(self, domain: str) -> int:
        """Return the position after which a stream of a domain gets all messages. Call it before a stream is opened.

        It uses the store, so call it in a thread.
        """
        return self.messages.stream_opened(domain, self._now())

    def add(self, listener: Listener) -> None:
        """Register an open stream. It may have to read the backlog before it goes live."""
        self._open.add(listener)
        self._open_by_domain[listener.domain] += 1
        if self.stopping:
            listener.end(SHUTDOWN)

    def go_live(self, listener: Listener) -> int:
        """Queue messages after the returned position for a stream; it reads those before it from the store."""
        if not self._live:
            self._position = listener.position
            self._has_live.set()
        self._live.setdefault(listener.domain, set()).add(listener)
        return self._position

    def remove(self, listener: Listener) -> None:
        self._open.discard(listener)
        self._open_by_domain[listener.domain] -= 1
        if not self._open_by_domain[listener.domain]:
            del self._open_by_domain[listener.domain]
        if listener.end_reason is not None and listener.end_reason in self.disconnected:
            self.disconnected[listener.end_reason] += 1
        others = self._live.get(listener.domain, set())
        others.discard(listener)
        if not others:
            self._live.pop(listener.domain, None)
        if not self._live:
            self._has_live.clear()

    def stop(self) -> None:
        """Close all streams, and every stream that is opened later."""
        self.stopping = True
        for listener in self._listeners():
            listener.end(SHUTDOWN)

    # Messages

    def encoded(self, message: Message) -> bytes:
        """Return the bytes of a message; none for one that cannot be encoded, so that it stops no stream."""
        try:
            return self._encode(message)
        except Exception:
            log.exception("message could not be encoded", id=message.id, type=message.type)
            return b""

    def wake(self) -> None:
        """Look for new messages now. May be called by any thread."""
        if self._loop is not None and self._live:
            with suppress(RuntimeError):  # the loop may end at this very moment
                self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Broadcast until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_outbox())
            tasks.create_task(self._send_heartbeats())
            tasks.create_task(self._check_tokens())

    async def _follow_outbox(self) -> None:
        while True:
            await self._has_live.wait()
            position = self._position
            try:
                page = await asyncio.to_thread(self.messages.after, position, limit=PAGE)
            except StoreError as error:
                log.warning("outbox read failed; will retry", reason=str(error))
                await asyncio.sleep(_PAUSE_S)
                continue
            if self._position != position:
                continue  # all streams were closed meanwhile, and a new one started at another position
            self._broadcast(page)
            if len(page) < PAGE:
                await self._wait_for_messages()
            else:
                await asyncio.sleep(0)  # so that streams can send what is queued

    async def _wait_for_messages(self) -> None:
        """Wait for `wake`, but not long: another process may have written messages."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self._woken.wait()
        self._woken.clear()

    def _broadcast(self, page: Iterable[Message]) -> None:
        for message in page:
            encoded: bytes | None = None
            for listener in self._live.get(message.domain, ()):
                if message.position > listener.position and listener.end_reason is None:
                    listener.position = message.position
                    if listener.matches(message):
                        encoded = encoded or self.encoded(message)
                        listener.enqueue(encoded)
            self._position = message.position

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for listener in self._listeners():
                listener.request_heartbeat()
            for domain in list(self._open_by_domain):
                with suppress(StoreError):  # it is repeated long before it matters
                    await asyncio.to_thread(self.complete_since, domain)

    async def _check_tokens(self) -> None:
        while True:
            await asyncio.sleep(_AUTHORIZATION_S)
            tokens = {listener.token for listener in self._listeners()}
            invalid = {token for token in tokens if not await asyncio.to_thread(self._is_valid, token)}
            for listener in self._listeners():
                if listener.token in invalid:
                    listener.end(KEY_REVOKED)

    def _listeners(self) -> list[Listener]:
        return list(self._open)

"""Broadcasting: what is told to the world, handed at once to all who listen in this process.

One task follows the outbox, from where it was when the first listener came. The bytes of a message are
made once, whoever gets them. A listener who reads more slowly than we tell is dropped: memory
is bounded, and nobody waits for anybody. What is handed over, and how, is not known here.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Final

import structlog

from headcount.store.database import StoreError
from headcount.store.outbox import Message, Messages

BEAT_S: Final = 15.0
MOST_WAITING: Final = 1_000
MOST_WAITING_BYTES: Final = 1_000_000
"""What may wait for one listener."""
MOST_OF_DOMAIN: Final = 1_000
"""So many listeners one domain may have in a process, unless the settings say otherwise."""
_POLL_S: Final = 0.25
_KEYS_S: Final = 1.0
_PAUSE_S: Final = 1.0
PAGE: Final = 500

SLOW: Final = "slow"
REVOKED: Final = "revoked"
STOPPING: Final = "stopping"

log = structlog.get_logger("headcount.streams")


class Listener:
    """Somebody who listens: what they want, how far they were told, and what waits for them.

    `token` is what they showed to be let in. Of rooms and types nothing said means all.
    """

    __slots__ = (
        "_bytes", "_waiting", "_woken", "beat", "domain", "ended", "on_end", "position", "rooms", "token", "types",
    )  # fmt: skip

    def __init__(
        self, domain: str, token: bytes, rooms: Collection[str], types: Collection[str], position: int
    ) -> None:
        self.domain = domain
        self.token = token
        self.rooms = frozenset(rooms)
        self.types = frozenset(types)
        self.position = position
        self.ended: str | None = None
        self.beat = False
        self.on_end: Callable[[], None] | None = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._woken = asyncio.Event()

    def wants(self, message: Message) -> bool:
        return (not self.rooms or message.room in self.rooms) and (
            not self.types or message.type in self.types
        )

    def offer(self, told: bytes) -> None:
        """Let it wait for this listener; whoever has too much waiting is too slow."""
        self._waiting.append(told)
        self._bytes += len(told)
        if len(self._waiting) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES:
            self.end(SLOW)
        self._woken.set()

    def live(self) -> None:
        """Let a sign of life be sent."""
        self.beat = True
        self._woken.set()

    def end(self, reason: str) -> None:
        """Nothing more is told."""
        if self.ended is not None:
            return
        self.ended = reason
        if reason == SLOW:
            self._waiting.clear()
        self._woken.set()
        if self.on_end is not None:
            self.on_end()

    async def wait(self) -> list[bytes]:
        """What waits, as soon as there is something to do; perhaps nothing but a beat or the end."""
        await self._woken.wait()
        self._woken.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return taken


class Broadcaster:
    """Those who listen in this process, and the one who tells them.

    `form` makes the bytes of a message, `holds` says whether what was shown to be let in is still good, and
    `most_of_domain` how many listeners one domain may have.
    All but `wake` belongs to the loop in which `run` runs.
    """

    def __init__(
        self,
        messages: Messages,
        form: Callable[[Message], bytes],
        holds: Callable[[bytes], bool],
        most_of_domain: int = MOST_OF_DOMAIN,
    ) -> None:
        self.messages = messages
        self.most_of_domain = most_of_domain
        self._form = form
        self.dropped: Counter[str] = Counter({SLOW: 0, REVOKED: 0, STOPPING: 0})
        self.sent = 0
        self.stopping = False
        self._holds = holds
        self._everybody: set[Listener] = set()
        self._of_domain: Counter[str] = Counter()
        self._listeners: dict[str, set[Listener]] = {}
        self._position = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._anybody = asyncio.Event()

    def __len__(self) -> int:
        return len(self._everybody)

    # Who listens.

    def is_full_for(self, domain: str) -> bool:
        """Whether a domain has as many listeners in this process as it may have."""
        return self._of_domain[domain] >= self.most_of_domain

    def come(self, listener: Listener) -> None:
        """Somebody is here, who may have to read first what lies behind."""
        self._everybody.add(listener)
        self._of_domain[listener.domain] += 1
        if self.stopping:
            listener.end(STOPPING)

    def join(self, listener: Listener) -> int:
        """From now on hand over what comes after the position that is returned; what lies before it is the listener's to read."""
        if not self._listeners:
            self._position = listener.position
            self._anybody.set()
        self._listeners.setdefault(listener.domain, set()).add(listener)
        return self._position

    def leave(self, listener: Listener) -> None:
        self._everybody.discard(listener)
        self._of_domain[listener.domain] -= 1
        if not self._of_domain[listener.domain]:
            del self._of_domain[listener.domain]
        if listener.ended is not None and listener.ended in self.dropped:
            self.dropped[listener.ended] += 1
        others = self._listeners.get(listener.domain, set())
        others.discard(listener)
        if not others:
            self._listeners.pop(listener.domain, None)
        if not self._listeners:
            self._anybody.clear()

    def stop(self) -> None:
        """Let everybody go."""
        self.stopping = True
        for listener in self._all():
            listener.end(STOPPING)

    # Telling them.

    def told(self, message: Message) -> bytes:
        """The bytes of a message. One that cannot be put into words stops nobody."""
        try:
            return self._form(message)
        except Exception:
            log.exception("a message cannot be told", id=message.id, type=message.type)
            return b""

    def wake(self) -> None:
        """There may be something to tell. May be called by any thread."""
        if self._loop is not None and self._listeners:
            with suppress(RuntimeError):  # the loop may end at this very moment
                self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Tell, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._beat())
            tasks.create_task(self._look_at_keys())

    async def _follow(self) -> None:
        while True:
            await self._anybody.wait()
            position = self._position
            try:
                page = await asyncio.to_thread(self.messages.after, position, most=PAGE)
            except StoreError as error:
                log.warning("the outbox cannot be read; trying again", reason=str(error))
                await asyncio.sleep(_PAUSE_S)
                continue
            if self._position != position:
                continue  # while the page was read everybody left, and somebody came who begins elsewhere
            self._tell(page)
            if len(page) < PAGE:
                await self._something()
            else:
                await asyncio.sleep(0)  # so that those who listen can take what waits for them

    async def _something(self) -> None:
        """Another process may have written, so nothing is waited for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self._woken.wait()
        self._woken.clear()

    def _tell(self, page: Iterable[Message]) -> None:
        for message in page:
            told: bytes | None = None
            for listener in self._listeners.get(message.domain, ()):
                if message.position > listener.position and listener.ended is None:
                    listener.position = message.position
                    if listener.wants(message):
                        told = told or self.told(message)
                        listener.offer(told)
            self._position = message.position

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            for listener in self._all():
                listener.live()

    async def _look_at_keys(self) -> None:
        while True:
            await asyncio.sleep(_KEYS_S)
            tokens = {listener.token for listener in self._all()}
            void = {token for token in tokens if not await asyncio.to_thread(self._holds, token)}
            for listener in self._all():
                if listener.token in void:
                    listener.end(REVOKED)

    def _all(self) -> list[Listener]:
        return list(self._everybody)

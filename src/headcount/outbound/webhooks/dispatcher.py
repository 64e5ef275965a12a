"""Delivering: from the outbox to every endpoint, as long as this process leads.

The outbox is read once for all endpoints that have come to its end, and for each by itself that is behind. Each
endpoint has a line of its own, so that one which is slow or gone delays nobody else; nor does it delay the
engine, which knows nothing of this. What was done is committed in batches, some times a second.

At least once: what was sent and not yet kept when the process dies is sent again, under the same id.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog

from headcount.kernel.events import Ms
from headcount.outbound.payloads import text_of
from headcount.outbound.webhooks.client import Client, DeliveryResult, Transport
from headcount.outbound.webhooks.endpoint_queue import MOST_ON_THE_WAY, Done, Letter, Line, Means
from headcount.outbound.webhooks.retry_policy import Next, Pace
from headcount.outbound.webhooks.signing import signed
from headcount.store.database import StoreError
from headcount.store.outbox import Message, Messages
from headcount.store.webhooks import Deliveries, DeliveryBatch, Endpoint, Endpoints

_POLL_S: Final = 0.05
_KEEP_S: Final = 0.1
_LOOK_S: Final = 0.5
"""So often is looked whether endpoints were changed, unless somebody says so."""
_PATIENCE_S: Final = 3.0
_PAUSE_S: Final = 1.0
_READ_AT_ONCE: Final = 500
_WORTHWHILE: Final = MOST_ON_THE_WAY // 10
"""With less space than this, a line is not worth a question to the store."""

T = TypeVar("T")

log = structlog.get_logger("headcount.webhooks")


class Tally(Protocol):
    """Who counts what is done."""

    def tried(self, next_: Next, latency_ms: Ms) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What delivering needs. `leads` says whether it is this process that is to do it."""

    endpoints: Endpoints
    deliveries: Deliveries
    messages: Messages
    world: Transport
    leads: Callable[[], bool]
    now: Callable[[], Ms]
    tally: Tally
    chance: Callable[[], float]
    pace: Pace | None = None


@dataclass(slots=True)
class _Open:
    """An endpoint that is delivered to."""

    line: Line
    client: Client


class Delivering:
    """Reads the outbox and posts. `run` ends only when it is cancelled; `stop` keeps what was done."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._open: dict[str, _Open] = {}
        self._wake = asyncio.Event()
        self._looked = -_LOOK_S
        self._threads = ThreadPoolExecutor(2, "webhooks")
        self._means = Means(self._post, parts.now, parts.chance, self._tell, parts.pace)
        self._keeping = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many messages are on their way to endpoints, or held back."""
        return sum(one.line.waiting for one in list(self._open.values()))

    def wake(self) -> None:
        """Something was told, or an endpoint was changed. To be called in the event loop."""
        self._looked = -_LOOK_S
        self._wake.set()

    async def run(self) -> None:
        """Deliver, as long as this process leads."""
        keeping = asyncio.create_task(self._keep_on())
        try:
            while True:
                try:
                    more = await self._round()
                except StoreError as error:
                    log.warning("the outbox cannot be read; trying again", reason=str(error))
                    await asyncio.sleep(_PAUSE_S)
                    continue
                except Exception:
                    log.exception("delivering failed; it goes on from the store")
                    await asyncio.sleep(_PAUSE_S)
                    continue
                if not more:
                    await self._rest()
        finally:
            keeping.cancel()

    async def stop(self) -> None:
        """Start nothing more, wait a little for what is being tried, and keep what was done."""
        lines = [one.line for one in self._open.values()]
        for line in lines:
            line.close()
        trying = [task for line in lines for task in line.trying]
        if trying:
            await asyncio.wait(trying, timeout=_PATIENCE_S)
        abandoned = [task for line in lines for task in line.abandon()]
        if abandoned:
            await asyncio.wait(abandoned)
        try:
            await self._keep()
        except StoreError as error:
            log.warning("what was delivered last could not be kept; it is delivered again", reason=str(error))
        for one in self._open.values():
            await one.client.close()
        self._open.clear()
        self._threads.shutdown()

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(_POLL_S if self._open else _LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _round(self) -> bool:
        """Look who is to be told, and hand out what is new; whether there is more to hand out."""
        if not self._parts.leads():
            await self._close_all_but({})
            return False
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            await self._look()
        return await self._hand_out()

    # Who is told.

    async def _look(self) -> None:
        """Open what is new or was changed, close what is no more."""
        active = await self._asked(self._parts.endpoints.active)
        await self._close_all_but(active)
        missing = active.keys() - self._open.keys()
        if not missing:
            return
        for endpoint in await self._asked(self._parts.endpoints.all):
            if endpoint.uuid in missing:
                await self._begin(endpoint)

    async def _begin(self, endpoint: Endpoint) -> None:
        line = Line(endpoint, self._means)
        self._open[endpoint.uuid] = _Open(line, self._parts.world.client(endpoint.url))
        await self._take_waiting(line)

    async def _close_all_but(self, active: dict[str, int]) -> None:
        """Close the rest, each as soon as nothing is being tried and all of it is kept."""
        for uuid, one in list(self._open.items()):
            line = one.line
            if active.get(uuid) == line.endpoint.version:
                continue
            line.close()
            if line.idle:
                await self._keep()
                if line.idle and self._open.pop(uuid, None) is not None:
                    await one.client.close()
            else:
                self._looked = -_LOOK_S

    # What is told.

    async def _hand_out(self) -> bool:
        lines = [one.line for one in self._open.values() if one.line.space >= _WORTHWHILE]
        for line in lines:
            if line.waits_after is not None:
                await self._take_waiting(line)
        lines = [line for line in lines if line.waits_after is None]
        if not lines:
            return False
        end = max(line.taken for line in lines)
        more = False
        for line in lines:
            if line.taken < end:
                more |= await self._catch_up(line, end)
        ahead = [line for line in lines if line.taken == end]
        new = await self._asked(lambda: self._parts.messages.after(end, most=_READ_AT_ONCE))
        if new:
            _offer(ahead, new)
        return more or len(new) == _READ_AT_ONCE

    async def _take_waiting(self, line: Line) -> None:
        """Take up what waited when the line began, before anything newer."""
        after, most = line.waits_after, line.space
        found = await self._asked(self._parts.deliveries.pending, line.endpoint.uuid, after, most)
        if line.closing:
            return
        line.waits_after = found[-1][0].position if len(found) == most else None
        letters = [
            _letter(message, {}, tries=tries, next_at=at, kept=True, asked=asked)
            for message, tries, at, asked in found
        ]
        line.take(letters, line.taken)

    async def _catch_up(self, line: Line, end: int) -> bool:
        """Take up for one that is behind what the others have got; whether there is more of it."""
        most = min(line.space, _READ_AT_ONCE)
        if most <= 0:
            return False
        endpoint = line.endpoint
        found = await self._asked(
            lambda: self._parts.messages.after(
                line.taken, domain=endpoint.domain, types=endpoint.event_types, most=most
            )
        )
        if line.closing:
            return False
        letters = [_letter(message, {}) for message in found if message.position <= end]
        whole = len(found) < most or found[-1].position > end
        line.take(letters, end if whole else found[-1].position)
        return not whole

    # What comes of it.

    async def _post(self, endpoint: Endpoint, letter: Letter) -> DeliveryResult:
        headers = headers_of(endpoint, letter.id, letter.body, self._parts.now())
        try:
            return await self._open[endpoint.uuid].client.post(headers, letter.body)
        except Exception:
            log.exception("a message could not be sent, by our fault", endpoint=endpoint.uuid, id=letter.id)
            return DeliveryResult(None, 0, "", "it could not be sent, by our fault; the log tells more")

    def _tell(self, endpoint: Endpoint, letter: Letter, answered: DeliveryResult, next_: Next) -> None:
        self._parts.tally.tried(next_, self._parts.now() - letter.created)
        if next_ is Next.DONE:
            return
        told: dict[str, Any] = {
            "endpoint": endpoint.uuid, "domain": endpoint.domain, "id": letter.id, "tries": letter.tries,
            "status": answered.status, "reason": answered.error,
        }  # fmt: skip
        if next_ is Next.PARKED:
            log.error("a message was given up: it is parked, and can be replayed", **told)
        else:
            log.warning("a message was not taken; it is tried again", **told)

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_S)
            try:
                await self._keep()
            except StoreError as error:
                log.warning("what was delivered cannot be kept; trying again", reason=str(error))
                await asyncio.sleep(_PAUSE_S)

    async def _keep(self) -> None:
        """Commit what was done since the last time."""
        async with self._keeping:
            taken = [
                (one.line, done) for one in self._open.values() if (done := one.line.take_done()) is not None
            ]
            if not taken:
                return
            try:
                await self._asked(self._parts.deliveries.commit, _batch([done for _, done in taken]))
            except BaseException:
                for line, done in taken:
                    line.give_back(done)
                raise
        for line, _ in taken:
            if line.failed and line.idle and not line.closing:
                line.close()
                log.error(
                    "an endpoint failed: it is sent nothing more until it is set going again, and loses nothing",
                    endpoint=line.endpoint.uuid, domain=line.endpoint.domain,
                )  # fmt: skip

    async def _asked(self, ask: Callable[..., T], *given: Any) -> T:
        """Ask the store, in a thread of our own: others' threads may be busy."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask, *given)


def headers_of(endpoint: Endpoint, name: str, body: bytes, now: Ms) -> list[tuple[bytes, bytes]]:
    """What a request to an endpoint says beside its body."""
    headers = signed(endpoint.secrets, name, body, now)
    if endpoint.basic_auth is not None:
        headers.append((b"authorization", b"Basic " + endpoint.basic_auth.encode()))
    return headers


def _offer(lines: Sequence[Line], new: Sequence[Message]) -> None:
    """Hand new messages to the lines that are at their beginning, as far as each has space."""
    bodies: dict[int, bytes] = {}
    for line in lines:
        endpoint, space, up_to = line.endpoint, line.space, new[-1].position
        mine = [one for one in new if one.domain == endpoint.domain and one.type in endpoint.event_types]
        if len(mine) > space:
            mine = mine[:space]
            up_to = mine[-1].position if mine else line.taken
        line.take([_letter(message, bodies) for message in mine], up_to)


def _letter(message: Message, bodies: dict[int, bytes], **more: Any) -> Letter:
    """A message for one endpoint; its text is written once for all."""
    body = bodies.get(message.position)
    if body is None:
        body = bodies[message.position] = text_of(message).encode()
    return Letter(message.position, message.id, message.room, message.created, body, **more)


def _batch(done: Sequence[Done]) -> DeliveryBatch:
    return DeliveryBatch(
        [one.standing for one in done],
        [delivery for one in done for delivery in one.undelivered],
        [name for one in done for name in one.done],
        [attempt for one in done for attempt in one.attempts],
    )

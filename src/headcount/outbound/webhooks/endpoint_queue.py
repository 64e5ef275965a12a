"""Line: the messages on their way to one endpoint, in order within each room.

It knows what is on its way, what waits and when it is tried next, and starts what is due, so many at a time. A
message that fails holds back only later ones of its room. The store is not known here: whoever keeps
what was done asks for it, in batches.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from headcount.kernel.events import Ms
from headcount.outbound.webhooks.client import DeliveryResult
from headcount.outbound.webhooks.retry_policy import LONGEST_WAIT, Next, Pace, Standing, after
from headcount.store.webhooks import Attempt, Delivery, Endpoint, EndpointProgress, State

AT_ONCE: Final = 8
MOST_ON_THE_WAY: Final = 1_000
"""So many messages an endpoint is ahead of what it has got; the rest stays in the outbox."""
_FRESH_MS: Final[Ms] = 1_000
_FAR: Final = 1_000
"""A position that grows by messages of others is kept when it is so far ahead."""


@dataclass(slots=True, eq=False)
class Letter:
    """A message on its way to one endpoint. `kept` says whether the store knows that it waits."""

    position: int
    id: str
    room: str
    created: Ms
    body: bytes
    tries: int = 0
    next_at: Ms = 0
    kept: bool = False
    asked: int = 0
    since: Ms = 0


@dataclass(slots=True)
class Done:
    """What came of a line since it was asked last."""

    attempts: list[Attempt]
    undelivered: list[Delivery]
    done: list[tuple[str, int, int]]
    standing: EndpointProgress


@dataclass(frozen=True, slots=True)
class Means:
    """What a line is given: how to post, the time (ms), chance from [0, 1), and whom to tell of each try."""

    post: Callable[[Endpoint, Letter], Awaitable[DeliveryResult]]
    now: Callable[[], Ms]
    chance: Callable[[], float]
    tell: Callable[[Endpoint, Letter, DeliveryResult, Next], None]
    pace: Pace | None = None


class Line:
    """What is on its way to an endpoint. Lives in one event loop.

    `taken` is the position up to which the outbox was taken up, `waits_after` that up to which it was taken up what
    the store has waiting; None once that is all of it.
    """

    def __init__(self, endpoint: Endpoint, means: Means) -> None:
        self.endpoint = endpoint
        self.taken = endpoint.position
        self.waits_after: int | None = 0
        self.closing = False
        self._kept_up_to = endpoint.position
        self._means = means
        self._standing = Standing(endpoint.state, endpoint.failed_count)
        self._letters: dict[int, Letter] = {}
        self._ahead: set[int] = set()
        self._rooms: dict[str, deque[Letter]] = {}
        self._due: list[tuple[Ms, int, str]] = []
        self._trying: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._attempts: list[Attempt] = []
        self._undelivered: dict[int, Delivery] = {}
        self._done: dict[int, int] = {}
        self._pushed: Ms | None = None
        self._dirty = False

    @property
    def failed(self) -> bool:
        return self._standing.state is State.FAILED

    @property
    def idle(self) -> bool:
        """Nothing is being tried."""
        return not self._trying

    @property
    def trying(self) -> list[asyncio.Task[None]]:
        """What is being tried."""
        return list(self._trying)

    @property
    def space(self) -> int:
        """How many messages more it may take up."""
        if self.closing or self.failed:
            return 0
        return MOST_ON_THE_WAY - max(len(self._letters), len(self._attempts))

    @property
    def waiting(self) -> int:
        return len(self._letters)

    def take(self, letters: Sequence[Letter], up_to: int) -> None:
        """Take up messages, in order; all that are the endpoint's up to a position.

        One that failed before the process died waits in the store, though the position up to which
        everything is settled is before it: so it comes twice, as what waits and out of the outbox.
        """
        now = self._means.now()
        for letter in letters:
            if letter.position in self._ahead or letter.position in self._letters:
                continue
            if letter.kept and letter.position > self.taken:
                self._ahead.add(letter.position)
            letter.since = now
            self._letters[letter.position] = letter
            room = self._rooms.get(letter.room)
            if room is None:
                self._rooms[letter.room] = deque((letter,))
                heappush(self._due, (letter.next_at, letter.position, letter.room))
            else:
                room.append(letter)
        self.taken = max(self.taken, up_to)
        self._dirty = self._dirty or self.taken > self._kept_up_to + _FAR
        self.go_on()

    def go_on(self) -> None:
        """Start what is due, and see to it that the rest is started in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.closing or self.failed:
            return
        now = self._means.now()
        while self._due and len(self._trying) < AT_ONCE:
            at, _, room = self._due[0]
            if now < at <= now + LONGEST_WAIT:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later((at - now) / 1_000 + 0.001, self.go_on)
                return
            heappop(self._due)
            task = asyncio.ensure_future(self._try(self._rooms[room][0]))
            self._trying.add(task)
            task.add_done_callback(self._tried)

    def close(self) -> None:
        """Start nothing more. What is being tried is waited for."""
        self.closing = True
        self.go_on()

    def abandon(self) -> list[asyncio.Task[None]]:
        """End what is being tried; whether it arrived is not known."""
        for task in self._trying:
            task.cancel()
        return list(self._trying)

    def take_done(self) -> Done | None:
        """What is to be kept since the last time, if it is anything. It must be kept, or given back by `give_back`."""
        whole = (self.closing or self.failed) and self.idle
        if not (self._dirty or (whole and any(not letter.kept for letter in self._letters.values()))):
            return None
        position = self._kept_up_to = self._settled(whole)
        for letter in self._letters.values():
            if letter.position <= position and not letter.kept:
                self._undelivered[letter.position] = self._waits(letter)
                letter.kept = True
        standing = EndpointProgress(
            self.endpoint.uuid, self.endpoint.version, position, self._pushed,
            self._standing.state, self._standing.failed_count,
        )  # fmt: skip
        done = [(self.endpoint.uuid, *one) for one in self._done.items()]
        taken = Done(self._attempts, list(self._undelivered.values()), done, standing)
        self._attempts, self._undelivered, self._done, self._dirty = [], {}, {}, False
        return taken

    def give_back(self, taken: Done) -> None:
        """It could not be kept: it is to be kept the next time."""
        self._attempts = taken.attempts + self._attempts
        newer = self._undelivered.keys() | self._done.keys()
        for delivery in taken.undelivered:
            if delivery.position not in newer:
                self._undelivered[delivery.position] = delivery
        self._done |= {position: asked for _, position, asked in taken.done if position not in newer}
        self._dirty = True

    def _settled(self, whole: bool) -> int:  # noqa: FBT001 - of this class alone
        """The position up to which everything was delivered or has a row, or is given one now.

        What has just been taken up is delivered in a moment, and would have its row for nothing: the position stays
        before it. What takes longer gets one, so that not much is sent again if the process dies.
        """
        if whole:
            return self.taken
        fresh = self._means.now() - _FRESH_MS
        moving = (
            letter.position
            for letter in self._letters.values()
            if not letter.kept and letter.since > fresh and self._rooms[letter.room][0].tries == 0
        )
        return min(moving, default=self.taken + 1) - 1

    def _waits(self, letter: Letter) -> Delivery:
        endpoint = self.endpoint
        return Delivery(
            endpoint.uuid, endpoint.domain, letter.position, letter.room, letter.tries, letter.next_at,
            generation=letter.asked,
        )  # fmt: skip

    async def _try(self, letter: Letter) -> None:
        endpoint, means = self.endpoint, self._means
        began = means.now()
        answered = await means.post(endpoint, letter)
        delivered = answered.good
        letter.tries += 1
        now = means.now()
        verdict = after(
            delivered, self._standing, endpoint.retry_type, letter.tries, now, means.chance(), means.pace
        )
        self._standing = verdict.standing
        self._pushed = began
        self._dirty = True
        self._attempts.append(_attempt(endpoint, letter, began, answered))
        self._settle(letter, verdict.next, verdict.at, _reason(letter.tries, answered))
        means.tell(endpoint, letter, answered, verdict.next)

    def _settle(self, letter: Letter, next_: Next, at: Ms, reason: str) -> None:
        """What becomes of a message, and whose turn it is in its room."""
        room = self._rooms[letter.room]
        if next_ is Next.AGAIN:
            letter.next_at = at
            letter.kept = True
            self._undelivered[letter.position] = self._waits(letter)._replace(reason=reason)
        else:
            room.popleft()
            del self._letters[letter.position]
            self._undelivered.pop(letter.position, None)
            if next_ is Next.PARKED:
                self._undelivered[letter.position] = self._waits(letter)._replace(failed=1, reason=reason)
            elif letter.kept:
                self._done[letter.position] = letter.asked
        if room:
            heappush(self._due, (room[0].next_at, room[0].position, letter.room))
        else:
            del self._rooms[letter.room]

    def _tried(self, task: asyncio.Task[None]) -> None:
        self._trying.discard(task)
        if not task.cancelled():
            task.result()
        self.go_on()


def _attempt(endpoint: Endpoint, letter: Letter, began: Ms, answered: DeliveryResult) -> Attempt:
    return Attempt(
        endpoint.uuid, endpoint.domain, letter.position, letter.id, began, int(answered.good), answered.status,
        answered.latency_ms, answered.text, answered.error,
    )  # fmt: skip


def _reason(tries: int, answered: DeliveryResult) -> str:
    times = "once" if tries == 1 else f"{tries} times"
    return f"tried {times}: {answered.error or f'answered {answered.status}'}"

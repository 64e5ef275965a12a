"""Polling: asks the servers of all sources that poll who is in, now and again, and takes what that adds.

Only the process that leads the engine asks. Each source is asked in a task of its own, so that one that
is slow delays no other. What goes wrong with one poll is counted and told, and changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import structlog

from headcount.errors import BadInput
from headcount.ingest.normalize import Terms, take_inferred
from headcount.ingest.polling.known_presence import known
from headcount.ingest.polling.reconcile import Memory, Reconciled, reconcile
from headcount.ingest.source_config import Asking, Configured, configured
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.limits import Limits, length_problem, require_events
from headcount.sources.polls.api import (
    CredentialsRejected,
    Poll,
    PollContext,
    PollFailed,
    PollResult,
    PresentParticipant,
)
from headcount.store.database import StoreError
from headcount.store.open import Store
from headcount.store.records import AppendResult, LogEntry
from headcount.store.sources import SourceRow

_LOOK_S: Final = 1.0
"""So often is looked whether this process leads, and which sources there are."""

log = structlog.get_logger("headcount.polling")


class Ask(Protocol):
    """Who is in, by the server at `url`. Raises `PollFailed`."""

    async def __call__(self, poll: Poll, url: str, access: PollContext) -> PollResult: ...


class Tell(Protocol):
    """Counts what befell a source."""

    def __call__(
        self, row: SourceRow, what: str, now: Ms, number: int = 1, told: str | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What polling works with. `delay` gives how many seconds to wait before the first poll of a source."""

    store: Store
    ask: Ask
    append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
    took: Callable[[AppendResult], None]
    tell: Tell
    leads: Callable[[], bool]
    now: Callable[[], Ms]
    chance: Callable[[], str]
    delay: Callable[[], float]
    limits: Limits
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Looked(NamedTuple):
    """Who is in and counts, when that was asked for, how many are in who do not count, and the rooms that are unclear."""

    started: Ms
    present: list[PresentParticipant]
    others: int
    unclear: frozenset[str] = frozenset()

    @property
    def rooms(self) -> set[str]:
        """All that the server spoke of."""
        return {one.room for one in self.present} | self.unclear


def rooms_in_use(store: Store, inlet: Configured) -> set[str]:
    """The rooms of a source in which somebody is, as its server calls them."""
    row, prefix = inlet.row, inlet.terms.prefix
    inside = {room for room, _ in store.presence.open_joins(row.domain, row.token)}
    return {room.removeprefix(prefix) for room in inside if room.startswith(prefix)}


async def look(
    inlet: Configured, ask: Ask, now: Callable[[], Ms], chance: Callable[[], str], limits: Limits,
    rooms: Collection[str] = (),
) -> Looked:  # fmt: skip
    """Ask one server. `rooms` are those in which somebody is, as it calls them.

    Raises `PollFailed`, and `BadInput` if the server lists more participants than are accepted at once.
    """
    assert inlet.asking is not None
    started = now()
    listed = await _by_any_key(inlet.asking, ask, PollContext("", started, active_rooms=rooms), chance)
    require_events(len(listed.participants), limits)
    length, prefix = limits.name_length, inlet.terms.prefix
    usable = [
        one for one in (_here(one, inlet.terms) for one in listed.participants) if _is_usable(one, length)
    ]
    present = [one for one in usable if one.role in inlet.terms.counted]
    unclear = frozenset(
        prefix + room for room in listed.unclear_rooms if room and _is_name(prefix + room, length)
    )
    return Looked(started, present, len(usable) - len(present), unclear)


async def _by_any_key(asking: Asking, ask: Ask, access: PollContext, chance: Callable[[], str]) -> PollResult:
    *others, last = (access._replace(secret=key, nonce=chance()) for key in asking.keys)
    for one in others:
        with suppress(CredentialsRejected):
            return await ask(asking.poll, asking.url, one)
    return await ask(asking.poll, asking.url, last)


def _here(one: PresentParticipant, terms: Terms) -> PresentParticipant:
    return one._replace(room=terms.prefix + one.room) if terms.prefix and one.room else one


def _is_usable(one: PresentParticipant, length: int) -> bool:
    """What no event may be called is in no list of ours, and must not spoil it for the others."""
    others = (one.user_id or "-", one.source_session or "-")
    return all(_is_name(text, length) for text in (one.room, one.participant_id, *others))


def _is_name(text: str, length: int) -> bool:
    return bool(text) and NUL not in text and length_problem(text, length) is None


def compare(
    store: Store, inlet: Configured, looked: Looked, memory: Memory, also: Sequence[str] = ()
) -> Reconciled:
    """What a list adds to what the store knows. `also` are rooms that it is about, besides those kept."""
    row, present = inlet.row, looked.present
    there = known(store.presence, row.domain, row.token, present, looked.started, also)
    return reconcile(present, there, memory, looked.started, looked.unclear)


class Poller:
    """Asks one source, again and again."""

    def __init__(self, inlet: Configured, tools: Tools) -> None:
        assert inlet.asking is not None
        self.row = inlet.row
        self._every_s = inlet.asking.every_s
        self._inlet = inlet
        self._tools = tools
        self._memory = Memory()
        self._rooms: set[str] = set()

    async def run(self) -> None:
        """Ask until cancelled, the first time at once."""
        tools = self._tools
        await tools.sleep(tools.delay())
        while True:
            began = tools.now()
            await self.once()
            spent_s = max(0, tools.now() - began) / 1_000  # the clock may be set right meanwhile
            await tools.sleep(max(0.1, self._every_s - spent_s))

    async def once(self) -> None:
        """One poll. Nothing that goes wrong comes out of it."""
        try:
            tools = self._tools
            rooms = await asyncio.to_thread(rooms_in_use, tools.store, self._inlet)
            looked = await look(self._inlet, tools.ask, tools.now, tools.chance, tools.limits, rooms)
            if tools.leads():
                await self._take(looked)
        except (PollFailed, BadInput) as error:
            self._tools.tell(self.row, "poll_failed", self._tools.now(), told=str(error))
            log.warning("a poll failed", source=self.row.name, kind=self.row.kind, reason=str(error))
        except StoreError as error:
            log.warning("what a poll says could not be kept", source=self.row.name, reason=str(error))
        except Exception:
            self._tools.tell(
                self.row, "poll_failed", self._tools.now(), told="a mistake of ours: see the log"
            )
            log.exception("a poll failed by a mistake of ours", source=self.row.name)

    async def _take(self, looked: Looked) -> None:
        tools, row = self._tools, self.row
        new = looked.rooms - self._rooms
        if new:
            await asyncio.to_thread(tools.store.presence.add_rooms, row.token, new)
            self._rooms |= new
        found = await asyncio.to_thread(compare, tools.store, self._inlet, looked, self._memory)
        entries = take_inferred([*found.joins, *found.leaves], self._inlet.terms, tools.now(), tools.limits)
        if entries:
            tools.took(await tools.append(entries))
        self._memory = found.memory
        now = tools.now()
        tools.tell(row, "polls", now, told=told_of(looked))
        tools.tell(row, "healed_joins", now, len(found.joins))
        tools.tell(row, "healed_leaves", now, len(found.leaves))


class Polling:
    """Runs a poller for each source that polls, while this process leads."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._running: dict[str, tuple[SourceRow, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._adjust(await self._wanted())
                await self._tools.sleep(_LOOK_S)
        finally:
            self._adjust([])

    async def _wanted(self) -> Sequence[SourceRow]:
        if not self._tools.leads():
            return []
        try:
            rows = await asyncio.to_thread(self._tools.store.sources.all)
        except StoreError:
            return [row for row, _ in self._running.values()]
        return [row for row in rows if "poll" in row.options]

    def _adjust(self, wanted: Sequence[SourceRow]) -> None:
        """Start what is to run, and end what is not; a source that was changed begins anew."""
        for row, task in list(self._running.values()):
            if row not in wanted:
                task.cancel()
                del self._running[row.token]
        for row in wanted:
            if row.token not in self._running:
                with suppress(BadInput):  # what cannot be polled was refused when it was set up
                    poller = Poller(configured(row), self._tools)
                    self._running[row.token] = (row, asyncio.create_task(poller.run()))


def told_of(looked: Looked) -> str:
    """How many are in how many rooms, in words."""
    people, rooms = len(looked.present), len({one.room for one in looked.present})
    others = f", and {looked.others:,} who do not count" if looked.others else ""
    unclear = f"; {_rooms(len(looked.unclear))} of which nobody is named" if looked.unclear else ""
    return f"{people:,} in {_rooms(rooms)}{others}{unclear}"


def _rooms(number: int) -> str:
    return f"{number:,} room{'' if number == 1 else 's'}"

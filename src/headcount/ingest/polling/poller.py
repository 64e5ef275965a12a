"""Poller: polls the servers of all sources with polling at their interval, and appends what each list adds.

Responsible for which sources are polled and when, and for counting results. Must not know vendors or HTTP. Only the process
that leads the engine polls. Each source has its own task, so that a slow server delays no other. A poll that fails is
counted and changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import structlog

from headcount.errors import BadInput
from headcount.ingest.normalize import SourcePolicy, inferred_entries, with_kind
from headcount.ingest.polling.known_presence import known_presence
from headcount.ingest.polling.reconcile import PollMemory, Reconciled, reconcile
from headcount.ingest.source_config import ConfiguredSource, PollConfig, configure
from headcount.ingest.source_stats import SourceStats
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.limits import Limits, length_problem, require_events
from headcount.sources.attribute_map import values_in, with_mapped
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

_REFRESH_S: Final = 1.0
"""How often leadership and the list of sources are checked."""
_MIN_PAUSE_S: Final = 0.1

log = structlog.get_logger("headcount.polling")


class SendPoll(Protocol):
    """A function that polls the server at `url`. Raises `PollFailed`."""

    async def __call__(self, poll: Poll, url: str, context: PollContext) -> PollResult: ...


@dataclass(frozen=True, slots=True)
class PollerDependencies:
    """What polling needs. `initial_delay_s` returns how long to wait before the first poll of a source."""

    store: Store
    send: SendPoll
    append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
    count_events: Callable[[AppendResult], None]
    stats: SourceStats
    is_leader: Callable[[], bool]
    now: Callable[[], Ms]
    new_nonce: Callable[[], str]
    initial_delay_s: Callable[[], float]
    limits: Limits
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Observation(NamedTuple):
    """A polled list: when it was requested, the participants who count, the number of others, and the unclear rooms.

    `problems` describes entries that could not be read. `digest` is that of the responses.
    """

    requested_at: Ms
    participants: list[PresentParticipant]
    excluded: int
    unclear_rooms: frozenset[str] = frozenset()
    problems: Sequence[str] = ()
    digest: bytes | None = None

    @property
    def rooms(self) -> set[str]:
        """All rooms that the server mentions."""
        return {one.room for one in self.participants} | self.unclear_rooms


def active_rooms(store: Store, source: ConfiguredSource) -> set[str]:
    """Return the rooms of a source with participants, by the names that its server uses."""
    row, prefix = source.row, source.policy.room_prefix
    rooms = {room for room, _ in store.presence.open_joins(row.domain, row.token)}
    return {room.removeprefix(prefix) for room in rooms if room.startswith(prefix)}


async def observe(
    source: ConfiguredSource, send: SendPoll, now: Callable[[], Ms], new_nonce: Callable[[], str], limits: Limits,
    rooms: Collection[str] = (),
) -> Observation:  # fmt: skip
    """Poll one server. `rooms` are those with participants, by the names that the server uses.

    Raise `PollFailed`, and `BadInput` if the server lists more participants than are accepted at once.
    """
    assert source.polling is not None
    requested_at = now()
    context = PollContext("", requested_at, active_rooms=rooms)
    result = await _poll_with_any_key(source.polling, send, context, new_nonce)
    require_events(len(result.participants), limits)
    max_length, prefix = limits.name_length, source.policy.room_prefix
    renamed = [_with_known_ids(_with_prefix(one, source.policy), max_length) for one in result.participants]
    valid = [one for one in renamed if _has_valid_names(one, max_length)]
    counted = [_with_attributes(one, source) for one in valid if one.role in source.policy.counted_roles]
    unclear = frozenset(
        prefix + room for room in result.unclear_rooms if room and _is_valid_name(prefix + room, max_length)
    )
    return Observation(
        requested_at, counted, len(valid) - len(counted), unclear, result.problems, result.digest
    )


async def _poll_with_any_key(
    polling: PollConfig, send: SendPoll, context: PollContext, new_nonce: Callable[[], str]
) -> PollResult:
    *others, last = (context._replace(secret=key, nonce=new_nonce()) for key in polling.keys)
    for attempt in others:
        with suppress(CredentialsRejected):
            return await send(polling.poll, polling.url, attempt)
    return await send(polling.poll, polling.url, last)


def _with_prefix(participant: PresentParticipant, policy: SourcePolicy) -> PresentParticipant:
    if not (policy.room_prefix and participant.room):
        return participant
    return participant._replace(room=policy.room_prefix + participant.room)


def _with_attributes(participant: PresentParticipant, source: ConfiguredSource) -> PresentParticipant:
    """Return the participant with mapped attributes and the kind that the role states, and without the entry of the list."""
    attributes, mapped = participant.attributes, source.source.attributes
    if mapped:
        attributes = with_mapped(attributes, values_in(participant.item, mapped))
    attributes = with_kind(attributes, participant.role, source.policy.mapped)
    return participant._replace(attributes=attributes, item=None)


def _has_valid_names(participant: PresentParticipant, max_length: int) -> bool:
    """Return whether events may have these names. A participant with others must not spoil the list."""
    return all(_is_valid_name(name, max_length) for name in (participant.room, participant.participant_id))


def _with_known_ids(participant: PresentParticipant, max_length: int) -> PresentParticipant:
    """Return the participant without optional ids that events must not have, as a webhook is read."""
    user_id, session = participant.user_id, participant.source_session
    return participant._replace(
        user_id=user_id if user_id and _is_valid_name(user_id, max_length) else None,
        source_session=session if session and _is_valid_name(session, max_length) else None,
    )


def _is_valid_name(name: str, max_length: int) -> bool:
    return bool(name) and NUL not in name and length_problem(name, max_length) is None


def compare(
    store: Store,
    source: ConfiguredSource,
    observed: Observation,
    memory: PollMemory,
    other_rooms: Sequence[str] = (),
) -> Reconciled:
    """Return what a list adds to the store. `other_rooms` are compared besides the rooms of the source.

    Participants are compared by the ids under which they are stored.
    """
    row, stored_id = source.row, store.minimal.participant
    listed = [
        one._replace(participant_id=stored_id(row.domain, one.room, one.participant_id))
        for one in observed.participants
    ]
    known = known_presence(store.presence, row.domain, row.token, listed, observed.requested_at, other_rooms)
    return reconcile(listed, known, memory, observed.requested_at, observed.unclear_rooms)


class SourcePoller:
    """Polls one source at its interval."""

    def __init__(self, source: ConfiguredSource, parts: PollerDependencies) -> None:
        assert source.polling is not None
        self._row = source.row
        self._interval_s = source.polling.interval_s
        self._source = source
        self._parts = parts
        self._memory = PollMemory()
        self._listed_at: Ms | None = None
        self._rooms: set[str] = set()

    async def run(self) -> None:
        """Poll until cancelled."""
        parts = self._parts
        await parts.sleep(parts.initial_delay_s())
        while True:
            started = parts.now()
            await self.poll_once()
            spent_s = max(0, parts.now() - started) / 1_000  # the clock may be set meanwhile
            await parts.sleep(max(_MIN_PAUSE_S, self._interval_s - spent_s))

    async def poll_once(self) -> None:
        """Poll once. Never raise: errors are counted and logged."""
        parts, row = self._parts, self._row
        try:
            rooms = await asyncio.to_thread(active_rooms, parts.store, self._source)
            observed = await observe(
                self._source, parts.send, parts.now, parts.new_nonce, parts.limits, rooms
            )
            if parts.is_leader():
                await self._append_changes(observed)
        except (PollFailed, BadInput) as error:
            reason = parts.store.sources.reason(row.domain, str(error))
            parts.stats.add(row, "failed_polls", parts.now(), message=reason)
            log.warning("poll failed", source=row.name, kind=row.kind, reason=reason)
        except StoreError as error:
            log.warning("result of a poll was not stored", source=row.name, reason=str(error))
        except Exception:
            parts.stats.add(row, "failed_polls", parts.now(), message="internal error: see the log")
            log.exception("poll failed by an internal error", source=row.name)

    async def _append_changes(self, observed: Observation) -> None:
        parts, row = self._parts, self._row
        new_rooms = observed.rooms - self._rooms
        if new_rooms:
            await asyncio.to_thread(parts.store.presence.add_rooms, row.token, new_rooms)
            self._rooms |= new_rooms
        changes = await asyncio.to_thread(compare, parts.store, self._source, observed, self._memory)
        events = [*changes.joins, *changes.leaves]
        entries = inferred_entries(events, self._source.policy, parts.now(), parts.limits, observed.digest)
        if entries:
            parts.count_events(await parts.append(entries))
        self._memory = changes.memory
        self._record_complete(observed)
        now = parts.now()
        reason = parts.store.sources.reason
        parts.stats.add(row, "polls", now, message=reason(row.domain, summarize(observed)))
        if observed.problems:
            reasons = [reason(row.domain, problem) for problem in observed.problems[:3]]
            log.warning("poll skipped entries", source=row.name, kind=row.kind, reasons=reasons)
        parts.stats.add(row, "inferred_joins", now, len(changes.joins))
        parts.stats.add(row, "inferred_leaves", now, len(changes.leaves))

    def _record_complete(self, observed: Observation) -> None:
        """Record that two lists in a row, without unclear rooms, are complete up to the first: see `reconcile`."""
        is_clear = not observed.unclear_rooms and not observed.problems
        if is_clear and self._listed_at is not None:
            self._parts.stats.record_poll(self._row.token, self._listed_at)
        self._listed_at = observed.requested_at if is_clear else None


class Poller:
    """Runs a `SourcePoller` for each source with polling while this process leads."""

    def __init__(self, parts: PollerDependencies) -> None:
        self._parts = parts
        self._running: dict[str, tuple[SourceRow, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                self._adjust(await self._polled_sources())
                await self._parts.sleep(_REFRESH_S)
        finally:
            self._adjust([])

    async def _polled_sources(self) -> Sequence[SourceRow]:
        if not self._parts.is_leader():
            return []
        try:
            rows = await asyncio.to_thread(self._parts.store.sources.all)
        except StoreError:
            return [row for row, _ in self._running.values()]
        return [row for row in rows if "poll" in row.options]

    def _adjust(self, rows: Sequence[SourceRow]) -> None:
        """Start and cancel tasks; a source that was updated starts again."""
        for row, task in list(self._running.values()):
            if row not in rows:
                task.cancel()
                del self._running[row.token]
        for row in rows:
            if row.token not in self._running:
                with suppress(BadInput):  # a source that cannot be polled was refused when it was configured
                    poller = SourcePoller(configure(row), self._parts)
                    self._running[row.token] = (row, asyncio.create_task(poller.run()))


def summarize(observed: Observation) -> str:
    """Return the numbers of participants and rooms in words."""
    people, rooms = len(observed.participants), len({one.room for one in observed.participants})
    excluded = f", and {observed.excluded:,} excluded" if observed.excluded else ""
    unclear_rooms = _rooms(len(observed.unclear_rooms))
    unclear = f"; {unclear_rooms} without a list of participants" if observed.unclear_rooms else ""
    problems = len(observed.problems)
    skipped = f"; {problems:,} could not be read: {observed.problems[0]}" if problems else ""
    return f"{people:,} in {_rooms(rooms)}{excluded}{unclear}{skipped}"


def _rooms(number: int) -> str:
    return f"{number:,} room{'' if number == 1 else 's'}"

"""Health checks: the one place that decides what is unhealthy, with all thresholds.

Responsible for reading the state of a store and for turning state into findings. `headcount doctor`, the Health page
and `/readyz` show the same findings. Must not know how a finding is worded or who may see it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from headcount.clock import SMALL_JUMP_MS
from headcount.engine.engine import EngineStats
from headcount.kernel.events import Ms
from headcount.sources.registry import POLL_ONLY_SOURCES
from headcount.store.open import Store
from headcount.store.outbox import PAGE_SIZE
from headcount.store.records import DeferredRoom
from headcount.store.shard_sink import QUERY_TIMEOUT_MS, Progress
from headcount.store.sources import SourceRow, SourceStat
from headcount.store.webhooks import DeliveryState, Endpoint, EndpointStatus

MAX_PENDING_COUNTED: Final = PAGE_SIZE
"""Messages that the dispatcher has not read yet are counted up to this number for each endpoint."""
_RECENT_MS: Final[Ms] = 86_400_000
"""A rejected or malformed request, or a wrong clock, is a problem for this long. So is silence, from this length on."""
_FIRST_REQUEST_WITHIN_MS: Final[Ms] = 3_600_000
_MAX_CLOCK_AHEAD_MS: Final[Ms] = SMALL_JUMP_MS
_MIN_OUT_OF_SEQUENCE: Final = 20
_MIN_OUT_OF_SEQUENCE_RATIO: Final = 0.05
_MAX_ROOMS: Final = 20
STALE_AFTER_MS: Final[Ms] = 12 * 3_600_000
"""Participants who have been present for longer may be stale: their leave event may have been lost."""
_MAX_STALE: Final = 1_000


class Problem(StrEnum):
    """Everything that a check can find."""

    ENGINE_STOPPED = "engine_stopped"
    ENGINE_BEHIND = "engine_behind"
    DATABASE_ERRORS = "database_errors"
    CLOCK_AHEAD = "clock_ahead"
    EVENTS_OUT_OF_SEQUENCE = "events_out_of_sequence"
    ROOM_QUARANTINED = "room_quarantined"
    STAYS_POSSIBLY_STALE = "stays_possibly_stale"
    SOURCE_NEVER_SENT = "source_never_sent"
    SOURCE_SILENT = "source_silent"
    SOURCE_REFUSED = "source_refused"
    SOURCE_MALFORMED = "source_malformed"
    SOURCE_CLOCK_AHEAD = "source_clock_ahead"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_POLL_FAILED = "source_poll_failed"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_MESSAGES_FAILED = "webhook_messages_failed"


WARNINGS: Final = frozenset(
    {
        Problem.DATABASE_ERRORS, Problem.CLOCK_AHEAD, Problem.EVENTS_OUT_OF_SEQUENCE, Problem.STAYS_POSSIBLY_STALE,
        Problem.SOURCE_NEVER_SENT,
        Problem.SOURCE_SILENT, Problem.SOURCE_MALFORMED, Problem.SOURCE_CLOCK_AHEAD,
    }
)  # fmt: skip
"""Problems that do not stop events or messages now."""


class Finding(NamedTuple):
    """One problem of one subject: the name of a source, the uuid of an endpoint, or a room of `domain`; '' for the process.

    `number` is how many requests, messages, entries or events are affected. `duration_ms` is how long it has lasted,
    how long ago it was last seen, or how far a clock is ahead. `detail` is the reason as it was recorded.
    """

    problem: Problem
    domain: str = ""
    subject: str = ""
    number: int = 0
    duration_ms: Ms = 0
    detail: str = ""

    @property
    def is_error(self) -> bool:
        return self.problem not in WARNINGS


class Lag(NamedTuple):
    """Distance of the engine from the end of the log: number of entries, and the age of the oldest in seconds."""

    entries: int
    seconds: float


class ProcessStatus(NamedTuple):
    """Status of the process that serves. `engine` is None where another process runs the engine.

    `database_errors` counts batches that the database rejected.
    """

    engine_alive: bool
    lag: Lag
    engine: EngineStats | None
    database_errors: int
    duplicates: int
    commits: int
    commit_s: float
    clock_ahead_ms: Ms


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source, its counters by name, and the number of its dead letters."""

    row: SourceRow
    counters: Mapping[str, SourceStat] = field(default_factory=dict)
    dead_letters: int = 0

    @property
    def last_request(self) -> Ms | None:
        """Time of the last request whose signature was valid."""
        requests = self.counters.get("requests")
        return None if requests is None else requests.last

    @property
    def poll_failure(self) -> SourceStat | None:
        """The last poll, if it failed."""
        failed, polls = self.counters.get("failed_polls"), self.counters.get("polls")
        return failed if failed is not None and (polls is None or polls.last < failed.last) else None

    def count(self, name: str) -> int:
        counter = self.counters.get(name)
        return 0 if counter is None else counter.total


@dataclass(frozen=True, slots=True)
class EndpointState:
    """A webhook endpoint, and how many of its messages are pending and failed."""

    row: Endpoint
    pending: int
    failed: int


class StoreState(NamedTuple):
    """State of a store, or of one domain of it. `active_domains` are those in which meetings are ongoing.

    `stale` has domain, room and join of the stays that are possibly stale, the oldest first, up to a limit.
    """

    sources: Sequence[SourceState]
    endpoints: Sequence[EndpointState]
    quarantined: Sequence[DeferredRoom]
    active_domains: frozenset[str]
    stale: Sequence[tuple[str, str, Ms]] = ()


def read_state(
    store: Store, now: Ms, domain: str | None = None, unsaved: Iterable[SourceStat] = ()
) -> StoreState:
    """Return the state of one domain, or of all. `unsaved` are counters of sources that are not in the store yet."""
    sources = [row for row in store.sources.all() if domain in (None, row.domain)]
    counters, dead_letters = store.sources.stats(), store.sources.count_dead_letters()
    for counter in unsaved:
        saved = counters.setdefault(counter.token, {})
        saved[counter.metric] = _added(saved.get(counter.metric), counter)
    return StoreState(
        [SourceState(row, counters.get(row.token, {}), dead_letters.get(row.token, 0)) for row in sources],
        endpoint_states(store, store.endpoints.all(domain)),
        _quarantined_rooms(store, domain),
        frozenset(name for name in {row.domain for row in sources} if store.meetings.ongoing_ids(name)),
        store.presence.joined_before(now - STALE_AFTER_MS, domain, _MAX_STALE),
    )


def endpoint_states(store: Store, rows: Sequence[Endpoint]) -> list[EndpointState]:
    """Return these endpoints with the numbers of their pending and failed messages."""
    counts = store.deliveries.counts() if rows else {}
    return [
        EndpointState(
            row,
            counts.get((row.uuid, DeliveryState.PENDING), 0)
            + store.messages.count_after(row.position, row.domain, row.event_types, MAX_PENDING_COUNTED),
            counts.get((row.uuid, DeliveryState.FAILED), 0),
        )
        for row in rows
    ]


def measure_lag(store: Store, cursor: int, now: Ms) -> Lag:
    """Return how far the engine, which has processed the log up to `cursor`, is behind."""
    end, _ = store.log.end()
    if end <= cursor:
        return Lag(0, 0.0)
    oldest = store.log.after(cursor, 1)
    age_ms = now - oldest[0].received if oldest else 0
    return Lag(end - cursor, max(0.0, age_ms / 1_000))


def query_lag(progress: Progress, now: Ms) -> Lag:
    """Return how far the live query of a cluster is behind its topic."""
    if not progress.behind:
        return Lag(0, 0.0)
    return Lag(progress.behind, max(0.0, (now - progress.processed_until) / 1_000))


def query_runs(progress: Progress, now: Ms) -> bool:
    """Return whether the live query of a cluster has reported recently. It reports every second, also without events."""
    return now - progress.reported < QUERY_TIMEOUT_MS


def check_store(state: StoreState, now: Ms) -> list[Finding]:
    """Return all findings about rooms, sources and endpoints."""
    return [
        *check_rooms(state.quarantined),
        *check_stays(state.stale, now),
        *(
            finding
            for source in state.sources
            for finding in check_source(source, now, is_active=source.row.domain in state.active_domains)
        ),
        *(finding for endpoint in state.endpoints for finding in check_endpoint(endpoint)),
    ]


def check_engine(lag: Lag, max_lag_s: float, *, is_alive: bool = True) -> Iterator[Finding]:
    """Find an engine that has stopped, or is too far behind the log."""
    if not is_alive:
        yield Finding(Problem.ENGINE_STOPPED)
    elif lag.seconds > max_lag_s:
        yield Finding(Problem.ENGINE_BEHIND, number=lag.entries, duration_ms=round(lag.seconds * 1_000))


def check_process(status: ProcessStatus, max_lag_s: float) -> Iterator[Finding]:
    """Find what is wrong with the process that serves, its engine and its clock."""
    yield from check_engine(status.lag, max_lag_s, is_alive=status.engine_alive)
    if status.database_errors:
        yield Finding(Problem.DATABASE_ERRORS, number=status.database_errors)
    if status.clock_ahead_ms > _MAX_CLOCK_AHEAD_MS:
        yield Finding(Problem.CLOCK_AHEAD, duration_ms=status.clock_ahead_ms)
    engine = status.engine
    if engine is not None:
        out_of_sequence = engine.orphan_leaves + engine.duplicate_joins
        if out_of_sequence > max(_MIN_OUT_OF_SEQUENCE, _MIN_OUT_OF_SEQUENCE_RATIO * engine.entries):
            yield Finding(Problem.EVENTS_OUT_OF_SEQUENCE, number=out_of_sequence, detail=str(engine.entries))


def check_rooms(quarantined: Iterable[DeferredRoom]) -> Iterator[Finding]:
    """Find rooms whose events could not be processed."""
    for row in quarantined:
        yield Finding(Problem.ROOM_QUARANTINED, row.domain, row.room, row.attempts, detail=row.reason or "")


def check_stays(stale: Sequence[tuple[str, str, Ms]], now: Ms) -> Iterator[Finding]:
    """Find participants who are present for implausibly long. The finding is about the room of the oldest stay."""
    if stale:
        domain, room, join = stale[0]
        yield Finding(Problem.STAYS_POSSIBLY_STALE, domain, room, len(stale), now - join)


def check_source(source: SourceState, now: Ms, *, is_active: bool) -> Iterator[Finding]:
    """Find what is wrong with a source. `is_active`: meetings are ongoing in its domain, so it should send."""
    row, last = source.row, source.last_request
    subject = row.domain, row.name
    if last is None and _should_have_sent(source, now):
        yield Finding(Problem.SOURCE_NEVER_SENT, *subject, duration_ms=now - row.created)
    if is_active and last is not None and now - last > _RECENT_MS:
        yield Finding(Problem.SOURCE_SILENT, *subject, duration_ms=now - last)
    for counter, problem in _RECENT_PROBLEMS.items():
        seen = source.counters.get(counter)
        if seen is not None and now - seen.last < _RECENT_MS:
            yield Finding(problem, *subject, seen.total, now - seen.last, seen.detail or "")
    if source.dead_letters:
        yield Finding(Problem.SOURCE_UNREADABLE, *subject, source.dead_letters)
    failure = source.poll_failure
    if failure is not None:
        yield Finding(
            Problem.SOURCE_POLL_FAILED, *subject, failure.total, now - failure.last, failure.detail or ""
        )


def check_endpoint(endpoint: EndpointState) -> Iterator[Finding]:
    """Find what is wrong with a webhook endpoint."""
    row = endpoint.row
    if row.state is EndpointStatus.FAILED:
        yield Finding(Problem.WEBHOOK_DISABLED, row.domain, row.uuid, endpoint.pending)
    if endpoint.failed:
        yield Finding(Problem.WEBHOOK_MESSAGES_FAILED, row.domain, row.uuid, endpoint.failed)


_RECENT_PROBLEMS: Final = {
    "rejected": Problem.SOURCE_REFUSED,
    "malformed": Problem.SOURCE_MALFORMED,
    "clock_ahead": Problem.SOURCE_CLOCK_AHEAD,
}


def _quarantined_rooms(store: Store, domain: str | None) -> list[DeferredRoom]:
    if domain is not None:
        return store.meetings.quarantined_rooms(domain, _MAX_ROOMS)
    return [row for row in store.projections.deferred_rooms() if row.reason is not None][:_MAX_ROOMS]


def _should_have_sent(source: SourceState, now: Ms) -> bool:
    """Return whether a source that sends webhooks, and is not polled, has had an hour for its first request."""
    row = source.row
    is_polled = row.kind in POLL_ONLY_SOURCES or "polls" in source.counters
    return not is_polled and now - row.created > _FIRST_REQUEST_WITHIN_MS


def _added(known: SourceStat | None, unsaved: SourceStat) -> SourceStat:
    if known is None:
        return unsaved
    return unsaved._replace(total=known.total + unsaved.total, detail=unsaved.detail or known.detail)

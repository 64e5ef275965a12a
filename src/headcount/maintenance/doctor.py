"""Diagnosis of an installation: `headcount doctor`.

Responsible for the checks that need the machine (settings, disk, file access, damage, clock, keys), and for the wording of
all findings on a terminal. Must not decide what is unhealthy in the store: `health` does.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.maintenance.completeness import read_completeness
from headcount.maintenance.health import (
    EndpointState,
    Finding,
    Problem,
    SourceState,
    StoreState,
    check_endpoint,
    check_engine,
    check_rooms,
    check_source,
    check_stays,
    measure_lag,
    query_lag,
    query_runs,
    read_state,
)
from headcount.settings import Settings
from headcount.sources.registry import POLL_ONLY_SOURCES
from headcount.store.erasures import State
from headcount.store.open import Store, open_store
from headcount.store.shard_sink import Progress, ShardSink
from headcount.store.sqlite import SqliteDatabase, companions
from headcount.store.stored_secrets import count_secrets_by_key
from headcount.timestamps import format_timestamp
from headcount.units import format_duration

_MIN_FREE_BYTES: Final = 1_000_000_000
_MAX_CHECKED_FILE_BYTES: Final = 4_000_000_000
_ACCESS_OF_OTHERS: Final = 0o077
_EVERYBODY: Final = 0o007
_MAX_CLOCK_SKEW_MS: Final[Ms] = 60_000


class Line(NamedTuple):
    """One line of the report. `finding` is the problem that it reports, if a health check found it."""

    subject: str
    is_ok: bool
    text: str
    finding: Finding | None = None


def examine(settings: Settings, now: Ms) -> list[Line]:
    """Return the results of all checks that need no running server."""
    changed = [f"{name} ({origin})" for name, origin in settings.origins.items() if origin != "default"]
    lines = [Line("settings", True, f"changed: {', '.join(changed) or 'none, all are defaults'}")]
    try:
        store = open_store(
            settings["database"],
            read_only=True,
            keyring=settings.keyring(),
            erasure_list=settings["erasure_list"],
        )
    except HeadcountError as error:
        return [*lines, Line("database", False, str(error))]
    try:
        lines += _store_lines(store, settings, now)
    except HeadcountError as error:
        lines.append(Line("database", False, str(error)))
    finally:
        store.close()
    return lines


def _store_lines(store: Store, settings: Settings, now: Ms) -> Iterator[Line]:
    database = store.database
    yield Line("database", True, f"{database.url} has the schema of this release")
    if isinstance(database, SqliteDatabase):
        yield _disk(database.path)
        yield _access(database.path)
        yield _damage(database)
    yield _encryption(store, settings)
    state = read_state(store, now)
    yield _clock(store, now)
    yield _engine(store, now, settings["ready_max_lag_s"])
    yield from _rooms(state)
    yield from _stays(state, now)
    yield from _sources(state, now)
    yield from _completeness(store, settings, now)
    yield from _webhooks(store, state)
    yield _retention(store)
    yield _erasures(store)
    keys = [key for key in store.keys.all() if key.revoked is None]
    yield Line(
        "keys",
        bool(keys),
        f"{len(keys)} valid" if keys else "no API key. Create one with 'headcount key create'",
    )


def _erasures(store: Store) -> Line:
    found = store.erasures.all()
    open_ones = sum(one.state is not State.DONE for one in found)
    text = f"{len(found)} requests, {open_ones} of them not done"
    if found and store.erasure_list is None:
        return Line(
            "erasures",
            False,
            f"{text}. No list of erasures outlives the database: name a file with erasure_list, so that a restored backup"
            " erases the same people again",
        )
    return Line("erasures", True, text)


def _retention(store: Store) -> Line:
    rules, holds = len(store.retention.rules()), len(store.retention.active_holds())
    minimal = sum(one.minimal for one in store.minimal.all())
    text = f"rules: {rules}, legal holds: {holds}, domains in the data-minimal mode: {minimal}"
    if rules and ShardSink(store.database).progress() is not None:
        return Line("retention", False, f"{text}. Rules are not applied to the database of a cluster")
    return Line("retention", True, text if rules else f"{text}. Without a rule, everything stays stored")


def _disk(path: Path) -> Line:
    free = shutil.disk_usage(path.resolve().parent).free
    text = f"{free / 1e9:.1f} GB free on the disk of {path}"
    return (
        Line("disk", True, text)
        if free > _MIN_FREE_BYTES
        else Line("disk", False, f"{text}. Free some space: without it, Headcount cannot store events")
    )


def _access(path: Path) -> Line:
    files = [file for file in (path, *companions(path)) if file.stat().st_mode & _ACCESS_OF_OTHERS]
    if not files:
        return Line("access", True, "only the owner can read the database files")
    names = " ".join(str(file) for file in files)
    return Line("access", False, f"other users can read the database. Run: chmod 600 {names}")


def _encryption(store: Store, settings: Settings) -> Line:
    found = count_secrets_by_key(store.database)
    keys, plain = store.database.keyring.key_ids(), found[None]
    file = settings["encryption_key_file"]
    if not keys:
        return Line(
            "encryption",
            True,
            "no key: the secrets of sources and webhooks are in plain text in the database and in its backups."
            " 'headcount encryption generate-key' creates a key",
        )
    if file and Path(file).stat().st_mode & _EVERYBODY:
        return Line("encryption", False, f"every user can read the encryption keys. Run: chmod 600 {file}")
    if plain:
        problem = f"values in plain text: {plain:,}. Restart the server, or run 'headcount encryption rotate'"
        return Line("encryption", False, problem)
    counts = ", ".join(f"{number:,} with the key {key}" for key, number in sorted(found.items(), key=str))
    fix = ". 'headcount encryption rotate' encrypts all with the first key" if len(found) > 1 else ""
    return Line("encryption", True, f"encrypted secrets: {counts}{fix}")


def _damage(database: SqliteDatabase) -> Line:
    size = database.path.stat().st_size
    if size > _MAX_CHECKED_FILE_BYTES:
        return Line("file", True, f"{size / 1e9:.0f} GB; not checked for damage, because that takes long")
    damage = database.damage()
    if damage is None:
        return Line("file", True, "no damage found")
    return Line(
        "file",
        False,
        f"damaged ({damage}). Stop the server, move {database.path.name} and its companions ({database.path.name}-wal, -shm,"
        " -journal) to another directory, and restore a backup with 'headcount restore'",
    )


def _clock(store: Store, now: Ms) -> Line:
    _, received = store.log.end()
    if received <= now + _MAX_CLOCK_SKEW_MS:
        return Line("clock", True, "not behind the event log")
    seconds = (received - now) / 1_000
    return Line(
        "clock",
        False,
        f"the last event was received {seconds:.0f} s in the future. Set the clock of this machine. If it is correct now, it"
        " was ahead before: stop the server and run 'headcount rebuild'",
    )


def _engine(store: Store, now: Ms, max_lag_s: float) -> Line:
    progress = ShardSink(store.database).progress()
    if progress is not None:
        return _live_query(progress, now, max_lag_s)
    cursor, _ = store.projections.cursor()
    lag = measure_lag(store, cursor, now)
    text = f"{lag.entries:,} events are not processed, the oldest for {lag.seconds:.0f} s"
    for finding in check_engine(lag, max_lag_s):
        return Line("engine", False, f"{text}. Check that 'headcount serve' runs, and read its log", finding)
    if lag.entries:
        return Line("engine", True, text)
    end, received = store.log.end()
    last = f"the last of {end:,} log entries arrived {_ago(now - received)}" if end else "no events yet"
    return Line("engine", True, f"all events are processed; {last}")


def _live_query(progress: Progress, now: Ms, max_lag_s: float) -> Line:
    lag = query_lag(progress, now)
    text = f"the live query of the cluster has {lag.entries:,} unread records, and reported {_ago(now - progress.reported)}"
    for finding in check_engine(lag, max_lag_s, is_alive=query_runs(progress, now)):
        return Line(
            "engine", False, f"{text}. Check that 'headcount cluster run' runs, and read its log", finding
        )
    return Line("engine", True, text)


def _rooms(state: StoreState) -> Iterator[Line]:
    if not state.quarantined:
        yield Line("rooms", True, "no room is quarantined")
    for finding in check_rooms(state.quarantined):
        text = (
            f"the room '{finding.subject}' in domain '{finding.domain}' is quarantined, because its events could not be processed"
            f" in {finding.number} attempts: {finding.detail}. No event is lost, other rooms are not affected, and"
            " Headcount retries. Report the traceback in the log of 'headcount serve'"
        )
        yield Line("rooms", False, text, finding)


def _stays(state: StoreState, now: Ms) -> Iterator[Line]:
    if not state.stale:
        yield Line("presence", True, "no open stay is implausibly long")
    for finding in check_stays(state.stale, now):
        text = (
            f"open stays that may be stale: {finding.number:,}. The oldest began {_ago(finding.duration_ms)} in the room"
            f" '{finding.subject}' in domain '{finding.domain}'. If leave events were lost, set --stale-after, enable polling, or"
            " repeat the import with --close-open"
        )
        yield Line("presence", False, text, finding)


def _sources(state: StoreState, now: Ms) -> Iterator[Line]:
    if not state.sources:
        yield Line("sources", True, "no sources. Create one with 'headcount source create'")
    for source in state.sources:
        name = source.row.name
        is_active = source.row.domain in state.active_domains
        findings = list(check_source(source, now, is_active=is_active))
        for finding in findings:
            text = _SOURCE_TEXTS[finding.problem].format(
                name=name, n=f"{finding.number:,}", ago=_ago(finding.duration_ms), detail=finding.detail
            )
            yield Line("sources", False, f"{name}: {text}", finding)
        if not findings:
            yield Line("sources", True, f"{name}: {_source_summary(source, now)}")


def _completeness(store: Store, settings: Settings, now: Ms) -> Iterator[Line]:
    """Until when each domain with senders is complete, without what a running server has not saved yet."""
    cursor, _ = store.projections.cursor()
    grace = settings.rules().late_grace_ms
    domains = {row.domain for row in store.sources.all()} | {key.domain for key in store.keys.all()}
    for domain in sorted(domains):
        found = read_completeness(store, domain, now, cursor, grace)
        if found.senders:
            held = found.held_back_by
            reason = "" if held is None else f"; waiting for {held.vendor or 'the API key'} '{held.name}'"
            text = (
                f"events of the domain '{domain}' are complete until {format_timestamp(found.until)}{reason}"
            )
            yield Line("completeness", True, text)


_SOURCE_TEXTS: Final = {
    Problem.SOURCE_NEVER_SENT: "no request yet. Send a test event with 'headcount source test {name}'",
    Problem.SOURCE_SILENT: "no request for a day (the last one {ago}), although meetings are ongoing. Check the video server",
    Problem.SOURCE_REFUSED: "{n} requests rejected, the last one {ago}: {detail}. Change the secret with 'headcount source rotate-secret {name}'",
    Problem.SOURCE_MALFORMED: "{n} malformed requests, the last one {ago}: {detail}. Check what sends to this address",
    Problem.SOURCE_CLOCK_AHEAD: "{detail}. Set the clock of the video server, or of this machine",
    Problem.SOURCE_UNREADABLE: "{n} requests could not be parsed. 'headcount source dead-letters list' shows the reasons",
    Problem.SOURCE_POLL_FAILED: "{n} polls failed, the last one {ago}: {detail}. Try it with 'headcount source poll {name}'",
}


def _source_summary(source: SourceState, now: Ms) -> str:
    last, polls, sends = (
        source.last_request,
        source.counters.get("polls"),
        source.row.kind not in POLL_ONLY_SOURCES,
    )
    if last is not None:
        requests, events = source.count("requests"), source.count("events")
        return f"the last of {requests:,} requests arrived {_ago(now - last)}; {events:,} events"
    if polls is not None:
        return f"polled {_ago(now - polls.last)}: {polls.detail}{'; no request yet' if sends else ''}"
    if sends:
        return "no request yet. Send a test event with 'headcount source test'"
    return "not polled yet. Try it with 'headcount source poll'"


def _webhooks(store: Store, state: StoreState) -> Iterator[Line]:
    if not state.endpoints:
        yield Line("webhooks", True, "no webhook endpoints. Create one with 'headcount webhook create'")
    end = store.messages.end()
    for endpoint in state.endpoints:
        findings = list(check_endpoint(endpoint))
        for finding in findings:
            yield Line("webhooks", False, _webhook_text(finding, endpoint), finding)
        if not findings:
            row = endpoint.row
            text = f"{row.url}: {endpoint.pending:,} messages pending, position {row.position:,} of {end:,}"
            yield Line("webhooks", True, text)


def _webhook_text(finding: Finding, endpoint: EndpointState) -> str:
    row = endpoint.row
    if finding.problem is Problem.WEBHOOK_DISABLED:
        return (
            f"{row.url} is disabled after {row.failed_count} consecutive failures. Its messages are queued. Fix the receiver, then"
            f" run 'headcount webhook update {row.uuid} --enable'"
        )
    return (
        f"{row.url}: {finding.number:,} messages failed. 'headcount webhook deliveries {row.uuid} --state failed' shows the"
        f" reasons; 'headcount webhook resend {row.uuid} --failed' sends them again"
    )


def _ago(ms: Ms) -> str:
    return f"{format_duration(ms)} ago"

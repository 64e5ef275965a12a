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
    measure_lag,
    read_state,
)
from headcount.settings import Settings
from headcount.sources.registry import POLL_ONLY_SOURCES
from headcount.store.open import Store, open_store
from headcount.store.sqlite import SqliteDatabase, companions

_MIN_FREE_BYTES: Final = 1_000_000_000
_MAX_CHECKED_FILE_BYTES: Final = 4_000_000_000
_ACCESS_OF_OTHERS: Final = 0o077
_MAX_CLOCK_SKEW_MS: Final[Ms] = 60_000


class Line(NamedTuple):
    """One line of the report. `finding` is the problem that it reports, if a health check found it."""

    subject: str
    is_ok: bool
    text: str
    finding: Finding | None = None


def examine(settings: Settings, now: Ms) -> list[Line]:
    """Return the report about everything that can be checked from outside the service."""
    changed = [f"{name} by {origin}" for name, origin in settings.origins.items() if origin != "default"]
    lines = [Line("settings", True, f"set: {', '.join(changed) or 'none, all are defaults'}")]
    try:
        store = open_store(settings["database"], read_only=True)
    except HeadcountError as error:
        return [*lines, Line("store", False, str(error))]
    try:
        lines += _store_lines(store, settings, now)
    except HeadcountError as error:
        lines.append(Line("store", False, str(error)))
    finally:
        store.close()
    return lines


def _store_lines(store: Store, settings: Settings, now: Ms) -> Iterator[Line]:
    database = store.database
    yield Line("store", True, f"{database.url} is of this release")
    if isinstance(database, SqliteDatabase):
        yield _disk(database.path)
        yield _access(database.path)
        yield _damage(database)
    state = read_state(store)
    yield _clock(store, now)
    yield _engine(store, now, settings["ready_max_lag_s"])
    yield from _rooms(state)
    yield from _sources(state, now)
    yield from _webhooks(store, state)
    keys = [key for key in store.keys.all() if key.revoked is None]
    yield Line(
        "keys", bool(keys), f"{len(keys)} valid" if keys else "none: make one with 'headcount key create'"
    )


def _disk(path: Path) -> Line:
    free = shutil.disk_usage(path.resolve().parent).free
    text = f"{free / 1e9:.1f} GB free beside {path}"
    return Line("disk", True, text) if free > _MIN_FREE_BYTES else Line("disk", False, f"{text}: make room")


def _access(path: Path) -> Line:
    files = [file for file in (path, *companions(path)) if file.stat().st_mode & _ACCESS_OF_OTHERS]
    if not files:
        return Line("access", True, "only the owner of the files may read them")
    names = " ".join(str(file) for file in files)
    return Line("access", False, f"other users may read the store: chmod 600 {names}")


def _damage(database: SqliteDatabase) -> Line:
    size = database.path.stat().st_size
    if size > _MAX_CHECKED_FILE_BYTES:
        return Line("file", True, f"{size / 1e9:.0f} GB, not checked for damage: that would take long")
    damage = database.damage()
    if damage is None:
        return Line("file", True, "no damage found")
    return Line(
        "file",
        False,
        f"damaged ({damage}): stop the service, move {database.path.name} and the files {database.path.name}-wal, -shm"
        " and -journal away, all that are there, and 'headcount restore' a backup",
    )


def _clock(store: Store, now: Ms) -> Line:
    _, received = store.log.end()
    if received <= now + _MAX_CLOCK_SKEW_MS:
        return Line("clock", True, "not behind the log")
    seconds = (received - now) / 1_000
    return Line(
        "clock",
        False,
        f"the last entry was received {seconds:.0f} s in the future: set this machine's clock right. If it is"
        " right now, it was ahead before: stop the service and run 'headcount rebuild'",
    )


def _engine(store: Store, now: Ms, max_lag_s: float) -> Line:
    cursor, _ = store.projections.cursor()
    lag = measure_lag(store, cursor, now)
    text = f"{lag.entries:,} entries wait, the oldest for {lag.seconds:.0f} s"
    for finding in check_engine(lag, max_lag_s):
        return Line("engine", False, f"{text}: is 'headcount serve' running? Its log has the reason", finding)
    if lag.entries:
        return Line("engine", True, text)
    end, received = store.log.end()
    last = f"the last of {end:,} entries came {_ago(now - received)}" if end else "no event came yet"
    return Line("engine", True, f"has processed everything; {last}")


def _rooms(state: StoreState) -> Iterator[Line]:
    if not state.quarantined:
        yield Line("rooms", True, "none is quarantined")
    for finding in check_rooms(state.quarantined):
        text = (
            f"'{finding.subject}' of domain '{finding.domain}' is quarantined, because its events could not be processed,"
            f" after {finding.number} attempts: {finding.detail}. Other rooms are not affected, nothing is lost, and"
            " Headcount tries again. The log of 'headcount serve' has the traceback: report it"
        )
        yield Line("rooms", False, text, finding)


def _sources(state: StoreState, now: Ms) -> Iterator[Line]:
    if not state.sources:
        yield Line("sources", True, "none is set up; 'headcount source add' does it")
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


_SOURCE_TEXTS: Final = {
    Problem.SOURCE_NEVER_SENT: "nothing came yet; 'headcount source test {name}' tries the way in",
    Problem.SOURCE_SILENT: "nothing came for a day (the last request came {ago}), though meetings go on",
    Problem.SOURCE_REFUSED: "{n} refused, last {ago}: {detail}; 'headcount source secret {name}' changes its secret",
    Problem.SOURCE_MALFORMED: "{n} malformed, last {ago}: {detail}; what is sending there?",
    Problem.SOURCE_CLOCK_AHEAD: "{detail}: set its clock, or ours, right",
    Problem.SOURCE_UNREADABLE: "{n} deliveries could not be read: 'headcount source letters' shows why",
    Problem.SOURCE_POLL_FAILED: "{n} polls failed, last {ago}: {detail}; 'headcount source poll {name}' tries it",
}


def _source_summary(source: SourceState, now: Ms) -> str:
    last, polls, sends = (
        source.last_request,
        source.counters.get("polls"),
        source.row.kind not in POLL_ONLY_SOURCES,
    )
    if last is not None:
        requests, events = source.count("requests"), source.count("events")
        return f"the last of {requests:,} deliveries came {_ago(now - last)}; {events:,} events so far"
    if polls is not None:
        return f"polled {_ago(now - polls.last)}: {polls.detail}{'; nothing was sent yet' if sends else ''}"
    if sends:
        return "nothing came yet; 'headcount source test' tries the way in"
    return "it was not polled yet; 'headcount source poll' polls it"


def _webhooks(store: Store, state: StoreState) -> Iterator[Line]:
    if not state.endpoints:
        yield Line("webhooks", True, "none is set up; 'headcount webhook add' does it")
    end = store.messages.end()
    for endpoint in state.endpoints:
        findings = list(check_endpoint(endpoint))
        for finding in findings:
            yield Line("webhooks", False, _webhook_text(finding, endpoint), finding)
        if not findings:
            row = endpoint.row
            text = f"{row.url}: {endpoint.pending:,} wait, position {row.position:,} of {end:,}"
            yield Line("webhooks", True, text)


def _webhook_text(finding: Finding, endpoint: EndpointState) -> str:
    row = endpoint.row
    if finding.problem is Problem.WEBHOOK_DISABLED:
        return (
            f"{row.url} failed {row.failed_count} times in a row and is sent nothing more; it loses nothing:"
            f" fix the receiver, then 'headcount webhook replay {row.uuid} --revive'"
        )
    return (
        f"{row.url}: {finding.number:,} messages were given up: 'headcount webhook messages {row.uuid} --state"
        f" failed' shows why, 'headcount webhook replay {row.uuid} --failed' sends them again"
    )


def _ago(ms: Ms) -> str:
    seconds = max(0, ms) // 1_000
    return f"{seconds} s ago" if seconds < 3_600 else f"{seconds // 3_600} h ago"

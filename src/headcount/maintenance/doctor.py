"""Doctor: looks at a store and its settings, and says what is wrong and how to mend it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from headcount.clock import Clock
from headcount.errors import HeadcountError
from headcount.kernel.events import Ms
from headcount.settings import Settings
from headcount.sources.registry import POLL_ONLY_SOURCES
from headcount.store.open import Store, open_store
from headcount.store.sources import SourceStat
from headcount.store.sqlite import SqliteDatabase, companions
from headcount.store.webhooks import DeliveryState, State

_LITTLE_BYTES: Final = 1_000_000_000
_LONG_TO_READ_BYTES: Final = 4_000_000_000
_OTHERS: Final = 0o077
_SKEW_MS: Final[Ms] = 60_000


_RECENT_MS: Final[Ms] = 3_600_000
_MENDS: Final = {
    "refused": "'headcount source secret' changes its secret",
    "malformed": "what is sending there?",
}


class Finding(NamedTuple):
    """One thing that was looked at."""

    about: str
    fine: bool
    told: str


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at from outside the service."""
    changed = [f"{name} by {origin}" for name, origin in settings.origins.items() if origin != "default"]
    findings = [Finding("settings", True, f"set: {', '.join(changed) or 'none, all are defaults'}")]
    try:
        store = open_store(settings["database"], read_only=True)
    except HeadcountError as error:
        return [*findings, Finding("store", False, str(error))]
    try:
        findings += _about_store(store, settings)
    except HeadcountError as error:
        findings.append(Finding("store", False, str(error)))
    finally:
        store.close()
    return findings


def _about_store(store: Store, settings: Settings) -> Iterator[Finding]:
    database = store.database
    yield Finding("store", True, f"{database.url} is of this release")
    if isinstance(database, SqliteDatabase):
        yield _disk(database.path)
        yield _mode(database.path)
        yield _wholeness(database)
    end, received = store.log.end()
    now = Clock().now()
    if received > now + _SKEW_MS:
        seconds = (received - now) / 1_000
        yield Finding(
            "clock",
            False,
            f"the last entry was received {seconds:.0f} s in the future: set this machine's clock right. If it is"
            " right now, it was ahead before: stop the service and run 'headcount rebuild'",
        )
    else:
        yield Finding("clock", True, "not behind the log")
    yield _lag(store, end, now, settings["max_lag_s"])
    yield _quarantine(store)
    yield from _about_sources(store, now)
    yield from _about_webhooks(store)
    keys = [key for key in store.keys.all() if key.revoked is None]
    yield Finding(
        "keys", bool(keys), f"{len(keys)} valid" if keys else "none: make one with 'headcount key create'"
    )


def _quarantine(store: Store) -> Finding:
    """Which rooms the engine had to leave out, and why."""
    rows = [row for row in store.projections.deferred_rooms() if row.reason is not None]
    if not rows:
        return Finding("rooms", True, "none is quarantined")
    first = rows[0]
    return Finding(
        "rooms",
        False,
        f"{len(rows):,} quarantined, because their events could not be processed; other rooms are not affected,"
        f" nothing is lost, and Headcount tries again. The first is '{first.room}' of domain '{first.domain}', after"
        f" {first.attempts} attempts: {first.reason}. The log of 'headcount serve' has the traceback: report it",
    )


def _about_sources(store: Store, now: Ms) -> Iterator[Finding]:
    tallies, letters = store.sources.stats(), store.sources.count_dead_letters()
    rows = store.sources.all()
    if not rows:
        yield Finding("sources", True, "none is set up; 'headcount source add' does it")
    for row in rows:
        told = _fare(
            tallies.get(row.token, {}),
            letters.get(row.token, 0),
            now,
            sends=row.kind not in POLL_ONLY_SOURCES,
        )
        yield Finding("sources", told.fine, f"{row.name}: {told.told}")


def _about_webhooks(store: Store) -> Iterator[Finding]:
    counts, end = store.deliveries.counts(), store.messages.end()
    rows = store.endpoints.all()
    if not rows:
        yield Finding("webhooks", True, "none is set up; 'headcount webhook add' does it")
    for row in rows:
        waiting, parked = (
            counts.get((row.uuid, fate), 0) for fate in (DeliveryState.PENDING, DeliveryState.FAILED)
        )
        if row.state is State.FAILED:
            told = (
                f"{row.url} failed {row.failed_count} times in a row and is sent nothing more; it loses nothing:"
                f" mend it, then 'headcount webhook replay {row.uuid} --revive'"
            )
            yield Finding("webhooks", False, told)
        elif parked:
            told = (
                f"{row.url}: {parked:,} messages were given up: 'headcount webhook messages {row.uuid} --state"
                f" parked' tells why, 'headcount webhook replay {row.uuid} --failed' sends them again"
            )
            yield Finding("webhooks", False, told)
        else:
            yield Finding(
                "webhooks", True, f"{row.url}: {waiting:,} wait, position {row.position:,} of {end:,}"
            )


def _fare(tallies: dict[str, SourceStat], letters: int, now: Ms, *, sends: bool) -> Finding:
    """How a source fares. What went wrong since something last went right is what is wrong now."""
    last = tallies.get("deliveries")
    since = -1 if last is None else last.last
    for word, mend in _MENDS.items():
        wrong = tallies.get(word)
        if wrong is not None and wrong.last >= since:
            return Finding(
                "", False, f"{wrong.number:,} {word}, last {_ago(wrong.last, now)}: {wrong.told}; {mend}"
            )
    failed, polled = tallies.get("poll_failed"), tallies.get("polls")
    if failed is not None and (polled is None or failed.last >= polled.last):
        return Finding(
            "",
            False,
            f"{failed.number:,} polls failed, last {_ago(failed.last, now)}: {failed.told}; 'headcount source poll' tries it",
        )
    if letters:
        return Finding(
            "", False, f"{letters:,} deliveries could not be read: 'headcount source letters' tells why"
        )
    ahead = tallies.get("ahead")
    if ahead is not None and now - ahead.last < _RECENT_MS:
        return Finding("", False, f"{ahead.told}: set its clock, or ours, right")
    if last is None and polled is not None:
        nothing = "; nothing was sent yet" if sends else ""
        return Finding("", True, f"polled {_ago(polled.last, now)}: {polled.told}{nothing}")
    if last is None and not sends:
        return Finding("", True, "it was not asked yet; 'headcount source poll' asks it")
    if last is None:
        return Finding("", True, "nothing came yet; 'headcount source test' tries the way in")
    events = tallies["events"].number if "events" in tallies else 0
    return Finding(
        "",
        True,
        f"the last of {last.number:,} deliveries came {_ago(last.last, now)}; {events:,} events so far",
    )


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path.resolve().parent).free
    told = f"{free / 1e9:.1f} GB free beside {path}"
    return (
        Finding("disk", True, told) if free > _LITTLE_BYTES else Finding("disk", False, f"{told}: make room")
    )


def _mode(path: Path) -> Finding:
    files = [file for file in (path, *companions(path)) if file.stat().st_mode & _OTHERS]
    if not files:
        return Finding("access", True, "only the owner of the files may read them")
    names = " ".join(str(file) for file in files)
    return Finding("access", False, f"other users may read the store: chmod 600 {names}")


def _wholeness(database: SqliteDatabase) -> Finding:
    size = database.path.stat().st_size
    if size > _LONG_TO_READ_BYTES:
        return Finding("file", True, f"{size / 1e9:.0f} GB, not looked through: that would take long")
    damage = database.damage()
    if damage is None:
        return Finding("file", True, "whole")
    return Finding(
        "file",
        False,
        f"damaged ({damage}): stop the service, move {database.path.name} and the files {database.path.name}-wal, -shm"
        " and -journal away, all that are there, and 'headcount restore' a backup",
    )


def _lag(store: Store, end: int, now: Ms, most_s: float) -> Finding:
    cursor, _ = store.projections.cursor()
    if end <= cursor:
        last = (
            f"the last of {end:,} entries came {_ago(store.log.end()[1], now)}"
            if end
            else "no event came yet"
        )
        return Finding("engine", True, f"has worked in everything; {last}")
    oldest = store.log.after(cursor, 1)
    waited = (now - oldest[0].received) / 1_000 if oldest else 0.0
    told = f"{end - cursor:,} entries wait, the oldest for {waited:.0f} s"
    if waited <= most_s:
        return Finding("engine", True, told)
    return Finding("engine", False, f"{told}: is 'headcount serve' running? its log says why not")


def _ago(at: Ms, now: Ms) -> str:
    seconds = max(0, now - at) // 1_000
    return f"{seconds} s ago" if seconds < 3_600 else f"{seconds // 3_600} h ago"

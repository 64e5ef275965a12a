"""Access recorder of one process: accesses that wait to be written to the access log, and who makes a request to what.

Accesses that are alike and wait together become one entry with their number, so a client that repeats a request costs one
row a second. The buffer is bounded. Accesses that it cannot hold are counted, and the log states how many it lacks.

Responsible for the buffer, and for the actor and the subject that handlers add to a request. Must not know routes.
"""

import threading
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from headcount.kernel.events import Ms
from headcount.store.access_log import (
    AccessEntry,
    AccessLog,
    AccessRecord,
    Action,
    Actor,
    ActorType,
    Subject,
)
from headcount.store.database import StoreError, StoreRejected

MAX_WAITING: Final = 10_000
"""Entries in memory: some megabytes."""
_BATCH: Final = 1_000
"""Entries of one transaction: requests that write wait for it."""
ACTOR: Final = "headcount.actor"
SUBJECT: Final = "headcount.subject"
ACTION: Final = "headcount.action"
"""Where a request has its actor, its subject, and its action if that is not the action of the route."""

log = structlog.get_logger("headcount")


def note_actor(scope: MutableMapping[str, Any], domain: str, actor: Actor) -> None:
    """Set who makes a request, and in which domain."""
    scope[ACTOR] = (domain, actor)


def note_subject(scope: MutableMapping[str, Any], subject: Subject) -> None:
    """Set what a request is about, where its address does not have that, or has an id that was replaced."""
    scope[SUBJECT] = subject


def note_action(scope: MutableMapping[str, Any], action: Action) -> None:
    """Set the action of a request, where that depends on its body."""
    scope[ACTION] = action


class AccessRecorder:
    """Accesses of one process. `record` is called by the event loop, and the other methods by threads.

    If it is not `enabled`, it records nothing.
    """

    def __init__(self, access_log: AccessLog, now: Callable[[], Ms], *, enabled: bool = True) -> None:
        self._log = access_log
        self._now = now
        self._enabled = enabled
        self._lock = threading.Lock()
        self._waiting: dict[AccessRecord, tuple[Ms, int]] = {}
        self._dropped: Counter[str] = Counter()
        self.dropped = 0
        """Accesses that are in no entry, since the start of the process."""

    def record(self, access: AccessRecord) -> None:
        """Add an access, which is written by the next `flush`."""
        if self._enabled:
            self._add(access, self._now(), 1)

    def write(self, access: AccessRecord) -> None:
        """Write an access now. If the store does not accept it, the next `flush` tries again."""
        if not self._enabled:
            return
        at = self._now()
        try:
            self._log.add([AccessEntry(None, at, access)])
        except StoreError as error:
            log.warning("an entry of the access log could not be written; will retry", reason=str(error))
            self._add(access, at, 1)

    def has_waiting(self) -> bool:
        """Return whether there is something to write."""
        return bool(self._waiting or self._dropped)

    def flush(self) -> None:
        """Write what waits. Raise `StoreError` if the store cannot accept it now; it waits for the next call then."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            dropped, self._dropped = self._dropped, Counter()
        entries = [AccessEntry(None, at, access, number) for access, (at, number) in waiting.items()]
        entries += [self._gap(domain, number) for domain, number in dropped.items()]
        for start in range(0, len(entries), _BATCH):
            try:
                self._log.add(entries[start : start + _BATCH])
            except StoreRejected:
                log.exception("the database rejects entries of the access log")
                for entry in entries[start : start + _BATCH]:
                    self._drop(entry.access.domain, entry.requests)
            except StoreError:
                for entry in entries[start:]:
                    self._add(entry.access, entry.at, entry.requests)
                raise
        if dropped:
            log.error(
                "the access log lacks entries: it could not store them in time", entries=dropped.total()
            )

    def _add(self, access: AccessRecord, at: Ms, number: int) -> None:
        with self._lock:
            known = self._waiting.get(access)
            if known is not None:
                self._waiting[access] = (min(known[0], at), known[1] + number)
                return
            if len(self._waiting) < MAX_WAITING:
                self._waiting[access] = (at, number)
                return
        self._drop(access.domain, number)

    def _drop(self, domain: str, number: int) -> None:
        with self._lock:
            self._dropped[domain] += number
            self.dropped += number

    def _gap(self, domain: str, number: int) -> AccessEntry:
        system = Actor(ActorType.SYSTEM, "headcount")
        return AccessEntry(None, self._now(), AccessRecord(domain, system, Action.ACCESS_LOG_DROP), number)

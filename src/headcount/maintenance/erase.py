"""Erasing people with or without a running service.

Responsible for letting an engine carry out the requests of a store, and for waiting until they are done. Must not know how
people are erased.
"""

import time
from collections.abc import Callable
from typing import Final

from headcount.engine.catch_up import Progress, catch_up
from headcount.engine.rules_guard import decode_rules
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.settings import Settings
from headcount.store.erasures import Erasure, State
from headcount.store.open import Store
from headcount.store.shard_sink import ShardSink

_POLL_S: Final = 0.1


def require_own_log(store: Store) -> None:
    """Raise `BadInput` if the log is a topic: what it and the archive have cannot be rewritten."""
    if ShardSink(store.database).progress() is not None:
        raise BadInput(
            "the log of this database is the topic of a cluster, where nobody can be erased: let the topic and the archive"
            " expire, or turn on the data-minimal mode of the domain"
        )


def carry_out(store: Store, settings: Settings, now: Callable[[], Ms], progress: Progress) -> bool:
    """Carry out all requests of a store. Return False if a running service will do it."""
    known = store.projections.rules()
    rules = settings.rules() if known is None else decode_rules(known)
    return catch_up(store, now, rules, settings.stale_after(), progress)


def wait_until_done(store: Store, erasure: Erasure, timeout_s: float) -> Erasure:
    """Return a request when the service has carried it out, or as it is when the time is over."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = store.erasures.find(erasure.domain, erasure.number)
        if found is None or found.state is State.DONE:
            break
        time.sleep(_POLL_S)
    return store.erasures.find(erasure.domain, erasure.number) or erasure


def replay(store: Store, settings: Settings, now: Callable[[], Ms], progress: Progress) -> int:
    """Carry out what the list of erasures has and a restored store has not. Return how many requests these were."""
    known = len(store.erasures.all())
    carry_out(store, settings, now, progress)
    replayed = len(store.erasures.all()) - known
    if replayed:
        store.database.vacuum()
    return replayed

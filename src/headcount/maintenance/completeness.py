"""Completeness: until when the answers about a domain are complete, and which sender holds that back.

Everything that happened before this time, and that a sender reports, has been processed. What a sender still retries,
and what could not be parsed (dead letters), is not included: nobody knows of it, or it waits for an operator.

Responsible for this time, of a domain and of each sender. Must not know how it is shown.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.store.open import Store
from headcount.store.provenance import KEY_PREFIX, Sender, SenderKind
from headcount.store.sources import COMPLETE_POLLS, COMPLETE_REQUESTS, SourceStat


class SenderCompleteness(NamedTuple):
    """A source, or an API key that sends events, and until when its events are complete.

    `last_request` and `last_poll` are the times of the last ones that succeeded.
    """

    sender: Sender
    until: Ms
    last_request: Ms | None
    last_poll: Ms | None


class Completeness(NamedTuple):
    """Until when the answers about a domain are complete.

    `processed_until` is the time up to which the engine has processed what was received. `held_back_by` is the sender with
    the smallest time, if that is smaller. `senders` are all of the domain, the smallest time first.
    """

    until: Ms
    processed_until: Ms
    held_back_by: Sender | None
    senders: list[SenderCompleteness]


ReadCompleteness = Callable[[str], Completeness]
"""Reads the completeness of a domain."""


def read_completeness(
    store: Store, domain: str, now: Ms, cursor: int, late_grace: Ms, unsaved: Iterable[SourceStat] = ()
) -> Completeness:
    """Return the completeness of a domain at `now`. Read it before the data that it is about.

    The engine has processed the log up to `cursor`. Events may arrive out of order within `late_grace` ms. `unsaved` are
    counters of sources that are not in the store yet.
    """
    stats = store.sources.stats()
    for stat in unsaved:
        known = stats.setdefault(stat.token, {})
        known[stat.metric] = max(stat, known.get(stat.metric, stat), key=lambda one: one.last)
    processed = min(now, store.projections.processed_until(domain, cursor, now)) - late_grace
    senders = sorted(_senders(store, domain, stats, late_grace), key=lambda one: one.until)
    first = senders[0] if senders else None
    if first is None or first.until >= processed:
        return Completeness(processed, processed, None, senders)
    return Completeness(first.until, processed, first.sender, senders)


def _senders(
    store: Store, domain: str, stats: Mapping[str, Mapping[str, SourceStat]], late_grace: Ms
) -> Iterable[SenderCompleteness]:
    created = store.sources.creation_times(domain)
    for token, sender in store.sources.senders(domain).all():
        own = stats.get(token, {})
        complete = [own[metric].last for metric in (COMPLETE_REQUESTS, COMPLETE_POLLS) if metric in own]
        if sender.is_removed or (sender.kind is SenderKind.API_KEY and not complete):
            continue
        yield SenderCompleteness(
            sender,
            max(complete, default=created.get(token, 0)) - late_grace,
            _last(own, COMPLETE_REQUESTS if token.startswith(KEY_PREFIX) else "requests"),
            _last(own, "polls"),
        )


def _last(stats: Mapping[str, SourceStat], metric: str) -> Ms | None:
    return stats[metric].last if metric in stats else None

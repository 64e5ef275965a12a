"""Retry of dead letters: inbound requests that were verified and could not be parsed are parsed again.

Responsible for the same steps as for a new request. Must not know who asks for the retry.
"""

from collections.abc import Callable
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.ingest.normalize import normalize, parse_request, resolve
from headcount.ingest.source_config import configure
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.sources.api import InboundRequest
from headcount.store.open import Store
from headcount.store.provenance import digest_of
from headcount.store.sources import DeadLetter, SourceRow


class RetryResult(NamedTuple):
    """The number of dead letters that were parsed, of their new events, and of dead letters that remain."""

    parsed: int
    accepted: int
    remaining: int


def retry_dead_letters(
    store: Store, now: Callable[[], Ms], limits: Limits, domain: str | None = None
) -> RetryResult:
    """Parse dead letters again, all or those of a domain. Those that can be parsed now are stored and deleted.

    The limits are those of new requests.
    """
    rows = {row.token: row for row in store.sources.all()}
    parsed = accepted = remaining = after = 0
    while page := store.sources.dead_letters(after):
        after = page[-1].number
        for dead_letter in page:
            row = rows.get(dead_letter.token)
            if domain is not None and (row is None or row.domain != domain):
                continue
            new_events = None if row is None else _store_events(store, row, dead_letter, now(), limits)
            if new_events is None:
                remaining += 1
            else:
                parsed += 1
                accepted += new_events
    return RetryResult(parsed, accepted, remaining)


def _store_events(
    store: Store, row: SourceRow, dead_letter: DeadLetter, received: Ms, limits: Limits
) -> int | None:
    """Return the number of new events of a dead letter; None if it still cannot be parsed."""
    source = configure(row)
    request = InboundRequest(dead_letter.headers, dead_letter.body, dead_letter.url, dead_letter.received)
    try:
        events = parse_request(source.source, request, limits)
        events = resolve(events, source.policy, store.sources, is_partial=source.source.is_partial)
        normalized = normalize(
            events,
            source.policy,
            dead_letter.received,
            received,
            limits,
            digest=digest_of(dead_letter.body),
        )
    except BadInput:
        return None
    store.sources.add_excluded_participants(normalized.excluded)
    (appended,) = store.log.append([normalized.entries])
    store.sources.delete_dead_letters([dead_letter.number])
    return appended.accepted

"""Retrying: reads deliveries again that could not be read when they came."""

from collections.abc import Callable
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.ingest.normalize import read_delivery, room_by_room, take
from headcount.ingest.source_config import configured
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.sources.api import InboundRequest
from headcount.store.open import Store
from headcount.store.sources import DeadLetter, SourceRow


class Retried(NamedTuple):
    """How many could be read now, how many events of theirs were new, and how many letters are left."""

    read: int
    accepted: int
    left: int


def retry(store: Store, now: Callable[[], Ms], limits: Limits, domain: str | None = None) -> Retried:
    """Read dead letters again, all or those of a domain. They were verified when they came; what can be read now is taken and dropped.

    The limits are those of a delivery that comes now.
    """
    rows = {row.token: row for row in store.sources.all()}
    read = accepted = left = after = 0
    while letters := store.sources.dead_letters(after):
        after = letters[-1].number
        for letter in letters:
            row = rows.get(letter.token)
            if domain is not None and (row is None or row.domain != domain):
                continue
            taken = None if row is None else _taken(store, row, letter, now(), limits)
            if taken is None:
                left += 1
            else:
                read += 1
                accepted += taken
    return Retried(read, accepted, left)


def _taken(store: Store, row: SourceRow, letter: DeadLetter, received: Ms, limits: Limits) -> int | None:
    """How many events of a letter were new; None if it still cannot be read."""
    inlet = configured(row)
    delivery = InboundRequest(letter.headers, letter.body, letter.url, letter.received)
    try:
        told = read_delivery(inlet.source, delivery, limits)
        heard = room_by_room(told, inlet.terms, store.sources.rooms_in_use)
        taken = take(heard, inlet.terms, letter.received, received, limits)
    except BadInput:
        return None
    store.sources.add_excluded_participants(taken.bystanders)
    (appended,) = store.log.append([taken.entries])
    store.sources.delete_dead_letters([letter.number])
    return appended.accepted

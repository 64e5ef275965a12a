"""Endpoints: who is told of meetings, and how each fares; what a form says of one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from headcount.dashboard.context import House
from headcount.store.open import Store
from headcount.store.outbox import PAGE_SIZE
from headcount.store.webhooks import OURS, Attempt, DeliveryState, Endpoint

MOST_COUNTED: Final = PAGE_SIZE
"""What waits is counted up to here."""
_MOST_SHOWN: Final = 100


class Line(NamedTuple):
    """An endpoint and how it stands. `last` is what came of the newest message that it was sent."""

    row: Endpoint
    waiting: int
    parked: int
    last: Attempt | None


class Endpoints(NamedTuple):
    """Those that are shown, and how many there are."""

    shown: Sequence[Line]
    number: int


async def look(house: House, domain: str) -> Endpoints:
    """The endpoints of a domain, the oldest first."""
    rows = await house.webhook_endpoints.all(domain)
    return Endpoints(await asyncio.to_thread(_lines, house.store, rows[:_MOST_SHOWN]), len(rows))


async def look_at(house: House, row: Endpoint) -> Line:
    """How one stands."""
    (line,) = await asyncio.to_thread(_lines, house.store, [row])
    return line


def said_in(fields: Mapping[str, str]) -> dict[str, Any]:
    """What a form says of an endpoint, as managers take it. No type chosen is all of them."""
    said: dict[str, Any] = {"url": fields.get("url", "").strip()}
    said["eventTypes"] = [type_ for type_ in OURS if f"type.{type_}" in fields]
    if fields.get("retry"):
        said["retryType"] = fields["retry"]
    if fields.get("basic"):
        said["basicAuth"] = fields["basic"]
    return said


def _lines(store: Store, rows: Sequence[Endpoint]) -> list[Line]:
    counts = store.deliveries.counts() if rows else {}
    return [_line(store, row, counts) for row in rows]


def _line(store: Store, row: Endpoint, counts: Mapping[tuple[str, DeliveryState], int]) -> Line:
    told = store.deliveries.page(row.uuid, None, 1)
    behind = store.messages.count_after(row.position, row.domain, row.event_types, MOST_COUNTED)
    waiting = counts.get((row.uuid, DeliveryState.PENDING), 0) + behind
    last = told[0].attempts[0] if told and told[0].attempts else None
    return Line(row, waiting, counts.get((row.uuid, DeliveryState.FAILED), 0), last)

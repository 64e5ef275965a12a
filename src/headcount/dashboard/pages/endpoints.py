"""Webhook endpoints as lists and forms show them.

Responsible for an endpoint's state and last attempt, and for the fields of its form. Must not send anything.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from headcount.dashboard.context import PageContext
from headcount.maintenance.health import EndpointState, endpoint_states
from headcount.store.open import Store
from headcount.store.webhooks import SENT_EVENT_TYPES, Attempt, Endpoint

_MAX_LISTED: Final = 100


class EndpointItem(NamedTuple):
    """An endpoint in a list. `last_attempt` is that of the newest message."""

    state: EndpointState
    last_attempt: Attempt | None


class EndpointList(NamedTuple):
    """The endpoints that are listed, and how many there are."""

    items: Sequence[EndpointItem]
    total: int


async def load(context: PageContext, domain: str) -> EndpointList:
    """Return the endpoints of a domain, the oldest first."""
    rows = await context.webhook_endpoints.all(domain)
    return EndpointList(await asyncio.to_thread(_items, context.store, rows[:_MAX_LISTED]), len(rows))


async def load_one(context: PageContext, row: Endpoint) -> EndpointItem:
    (item,) = await asyncio.to_thread(_items, context.store, [row])
    return item


def fields_of_form(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form sets, as a request to the API has it. No event type selected means the default."""
    values: dict[str, Any] = {"url": fields.get("url", "").strip(), "extensions": "extensions" in fields}
    values["eventTypes"] = [event_type for event_type in SENT_EVENT_TYPES if f"type.{event_type}" in fields]
    if fields.get("retry"):
        values["retryType"] = fields["retry"]
    if fields.get("basic"):
        values["basicAuth"] = fields["basic"]
    return values


def _items(store: Store, rows: Sequence[Endpoint]) -> list[EndpointItem]:
    return [EndpointItem(state, _last_attempt(store, state.row)) for state in endpoint_states(store, rows)]


def _last_attempt(store: Store, row: Endpoint) -> Attempt | None:
    newest = store.deliveries.page(row.uuid, None, 1)
    return newest[0].attempts[0] if newest and newest[0].attempts else None

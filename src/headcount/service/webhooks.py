"""Construction of the parts that webhooks need, for the service and for commands.

Responsible for their clock and randomness. Must not know what is done with endpoints.
"""

from collections.abc import Callable
from importlib.metadata import version

from headcount.clock import Clock
from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.service.runtime import new_uuid, random_bytes
from headcount.setting_types import networks
from headcount.settings import Settings
from headcount.store.open import Store


def webhook_transport(settings: Settings) -> Transport:
    """Return the transport with the configured networks and certificate authorities."""
    agent = f"headcount/{version('headcount')}"
    return Transport(agent, networks(settings["webhook_allowed_networks"]), settings["webhook_ca_file"])


def endpoint_manager(
    store: Store, transport: Transport, clock: Clock, on_change: Callable[[], None] = lambda: None
) -> EndpointManager:
    """Return the manager of webhook endpoints; `on_change` is called after each change."""
    return EndpointManager(
        store.endpoints, store.deliveries, store.messages, transport, clock.now, new_uuid,
        random_bytes, on_change,
    )  # fmt: skip

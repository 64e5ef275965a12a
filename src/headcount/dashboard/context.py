"""House: what the pages are made from. They own nothing and construct nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from headcount.dashboard.feed import Feed
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.settings import Settings
from headcount.store.open import Store


@dataclass(frozen=True, slots=True)
class House:
    """What every page is given. `chance` makes secrets; `zone` is whose days are shown to who chose none.

    `public_url` is the address by which others reach us, '' if nobody said; `api` is what the API's paths begin with.
    """

    store: Store
    rules: Rules
    broadcaster: Broadcaster
    now: Callable[[], Ms]
    chance: Callable[[], str]
    zone: str
    public_url: str
    api: str
    version: str
    settings: Settings
    webhook_endpoints: EndpointManager
    feed: Feed

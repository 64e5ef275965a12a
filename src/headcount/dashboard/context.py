"""Page context: the dependencies that all pages share.

Responsible for naming them in one place. Must not build anything: the service does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headcount.command_hints import CommandHints
from headcount.ingest.dead_letters import RetryResult
from headcount.ingest.source_stats import RecentEvents
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.maintenance.completeness import ReadCompleteness
from headcount.maintenance.health import ProcessStatus
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.settings import Settings
from headcount.store.open import Store
from headcount.store.sources import SourceStat


@dataclass(frozen=True, slots=True)
class PageContext:
    """Dependencies of a page.

    `new_secret` generates secrets. `timezone` is the name of the default time zone. `public_url` is the address by which
    others reach the service, '' if it is not set. The paths of the API begin with `api_prefix`.
    `process_status` and `retry_dead_letters` (for one domain) read the store: call them in a thread.
    `completeness` reads until when answers about a domain are complete: call it in a thread, too. `cursor` makes a position of
    the log opaque, for a domain, and `position` is the reverse. `unsaved_counters` are the counters of sources that are not in the store yet. `recent_events` are by token.
    """

    store: Store
    rules: Rules
    broadcaster: Broadcaster
    now: Callable[[], Ms]
    new_secret: Callable[[], str]
    timezone: str
    public_url: str
    api_prefix: str
    version: str
    settings: Settings
    webhook_endpoints: EndpointManager
    process_status: Callable[[], ProcessStatus]
    unsaved_counters: Callable[[], list[SourceStat]]
    recent_events: Callable[[], Mapping[str, RecentEvents]]
    retry_dead_letters: Callable[[str], RetryResult]
    command_hints: CommandHints
    completeness: ReadCompleteness
    cursor: Callable[[str, int], str]
    position: Callable[[str, str], int | None]

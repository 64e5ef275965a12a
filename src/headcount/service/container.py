"""Composition root: builds the parts of one process from the settings, starts and stops them.

Responsible for which part is given what. Must not know what any of them does.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from importlib.metadata import version
from typing import Any

from headcount.errors import HeadcountError
from headcount.http.middleware import Middleware
from headcount.outbound.webhooks.metrics import WebhookMetrics
from headcount.service.background import Delivery, Maintenance, poll_sources, roll_up_usage
from headcount.service.core import build_core
from headcount.service.readiness import Readiness
from headcount.service.status import metric_readers
from headcount.service.web import Web
from headcount.service.webhooks import endpoint_manager, webhook_transport
from headcount.settings import Settings
from headcount.telemetry.metrics import (
    BuildInfo,
    ProcessMetrics,
    SourceMetrics,
    StreamMetrics,
    engine_process_metrics,
)


class Service:
    """One process of Headcount.

    Raise `StoreError` if the store cannot be opened, `BadInput` if it was written under other rules.
    """

    def __init__(self, settings: Settings) -> None:
        core = build_core(settings, self._wake_streams)
        self.settings, self.store, self.clock = settings, core.store, core.clock
        self.engine, self.appender = core.engine, core.appender
        readiness = Readiness(core)
        transport, webhook_metrics = webhook_transport(settings), WebhookMetrics()
        delivery = Delivery(core, transport, webhook_metrics)
        manager = endpoint_manager(core.store, transport, core.clock, delivery.wake)
        self._web = Web(core, readiness, manager)
        self.broadcaster = self._web.broadcaster
        self._maintenance = Maintenance(core, self._web.authenticator, self._web.sessions)
        self.background: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
            self._maintenance.run,
            partial(poll_sources, core),
            delivery.run,
            partial(roll_up_usage, core),
        )
        """Tasks that the server runs, and cancels before it stops."""
        webhook_metrics.pending = delivery.in_flight
        webhook_metrics.failed = lambda: readiness.failed_deliveries.latest
        for collector in (
            BuildInfo(version("headcount"), core.store.database.system),
            webhook_metrics,
            SourceMetrics(core.source_stats.totals),
            StreamMetrics(self.broadcaster.disconnected),
            ProcessMetrics(metric_readers(core, readiness, self.broadcaster)),
            engine_process_metrics(lambda: core.engine.pid),
        ):
            core.metrics.registry.register(collector)

    def start(self) -> None:
        """Start the engine."""
        self.engine.start()

    def require_engine(self) -> None:
        """Raise `HeadcountError` if the engine process has ended although nobody stopped it."""
        if self.engine.ended():
            raise HeadcountError("the engine process has ended: see the log, and start the service again")

    def stop(self) -> None:
        """Refuse new events, commit those that were accepted, and close the store."""
        self.appender.close()
        self.engine.stop()
        self._maintenance.flush()
        self.store.close()

    def app(self) -> Middleware:
        """Build the ASGI application."""
        return self._web.application()

    def _wake_streams(self) -> None:
        self.broadcaster.wake()

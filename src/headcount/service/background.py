"""Background tasks of one process: periodic maintenance, usage rollup, polling of sources, webhook delivery.

Responsible for when each runs and for what stops it. Must not know what the work consists of.
"""

import asyncio
from itertools import count
from typing import Final

import structlog

from headcount.clock import JUMP_CONFIRMED_MS
from headcount.dashboard.auth import Sessions
from headcount.http.auth import Authenticator
from headcount.ingest.polling.client import PollClient
from headcount.ingest.polling.poller import Poller, PollerDependencies
from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.dispatcher import Dependencies, Dispatcher
from headcount.outbound.webhooks.metrics import WebhookMetrics
from headcount.service.core import Core
from headcount.service.runtime import chance, new_nonce
from headcount.store.database import StoreError
from headcount.store.outbox import STREAM_RETENTION_MS
from headcount.store.records import DAY_MS

_MAINTENANCE_INTERVAL_S: Final = 1
_PRUNE_EVERY: Final = 3_600
"""Old messages are deleted once in this number of rounds of maintenance."""
_ROLLUP_INTERVAL_S: Final = 1.0
_ROLLUP_PAUSE_S: Final = 0.02
"""The pause between two steps of a rollup that is behind, so that it leaves the processor to others."""

log = structlog.get_logger("headcount")


class Maintenance:
    """Writes counters and the access log to the store, deletes what is too old, logs jumps of the clock."""

    def __init__(self, core: Core, authenticator: Authenticator, sessions: Sessions) -> None:
        self._store = core.store
        self._clock = core.clock
        self._is_leader = core.engine.leads
        self._source_stats = core.source_stats
        self._retention_days: int = core.settings["webhook_retention_days"]
        self._access_retention_days: int = core.settings["access_log_retention_days"]
        self._access_recorder = core.access_recorder
        self._authenticator = authenticator
        self._sessions = sessions

    async def run(self) -> None:
        """Run until cancelled."""
        for turn in count():
            self._log_clock_jump()
            await asyncio.sleep(_MAINTENANCE_INTERVAL_S)
            try:
                if self._has_counters():
                    await asyncio.to_thread(self.flush)
                if turn % _PRUNE_EVERY == 0:
                    await asyncio.to_thread(self._prune)
            except StoreError as error:
                log.warning("periodic maintenance failed", reason=str(error))

    def _has_counters(self) -> bool:
        return bool(
            self._authenticator.last_used
            or self._sessions.last_used
            or self._source_stats.unwritten()
            or self._access_recorder.has_waiting()
        )

    def flush(self) -> None:
        """Write the access log, when keys and sessions were used, and the counters of sources."""
        used_keys, self._authenticator.last_used = self._authenticator.last_used, {}
        if used_keys:
            self._store.keys.touch(used_keys)
        used_sessions, self._sessions.last_used = self._sessions.last_used, {}
        if used_sessions:
            self._store.access_tokens.touch(used_sessions)
        stats = self._source_stats.start_writing()
        if stats:
            self._store.sources.add_stats(stats)
            self._source_stats.finish_writing()
        if self._access_recorder.has_waiting():
            self._access_recorder.flush()

    def _log_clock_jump(self) -> None:
        jump_ms = self._clock.take_jump()
        if jump_ms is not None:
            direction = "back" if jump_ms < 0 else "forward"
            message = f"the machine's clock was set {direction}; the service follows if it stays so"
            log.warning(
                message,
                by_s=jump_ms // 1_000,
                follows_after_s=JUMP_CONFIRMED_MS // 1_000,
            )

    def _prune(self) -> None:
        """Delete messages, their deliveries and entries of the access log after their retention period.

        A wrong clock must not decide what is too old: after a jump nothing is deleted for a day.
        """
        if self._clock.stable_for() < DAY_MS:
            return
        if not self._is_leader():
            return
        self._store.messages.forget_streams(self._clock.now() - STREAM_RETENTION_MS)
        before = self._clock.now() - self._retention_days * DAY_MS
        if self._retention_days:
            self._store.messages.prune(before)
            self._store.deliveries.prune(before)
        if self._access_retention_days:
            self._store.access_log.prune(self._clock.now() - self._access_retention_days * DAY_MS)


class Delivery:
    """Delivers webhook messages while `run` runs."""

    def __init__(self, core: Core, transport: Transport, metrics: WebhookMetrics) -> None:
        store = core.store
        self._transport = transport
        self._parts = Dependencies(
            store.endpoints, store.deliveries, store.messages, transport, core.engine.leads, core.clock.now, metrics,
            chance,
        )  # fmt: skip
        self._dispatcher: Dispatcher | None = None

    async def run(self) -> None:
        """Run until cancelled; attempts in progress are finished then."""
        self._dispatcher = Dispatcher(self._parts)
        try:
            await self._dispatcher.run()
        finally:
            await self._dispatcher.stop()
            self._transport.close()

    def wake(self) -> None:
        """Make endpoints that were changed take effect at once."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def in_flight(self) -> int:
        """Return the number of messages in the queues of endpoints."""
        return self._dispatcher.pending if self._dispatcher is not None else 0


async def roll_up_usage(core: Core) -> None:
    """Add new meetings to the usage tables while this process leads, until cancelled.

    A leader first applies the setting of the attributes. If they have changed, everything is rolled up again.
    """
    is_applied = False
    while True:
        more = False
        if not core.engine.leads():
            is_applied = False
        else:
            try:
                if not is_applied:
                    await asyncio.to_thread(_apply_usage_attributes, core)
                    is_applied = True
                more = await asyncio.to_thread(core.store.usage_rollup.step)
            except StoreError as error:
                log.warning("usage rollup failed; will retry", reason=str(error))
        await asyncio.sleep(_ROLLUP_PAUSE_S if more else _ROLLUP_INTERVAL_S)


def _apply_usage_attributes(core: Core) -> None:
    attributes = core.settings["usage_attributes"]
    if core.store.usage_rollup.set_attributes(attributes):
        log.info("usage is rolled up again by other attributes", attributes=list(attributes))


async def poll_sources(core: Core) -> None:
    """Poll the servers of sources for participants while this process leads, until cancelled."""
    async with PollClient() as client:
        parts = PollerDependencies(
            core.store, client.poll, core.appender.append, core.metrics.count_events, core.source_stats,
            core.engine.leads, core.clock.now, new_nonce, chance, core.settings.limits(),
        )  # fmt: skip
        await Poller(parts).run()

"""The web application of one process: authentication, streams, REST API and dashboard.

Responsible for giving each part of `http` and `dashboard` what it needs. Must not know routes or pages.
"""

import time
from functools import partial
from importlib.metadata import version
from typing import Final

from headcount.command_hints import CommandHints
from headcount.dashboard.app import routes
from headcount.dashboard.auth import Sessions, is_session_token
from headcount.dashboard.context import PageContext
from headcount.engine.read_your_writes import ReadYourWrites
from headcount.http.app import Parts, build
from headcount.http.auth import Authenticator
from headcount.http.context import QueryContext
from headcount.http.cursors import Cursors
from headcount.http.forwarded import TrustedProxies
from headcount.http.middleware import Middleware
from headcount.http.rate_limit import RateLimiter
from headcount.http.room_quota import RoomQuota
from headcount.http.routes.access_log import AccessLogContext
from headcount.http.routes.events import Ingest
from headcount.http.routes.inbound import InboundHandler
from headcount.http.routes.privacy import PersonContext
from headcount.http.routes.retention import PrivacyContext
from headcount.http.routes.stream import event_of
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.service.access_log import RequestAccess
from headcount.service.core import Core
from headcount.service.readiness import Readiness
from headcount.service.runtime import new_nonce
from headcount.service.status import Status
from headcount.setting_types import networks
from headcount.store.credentials import new_secret

_COMMIT_MS: Final = 2_000
"""The longest time that the engine may take until tables show what rooms have decided."""


class Web:
    """Keys, sessions and streams of one process, and its application."""

    def __init__(self, core: Core, readiness: Readiness, manager: EndpointManager) -> None:
        settings, store, clock = core.settings, core.store, core.clock
        self._core = core
        self._readiness = readiness
        self._manager = manager
        self._rate_limiter = RateLimiter(clock.now, settings["reads_per_5s"], settings["events_per_5s"])
        self.authenticator = Authenticator(
            store.keys, clock.now, self._rate_limiter, settings["request_timeout_s"]
        )
        self._cursors = Cursors(store.keys.store_secret())
        self.broadcaster = Broadcaster(
            store.messages,
            partial(event_of, self._cursors),
            self._is_valid,
            clock.now,
            settings["max_streams_per_domain"],
        )
        status = self._status = Status(core, readiness)
        self._pages = PageContext(
            store, core.rules, self.broadcaster, clock.now, new_secret, settings["timezone"],
            settings["public_url"], settings["api_prefix"], version("headcount"), settings, manager,
            status.process_status, core.source_stats.unwritten, status.recent_events, status.retry_dead_letters,
            CommandHints(settings), status.completeness, self._cursors.encode, self._cursors.decode,
        )  # fmt: skip
        self.sessions = Sessions(self._pages)

    def application(self) -> Middleware:
        """Build the ASGI application."""
        core, settings = self._core, self._core.settings
        quota = self._room_quota()
        return build(
            Parts(
                authenticator=self.authenticator,
                ingest=self._ingest(quota),
                inbound=self._inbound(quota),
                query_context=QueryContext(
                    core.store.meetings, core.store.usage, core.rules, core.clock.now, settings["granularity_s"],
                    core.store.sources.excluded_participants, settings["request_timeout_s"], room_url=settings["room_url"],
                    history=core.store.history, completeness=self._status.completeness, senders=core.store.sources.senders, cursors=self._cursors,
                ),
                webhook_endpoints=self._manager,
                privacy=PrivacyContext(core.store.retention, core.store.minimal, core.clock.now),
                person_context=PersonContext(core.store, core.clock.now, settings["request_timeout_s"]),
                broadcaster=self.broadcaster,
                cursors=self._cursors,
                metrics=core.metrics,
                ready=self._readiness.problem,
                look=self._readiness.refresh,
                seconds=time.perf_counter,
                name=new_nonce()[:8],
                command_hints=self._pages.command_hints,
                prefix=settings["api_prefix"],
                version=version("headcount"),
                pages=routes(self._pages, self.sessions),
                on_answer=RequestAccess(
                    core.access_recorder, settings["api_prefix"], settings["request_timeout_s"]
                ).on_answer,
                access_log=AccessLogContext(
                    core.store.access_log, self._cursors, settings["request_timeout_s"]
                ),
                trusted_proxies=TrustedProxies(networks(settings["trusted_proxies"])),
            )
        )  # fmt: skip

    def _room_quota(self) -> RoomQuota:
        core, settings = self._core, self._core.settings
        shows_after = settings.reorder_window() + _COMMIT_MS
        return RoomQuota(
            settings["max_open_rooms"], shows_after, core.store.meetings, core.appender.append,
            core.appender.submit, settings["request_timeout_s"],
        )  # fmt: skip

    def _ingest(self, quota: RoomQuota) -> Ingest:
        core = self._core
        passing = ReadYourWrites(core.store, core.engine.hurry, self._readiness.cursor, core.clock.now)
        return Ingest(
            self.authenticator, quota.append, quota.hand_over, passing.wait_until_visible, core.clock.times,
            core.settings.limits(), core.metrics.count_events, self._cursors, core.source_stats.record_request,
        )  # fmt: skip

    def _inbound(self, quota: RoomQuota) -> InboundHandler:
        core = self._core
        return InboundHandler(
            core.store.sources, quota.append, core.clock.now, core.clock.wall_time, core.metrics.count_events,
            core.settings.limits(), self._rate_limiter.count_source, core.source_stats,
            public_url=core.settings["public_url"], add_rooms=core.store.presence.add_rooms, cursors=self._cursors,
        )  # fmt: skip

    def _is_valid(self, token: bytes) -> bool:
        """Return whether the key or the session that opened a stream is still valid."""
        return (
            self.sessions.is_valid_token(token)
            if is_session_token(token)
            else self.authenticator.is_valid(token)
        )

"""Service: the composition root. Builds everything, owns the tasks, decides nothing."""

import asyncio
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import count
from typing import Any, Final

import structlog
from starlette.types import ASGIApp

from headcount.clock import JUMP_STANDS_MS, Clock
from headcount.dashboard.app import routes
from headcount.dashboard.auth import Door, is_sign_in
from headcount.dashboard.context import House
from headcount.dashboard.feed import Counts, Recently, Worked
from headcount.engine.engine import Engine
from headcount.engine.read_your_writes import Passing
from headcount.engine.rules_guard import keep_to_rules
from headcount.engine.worker import Worker
from headcount.http.app import Parts, build
from headcount.http.auth import Gate
from headcount.http.context import Reading
from headcount.http.cursors import Cursors
from headcount.http.room_quota import RoomQuota
from headcount.http.routes.events import Ingest
from headcount.http.routes.inbound import FrontDoor
from headcount.http.routes.stream import event_of
from headcount.ingest.dead_letters import Retried, retry
from headcount.ingest.polling.client import Asker
from headcount.ingest.polling.poller import Polling, Tools
from headcount.ingest.source_config import declare
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.client import Transport
from headcount.outbound.webhooks.dispatcher import Delivering
from headcount.outbound.webhooks.dispatcher import Parts as DeliveringParts
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.outbound.webhooks.metrics import Counted
from headcount.settings import Settings, networks
from headcount.store.credentials import Key, Role, fresh_secret
from headcount.store.database import StoreError
from headcount.store.group_commit import Appender
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.records import DAY_MS
from headcount.store.sources import Tally
from headcount.store.sqlite import SqliteDatabase
from headcount.store.webhooks import Fate, State
from headcount.telemetry.logging import security_event
from headcount.telemetry.metrics import Deliveries, Dropped, Measured, Metrics, Numbers

_TOUCH_S: Final = 10
_TURNS_TO_FORGET: Final = 360
_TALLY_S: Final = 1.0
_TALLY_AGAIN_S: Final = 0.02
"""What is behind is caught up with, but never all at once: others want the processor, too."""
_SWITCH_S: Final = 0.0001
_ATTEMPT_S: Final = 1.0
_FAILED_FOR_S: Final = 30
"""So long a failed commit of events counts, unless one succeeds: without requests none would."""
_SHOWN_MS: Final = 2_000
"""So long may the engine take until the tables hold what rooms have decided."""

log = structlog.get_logger("headcount")


@dataclass(frozen=True, slots=True)
class FirstKey:
    """The key that the first start on an empty store makes. Its text is told once."""

    key: Key
    text: str


class Service:
    """One process of Headcount: takes events, works out meetings, answers.

    Raises `StoreError` if the store cannot be had, `BadInput` if its rules are others.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rules = settings.rules()
        self.store: Store = open_store(settings["database"], synchronous=settings["synchronous"])
        if isinstance(self.store.database, SqliteDatabase):
            self.store.database.own()
        self._leadership = leadership(self.store.database)
        keep_to_rules(self.store, self.rules)
        _, received = self.store.log.end()
        self.clock = Clock(received)
        self._attempt_failed: str | None = None
        self._attempted_s = float("-inf")
        declare(
            self.store.sources,
            settings.sources,
            settings["domain"],
            lambda: secrets.token_urlsafe(18),
            self.clock.now(),
        )
        self.worker = Worker(
            self._leadership,
            lambda epoch: Engine(
                self.store,
                self.rules,
                epoch,
                max_stay=settings.max_stay(),
                shown_after=settings.shown_after(),
                release=version("headcount"),
            ),
            self.clock.now,
            self._told,
        )
        patience_s = settings["request_s"]
        self.appender = Appender(self.store.log, self.worker.wake, patience_s)
        self.quota = RoomQuota(
            settings["max_open_rooms"],
            self.rules.min_stay_ms + settings.shown_after() + _SHOWN_MS,
            self.store.answers,
            self.appender.append,
            self.appender.hand_over,
            patience_s,
        )
        self.metrics = Metrics()
        self._lag = Measured(self.measure_lag)
        self._standing = Measured(self._measure_standing)
        self.gate = Gate(
            self.store.keys, self.clock.now, settings["reads_per_5s"], settings["events_per_5s"], patience_s
        )
        self.cursors = Cursors(self.store.keys.store_secret(secrets.token_bytes(32)))
        self.broadcaster = Broadcaster(
            self.store.messages,
            partial(event_of, self.cursors),
            self._holds,
            settings["max_streams_per_domain"],
        )
        self.world = world_of(settings)
        self._webhook_endpoints = manager(self.store, self.world, self.clock, self._endpoints_changed)
        self._house = self._furnish()
        self._door = Door(self._house)
        self.front_door = FrontDoor(
            self.store.sources,
            self.quota.append,
            self.clock.now,
            self.clock.outside,
            self.metrics.took,
            settings.limits(),
            self.gate.count_source,
            public_url=settings["public_url"],
            keep_rooms=self.store.polls.keep_rooms,
            cursors=self.cursors,
        )
        self.counted = Counted()
        self.delivering: Delivering | None = None
        self._add_numbers()

    def first_key(self) -> FirstKey | None:
        """Make a key if there is none at all."""
        if self.store.keys.all():
            return None
        return FirstKey(*make_key(self.store, self.settings["domain"], "first key", ("admin",), self.clock))

    def start(self) -> None:
        """Set the engine going."""
        # The engine computes for milliseconds at a stretch; requests must not wait that long for Python's lock.
        sys.setswitchinterval(_SWITCH_S)
        self.worker.start()

    def stop(self) -> None:
        """Take no more, commit what was taken, and let go of the store."""
        self.appender.close()
        self.worker.stop()
        self._write_down()
        self.store.close()

    def app(self) -> ASGIApp:
        settings = self.settings
        return build(
            Parts(
                gate=self.gate,
                ingest=Ingest(
                    self.gate,
                    self.quota.append,
                    self.quota.hand_over,
                    Passing(self.store, self.worker.hurry, self.cursor, self.clock.now).passed,
                    self.clock.now,
                    self.clock.outside,
                    settings.limits(),
                    self.metrics.took,
                    self.cursors,
                ),
                front_door=self.front_door,
                reading=Reading(
                    self.store.answers,
                    self.store.usage,
                    self.rules,
                    self.clock.now,
                    settings["granularity_s"],
                    self.store.sources.bystanders,
                    settings["request_s"],
                ),
                webhook_endpoints=self._webhook_endpoints,
                broadcaster=self.broadcaster,
                cursors=self.cursors,
                metrics=self.metrics,
                ready=self._not_ready,
                look=self._look,
                seconds=time.perf_counter,
                name=secrets.token_hex(4),
                prefix=settings["prefix"],
                version=version("headcount"),
                pages=routes(self._house, self._door),
            )
        )

    def _holds(self, token: bytes) -> bool:
        """Whether what somebody who listens showed, a key or a sign-in, is still good."""
        return self._door.still_holds(token) if is_sign_in(token) else self.gate.holds(token)

    def _furnish(self) -> House:
        settings = self.settings
        return House(
            self.store,
            self.rules,
            self.broadcaster,
            self.clock.now,
            fresh_secret,
            settings["timezone"],
            settings["public_url"],
            settings["prefix"],
            version("headcount"),
            settings,
            self._webhook_endpoints,
            _Feed(self),
        )

    def sign_in_link(self, url: str, domain: str) -> str:
        """The address by which one browser signs in, once, within the hour."""
        secret = fresh_secret()
        self.store.passes.make_link(domain, Role.ADMIN, "link", self.clock.now(), secret)
        security_event("sign_in_link_created", domain=domain, role=str(Role.ADMIN))
        return f"{self.settings['public_url'].rstrip('/') or url}/dashboard/sign-in?link={secret}"

    def _told(self) -> None:
        """The engine may have written what is to be told."""
        self.broadcaster.wake()

    def cursor(self) -> int:
        """How far the engine has come, whichever process runs it."""
        engine = self.worker.engine
        return engine.cursor if engine is not None else self.store.tables.cursor()[0]

    async def deliver(self) -> None:
        """Tell endpoints what is in the outbox, as long as this process leads. Ends by being cancelled."""
        self.delivering = Delivering(
            DeliveringParts(
                self.store.endpoints,
                self.store.deliveries,
                self.store.messages,
                self.world,
                self.worker.leads,
                self.clock.now,
                self.counted,
                random.random,
            )
        )
        try:
            await self.delivering.run()
        finally:
            await self.delivering.stop()
            self.world.close()

    def _endpoints_changed(self) -> None:
        if self.delivering is not None:
            self.delivering.wake()

    async def keep_house(self) -> None:
        """What is done now and then while the service runs."""
        for turn in count():
            self._mind_the_clock()
            await asyncio.sleep(_TOUCH_S)
            try:
                await asyncio.to_thread(self._write_down)
                if turn % _TURNS_TO_FORGET == 0:
                    await asyncio.to_thread(self._forget_old_messages)
            except StoreError as error:
                log.warning("the house could not be kept", reason=str(error))

    def _mind_the_clock(self) -> None:
        """Log each jump of the machine's clock."""
        jump = self.clock.take_jump()
        if jump is not None:
            direction = "back" if jump < 0 else "forward"
            told = f"this machine's clock was set {direction}; the service follows if it stays so"
            log.warning(
                told,
                by_s=jump // 1_000,
                follows_after_s=JUMP_STANDS_MS // 1_000,
            )

    async def tally(self) -> None:
        """Put into numbers how much was met, as long as this process leads. Ends by being cancelled."""
        while True:
            more = False
            if self.worker.leads():
                try:
                    more = await asyncio.to_thread(self.store.tallying.step)
                except StoreError as error:
                    log.warning("how much was met could not be tallied; trying again", reason=str(error))
            await asyncio.sleep(_TALLY_AGAIN_S if more else _TALLY_S)

    async def poll(self) -> None:
        """Ask the servers of the sources that poll who is in, for as long as this process leads."""
        async with Asker() as asker:
            await Polling(
                Tools(
                    self.store,
                    asker.poll,
                    self.appender.append,
                    self.metrics.took,
                    self.front_door.tallies.add,
                    self.worker.leads,
                    self.clock.now,
                    lambda: secrets.token_hex(8),
                    random.random,
                    self.settings.limits(),
                )
            ).run()

    def _write_down(self) -> None:
        """Keep when keys and sessions were used, and what befell the sources."""
        used, self.gate.used = self.gate.used, {}
        if used:
            self.store.keys.touch(used)
        seen, self._door.used = self._door.used, {}
        if seen:
            self.store.passes.touch(seen)
        tallies = self.front_door.tallies.take_fresh()
        if tallies:
            self.store.sources.tally(tallies)

    def _forget_old_messages(self) -> None:
        """Messages, and how they were delivered, are kept for so many days.

        A clock that jumped must not decide what is too old: after one, nothing is deleted for a day.
        """
        if self.clock.trusted_for() < DAY_MS:
            return
        before = self.clock.now() - self.settings["keep_messages_days"] * DAY_MS
        if self.worker.leads() and self.settings["keep_messages_days"]:
            self.store.messages.prune(before)
            self.store.deliveries.prune(before)

    async def _not_ready(self) -> str | None:
        try:
            entries, seconds = await self._lag.look()
        except StoreError as error:
            return f"the store does not answer: {error.reason}"
        unwritable = await self._unwritable()
        if unwritable is not None:
            return f"the store cannot be written: {unwritable}"
        if not self.worker.alive():
            return "the engine has stopped"
        if seconds > self.settings["max_lag_s"]:
            return f"the engine is {seconds:.0f} s ({entries:,} entries) behind"
        return None

    async def _unwritable(self) -> str | None:
        """Why the store cannot be written, if so: an attempt, or the last commit of events, which may need more space.

        Anyone may ask for /readyz, so there is at most one attempt a second.
        """
        if time.monotonic() - self._attempted_s >= _ATTEMPT_S:
            self._attempted_s = time.monotonic()
            try:
                await asyncio.to_thread(self.store.tables.require_writable)
            except StoreError as error:
                self._attempt_failed = error.reason
                log.warning("the store cannot be written", reason=str(error))
            else:
                self._attempt_failed = None
        failed = self.appender.failed
        if failed is not None and time.monotonic() - failed[0] < _FAILED_FOR_S:
            return failed[1].reason
        return self._attempt_failed

    def measure_lag(self) -> tuple[int, float]:
        """How far the engine is behind: entries, and how long the oldest of them has waited."""
        end, _ = self.store.log.end()
        cursor = self.cursor()
        if end <= cursor:
            return 0, 0.0
        oldest = self.store.log.after(cursor, 1)
        waited = self.clock.now() - oldest[0].received if oldest else 0
        return end - cursor, max(0.0, waited / 1_000)

    async def _look(self) -> None:
        """Ask the store for what metrics tell of it. What it does not answer, they leave out."""
        for answered in await asyncio.gather(self._lag.look(), self._standing.look(), return_exceptions=True):
            if isinstance(answered, BaseException) and not isinstance(answered, StoreError):
                raise answered

    def _measure_standing(self) -> tuple[int, int]:
        """How many messages are parked, and how many endpoints failed."""
        counts = self.store.deliveries.counts()
        parked = sum(number for (_, fate), number in counts.items() if fate is Fate.PARKED)
        return parked, sum(row.state is State.FAILED for row in self.store.endpoints.all())

    def _add_numbers(self) -> None:
        worker = self.worker

        def tally(name: str) -> Any:
            return lambda: getattr(worker.engine.tally, name) if worker.engine is not None else 0

        def lag(place: int) -> Any:
            return lambda: None if self._lag.seen is None else self._lag.seen[place]

        self.counted.waiting = lambda: self.delivering.waiting if self.delivering is not None else 0
        self.counted.standing = lambda: self._standing.seen
        self.metrics.registry.register(self.counted)
        self.metrics.registry.register(Deliveries(self.front_door.tallies.totals))
        self.metrics.registry.register(Dropped(self.broadcaster.dropped))
        self.metrics.registry.register(
            Numbers(
                [
                    ("headcount_engine_entries", "Entries worked in by this process", True, tally("entries")),
                    ("headcount_engine_rounds", "Rounds of the engine", True, tally("rounds")),
                    ("headcount_late_events", "Events that came after what is published", True, tally("late")),
                    ("headcount_corrections", "Corrections that followed", True, tally("corrections")),
                    ("headcount_repeated_joins", "Joins of those who were in", True, tally("repeated")),
                    ("headcount_orphan_leaves", "Leaves of those who were not in", True, tally("orphans")),
                    ("headcount_engine_commit_seconds", "Time spent in commits of the engine", True, tally("commit_s")),
                    ("headcount_engine_failures", "Rounds that the store refused", True, lambda: worker.failures),
                    ("headcount_quarantined_rooms", "Rooms whose events could not be processed; see /v1/health/rooms.", False, lambda: worker.engine.quarantined_rooms() if worker.engine else 0),
                    ("headcount_engine_leads", "1 in the process that runs the engine", False, lambda: float(worker.leads())),
                    ("headcount_engine_lag_entries", "Entries that the engine has not come to", False, lag(0)),
                    ("headcount_engine_lag_seconds", "How long the oldest of them has waited", False, lag(1)),
                    ("headcount_store_answers", "1 if the store answered this request in time", False, lambda: float(self._lag.seen is not None)),
                    ("headcount_open_rooms", "Rooms in which somebody is", False, lambda: worker.engine.busy_rooms() if worker.engine else 0),
                    ("headcount_open_stays", "Stays that last", False, lambda: worker.engine.people() if worker.engine else 0),
                    ("headcount_clock_ahead_seconds", "How far our time is ahead of the machine's clock", False, lambda: self.clock.ahead() / 1_000),
                    ("headcount_append_commits", "Commits to the log by this process", True, lambda: self.appender.commits),
                    ("headcount_append_commit_seconds", "Time spent in them", True, lambda: self.appender.commit_s),
                    ("headcount_streams_open", "Who listens to this process", False, lambda: float(len(self.broadcaster))),
                    ("headcount_stream_events", "Events sent to those who listen", True, lambda: self.broadcaster.sent),
                    ("headcount_store_reconnects", "Connections to the store that were made anew", True, lambda: self.store.database.reconnects),
                ]
            )
        )  # fmt: skip


class _Feed:
    """What the pages are told of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def counts(self) -> Counts:
        service, engine = self._service, self._service.worker.engine
        behind, behind_s = service.measure_lag()
        seen = None if engine is None else engine.tally
        return Counts(
            service.worker.alive(), behind, behind_s,
            None if seen is None else Worked(
                seen.entries, seen.rounds, seen.commit_s, seen.late, seen.corrections, seen.repeated, seen.orphans
            ),
            service.worker.failures, service.metrics.duplicates, service.appender.commits, service.appender.commit_s,
            service.clock.ahead(),
        )  # fmt: skip

    def fresh(self) -> list[Tally]:
        return self._service.front_door.tallies.fresh()

    def recently(self) -> dict[str, Recently]:
        found = self._service.front_door.tallies.recently(self._service.clock.outside())
        return {token: Recently(*seen) for token, seen in found.items()}

    def retry(self, domain: str) -> Retried:
        service = self._service
        done = retry(service.store, service.clock.now, service.settings.limits(), domain)
        service.worker.wake()
        return done


def world_of(settings: Settings) -> Transport:
    """What posts to endpoints have in common, as it was set."""
    agent = f"headcount/{version('headcount')}"
    return Transport(agent, networks(settings["webhook_networks"]), settings["webhook_ca_file"])


def manager(store: Store, world: Transport, clock: Clock, changed: Callable[[], None]) -> EndpointManager:
    """What is done with endpoints, with our clock and chance."""
    return EndpointManager(
        store.endpoints, store.deliveries, store.messages, world, clock.now, lambda: str(uuid.uuid4()),
        secrets.token_bytes, changed,
    )  # fmt: skip


def make_key(store: Store, domain: str, name: str, scopes: tuple[str, ...], clock: Clock) -> tuple[Key, str]:
    """A new key, made of chance."""
    key, text = store.keys.create(domain, name, scopes, clock.now(), fresh_secret())
    security_event("key_created", domain=domain, created_key_id=key.id, scopes=sorted(scopes))
    return key, text

"""Service: the composition root. Builds everything, owns the tasks, decides nothing."""

import asyncio
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from headcount.broadcasting import Broadcaster
from headcount.clock import Clock
from headcount.configuring import declare
from headcount.engine.engine import Engine
from headcount.engine.rules_in_force import keep_to_rules
from headcount.engine.running import Worker
from headcount.errors import BadInput
from headcount.http.access import Gate
from headcount.http.app import Parts, build
from headcount.http.context import Reading
from headcount.http.deliveries import FrontDoor
from headcount.http.event_bodies import Limits
from headcount.http.ingest import Ingest
from headcount.http.metrics import Deliveries, Dropped, Metrics, Numbers
from headcount.http.protocol import uvicorn_options
from headcount.http.stream import event_of
from headcount.passing import Passing
from headcount.settings import Settings, url_of
from headcount.store.appending import Appender
from headcount.store.database import StoreError
from headcount.store.keys import Key
from headcount.store.leading import leadership
from headcount.store.opening import Store, open_store
from headcount.store.sqlite import SqliteDatabase

_TOUCH_S: Final = 10
_SWITCH_S: Final = 0.0001
_CONNECTIONS: Final = 16_384

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
        declare(
            self.store.sources,
            settings.sources,
            settings["domain"],
            secrets.token_urlsafe(18),
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
            ),
            self.clock.now,
            self._told,
        )
        self.appender = Appender(self.store.log, self.worker.wake)
        self.metrics = Metrics()
        self.gate = Gate(self.store.keys, self.clock.now, settings["reads_per_5s"], settings["events_per_5s"])
        self.broadcaster = Broadcaster(self.store.messages, event_of, self.gate.holds)
        self.front_door = FrontDoor(
            self.store.sources,
            self.appender.append,
            self.clock.now,
            self.metrics.took,
            public_url=settings["public_url"],
            most_bytes=settings["max_body_bytes"],
            name_length=settings["max_name_length"],
        )
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
        let_many_connect()
        self.worker.start()

    def stop(self) -> None:
        """Take no more, commit what was taken, and let go of the store."""
        self.appender.close()
        self.worker.stop()
        self._write_down()
        self.store.close()

    def app(self) -> ASGIApp:
        settings = self.settings
        limits = Limits(settings["max_body_bytes"], settings["max_events"], settings["max_name_length"])
        return build(
            Parts(
                gate=self.gate,
                ingest=Ingest(
                    self.gate,
                    self.appender.append,
                    self.appender.hand_over,
                    Passing(self.store, self.worker.hurry, self.cursor, self.clock.now).passed,
                    self.clock.now,
                    limits,
                    self.metrics.took,
                ),
                front_door=self.front_door,
                reading=Reading(
                    self.store.answers,
                    self.rules,
                    self.clock.now,
                    settings["granularity_s"],
                    self.store.sources.bystanders,
                ),
                broadcaster=self.broadcaster,
                metrics=self.metrics,
                ready=self._not_ready,
                seconds=time.perf_counter,
                name=secrets.token_hex(4),
                prefix=settings["prefix"],
                version=version("headcount"),
            )
        )

    def _told(self) -> None:
        """The engine may have written what is to be told."""
        self.broadcaster.wake()

    def cursor(self) -> int:
        """How far the engine has come, whichever process runs it."""
        engine = self.worker.engine
        return engine.cursor if engine is not None else self.store.tables.cursor()[0]

    async def keep_house(self) -> None:
        """What is done now and then while the service runs."""
        while True:
            await asyncio.sleep(_TOUCH_S)
            try:
                await asyncio.to_thread(self._write_down)
            except StoreError as error:
                log.warning("when keys and sources were used could not be kept", reason=str(error))

    def _write_down(self) -> None:
        """Keep when keys were used, and what befell the sources."""
        used, self.gate.used = self.gate.used, {}
        if used:
            self.store.keys.touch(used)
        tallies = self.front_door.tallies.take_fresh()
        if tallies:
            self.store.sources.tally(tallies)

    async def _not_ready(self) -> str | None:
        try:
            entries, seconds = await asyncio.to_thread(self._measure_lag)
        except StoreError as error:
            return f"the store does not answer: {error}"
        if not self.worker.alive():
            return "the engine has stopped"
        if seconds > self.settings["max_lag_s"]:
            return f"the engine is {seconds:.0f} s ({entries:,} entries) behind"
        return None

    def _measure_lag(self) -> tuple[int, float]:
        """How far the engine is behind: entries, and how long the oldest of them has waited."""
        end, _ = self.store.log.end()
        cursor = self.cursor()
        if end <= cursor:
            return 0, 0.0
        oldest = self.store.log.after(cursor, 1)
        waited = self.clock.now() - oldest[0].received if oldest else 0
        return end - cursor, max(0.0, waited / 1_000)

    def _add_numbers(self) -> None:
        worker = self.worker

        def tally(name: str) -> Any:
            return lambda: getattr(worker.engine.tally, name) if worker.engine is not None else 0

        def lag(place: int) -> Any:
            return lambda: self._measure_lag()[place]

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
                    ("headcount_engine_leads", "1 in the process that runs the engine", False, lambda: float(worker.engine is not None)),
                    ("headcount_engine_lag_entries", "Entries that the engine has not come to", False, lag(0)),
                    ("headcount_engine_lag_seconds", "How long the oldest of them has waited", False, lag(1)),
                    ("headcount_open_rooms", "Rooms in which somebody is", False, lambda: worker.engine.busy_rooms() if worker.engine else 0),
                    ("headcount_open_stays", "Stays that last", False, lambda: worker.engine.people() if worker.engine else 0),
                    ("headcount_append_commits", "Commits to the log by this process", True, lambda: self.appender.commits),
                    ("headcount_append_commit_seconds", "Time spent in them", True, lambda: self.appender.commit_s),
                    ("headcount_streams_open", "Who listens to this process", False, lambda: float(len(self.broadcaster))),
                    ("headcount_stream_events", "Events sent to those who listen", True, lambda: self.broadcaster.sent),
                    ("headcount_store_reconnects", "Connections to the store that were made anew", True, lambda: self.store.database.reconnects),
                ]
            )
        )  # fmt: skip


def let_many_connect() -> None:
    """Each who listens to the stream holds a connection, and many systems let a process have only 1,024 at first."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not everywhere

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _CONNECTIONS if most == resource.RLIM_INFINITY else min(_CONNECTIONS, most)
        if now != resource.RLIM_INFINITY and now < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def make_key(store: Store, domain: str, name: str, scopes: tuple[str, ...], clock: Clock) -> tuple[Key, str]:
    """A new key, made of chance."""
    return store.keys.create(domain, name, scopes, clock.now(), secrets.token_urlsafe(24))


class Server(uvicorn.Server):
    """Uvicorn with our application. A signal stops it, and is not raised again: there is more to close."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        super().__init__(uvicorn.Config(service.app(), **uvicorn_options()))
        self._socket = listen(settings["host"], settings["port"])
        self.url = url_of(settings["host"], self._socket.getsockname()[1])
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {sign: signal.signal(sign, self.handle_exit) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    async def run_until_stopped(self) -> None:
        """Serve until a signal comes; then finish what is under way."""
        house = [
            asyncio.create_task(work)
            for work in (self._service.keep_house(), self._service.broadcaster.run())
        ]
        try:
            await self.serve(sockets=[self._socket])
        finally:
            for work in house:
                work.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go who listen, since they would not by themselves; then all others, when they are answered."""
        self._service.broadcaster.stop()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `BadInput` if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        reason = (error.strerror or str(error)).lower()
        raise BadInput(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from error
    return found

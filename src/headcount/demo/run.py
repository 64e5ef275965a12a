"""The service with generated demo data, in a domain of its own.

Responsible for some days of past events, and for live events while the service runs. They are appended to the log and
processed by the engine like all events. Must not know what happens in the rooms: `company` does.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from headcount.demo.company import live_events, past_events
from headcount.errors import BadInput
from headcount.kernel.events import Event, Ms
from headcount.server.server import Server
from headcount.service.access import Access, create_key, create_sign_in_link
from headcount.service.container import Service
from headcount.service.runtime import new_clock
from headcount.settings import Settings
from headcount.store.credentials import Key, Role
from headcount.store.database import StoreBusy
from headcount.store.dedup import entry_of, hash_key
from headcount.store.domains import remove_domain
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.records import LogEntry, Origin
from headcount.store.shard_sink import ShardSink

DOMAIN: Final = "demo"
_DAY_MS: Final[Ms] = 86_400_000
_MAX_AGE_MS: Final[Ms] = 30 * _DAY_MS
_BATCH_SIZE: Final = 5_000
_RETRY_S: Final = 1.0
_PAUSE_S: Final = 0.2
_KEY_NAME: Final = "Demo data"
_STARTED: Final = ", started "
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S UTC"


class DemoRun:
    """Demo data in a running service. With `speed` 2 its people move twice as fast.

    The data starts when the demo is first started. If it is started again, it continues, and the events of the time between
    are added.
    """

    def __init__(self, service: Service, *, speed: float, seed: int, days: int) -> None:
        self._service = service
        self._speed = speed
        self._seed = seed
        self._days = days
        self._name = name_of(seed, speed, days)
        # Whole seconds, as in the key's name, from which another run reads it.
        self._started: Ms = started_at(service.store, self._name) or service.clock.now() // 1_000 * 1_000

    def prepare(self, url: str) -> Access:
        """Replace the demo's key, create a sign-in link, and append all past events that are not in the log yet.

        On a cluster, it returns when they are processed.
        """
        service = self._service
        for key in service.store.keys.all():
            if key.domain == DOMAIN and _is_of_demo(key):
                service.store.keys.revoke(key.id, service.clock.now())
        name = f"{self._name}{_STARTED}{datetime.fromtimestamp(self._started / 1_000, UTC):{_TIME_FORMAT}}"
        _, key_text = create_key(service.store, DOMAIN, name, ("ingest", "read"), service.clock)
        entries = [self._entry(event, Origin.IMPORTED) for event in self._past()]
        position = 0
        for start in range(0, len(entries), _BATCH_SIZE):
            (appended,) = service.store.log.append([entries[start : start + _BATCH_SIZE]])
            position = appended.position
        service.engine.wake()
        if service.settings["log"]:
            self._wait_for_query(position)
        link = create_sign_in_link(
            service.store, service.settings["public_url"] or url, DOMAIN, Role.ADMIN, service.clock
        )
        return Access(DOMAIN, link, key_text)

    def _wait_for_query(self, position: int) -> None:
        """Wait until the live query of a cluster has processed the past: it takes longer than an engine."""
        sink = ShardSink(self._service.store.database)
        while (progress := sink.progress()) is None or progress.processed_until < position:
            time.sleep(_PAUSE_S)

    def greeting(self, url: str, access: Access) -> list[str]:
        """Return lines with the sign-in link, the key, and commands that work in another terminal in this directory."""
        settings = self._service.settings
        auth, api = f"-H 'Authorization: Bearer {access.key}'", f"{url}{settings['api_prefix']}"
        join = '{"room": "my-room", "kind": "join", "participant_id": "me-1", "user_name": "Me"}'
        return [
            "",
            f"Headcount serves demo data on {url}",
            "",
            "Dashboard (one-time sign-in link, valid for 1 hour):",
            f"  {access.sign_in_link}",
            "",
            "API key (ingest and read scopes):",
            f"  {access.key}",
            "",
            "Commands to try in another terminal:",
            "",
            "  # Who is online",
            f"  curl {auth} {api}/presence",
            "",
            "  # The latest three meetings",
            f"  curl {auth} '{api}/meetings?limit=3'",
            "",
            "  # Join a room. After 30 seconds alone in it, you have a meeting.",
            f"  curl {auth} {api}/events -d '{join}'",
            f"  curl {auth} '{api}/meetings?room=my-room'",
            "",
            "  # Another sign-in link",
            f"  {settings.command(f'login-link --domain {DOMAIN} --port {urlsplit(url).port}')}",
            "",
            "  # Check the installation",
            f"  {settings.command('doctor')}",
            "",
            f"API reference: {url}/docs",
            "Stop: Ctrl-C",
            *([] if settings["log"] else [f"Delete the demo data: {settings.command('demo --remove')}"]),
            "",
        ]

    async def serve(self, server: Server) -> None:
        """Serve, and append live events, until a signal."""
        live = asyncio.create_task(self._append_live())
        try:
            await server.run_until_stopped()
        finally:
            live.cancel()

    def _past(self) -> Iterator[Event]:
        """All events until now: the days before the start, and those since then."""
        yield from (
            past_events(self._seed, self._started - self._days * _DAY_MS, self._started) if self._days else ()
        )
        now = self._service.clock.now()
        for arrives, event in live_events(self._seed, self._started):
            if self._real(arrives) >= now:
                return
            yield event

    async def _append_live(self) -> None:
        service = self._service
        now = service.clock.now()
        for arrives, event in live_events(self._seed, self._started):
            due = self._real(arrives)
            if due < now - _DAY_MS:
                continue
            await asyncio.sleep(max(0.0, (due - service.clock.now()) / 1_000))
            entry = self._entry(event, Origin.LIVE)
            while True:
                try:
                    await service.appender.append([entry])
                except StoreBusy:
                    await asyncio.sleep(_RETRY_S)
                else:
                    break

    def _real(self, at: Ms) -> Ms:
        """The real time of a time of the demo data."""
        return at if at <= self._started else self._started + round((at - self._started) / self._speed)

    def _entry(self, event: Event, origin: Origin) -> LogEntry:
        identity = (event.kind, event.room, event.participant_id or "", str(event.at), str(self._started))
        joined_at = None if event.joined_at is None else self._real(event.joined_at)
        event = replace(event, at=self._real(event.at), joined_at=joined_at)
        return entry_of(event, DOMAIN, self._service.clock.now(), origin, hash_key(*identity))


def name_of(seed: int, speed: float, days: int) -> str:
    """Return the name of the keys of this demo data: another seed, speed or number of days is other data."""
    return f"{_KEY_NAME} (seed {seed}, speed {speed:g}, {days} days)"


def started_at(store: Store, name: str) -> Ms | None:
    """Return when the demo data of this name starts; None if it is not in the store."""
    names = [key.name.partition(_STARTED) for key in store.keys.all() if key.domain == DOMAIN]
    return next((_ms_of(started) for known, _, started in names if known == name and started), None)


def _is_of_demo(key: Key) -> bool:
    """Return whether the demo created the key; others in its domain are the user's."""
    return key.name.startswith(_KEY_NAME)


def _ms_of(started: str) -> Ms:
    return int(datetime.strptime(started, _TIME_FORMAT).replace(tzinfo=UTC).timestamp()) * 1_000


def remove_other_data(settings: Settings, name: str) -> None:
    """Delete other demo data, and data so old that adding the missing days would take long."""
    store = open_store(settings["database"], keyring=settings.keyring())
    since = started_at(store, name)
    known = any(key.domain == DOMAIN and _is_of_demo(key) for key in store.keys.all())
    stale = known and (since is None or new_clock().now() - since > _MAX_AGE_MS)
    store.close()
    if stale:
        remove_demo(settings)


def remove_demo(settings: Settings) -> None:
    """Delete the domain of the demo from a store. Raise `StoreError` if a service runs on it, `BadInput` on a cluster."""
    store = open_store(settings["database"], keyring=settings.keyring())
    if ShardSink(store.database).progress() is not None:
        store.close()
        raise BadInput(
            "a live query on a cluster also has this domain in its state: delete the database, the topic and the checkpoint instead"
        )
    lead = leadership(store.database)
    lead.try_lead()
    remove_domain(store.database, DOMAIN)
    lead.give_up()
    store.close()

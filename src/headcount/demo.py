"""Demo: the service with a company that is made up, in a domain of its own.

Some days of history lie behind it; its rooms live on while it runs. What is sent goes the way of
every event: appended to the log, worked in by the engine.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from headcount.kernel.events import Event, Ms
from headcount.service import Server, Service, make_key
from headcount.settings import Settings
from headcount.simulation import history, life
from headcount.store.database import StoreBusy
from headcount.store.known_again import key_of
from headcount.store.leading import leadership
from headcount.store.opening import open_store
from headcount.store.removing import remove_domain
from headcount.store.rows import KIND_CODES, LogEntry, Origin

DOMAIN: Final = "demo"
_DAY_MS: Final[Ms] = 86_400_000
_AT_ONCE: Final = 5_000
_AFTER_BUSY_S: Final = 1.0


class DemoRun:
    """The life of the made-up company in a service. With `speed` 2 its people move twice as fast."""

    def __init__(self, service: Service, *, speed: float, seed: int, days: int) -> None:
        self._service = service
        self._speed = speed
        self._seed = seed
        self._days = days
        self._key = ""
        self._started: Ms = service.clock.now()

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Make a key, and write the days that lie behind, if they are not there."""
        service = self._service
        for key in service.store.keys.all():
            if key.domain == DOMAIN:
                service.store.keys.revoke(key.id, service.clock.now())
        _, self._key = make_key(service.store, DOMAIN, "demo", ("ingest", "read"), service.clock)
        remembered = [self._entry(event, Origin.IMPORTED) for event in self._past()]
        if remembered:
            tell(f"Making up {self._days} days of history ({len(remembered):,} events) ...")
        for start in range(0, len(remembered), _AT_ONCE):
            service.store.log.append([remembered[start : start + _AT_ONCE]])
        service.worker.wake()

    def greeting(self, url: str) -> str:
        """What to try, to be pasted."""
        api = f"{url}{self._service.settings['prefix']}"
        auth = f"-H 'Authorization: Bearer {self._key}'"
        join = '{"room": "my-room", "kind": "join", "participant_id": "me-1", "user_name": "Me"}'
        return (
            f"\nHeadcount runs on {url} with the made-up company of the domain '{DOMAIN}'.\n"
            f"Its key, shown this once: {self._key}\n\n"
            f"Who is in now, the latest meetings, and you joining a room (30 s later it is a meeting):\n\n"
            f"  curl -s {auth} {api}/presence\n"
            f"  curl -s {auth} '{api}/meetings?limit=3'\n"
            f"  curl -s {auth} {api}/events -d '{join}'\n\n"
            f"The API is described at {url}/docs; Ctrl-C stops; 'headcount demo --remove' takes the domain out again.\n"
        )

    async def serve(self, server: Server) -> None:
        """Serve, and let the company live, until a signal comes."""
        living = asyncio.create_task(self._live())
        try:
            await server.run_until_stopped()
        finally:
            living.cancel()

    def _past(self) -> list[Event]:
        start = self._started - self._days * _DAY_MS
        return history(self._seed, start, self._started) if self._days else []

    async def _live(self) -> None:
        service = self._service
        for arrives, event in life(self._seed, self._started):
            due = self._real(arrives)
            await asyncio.sleep(max(0.0, (due - service.clock.now()) / 1_000))
            entry = self._entry(event, Origin.LIVE)
            while True:
                try:
                    await service.appender.append([entry])
                except StoreBusy:
                    await asyncio.sleep(_AFTER_BUSY_S)
                else:
                    break

    def _real(self, at: Ms) -> Ms:
        """When something happens that lies ahead in the company's own time."""
        return at if at <= self._started else self._started + round((at - self._started) / self._speed)

    def _entry(self, event: Event, origin: Origin) -> LogEntry:
        at = self._real(event.at)
        said = (event.kind, event.room, event.participant_id or "", str(event.at), str(self._started))
        joined_at = None if event.joined_at is None else self._real(event.joined_at)
        return LogEntry(
            DOMAIN, event.room, KIND_CODES[event.kind], at, self._service.clock.now(), event.participant_id,
            event.user_id, event.user_name, event.source_session, joined_at, None, event.id, key_of(*said), origin,
        )  # fmt: skip


def remove_demo(settings: Settings) -> None:
    """Take all of the demo's domain out of a store. Raises `StoreError` if a service runs on it."""
    store = open_store(settings["database"])
    lead = leadership(store.database)
    lead.try_lead()
    remove_domain(store.database, DOMAIN)
    lead.give_up()
    store.close()

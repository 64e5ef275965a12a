"""Demo: the service with a company that is made up, in a domain of its own.

Some days of history lie behind it; its rooms live on while it runs. What is sent goes the way of
every event: appended to the log, worked in by the engine.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from headcount.clock import Clock
from headcount.demo.company import history, life
from headcount.kernel.events import Event, Ms
from headcount.server.server import Server
from headcount.service.access import create_key, create_sign_in_link
from headcount.service.container import Service
from headcount.settings import Settings
from headcount.store.credentials import Role
from headcount.store.database import StoreBusy
from headcount.store.dedup import entry_of, hash_key
from headcount.store.domains import remove_domain
from headcount.store.leadership import leadership
from headcount.store.open import Store, open_store
from headcount.store.records import LogEntry, Origin

DOMAIN: Final = "demo"
_DAY_MS: Final[Ms] = 86_400_000
_LONGEST_MS: Final[Ms] = 30 * _DAY_MS
_AT_ONCE: Final = 5_000
_AFTER_BUSY_S: Final = 1.0


class DemoRun:
    """The life of the made-up company in a service. With `speed` 2 its people move twice as fast.

    The company was founded when the demo was first started, and lives on when it is started
    again: what would have happened meanwhile is made up for.
    """

    def __init__(self, service: Service, *, speed: float, seed: int, days: int) -> None:
        self._service = service
        self._speed = speed
        self._seed = seed
        self._days = days
        self._name = name_of(seed, speed, days)
        self._key = ""
        self._founded: Ms = founded(service.store, self._name) or service.clock.now()

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Make a key, and write the days that lie behind, as far as they are not there."""
        service = self._service
        for key in service.store.keys.all():
            if key.domain == DOMAIN:
                service.store.keys.revoke(key.id, service.clock.now())
        name = f"{self._name}, since {self._founded}"
        _, self._key = create_key(service.store, DOMAIN, name, ("ingest", "read"), service.clock)
        tell(f"Making up {self._days} days of history ...")
        entries = [self._entry(event, Origin.IMPORTED) for event in self._past()]
        for start in range(0, len(entries), _AT_ONCE):
            service.store.log.append([entries[start : start + _AT_ONCE]])
        service.worker.wake()

    def greeting(self, url: str) -> str:
        """What to try, to be pasted."""
        api = f"{url}{self._service.settings['prefix']}"
        auth = f"-H 'Authorization: Bearer {self._key}'"
        link = create_sign_in_link(
            self._service.store,
            self._service.settings["public_url"] or url,
            DOMAIN,
            Role.ADMIN,
            self._service.clock,
        )
        join = '{"room": "my-room", "kind": "join", "participant_id": "me-1", "user_name": "Me"}'
        return (
            f"\nHeadcount runs on {url} with the made-up company of the domain '{DOMAIN}'.\n"
            f"Look at it, by a link that is good once, within the hour:\n\n"
            f"  {link}\n\n"
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

    def _past(self) -> Iterator[Event]:
        """All until now: the days before the company was founded, and those since then."""
        yield from (
            history(self._seed, self._founded - self._days * _DAY_MS, self._founded) if self._days else ()
        )
        now = self._service.clock.now()
        for arrives, event in life(self._seed, self._founded):
            if self._real(arrives) >= now:
                return
            yield event

    async def _live(self) -> None:
        service = self._service
        now = service.clock.now()
        for arrives, event in life(self._seed, self._founded):
            due = self._real(arrives)
            if due < now - _DAY_MS:
                continue
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
        return at if at <= self._founded else self._founded + round((at - self._founded) / self._speed)

    def _entry(self, event: Event, origin: Origin) -> LogEntry:
        said = (event.kind, event.room, event.participant_id or "", str(event.at), str(self._founded))
        joined_at = None if event.joined_at is None else self._real(event.joined_at)
        lived = replace(event, at=self._real(event.at), joined_at=joined_at)
        return entry_of(lived, DOMAIN, self._service.clock.now(), origin, hash_key(*said))


def name_of(seed: int, speed: float, days: int) -> str:
    """What the keys of a company are called; another seed, speed or past is another company."""
    return f"demo {seed} at speed {speed:g} after {days} days"


def founded(store: Store, name: str) -> Ms | None:
    """When the company of that name was founded, if it is in the store."""
    since = [key.name.partition(", since ") for key in store.keys.all() if key.domain == DOMAIN]
    return next((int(moment) for known, _, moment in since if known == name and moment.isdigit()), None)


def forget_others(settings: Settings, name: str) -> None:
    """Take out a company that is another one, or so old that to make up for its days takes long."""
    store = open_store(settings["database"])
    since = founded(store, name)
    known = any(key.domain == DOMAIN for key in store.keys.all())
    stale = known and (since is None or Clock().now() - since > _LONGEST_MS)
    store.close()
    if stale:
        remove_demo(settings)


def remove_demo(settings: Settings) -> None:
    """Take all of the demo's domain out of a store. Raises `StoreError` if a service runs on it."""
    store = open_store(settings["database"])
    lead = leadership(store.database)
    lead.try_lead()
    remove_domain(store.database, DOMAIN)
    lead.give_up()
    store.close()

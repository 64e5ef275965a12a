"""Server: the socket, and uvicorn on it with our application, until a signal comes."""

import asyncio
import resource
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn

from headcount.server.protocol import uvicorn_options
from headcount.service.container import Service
from headcount.settings import cannot_listen, url_of

_DESCRIPTORS: Final = 65_536
_THREADS: Final = 40
"""So many requests may read the store at once."""
MOST_CONNECTIONS: Final = 16_384
"""More than may listen to the stream, with room for requests; each takes some kilobytes."""


class Server(uvicorn.Server):
    """Uvicorn with our application. A signal stops it, and is not raised again: there is more to close."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        most = let_many_connect()
        super().__init__(uvicorn.Config(service.app(), **uvicorn_options(settings["request_s"], most)))
        self._socket = listen(settings["host"], settings["port"])
        self.url = url_of(settings["host"], self._socket.getsockname()[1])
        self._service = service
        self._house: list[asyncio.Task[None]] = []

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
        service = self._service
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "store"))
        self._house = [asyncio.create_task(run()) for run in service.background]
        broadcasting = asyncio.create_task(service.broadcaster.run())
        leaving = list(self._house)
        try:
            await self.serve(sockets=[self._socket])
        finally:
            self._leave_house()
            broadcasting.cancel()
            await asyncio.gather(*leaving, broadcasting, return_exceptions=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go who listen, since they would not by themselves; then all others, when they are answered.

        What is being delivered is finished meanwhile.
        """
        self._service.broadcaster.stop()
        self._leave_house()
        await super().shutdown(sockets)

    def _leave_house(self) -> None:
        """Each is cancelled once: what it does then, a second time would break off."""
        while self._house:
            self._house.pop().cancel()


def let_many_connect() -> int:
    """Raise the limit of descriptors as far as it goes, since a process is given few at first; how many may connect.

    A quarter of the descriptors is left for the store, webhooks and polls.
    """
    given, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS)
    if given != resource.RLIM_INFINITY and given < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    there, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if there == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, there * 3 // 4)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `BadInput` if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise cannot_listen(host, port, error) from error
    return found

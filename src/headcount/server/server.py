"""Server: the listening socket, and uvicorn on it with the application, until a signal arrives.

Responsible for startup, shutdown and the number of connections. It must not know requests.
"""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

import uvicorn

from headcount.garbage import ANSWER_OBJECTS, collect_rarely
from headcount.server.fast_path import FastPathProtocol, KnownHeads
from headcount.service.container import Service
from headcount.settings import cannot_listen, url_of

_MAX_DESCRIPTORS: Final = 65_536
_STORE_THREADS: Final = 40
"""Requests that read the store at the same time."""
_MAX_CONNECTIONS: Final = 16_384
"""More than the maximum of streams, with room for requests; each takes some kilobytes."""


class Server(uvicorn.Server):
    """Uvicorn with the application. A signal stops it and is not raised again: there is more to close."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        options = uvicorn_options(settings["request_timeout_s"], raise_connection_limit())
        super().__init__(uvicorn.Config(service.app(), **options))
        self._socket = listen(settings["host"], settings["port"])
        self.url = url_of(settings["host"], self._socket.getsockname()[1])
        self._service = service
        self._background: list[asyncio.Task[None]] = []

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def run_until_stopped(self) -> None:
        """Serve until a signal arrives, then finish the requests and deliveries in progress."""
        service = self._service
        collect_rarely(ANSWER_OBJECTS)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_STORE_THREADS, "store"))
        self._background = [asyncio.create_task(run()) for run in service.background]
        broadcast = asyncio.create_task(service.broadcaster.run())
        stopping = list(self._background)
        try:
            await self.serve(sockets=[self._socket])
        finally:
            self._cancel_background()
            broadcast.cancel()
            await asyncio.gather(*stopping, broadcast, return_exceptions=True)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        notify_systemd(os.environ, b"READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close streams, which do not end otherwise; then all other connections, once they have their answers.

        Deliveries in progress are finished meanwhile.
        """
        notify_systemd(os.environ, b"STOPPING=1")
        self._service.broadcaster.stop()
        self._cancel_background()
        await super().shutdown(sockets)

    def _cancel_background(self) -> None:
        """Cancel each task once: a second time would interrupt its cleanup."""
        while self._background:
            self._background.pop().cancel()


def uvicorn_options(request_timeout_s: float, max_connections: int) -> dict[str, Any]:
    """Return the configuration of uvicorn, except for the address."""
    return {
        "loop": "uvloop",
        "http": partial(
            FastPathProtocol,
            request_timeout_s=request_timeout_s,
            max_connections=max_connections,
            known_heads=KnownHeads(),
        ),
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "proxy_headers": False,
        "log_config": None,
        "server_header": False,
        "date_header": True,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 3,
        "backlog": 4_096,
    }


def notify_systemd(variables: Mapping[str, str], state: bytes) -> None:
    """Report a state to systemd, if it started this process as a unit of the type `notify`."""
    address = variables.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection, suppress(OSError):
            connection.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
            connection.send(state)


def raise_connection_limit() -> int:
    """Raise the process's limit of file descriptors, which is low by default, and return the maximum of connections.

    A quarter of the descriptors is left for the store, webhooks and polls.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_CONNECTIONS if limit == resource.RLIM_INFINITY else min(_MAX_CONNECTIONS, limit * 3 // 4)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raise `BadInput` if the address is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise cannot_listen(host, port, error) from error
    return listener

"""Client: one POST, and what came of it. The only file that knows the HTTP library.

It is the core of httpx2 rather than httpx2 itself: no redirects, no proxies of the environment, and a place
where a connection is made, at which the address is checked that it goes to.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpcore2 as httpcore

from headcount.errors import HeadcountError
from headcount.webhooks.addresses import AddressRefused, Network, permitted

CONNECT_S: Final = 5.0
WHOLE_S: Final = 10.0
KEPT_BYTES: Final = 1_024
"""So much of an answer is kept."""
_MOST_BYTES: Final = 65_536
"""So much of it is read."""
_MOST_LOOKUPS: Final = 64
_IDLE_S: Final = 20.0

Headers = list[tuple[bytes, bytes]]
Lookup = Callable[[str, int], Awaitable[list[str]]]


class Answered(NamedTuple):
    """What came of a request: a status, if there was an answer, and how it began; else what went wrong."""

    status: int | None
    latency_ms: int
    text: str
    error: str | None


class Client:
    """What posts to one endpoint have in common: connections that are kept, one look-up at a time."""

    def __init__(self, world: "World", url: str, connections: int) -> None:
        self._url = url
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=world.trust,
            max_connections=connections,
            keepalive_expiry=_IDLE_S,
            network_backend=_Careful(world, secure=urlsplit(url).scheme == "https"),
        )
        host = urlsplit(url).netloc.encode()
        self._headers: Headers = [(b"host", host), *world.headers]

    async def post(self, headers: Headers, body: bytes, whole_s: float = WHOLE_S) -> Answered:
        """POST a body; never raises for what the other side does."""
        began = monotonic()
        status, text, error = None, b"", None
        try:
            async with asyncio.timeout(whole_s):
                status, text = await self._asked(headers, body)
        except TimeoutError:
            error = f"no whole answer within {whole_s:g} s"
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as broke:
            error = _told(broke)
        except (AddressRefused, httpcore.UnsupportedProtocol) as refused:
            error = str(refused)
        latency = round((monotonic() - began) * 1_000)
        return Answered(status, latency, _shown(text), error)

    async def close(self) -> None:
        with suppress(Exception):
            await self._pool.aclose()

    async def _asked(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        length = [(b"content-length", str(len(body)).encode())]
        async with self._pool.stream(
            "POST",
            self._url,
            headers=self._headers + length + headers,
            content=body,
            extensions={"timeout": {"connect": CONNECT_S, "pool": None}},
        ) as answer:
            read, size = [], 0
            async for chunk in answer.aiter_stream():
                read.append(chunk)
                size += len(chunk)
                if size > _MOST_BYTES:
                    break
            return answer.status, b"".join(read)[:KEPT_BYTES]


class World:
    """What posts to all endpoints have in common: whom to trust, where not to go, how to look up names."""

    def __init__(
        self,
        agent: str,
        named: Sequence[Network] = (),
        ca_file: str = "",
        lookup: Lookup | None = None,
    ) -> None:
        self.named = named
        self.trust = _trust(ca_file)
        self.headers: Headers = [
            (b"content-type", b"application/json"),
            (b"user-agent", agent.encode()),
            (b"accept", b"*/*"),
        ]
        # Look-ups block a thread for as long as they like, so they have threads of their own.
        self._threads = ThreadPoolExecutor(_MOST_LOOKUPS, "webhook-lookup")
        self.lookup = lookup or self._look_up

    def client(self, url: str, connections: int = 1) -> Client:
        return Client(self, url, connections)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str, port: int) -> list[str]:
        import socket  # noqa: PLC0415 - nothing else here knows sockets

        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))


class _Careful(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked. Who looks up the same name at the same time shares the look-up."""

    def __init__(self, world: World, *, secure: bool) -> None:
        self._world = world
        self._secure = secure
        self._plain = httpcore.AnyIOBackend()
        self._looking: asyncio.Task[list[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's word
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from None

    async def _connected(self, host: str, port: int, *more: Any) -> httpcore.AsyncNetworkStream:
        failed: Exception = httpcore.ConnectError("nothing answers there")
        found = permitted(host, await self._addresses(host, port), self._world.named, secure=self._secure)
        for address in found:
            try:
                return await self._plain.connect_tcp(address, port, None, *more)
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._world.lookup(host.strip("[]"), port))
        try:
            return await asyncio.shield(self._looking)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error.strerror}") from error

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("endpoints are reached over the network")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _trust(ca_file: str) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    if ca_file:
        try:
            trust.load_verify_locations(ca_file)
        except OSError as error:
            raise HeadcountError(
                f"webhook_ca_file: {ca_file} cannot be read: {error.strerror or error}"
            ) from error
    trust.set_alpn_protocols(["http/1.1"])
    return trust


def _told(error: Exception) -> str:
    """What went wrong on the way, in a few words."""
    cause: BaseException = error
    while cause.__context__ is not None and not str(cause):
        cause = cause.__context__
    return f"{_KINDS.get(type(error), 'the connection failed')}: {str(cause) or type(cause).__name__}"[:300]


_KINDS: Final[dict[type[Exception], str]] = {
    httpcore.ConnectError: "no connection",
    httpcore.ConnectTimeout: "no connection",
    httpcore.RemoteProtocolError: "the answer broke off, or is no HTTP",
    httpcore.ReadError: "the connection broke off",
}


def _shown(text: bytes) -> str:
    return text.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

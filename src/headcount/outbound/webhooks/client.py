"""Client: one POST, and what came of it. Nothing but this and `connecting` knows the HTTP library.

It is the core of httpx2 rather than httpx2 itself: no redirects, no proxies of the environment, and a place
where a connection is made, at which the address is checked that it goes to.

What an answer says is kept only if it came over the public internet. In a network that the operator names, whoever
may set up an endpoint could otherwise read what inner services answer.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpcore2 as httpcore

from headcount.errors import HeadcountError
from headcount.outbound.webhooks.egress import AddressRefused, CheckedBackend, Lookup, Network, is_public
from headcount.outbound.webhooks.retry_policy import is_success
from headcount.outbound.webhooks.signing import Headers

CONNECT_S: Final = 5.0
WHOLE_S: Final = 10.0
KEPT_BYTES: Final = 1_024
"""So much of an answer is kept."""
_MOST_BYTES: Final = 65_536
"""So much of it is read."""
_MOST_LOOKUPS: Final = 64
_IDLE_S: Final = 20.0


class DeliveryResult(NamedTuple):
    """What came of a request: a status, if there was an answer, and how it began; else what went wrong."""

    status: int | None
    latency_ms: int
    text: str
    error: str | None

    @property
    def good(self) -> bool:
        """Whether it was a success, whole and in time."""
        return is_success(self.status) and self.error is None


class Client:
    """What posts to one endpoint have in common: connections that are kept, one look-up at a time."""

    def __init__(self, world: "Transport", url: str) -> None:
        self._url = url
        self._trust = world.trust
        self._readable = world.readable
        self._backend = CheckedBackend(world.lookup, world.named, secure=urlsplit(url).scheme == "https")
        self._idle: list[httpcore.AsyncConnectionPool] = []
        self._all: list[httpcore.AsyncConnectionPool] = []
        host = urlsplit(url).netloc.encode()
        self._headers: Headers = [(b"host", host), *world.headers]

    async def post(self, headers: Headers, body: bytes, whole_s: float = WHOLE_S) -> DeliveryResult:
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
        return DeliveryResult(status, latency, _shown(text), error)

    async def close(self) -> None:
        for pool in self._all:
            with suppress(Exception):
                await pool.aclose()

    def _pool(self) -> httpcore.AsyncConnectionPool:
        """A pool of one connection: a larger one looks at all of its connections for each request."""
        if self._idle:
            return self._idle.pop()
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._trust,
            max_connections=1,
            keepalive_expiry=_IDLE_S,
            network_backend=self._backend,
        )
        self._all.append(pool)
        return pool

    async def _asked(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        length = [(b"content-length", str(len(body)).encode())]
        pool = self._pool()
        try:
            async with pool.stream(
                "POST",
                self._url,
                headers=self._headers + length + headers,
                content=body,
                extensions={"timeout": {"connect": CONNECT_S}},
            ) as answer:
                text = await _beginning(answer)
                peer = answer.extensions["network_stream"].get_extra_info("server_addr")
                return answer.status, text if self._readable(peer[0]) else b""
        finally:
            self._idle.append(pool)


class Transport:
    """What posts to all endpoints have in common: whom to trust, where not to go, how to look up names.

    `readable` decides by its address whether what an endpoint answers is kept.
    """

    def __init__(
        self,
        agent: str,
        named: Sequence[Network] = (),
        ca_file: str = "",
        lookup: Lookup | None = None,
        readable: Callable[[str], bool] = is_public,
    ) -> None:
        self.named = named
        self.readable = readable
        self.trust = _trust(ca_file)
        self.headers: Headers = [
            (b"content-type", b"application/json"),
            (b"user-agent", agent.encode()),
            (b"accept", b"*/*"),
        ]
        # Look-ups block a thread for as long as they like, so they have threads of their own.
        self._threads = ThreadPoolExecutor(_MOST_LOOKUPS, "webhook-lookup")
        self.lookup = lookup or self._look_up

    def client(self, url: str) -> Client:
        return Client(self, url)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str, port: int) -> list[str]:
        import socket  # noqa: PLC0415 - nothing else here knows sockets

        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(one[4][0]) for one in found))


async def _beginning(answer: httpcore.Response) -> bytes:
    """What an answer begins with; one that is too long is not read to its end."""
    read, size = [], 0
    async for chunk in answer.aiter_stream():
        read.append(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            break
    return b"".join(read)[:KEPT_BYTES]


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

"""HTTP client of outgoing webhooks: one POST and its result.

Responsible for connections, timeouts, TLS trust, and for what of a response is stored. Must not know messages, retries or
the store. Only this module and `egress` know the HTTP library.

It uses the core of httpx2: no redirects, no proxies from the environment, and a network backend in which the egress policy is
enforced. A response body is stored only if it came over the public internet: in a network that the operator allows, a user who
may create endpoints could otherwise read responses of internal services.
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
from headcount.outbound.webhooks.egress import AddressRefused, Network, PolicyBackend, Resolve, is_public
from headcount.outbound.webhooks.retry_policy import is_success
from headcount.outbound.webhooks.signing import Headers

CONNECT_TIMEOUT_S: Final = 5.0
TIMEOUT_S: Final = 10.0
STORED_BYTES: Final = 1_024
"""How much of a response body is stored."""
_MAX_READ_BYTES: Final = 65_536
_MAX_LOOKUPS: Final = 64
_KEEPALIVE_S: Final = 20.0


class DeliveryResult(NamedTuple):
    """The result of one request: the status and the beginning of the body if there was a response, else the error."""

    status: int | None
    latency_ms: int
    body: str
    error: str | None

    @property
    def succeeded(self) -> bool:
        """Whether the response was a success, complete and in time."""
        return is_success(self.status) and self.error is None


class Client:
    """Client of one endpoint: keeps connections open, and resolves its name once at a time."""

    def __init__(self, transport: "Transport", url: str) -> None:
        self._url = url
        self._tls = transport.tls
        self._stores_body_from = transport.stores_body_from
        secure = urlsplit(url).scheme == "https"
        self._backend = PolicyBackend(transport.resolve, transport.allowed_networks, secure=secure)
        self._idle: list[httpcore.AsyncConnectionPool] = []
        self._pools: list[httpcore.AsyncConnectionPool] = []
        host = urlsplit(url).netloc.encode()
        self._headers: Headers = [(b"host", host), *transport.headers]

    async def post(self, headers: Headers, body: bytes, timeout_s: float = TIMEOUT_S) -> DeliveryResult:
        """POST a body. Never raise for what the receiver does."""
        started = monotonic()
        status, beginning, error = None, b"", None
        try:
            async with asyncio.timeout(timeout_s):
                status, beginning = await self._send(headers, body)
        except TimeoutError:
            error = f"no whole answer within {timeout_s:g} s"
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            OSError,
        ) as failure:
            error = _message(failure)
        except (AddressRefused, httpcore.UnsupportedProtocol) as refused:
            error = str(refused)
        latency_ms = round((monotonic() - started) * 1_000)
        return DeliveryResult(status, latency_ms, _text(beginning), error)

    async def close(self) -> None:
        for pool in self._pools:
            with suppress(Exception):
                await pool.aclose()

    def _pool(self) -> httpcore.AsyncConnectionPool:
        """Return a pool of one connection: a larger one looks at all of its connections for each request."""
        if self._idle:
            return self._idle.pop()
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            keepalive_expiry=_KEEPALIVE_S,
            network_backend=self._backend,
        )
        self._pools.append(pool)
        return pool

    async def _send(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """Return the status and the beginning of the body."""
        length = [(b"content-length", str(len(body)).encode())]
        pool = self._pool()
        try:
            async with pool.stream(
                "POST",
                self._url,
                headers=self._headers + length + headers,
                content=body,
                extensions={"timeout": {"connect": CONNECT_TIMEOUT_S}},
            ) as response:
                beginning = await _read_beginning(response)
                peer = response.extensions["network_stream"].get_extra_info("server_addr")
                return response.status, beginning if self._stores_body_from(peer[0]) else b""
        finally:
            self._idle.append(pool)


class Transport:
    """What the clients of all endpoints share: TLS trust, allowed networks, headers, name resolution.

    `stores_body_from` decides by the peer's address whether a response body is stored.
    """

    def __init__(
        self,
        agent: str,
        allowed_networks: Sequence[Network] = (),
        ca_file: str = "",
        resolve: Resolve | None = None,
        stores_body_from: Callable[[str], bool] = is_public,
    ) -> None:
        self.allowed_networks = allowed_networks
        self.stores_body_from = stores_body_from
        self.tls = _tls_context(ca_file)
        self.headers: Headers = [
            (b"content-type", b"application/json"),
            (b"user-agent", agent.encode()),
            (b"accept", b"*/*"),
        ]
        # Resolution blocks a thread for an unbounded time, so it has threads of its own.
        self._threads = ThreadPoolExecutor(_MAX_LOOKUPS, "webhook-lookup")
        self.resolve = resolve or self._resolve

    def client(self, url: str) -> Client:
        return Client(self, url)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, host: str, port: int) -> list[str]:
        import socket  # noqa: PLC0415 - nothing else here knows sockets

        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(info[4][0]) for info in found))


async def _read_beginning(response: httpcore.Response) -> bytes:
    """Return the beginning of a body; one that is too long is not read to its end."""
    chunks, size = [], 0
    async for chunk in response.aiter_stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_READ_BYTES:
            break
    return b"".join(chunks)[:STORED_BYTES]


def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise HeadcountError(
                f"webhook_ca_file: {ca_file} cannot be read: {error.strerror or error}"
            ) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _message(error: Exception) -> str:
    """Return a connection error in a few words."""
    cause: BaseException = error
    while cause.__context__ is not None and not str(cause):
        cause = cause.__context__
    return f"{_ERRORS.get(type(error), 'the connection failed')}: {str(cause) or type(cause).__name__}"[:300]


_ERRORS: Final[dict[type[Exception], str]] = {
    httpcore.ConnectError: "no connection",
    httpcore.ConnectTimeout: "no connection",
    httpcore.RemoteProtocolError: "the response is incomplete or not HTTP",
    httpcore.ReadError: "the connection was closed",
}


def _text(beginning: bytes) -> str:
    return beginning.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

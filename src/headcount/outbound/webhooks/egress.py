"""Egress policy of outgoing webhooks: which addresses may be connected to, enforced where a connection is made.

Responsible for the policy (`permitted`, `is_public`, `check_url`) and for the network backend that applies it
(`PolicyBackend`): a host name is resolved once, its addresses are checked, and exactly those are connected to. Must not
know messages or endpoints.

An endpoint is on the public internet: its name must resolve to a public address. This machine, private networks,
link-local addresses and cloud metadata services are refused unless the operator allows their network. The networks are
listed here, because the answers of `ipaddress` differ between releases of Python.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore2 as httpcore

from headcount.errors import BadInput, HeadcountError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A function that returns the addresses of a host name and port."""

_MAX_URL_LENGTH: Final = 2_048
_SPECIAL: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
        ),
    )
)  # fmt: skip
"""The special-purpose networks of IANA's registries that are not, or not surely, on the public internet."""
_CLOUD_SERVICES: Final = ip_network("168.63.129.16/32")
"""Azure's internal services, which every machine in it can reach."""
_UNICAST: Final = ip_network("2000::/3")
"""All of IPv6 that is assigned for the public internet."""
_NAT64: Final = ip_network("64:ff9b::/96")


class AddressRefused(HeadcountError):
    """The policy does not allow the address. The message contains the reason."""


def check_url(url: str) -> None:
    """Raise `BadInput` for a text that cannot be the URL of an endpoint."""
    if len(url) > _MAX_URL_LENGTH or not url.isascii() or any(char <= " " or char == "\x7f" for char in url):
        raise BadInput('"url" must be a valid uri')
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadInput('"url" must be a valid uri') from None
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise BadInput('"url" must be a valid uri with a scheme matching the https pattern')
    if "@" in parts.netloc:
        raise BadInput('"url" must not contain a user: use "basicAuth"')


def permitted(host: str, addresses: Iterable[str], allowed: Sequence[Network], *, secure: bool) -> list[str]:
    """Return those addresses of a host that may be connected to. Raise `AddressRefused` if there is none.

    `allowed` are networks of the operator; `secure` is whether the connection uses TLS.
    """
    usable, refused = [], "the name has no address"
    for address in addresses:
        problem = _problem(address, allowed, secure=secure)
        if problem is None:
            usable.append(address)
        else:
            refused = f"{address} {problem}"
    if not usable:
        raise AddressRefused(f"webhooks to {host} are not allowed: {refused}")
    return usable


@lru_cache(1_024)
def is_public(address: str) -> bool:
    """Return whether an address is on the public internet."""
    embedded = _embedded(_parsed(address))
    if isinstance(embedded, IPv6Address) and embedded not in _UNICAST:
        return False
    return not _is_in(embedded, (*_SPECIAL, _CLOUD_SERVICES))


class PolicyBackend(httpcore.AsyncNetworkBackend):
    """Network backend that connects to permitted addresses only. Concurrent connections share one resolution."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network], *, secure: bool) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._secure = secure
        self._plain = httpcore.AnyIOBackend()
        self._resolution: asyncio.Future[list[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's parameter
        local_address: str | None = None,  # noqa: ARG002 - never given
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never given
    ) -> httpcore.AsyncNetworkStream:
        """Connect within `timeout` seconds. Raise `AddressRefused`, or the library's errors."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"none within {timeout:g} s") from None

    async def _connect(self, host: str, port: int) -> httpcore.AsyncNetworkStream:
        addresses = permitted(host, await self._addresses(host, port), self._allowed, secure=self._secure)
        failed = ""
        for address in addresses:
            try:
                return JoinedWrites(await self._plain.connect_tcp(address, port))
            except httpcore.ConnectError as error:
                failed = f"{address} port {port}: {error}"
        raise httpcore.ConnectError(failed)

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._resolution is None or self._resolution.done():
            self._resolution = asyncio.ensure_future(self._resolve(host.strip("[]"), port))
        try:
            return await asyncio.shield(self._resolution)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error.strerror}") from error

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("webhooks to Unix sockets are not allowed")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class JoinedWrites(httpcore.AsyncNetworkStream):
    """Connection that sends the head and the body of a POST at once. The library writes them one after the other.

    A body is JSON and not empty, so it never looks like a head and always follows one.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head = b""
        self._peer: Any = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer.startswith(b"POST "):
            self._head = buffer
            return
        joined, self._head = self._head + buffer, b""
        await self._stream.write(joined, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return JoinedWrites(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection. The address of the peer stays, and the library would look it up each time."""
        if info != "server_addr":
            return self._stream.get_extra_info(info)
        if self._peer is None:
            self._peer = self._stream.get_extra_info(info)
        return self._peer


def _problem(address: str, allowed: Sequence[Network], *, secure: bool) -> str | None:
    if _is_in(_embedded(_parsed(address)), allowed):
        return None
    if not is_public(address):
        return "is not a public address; to allow your own networks, set webhook_allowed_networks"
    return None if secure else "is on the public internet: use https"


def _parsed(address: str) -> Address:
    return ip_address(address.partition("%")[0])


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address embeds, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address

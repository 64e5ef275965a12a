"""Addresses: where we send to, and where we do not, whoever asks us to.

An endpoint is of the world: its name must lead to an address that all the world may reach. Everything else
(this machine, private networks, link-local, the clouds' metadata) is refused, unless the operator names that network.
What was looked up and found to be allowed is what is connected to; the name is not looked up a second time.

The networks are listed here rather than asked of `ipaddress`, whose answers differ between releases of Python.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore2 as httpcore

from headcount.errors import BadInput, HeadcountError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_LETTERS: Final = 2_048
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
"""The special-purpose networks of IANA's registries that are not, or not surely, of the public internet."""
_CLOUDS: Final = ip_network("168.63.129.16/32")
"""Azure's own services, which answer every machine in it."""
_UNICAST: Final = ip_network("2000::/3")
"""All of IPv6 that is given out for the public internet."""
_NAT64: Final = ip_network("64:ff9b::/96")


class AddressRefused(HeadcountError):
    """We do not send there. The message says why."""


def check_url(url: str) -> None:
    """Raises `BadInput` for what cannot be the address of an endpoint, as far as its text tells."""
    if (
        len(url) > _MOST_LETTERS
        or not url.isascii()
        or any(letter <= " " or letter == "\x7f" for letter in url)
    ):
        raise BadInput('"url" must be a valid uri')
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadInput('"url" must be a valid uri') from None
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise BadInput('"url" must be a valid uri with a scheme matching the https pattern')
    if "@" in parts.netloc:
        raise BadInput('"url" must be without a user: "basicAuth" is for that')


def permitted(host: str, found: Iterable[str], named: Sequence[Network], *, secure: bool) -> list[str]:
    """Those of the addresses that a name leads to which may be connected to.

    Raises `AddressRefused` if there is none.
    """
    allowed, refused = [], "it leads nowhere"
    for text in found:
        wrong = _wrong_with(text, named, secure=secure)
        if wrong is None:
            allowed.append(text)
        else:
            refused = f"{text} {wrong}"
    if not allowed:
        raise AddressRefused(f"{host} is not sent to: {refused}")
    return allowed


def is_public(text: str) -> bool:
    """Whether an address is of the public internet, as far as its number tells."""
    real = _meant(ip_address(text.partition("%")[0]))
    if isinstance(real, IPv6Address) and real not in _UNICAST:
        return False
    return not _is_in(real, (*_SPECIAL, _CLOUDS))


def _wrong_with(address: str, named: Sequence[Network], *, secure: bool) -> str | None:
    if _is_in(_meant(ip_address(address.partition("%")[0])), named):
        return None
    if not is_public(address):
        return "is not of the public internet; the setting webhook_networks allows networks of your own"
    return None if secure else "is far away: use https"


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _meant(address: Address) -> Address:
    """What an address of the one kind within one of the other means."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


Lookup = Callable[[str, int], Awaitable[list[str]]]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked. Who looks up the same name at the same time shares the look-up."""

    def __init__(self, lookup: Lookup, named: Sequence[Network], *, secure: bool) -> None:
        self._lookup = lookup
        self._named = named
        self._secure = secure
        self._plain = httpcore.AnyIOBackend()
        self._looking: asyncio.Future[list[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's word
        local_address: str | None = None,  # noqa: ARG002 - never asked for
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never asked for
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"none within {timeout:g} s") from None

    async def _connected(self, host: str, port: int) -> httpcore.AsyncNetworkStream:
        found = permitted(host, await self._addresses(host, port), self._named, secure=self._secure)
        failed = ""
        for address in found:
            try:
                return await self._plain.connect_tcp(address, port)
            except httpcore.ConnectError as error:
                failed = f"{address} port {port}: {error}"
        raise httpcore.ConnectError(failed)

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._lookup(host.strip("[]"), port))
        try:
            return await asyncio.shield(self._looking)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be looked up: {error.strerror}") from error

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("endpoints are reached over the network")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

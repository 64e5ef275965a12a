"""Addresses: where we send to, and where we do not, whoever asks us to.

An endpoint is of the world: its name must lead to an address that all the world may reach. Names that lead into
our own network (private, link-local, the clouds' metadata) are refused, unless the operator names that network.
What was looked up and found to be allowed is what is connected to; the name is not looked up a second time.
"""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

from headcount.errors import BadInput, HeadcountError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_LETTERS: Final = 2_048
_INNER: Final = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48")))
"""Of the clouds' own services and of translators, those whose addresses look like any other's."""
_TRANSLATED: Final = ip_network("64:ff9b::/96")


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
        wrong = _wrong_with(host, ip_address(text.partition("%")[0]), named, secure=secure)
        if wrong is None:
            allowed.append(text)
        else:
            refused = f"{text} {wrong}"
    if not allowed:
        raise AddressRefused(f"{host} is not sent to: {refused}")
    return allowed


def _wrong_with(host: str, address: Address, named: Sequence[Network], *, secure: bool) -> str | None:
    real = _meant(address)
    if _is_in(real, named):
        return None
    if real.is_loopback:
        return (
            None
            if _is_loopback(host)
            else "is this machine, and only a loopback address itself may lead there"
        )
    if not real.is_global or real.is_multicast or real.is_reserved or _is_in(real, _INNER):
        return "is not of the public internet; the setting webhook_networks allows networks of your own"
    return None if secure else "is far away: use https"


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_loopback(host: str) -> bool:
    try:
        return _meant(ip_address(host.strip("[]"))).is_loopback
    except ValueError:
        return host == "localhost"


def _meant(address: Address) -> Address:
    """What an address of the one kind within one of the other means."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address

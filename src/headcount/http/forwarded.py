"""Forwarded requests: the client, scheme, host and path prefix of a request that came through a reverse proxy.

`X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` count only from a peer in `trusted_proxies`. Anyone can send these headers, so
those of other peers are ignored. Responsible for this rule: it writes the result into the scope of a request, and nothing else
reads these values. The path that a proxy removed is in the scope as `headcount.prefix`, if a proxy reported one. It must not
know what the result is used for.

A chain of proxies is read from the right: each proxy adds the address of its peer, so the client is the first address that is no
trusted proxy. What stands to the left of it comes from the client, and may be false.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

_FOR, _PROTO, _HOST, _PREFIX = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix")  # fmt: skip
_MAX_HOPS: Final = 32
_KNOWN_ADDRESSES: Final = 1_024
_HOST_FORM: Final = re.compile(r"([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?", re.ASCII)
_PREFIX_FORM: Final = re.compile(r"(/(?!\.\.?(?:/|$))[\w.~-]+){0,8}", re.ASCII)
_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)

Network = IPv4Network | IPv6Network


class TrustedProxies:
    """Networks whose `X-Forwarded-*` headers count."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._is_trusted_peer = lru_cache(_KNOWN_ADDRESSES)(self._is_trusted_text)

    def apply(self, scope: Scope) -> None:
        """Replace client, scheme and host of a request by those that a trusted proxy reports, and set its prefix.

        Ignore values that are malformed. Of several values, the last one counts: the nearest proxy wrote it.
        """
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        found = [header for header in headers if header[0].startswith(b"x-forwarded-")]
        if not found or not scope["client"] or not self._is_trusted_peer(scope["client"][0]):
            return
        client = self._client(scope["client"][0], _values(found, _FOR))
        if client is not None:
            scope["client"] = (client, 0)
        proto = _last(found, _PROTO).lower()
        if proto in ("http", "https"):
            scope["scheme"] = proto
        host = _last(found, _HOST)
        if _HOST_FORM.fullmatch(host):
            others = [header for header in headers if header[0] != b"host"]
            scope["headers"] = [*others, (b"host", host.encode())]
        if any(name == _PREFIX for name, _ in found):
            prefix = _last(found, _PREFIX).rstrip("/")
            scope["headcount.prefix"] = prefix if _PREFIX_FORM.fullmatch(prefix) else ""

    def _client(self, peer: str, chain: Sequence[str]) -> str | None:
        """Return the address of the client, None if it is the peer. A malformed entry ends the chain."""
        client = None
        for text in chain[: -_MAX_HOPS - 1 : -1]:
            address = _address(text)
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(address):
                break
        return None if client == peer else client

    def _is_trusted_text(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and self._is_trusted(address)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Return the values of a header. It may be present several times, and have several values each time."""
    joined = b",".join(value for found, value in headers if found == name)
    return [part.strip() for part in joined.decode("latin-1").split(",")] if joined else []


def _last(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    values = _values(headers, name)
    return values[-1] if values else ""


@lru_cache(_KNOWN_ADDRESSES)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in an entry, which may have a port; None if it is malformed. IPv4 in IPv6 is IPv4."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(match[1] or match[2] if match else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address

"""Connecting: where the HTTP library gets its connections from. Addresses are checked, and then connected to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2 as httpcore

from headcount.webhooks.addresses import AddressRefused, Network, permitted

Lookup = Callable[[str, int], Awaitable[list[str]]]


class Careful(httpcore.AsyncNetworkBackend):
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

"""Connecting: where the HTTP library gets its connections from. Addresses are checked, and then connected to.

The connections are asyncio's own: the library's, which suit several kinds of loops, take many more steps for a POST.
How long anything may take is for the caller to say, who waits for the whole.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import httpcore2 as httpcore

from headcount.webhooks.addresses import AddressRefused, Network, permitted

Lookup = Callable[[str, int], Awaitable[list[str]]]


class Careful(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked. Who looks up the same name at the same time shares the look-up."""

    def __init__(self, lookup: Lookup, named: Sequence[Network], *, secure: bool) -> None:
        self._lookup = lookup
        self._named = named
        self._secure = secure
        self._looking: asyncio.Future[list[str]] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's word
        local_address: str | None = None,  # noqa: ARG002 - never asked for
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never asked for
    ) -> "Stream":
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"none within {timeout:g} s") from None

    async def _connected(self, host: str, port: int) -> "Stream":
        found = permitted(host, await self._addresses(host, port), self._named, secure=self._secure)
        failed = ""
        for address in found:
            try:
                _, wire = await asyncio.get_running_loop().create_connection(Wire, address, port)
            except OSError as error:
                failed = f"{address} port {port}: {(error.strerror or str(error)).lower()}"
            else:
                return Stream(wire)
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


class Wire(asyncio.Protocol):
    """The bytes of a connection, as they come and go."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.kept = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.full = False
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self.kept += data
        self.transport.pause_reading()
        self._go_on()

    def eof_received(self) -> bool:
        self.ended = True
        self._go_on()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.error, self.full = True, exc, False
        self._go_on()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._go_on()

    async def something(self) -> None:
        """Wait until something has changed."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _go_on(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Stream(httpcore.AsyncNetworkStream):
    """A connection, as the library wants it. One request at a time is on it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        wire = self._wire
        while not wire.kept:
            if wire.error is not None:
                raise httpcore.ReadError(str(wire.error)) from wire.error
            if wire.ended:
                return b""
            wire.transport.resume_reading()
            await wire.something()
        some = bytes(wire.kept[:max_bytes])
        del wire.kept[:max_bytes]
        if not wire.kept and not wire.ended:
            # So that an end is seen while the connection is idle, too.
            wire.transport.resume_reading()
        return some

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        wire = self._wire
        if wire.transport.is_closing():
            raise httpcore.WriteError("the other side has hung up")
        wire.transport.write(buffer)
        while wire.full:
            await wire.something()

    async def aclose(self) -> None:
        self._wire.transport.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's word
    ) -> "Stream":
        wire = self._wire
        try:
            transport = await asyncio.get_running_loop().start_tls(
                wire.transport,
                wire,
                ssl_context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=timeout,
            )
        except OSError as error:  # an SSLError is one, and so is a time-out
            raise httpcore.ConnectError(str(error) or "no secure connection") from error
        assert transport is not None
        wire.transport = transport
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._wire.ended or bool(self._wire.kept) or self._wire.transport.is_closing()
        return self._wire.transport.get_extra_info(info)

"""Protocol: uvicorn's, with bounds on what a client may make us wait for and remember."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headcount.http.body import REQUEST_S

HEADERS_BYTES: Final = 65_536


class CarefulProtocol(HttpToolsProtocol):
    """Ends connections whose request head is too large, or too slow to come."""

    _head_bytes = 0
    _whole_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._whole_by = self.loop.call_later(REQUEST_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_hurry()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._no_hurry()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._whole_by is None and (self.cycle is None or self.cycle.response_complete):
            self._whole_by = self.loop.call_later(REQUEST_S, self._give_up)
        if self.transport.is_closing():
            return
        super().data_received(data)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEADERS_BYTES:
            # The parser is told by an error of ours, and answers with 400 itself.
            raise ValueError("the request's head is too large")

    def _no_hurry(self) -> None:
        if self._whole_by is not None:
            self._whole_by.cancel()
            self._whole_by = None

    def _give_up(self) -> None:
        self._whole_by = None
        self.transport.close()


def uvicorn_options() -> dict[str, Any]:
    """How the server is set up, beside its address."""
    return {
        "loop": "uvloop",
        "http": CarefulProtocol,
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

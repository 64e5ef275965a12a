"""Protocol: uvicorn's, with bounds on what a client may make us wait for and remember."""

import asyncio
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_BYTES: Final = 65_536
LEAST_READ_BYTES: Final = 65_536
"""So much of an answer must a client read within `request_s`, or all of it."""


class CarefulProtocol(HttpToolsProtocol):
    """Ends connections whose request head is too large or too slow to come, and those who do not read their answers.

    `request_s` is how long a head may take, and the first of a body; the body's rest is waited for elsewhere.
    """

    def __init__(self, *given: Any, request_s: float, **named: Any) -> None:
        super().__init__(*given, **named)
        self._request_s = request_s
        self._head_bytes = 0
        self._begun_by: asyncio.TimerHandle | None = None
        self._read_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_hurry()
        self._is_read()
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

    def on_body(self, body: bytes) -> None:
        # Whoever has their answer and goes on sending a body is in no request that somebody else would bound.
        if not self.cycle.response_complete:
            self._no_hurry()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._no_hurry()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._begun_by is None and (self.cycle is None or self.cycle.response_complete):
            self._hurry()
        if self.transport.is_closing():
            return
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self._give_up()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEADERS_BYTES:
            # The parser is told by an error of ours, and answers with 400 itself.
            raise ValueError("the request's head is too large")

    def _hurry(self) -> None:
        self._begun_by = self.loop.call_later(self._request_s, self._give_up)

    def _no_hurry(self) -> None:
        if self._begun_by is not None:
            self._begun_by.cancel()
            self._begun_by = None

    def _give_up(self) -> None:
        """Close a connection on which nothing is under way. What was not read until now never will be."""
        self._no_hurry()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _watch_reader(self) -> None:
        self._is_read()
        left = self.transport.get_write_buffer_size()
        self._read_by = self.loop.call_later(self._request_s, self._see_to_reader, left)

    def _see_to_reader(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < LEAST_READ_BYTES:
            self.transport.abort()
        else:
            self._watch_reader()

    def _is_read(self) -> None:
        if self._read_by is not None:
            self._read_by.cancel()
            self._read_by = None


def uvicorn_options(request_s: float) -> dict[str, Any]:
    """How the server is set up, beside its address."""
    return {
        "loop": "uvloop",
        "http": partial(CarefulProtocol, request_s=request_s),
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

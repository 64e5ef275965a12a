"""HTTP protocol with limits: uvicorn's, with bounds on what a client can make the server wait for and hold in memory.

Responsible for the size and time of request heads, for clients that do not read their answers, for the number of
connections, and for offers of other protocols. It must not know what requests are about.

It depends on undocumented parts of uvicorn and httptools: `tests/server/test_protocol.py` lists them, and
`pyproject.toml` bounds the versions.
"""

import asyncio
from http import HTTPStatus
from operator import attrgetter
from typing import Any, Final

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 65_536
MAX_HEAD_LINES: Final = 128
_LINE_OVERHEAD_BYTES: Final = 4
"""A colon, a space and the end of the line."""
_UPGRADE_HEADERS: Final = (b"upgrade", b"http2-settings")
_EVICTED_FRACTION: Final = 10
MIN_READ_BYTES: Final = 65_536
"""A client must read this much of an answer, or all of it, within `request_timeout_s`."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections with a request head that is too large or too slow, and those whose client does not read.

    `request_timeout_s` is the timeout of a head, and of the first bytes of a body; the rest of a body has its timeout
    elsewhere. Above `max_connections` the oldest of those that wait for their client are closed.
    """

    def __init__(self, *args: Any, request_timeout_s: float, max_connections: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_timeout_s = request_timeout_s
        self._max_connections = max_connections
        self._connected_at = 0.0
        self._head_bytes = self._head_lines = self._unparsed_bytes = 0
        self._parsed = self._too_large = False
        self._in_message = self._body_started = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        has_capacity = len(self.connections) < self._max_connections or self._evict_connections()
        super().connection_made(transport)
        if not has_capacity:
            transport.abort()
        self._connected_at = self.loop.time()
        self._start_request_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_request_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_bytes = self._head_lines = 0
        self._in_message, self._body_started = True, False
        super().on_message_begin()
        self.scope["headcount.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_lines += 1
        self._count_head(len(name) + len(value) + _LINE_OVERHEAD_BYTES)
        name = name.lower()
        if name == b"expect":
            super().on_header(name, value)
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():  # else `_feed` parses the head again, without the offer
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._parsed = True
        # After the answer, the rest of a body belongs to no request that has a timeout elsewhere.
        if not self.cycle.response_complete:
            self._body_started = True
            self._stop_request_timer()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_message = False
        self._stop_request_timer()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._parsed = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._reject()
            return
        self._unparsed_bytes = 0 if self._parsed else self._unparsed_bytes + len(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES:  # the parser buffers a line that does not end
            self._too_large = True
            self._reject()
            return
        no_reader = not self._body_started or self.cycle is None or self.cycle.response_complete
        if self._in_message and no_reader and self._request_timer is None:
            self._start_request_timer()

    def _feed(self, data: bytes) -> None:
        """Parse. A client that offers another protocol (`Upgrade: h2c`) is answered in this one, as RFC 9110 allows.

        The parser takes such a request for one without a body, so it gets the head again without the offer.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise httptools.HttpParserError("this is no proxy")
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                options = map(bytes.strip, value.split(b","))
                lines.append(
                    b"connection: " + b", ".join(option for option in options if option.lower() != b"upgrade")
                )
            elif name not in _UPGRADE_HEADERS:
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _reject(self) -> None:
        """Answer an invalid or too large head, and close. Any client can send one, so it is not logged."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # an answer is being sent, and this one would be in the middle of it
            return
        status, error, info = (
            HTTPStatus.BAD_REQUEST,
            "invalid-request-error",
            "The request is not valid HTTP/1.1",
        )
        if self._too_large:
            status, error = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request-too-large"
            info = f"The request's head is larger than {MAX_HEAD_BYTES:,} bytes or {MAX_HEAD_LINES} lines: send fewer headers"
        body = msgspec.json.encode({"error": error, "info": info})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _evict_connections(self) -> bool:
        """Close a fraction of the connections that wait for their client, oldest first; return False if none does."""
        waiting = [
            connection
            for connection in self.connections
            if isinstance(connection, BoundedProtocol) and connection.waits_for_client
        ]
        waiting.sort(key=attrgetter("connected_at"))
        for connection in waiting[: len(waiting) // _EVICTED_FRACTION + 1]:
            self.connections.discard(connection)
            connection.transport.abort()
        return bool(waiting)

    @property
    def connected_at(self) -> float:
        """Time of the connection, in seconds of the loop's clock."""
        return self._connected_at

    @property
    def waits_for_client(self) -> bool:
        """Whether there is no complete request without its answer."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self._close_idle()

    def _count_head(self, size: int) -> None:
        self._parsed = True
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or self._head_lines > MAX_HEAD_LINES:
            self._too_large = True
            raise ValueError("the request's head is too large")  # the parser raises it as an error of its own

    def _start_request_timer(self) -> None:
        self._request_timer = self.loop.call_later(self._request_timeout_s, self._close_idle)

    def _stop_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _close_idle(self) -> None:
        """Close a connection without a request. What the client has not read yet is dropped."""
        self._stop_request_timer()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _start_read_timer(self) -> None:
        self._stop_read_timer()
        unread = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(self._request_timeout_s, self._check_reader, unread)

    def _check_reader(self, unread_before: int) -> None:
        if unread_before - self.transport.get_write_buffer_size() < MIN_READ_BYTES:
            self.transport.abort()
        else:
            self._start_read_timer()

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

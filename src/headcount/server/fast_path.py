"""Fast path: a POST that arrives complete is handed to its application at once, without a task or an event.

Its answer is written where the commit is reported. A client sends the same head with each request, so the head of a
request that was answered is not parsed again. Any other request, and any error, goes through the application, which
answers the same. Responsible for which requests are eligible, and for the way back. It must not know what an
application does.

It depends on undocumented parts of uvicorn, as `protocol.py` does.
"""

import asyncio
from typing import Any, Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from headcount.http.middleware import CompleteRequest, Middleware, PreparedHead
from headcount.server.protocol import BoundedProtocol
from headcount.store.database import StoreTimeout

_END_OF_HEAD: Final = b"\r\n\r\n"
_MAX_KNOWN_HEADS: Final = 1_024
_MAX_KNOWN_HEAD_BYTES: Final = 2_048


class _NoEvent:
    """An event that nothing waits for."""

    def set(self) -> None: ...


class Head(NamedTuple):
    """The parsed head of a request for the fast path."""

    target: bytes
    headers: list[tuple[bytes, bytes]]
    prepared: PreparedHead
    body_length: int


class KnownHeads(dict[bytes, Head]):
    """The heads of answered requests by their bytes, for all connections of a server. A full table is emptied.

    It also has the head of all answers of one second: uvicorn makes a list of headers each second.
    """

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._of_answers = b""

    def add(self, raw: bytes, head: Head) -> None:
        """Add a head that was parsed from these bytes."""
        if len(raw) <= _MAX_KNOWN_HEAD_BYTES:
            if len(self) >= _MAX_KNOWN_HEADS:
                self.clear()
            self[raw] = head

    def of_answers(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the status line and the headers of an answer."""
        if headers is not self._headers:
            self._headers = headers
            lines = (b"%s: %s\r\n" % header for header in headers)
            self._of_answers = b"".join((b"HTTP/1.1 200 OK\r\n", *lines))
        return self._of_answers


class FastPathRequest(CompleteRequest):
    """A request that may take the fast path. It has the attributes of a cycle that uvicorn's protocol uses.

    `raw_head` are the bytes of a head that is to be added to those that are known.
    """

    __slots__ = (
        "_protocol", "disconnected", "head", "keep_alive", "more_body", "raw_head", "response_complete",
    )  # fmt: skip

    message_event: Final = _NoEvent()

    def __init__(self, protocol: "FastPathProtocol", head: Head, body: bytes, *, is_known: bool) -> None:
        self._protocol = protocol
        self.head = head
        self.prepared = head.prepared
        self.body = body
        self.raw_head = b""
        self.more_body = not is_known
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def answer(self, body: bytes) -> None:
        """Write the answer, a 200 with a JSON body."""
        self._protocol.answer(self, body)

    def leave(self, error: StoreTimeout | None = None) -> None:
        """Send the request through the application; with an error, for the application to answer that."""
        self._protocol.leave(self, error)


class FastPathProtocol(BoundedProtocol):
    """The protocol of the server. `known_heads` are those of all its connections."""

    def __init__(self, *args: Any, known_heads: KnownHeads, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._middleware = self.app if isinstance(self.app, Middleware) else None
        self._known_heads = known_heads
        self._data = b""
        self._idle_since = 0.0

    def data_received(self, data: bytes) -> None:
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        head = self._known_heads.get(data[:end])
        if head is not None and len(data) - end == head.body_length and self._is_idle():
            self._stop_request_timer()
            self._handle(FastPathRequest(self, head, data[end:], is_known=True))
            return
        self._data = data if self._is_idle() else b""
        super().data_received(data)
        self._data = b""
        request: Any = self.cycle
        if type(request) is FastPathRequest and request.more_body and not self.transport.is_closing():
            self.leave(request)  # the rest of the body comes later

    def on_headers_complete(self) -> None:
        prepared = self._prepared_head()
        if prepared is None:
            super().on_headers_complete()
        else:
            head = Head(self.url, self.headers, prepared, 0)
            self.cycle = FastPathRequest(self, head, b"", is_known=False)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # `self.cycle` is of the request before
        super().on_message_complete()
        request: Any = self.cycle
        if type(request) is FastPathRequest and not request.response_complete:
            request.raw_head = self._new_head(request)
            self._handle(request)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle since the timer started. Requests do not restart the timer."""
        self.timeout_keep_alive_task = None
        idle_s = self.loop.time() - self._idle_since
        if idle_s < self.timeout_keep_alive:
            self._start_keep_alive_timer(self.timeout_keep_alive - idle_s)
        elif self.cycle is None or self.cycle.response_complete:
            super().timeout_keep_alive_handler()
        # Otherwise the answer starts the timer.

    def answer(self, request: FastPathRequest, body: bytes) -> None:
        """Write the answer of a request."""
        assert self._middleware is not None
        rest = self._middleware.finish(request, body)
        if request.disconnected or self.transport.is_closing():
            return
        head = self._known_heads.of_answers(self.server_state.default_headers)
        if not request.keep_alive:
            head += b"connection: close\r\n"
        self.transport.write(head + rest)
        request.response_complete = True
        if request.raw_head:
            self._known_heads.add(request.raw_head, request.head._replace(body_length=len(request.body)))
        if not request.keep_alive:
            self.transport.close()
        if self.pipeline or self.flow.read_paused or not request.keep_alive:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._start_keep_alive_timer(self.timeout_keep_alive)

    def leave(self, request: FastPathRequest, error: StoreTimeout | None = None) -> None:
        """Send a request through the application; with an error, for the application to answer that."""
        head = request.head
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": [*head.headers],
            "state": self.app_state.copy(),
            "method": "POST",
            "raw_path": head.target,
            "path": head.target.decode(),
            "query_string": b"",
            "headcount.abort": self.transport.abort,
        }
        if error is not None:
            scope["headcount.error"] = error
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body, cycle.more_body, cycle.disconnected = (
            bytearray(request.body),
            request.more_body,
            request.disconnected,
        )
        cycle.message_event.set()
        if self.cycle is request:  # type: ignore[comparison-overlap]
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def _handle(self, request: FastPathRequest) -> None:
        assert self._middleware is not None
        self.cycle = request  # type: ignore[assignment]
        self._middleware.handle_complete(request)

    def _is_idle(self) -> bool:
        """Return whether the next byte is the first one of a request that can be handled now."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self._in_message
            and not self._unparsed_bytes
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _prepared_head(self) -> PreparedHead | None:
        """Return what the application needs of the head; None if the request is not for the fast path."""
        parser = self.parser
        if (
            self._middleware is not None
            and self._middleware.has_fast_path(self.url)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        ):
            return self._middleware.prepare(self.url, dict(self.headers))
        return None

    def _new_head(self, request: FastPathRequest) -> bytes:
        """Return the bytes of the head if it and the body, without an encoding, are all that has arrived."""
        end = self._data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        length = len(request.body)
        is_all = (
            len(self._data) - end == length and (b"content-length", b"%d" % length) in request.head.headers
        )
        return self._data[:end] if is_all else b""

    def _start_keep_alive_timer(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

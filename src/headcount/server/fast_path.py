"""Fast path: a POST that arrives complete is handed to its application at once, without a task or an event.

Its answer is written where the commit is reported. Any other request, and any error, goes through the application, which
answers the same. Responsible for which requests are eligible, and for the way back. It must not know what an
application does.

It depends on undocumented parts of uvicorn, as `protocol.py` does.
"""

import asyncio
from functools import lru_cache, partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from headcount.http.middleware import Middleware
from headcount.server.protocol import BoundedProtocol
from headcount.store.database import StoreTimeout


@lru_cache(1)
def _head(default_headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Return the status line and the headers of all answers of one second."""
    lines = (b"%s: %s\r\n" % header for header in default_headers)
    return b"".join((b"HTTP/1.1 200 OK\r\n", *lines))


class _NoEvent:
    """An event that nothing waits for."""

    def set(self) -> None: ...


class FastPathRequest:
    """A request that may take the fast path. It has the attributes of a cycle that uvicorn's protocol uses."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete", "scope", "target")

    message_event: Final = _NoEvent()

    def __init__(self, scope: Any, target: bytes) -> None:
        self.scope = scope
        self.target = target
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False


class FastPathProtocol(BoundedProtocol):
    """The protocol of the server."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._middleware = self.app if isinstance(self.app, Middleware) else None

    def on_headers_complete(self) -> None:
        if self._is_eligible():
            self.cycle = FastPathRequest(self.scope, self.url)  # type: ignore[assignment]
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # `self.cycle` is of the request before
        super().on_message_complete()
        request: Any = self.cycle
        if type(request) is FastPathRequest and self._middleware is not None:
            self._middleware.handle_complete(
                request.target,
                dict(request.scope["headers"]),
                bytes(request.body),
                partial(self._answer, request),
                partial(self._leave, request),
            )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        request: Any = self.cycle
        if type(request) is FastPathRequest and request.more_body and not self.transport.is_closing():
            self._leave(request)  # the rest of the body comes later

    def _is_eligible(self) -> bool:
        parser = self.parser
        return (
            self._middleware is not None
            and self._middleware.has_fast_path(self.url)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _answer(self, request: FastPathRequest, rest: bytes) -> None:
        """Write an answer; `rest` is what follows the status line."""
        if request.disconnected or self.transport.is_closing():
            return
        head = _head(tuple(self.server_state.default_headers))
        close = b"" if request.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join((head, close, rest)))
        request.response_complete = True
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _leave(self, request: FastPathRequest, error: StoreTimeout | None = None) -> None:
        """Send the request through the application; with an error, for the application to answer that."""
        target = request.target
        scope = request.scope | {
            "method": "POST",
            "raw_path": target,
            "path": target.decode(),
            "query_string": b"",
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
            request.body,
            request.more_body,
            request.disconnected,
        )
        cycle.message_event.set()
        if self.cycle is request:  # type: ignore[comparison-overlap]
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

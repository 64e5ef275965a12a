"""Protocol: uvicorn's, with bounds on what a client may make us wait for and remember.

And with a short way for what comes by the thousand: a POST that is here as a whole is handed over
at once and answered from where its commit is told, with neither a task nor an event of its own. Whatever
is out of the ordinary about it goes the long way, through the application, which says the same.
"""

import asyncio
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from headcount.http.front import Front

HEADERS_BYTES: Final = 65_536
LEAST_READ_BYTES: Final = 65_536
"""So much of an answer must a client read within `request_s`, or all of it."""


class _Nobody:
    """Waits for nothing."""

    def set(self) -> None: ...


class Whole:
    """A request that may go the short way. It stands where uvicorn keeps a cycle, and looks like one to it."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete", "scope", "target")

    message_event: Final = _Nobody()

    def __init__(self, scope: Any, target: bytes) -> None:
        self.scope = scope
        self.target = target
        self.body = bytearray()
        self.more_body = True
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False


class CarefulProtocol(HttpToolsProtocol):
    """Ends connections whose request head is too large or too slow to come, and those who do not read their answers.

    `request_s` is how long a head may take, and the first of a body; the body's rest is waited for elsewhere.
    """

    def __init__(self, *given: Any, request_s: float, **named: Any) -> None:
        super().__init__(*given, **named)
        self._request_s = request_s
        self._front = self.app if isinstance(self.app, Front) else None
        self._head_bytes = 0
        self._in_message = self._body_begun = False
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
        self._in_message, self._body_begun = True, False
        super().on_message_begin()
        self.scope["headcount.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._may_be_short():
            self.cycle = Whole(self.scope, self.url)  # type: ignore[assignment]
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        # Whoever has their answer and goes on sending a body is in no request that somebody else would bound.
        if not self.cycle.response_complete:
            self._body_begun = True
            self._no_hurry()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        self._no_hurry()
        super().on_message_complete()
        cycle: Any = self.cycle
        if type(cycle) is Whole and self._front is not None:
            headers = dict(cycle.scope["headers"])
            ways = partial(self._answer, cycle), partial(self._go_the_long_way, cycle)
            self._front.take(cycle.target, headers, bytes(cycle.body), *ways)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        cycle: Any = self.cycle
        if type(cycle) is Whole and cycle.more_body:
            self._go_the_long_way(cycle)
        nobody_waits = not self._body_begun or self.cycle is None or self.cycle.response_complete
        if self._in_message and nobody_waits and self._begun_by is None:
            self._hurry()

    def _may_be_short(self) -> bool:
        parser = self.parser
        return (
            self._front is not None
            and self._front.takes(self.url)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _answer(self, whole: Whole, rest: bytes) -> None:
        if whole.disconnected or self.transport.is_closing():
            return
        head = [b"HTTP/1.1 200 OK\r\n"]
        for name, value in self.server_state.default_headers:
            head.append(b"%s: %s\r\n" % (name, value))
        if not whole.keep_alive:
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join((*head, rest)))
        whole.response_complete = True
        if not whole.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _go_the_long_way(self, whole: Whole) -> None:
        target = whole.target
        scope = whole.scope | {
            "method": "POST",
            "raw_path": target,
            "path": target.decode(),
            "query_string": b"",
        }
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
            keep_alive=whole.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body, cycle.more_body, cycle.disconnected = whole.body, whole.more_body, whole.disconnected
        cycle.message_event.set()
        if self.cycle is whole:  # type: ignore[comparison-overlap]
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

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

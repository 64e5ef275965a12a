"""Protocol: uvicorn's, with bounds on what a client may make us wait for and remember.

And with a short way for what comes by the thousand: a POST that is here as a whole is handed over
at once and answered from where its commit is told, with neither a task nor an event of its own. Whatever
is out of the ordinary about it goes the long way, through the application, which says the same.

It stands on parts of uvicorn that are not documented: `tests/server/test_protocol.py` names them, and
`pyproject.toml` bounds the version.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from operator import attrgetter
from typing import Any, Final

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from headcount.http.middleware import Front
from headcount.store.database import StoreTimeout

HEADERS_BYTES: Final = 65_536
HEADER_LINES: Final = 128
_LINE_BYTES: Final = 4
"""A colon, a space and the end of the line."""
_NOT_PASSED_ON: Final = (b"upgrade", b"http2-settings")
_EVICTED_PART: Final = 10
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
    `most` is how many connections the process serves at once: above it, the oldest that wait for their client are closed.
    """

    def __init__(self, *given: Any, request_s: float, most: int, **named: Any) -> None:
        super().__init__(*given, **named)
        self._request_s = request_s
        self._most = most
        self._front = self.app if isinstance(self.app, Front) else None
        self._since = 0.0
        self._head_bytes = self._head_lines = self._silent_bytes = 0
        self._heard = self._too_large = False
        self._in_message = self._body_begun = False
        self._begun_by: asyncio.TimerHandle | None = None
        self._read_by: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        there_is_room = len(self.connections) < self._most or self._make_room()
        super().connection_made(transport)
        if not there_is_room:
            transport.abort()
        self._since = self.loop.time()
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_hurry()
        self._is_read()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_bytes = self._head_lines = 0
        self._in_message, self._body_begun = True, False
        super().on_message_begin()
        self.scope["headcount.abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_lines += 1
        self._count(len(name) + len(value) + _LINE_BYTES)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # `_feed` reads the head again, without the wish for another protocol
        if self._may_be_short():
            self.cycle = Whole(self.scope, self.url)  # type: ignore[assignment]
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._heard = True
        # Whoever has their answer and goes on sending a body is in no request that somebody else would bound.
        if not self.cycle.response_complete:
            self._body_begun = True
            self._no_hurry()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
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
        self._unset_keepalive_if_required()
        self._heard = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse()
            return
        self._silent_bytes = 0 if self._heard else self._silent_bytes + len(data)
        if (
            self._silent_bytes > HEADERS_BYTES
        ):  # a line that does not end is kept by the parser, and counted nowhere
            self._too_large = True
            self._refuse()
            return
        cycle: Any = self.cycle
        if type(cycle) is Whole and cycle.more_body:
            self._go_the_long_way(cycle)
        nobody_waits = not self._body_begun or self.cycle is None or self.cycle.response_complete
        if self._in_message and nobody_waits and self._begun_by is None:
            self._hurry()

    def _feed(self, data: bytes) -> None:
        """Parse. A client that offers another protocol (`Upgrade: h2c`) is answered in this one, as RFC 9110 allows.

        The parser takes such a request for one without a body, so it is given the head again without the offer.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                data = self._head_without_upgrade() + data[stopped.args[0] :]
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
                told = b", ".join(
                    one for one in map(bytes.strip, value.split(b",")) if one.lower() != b"upgrade"
                )
                lines.append(b"connection: " + told)
            elif name not in _NOT_PASSED_ON:
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _refuse(self) -> None:
        """Answer what is no request, or too large a one, and hang up. Anybody can send it, so nothing is logged."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # an answer is under way, which ours would fall into
            return
        status, error, info = (
            HTTPStatus.BAD_REQUEST,
            "invalid-request-error",
            "this is not an HTTP/1.1 request",
        )
        if self._too_large:
            status, error = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request-too-large"
            info = f"the request's head is larger than {HEADERS_BYTES:,} bytes or {HEADER_LINES} lines: send fewer headers"
        body = msgspec.json.encode({"error": error, "info": info})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _make_room(self) -> bool:
        """Close some of the connections that wait for their client, those first that were made first; False if none does."""
        waiting = [
            one for one in self.connections if isinstance(one, CarefulProtocol) and one.waits_for_client
        ]
        waiting.sort(key=attrgetter("since"))
        for one in waiting[: len(waiting) // _EVICTED_PART + 1]:
            self.connections.discard(one)
            one.transport.abort()
        return bool(waiting)

    @property
    def since(self) -> float:
        """When the connection was made, in seconds of the loop's clock."""
        return self._since

    @property
    def waits_for_client(self) -> bool:
        """Whether there is no request that has come whole and is still to be answered."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def _may_be_short(self) -> bool:
        parser = self.parser
        return (
            self._front is not None
            and self._front.takes(self.url)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
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

    def _go_the_long_way(self, whole: Whole, error: StoreTimeout | None = None) -> None:
        target = whole.target
        scope = whole.scope | {
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
        self._heard = True
        self._head_bytes += size
        if self._head_bytes > HEADERS_BYTES or self._head_lines > HEADER_LINES:
            self._too_large = True
            raise ValueError(
                "the request's head is too large"
            )  # which the parser hands on as an error of its own

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


def uvicorn_options(request_s: float, most_connections: int) -> dict[str, Any]:
    """How the server is set up, beside its address."""
    return {
        "loop": "uvloop",
        "http": partial(CarefulProtocol, request_s=request_s, most=most_connections),
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

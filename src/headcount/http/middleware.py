"""Middleware: the request id, the log entry, the metrics and the security headers of every request.

Responsible for these, and for handing complete requests to applications with a fast path. It must not know routes.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from itertools import count
from typing import Any, Final, NamedTuple, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headcount.command_hints import CommandHints
from headcount.http.forwarded import TrustedProxies
from headcount.store.database import StoreTimeout
from headcount.telemetry.logging import set_actor
from headcount.telemetry.metrics import Metrics

_SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
_FAST_PATH_HEADERS: Final = b"".join(
    b"%s: %s\r\n" % header for header in [(b"content-type", b"application/json"), *_SECURITY_HEADERS]
)
_COMMON_ANSWERS: Final = 64
_SECRET_PATHS: Final = ("/ingest/", "/shared/")
"""What follows these in a path grants access, and is not logged."""

log = structlog.get_logger("headcount.http")


OnAnswer = Callable[[Scope, int], Awaitable[None] | None]


def _ignore(_: Scope, __: int) -> None:
    """Do nothing with an answer."""


class FastPathApp(Protocol):
    """An application that also handles a POST whose body is complete, without a task.

    `prepare` returns what it needs of the headers, or None if it cannot handle the request so. `handle_complete`
    answers the request or leaves it, now or later, or raises what is wrong with it before anything is done.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    def prepare(self, headers: Mapping[bytes, bytes]) -> Any: ...
    def handle_complete(self, request: "CompleteRequest", head: Any) -> None: ...


class PreparedHead(NamedTuple):
    """What is needed of the head of a complete request: its path, the application, and what that prepared."""

    path: str
    app: FastPathApp
    head: Any


class CompleteRequest:
    """A POST whose head and body have arrived, and the way to answer it. The server has its own."""

    __slots__ = ("body", "number", "prepared", "started")

    prepared: PreparedHead
    body: bytes
    number: int
    started: float

    def answer(self, body: bytes) -> None:
        """Answer with 200 and this JSON."""
        raise NotImplementedError

    def leave(self, error: StoreTimeout | None = None) -> None:
        """Send the request through the application, because nothing was done.

        With an error, the application only answers that error.
        """
        raise NotImplementedError


class Middleware:
    """Wraps the application. POST requests to the paths of `fast_paths` do without it.

    `seconds` is a monotonic clock. Request ids begin with `name`. `command_hints` are for answers to clients without a key.
    `on_answer` is called with the scope and the status when an answer starts, and what it returns is awaited before.
    The headers of `trusted_proxies` determine the client, the scheme and the host of a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        fast_paths: Mapping[str, FastPathApp],
        metrics: Metrics,
        seconds: Callable[[], float],
        name: str,
        command_hints: CommandHints,
        on_answer: OnAnswer = _ignore,
        trusted_proxies: TrustedProxies | None = None,
    ) -> None:
        self._app = app
        self._fast_paths = fast_paths
        self._fast_targets = {path.encode(): (path, app) for path, app in fast_paths.items()}
        self._metrics = metrics
        self._seconds = seconds
        self._name = name
        self._command_hints = command_hints
        self._on_answer = on_answer
        self._trusted_proxies = trusted_proxies or TrustedProxies()
        self._numbers = count(1)
        self._logs_requests = log.is_enabled_for(logging.DEBUG)

    def has_fast_path(self, target: bytes) -> bool:
        """Return whether `prepare` accepts a POST to this path."""
        return target in self._fast_targets

    def prepare(self, target: bytes, headers: Mapping[bytes, bytes]) -> PreparedHead | None:
        """Return what `handle_complete` needs of a head; None if it cannot handle such a request."""
        path, app = self._fast_targets[target]
        head = app.prepare(headers)
        return None if head is None else PreparedHead(path, app, head)

    def handle_complete(self, request: CompleteRequest) -> None:
        """Handle a request that is complete. It is answered, or left to the application, now or later."""
        request.number = next(self._numbers)
        request.started = self._seconds()
        prepared = request.prepared
        try:
            prepared.app.handle_complete(request, prepared.head)
        except Exception:  # noqa: BLE001 - the application answers every error
            request.leave()

    def finish(self, request: CompleteRequest, body: bytes) -> bytes:
        """Record that a complete request is answered with a body, and return the headers of a 200 and that body."""
        path = request.prepared.path
        request_id = f"{self._name}-{request.number}"
        self._record("POST", path, path, HTTPStatus.OK, self._seconds() - request.started, request_id)
        return b"x-request-id: %s%s" % (request_id.encode(), _headers_and_body(body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"{self._name}-{next(self._numbers)}"
        scope["state"]["request_id"] = request_id
        scope["headcount.command_hints"] = self._command_hints
        self._trusted_proxies.apply(scope)
        set_actor(client=scope["client"][0] if scope["client"] else "")
        if scope["raw_path"][-1:] == b"/":
            _remove_trailing_slash(scope)
        app = self._fast_paths.get(scope["path"]) if scope["method"] == "POST" else None
        if app is not None:
            scope["headcount.route"] = scope["path"]
        started = self._seconds()
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR

        def record() -> None:
            route = scope.get("headcount.route", "other")
            self._record(scope["method"], scope["path"], route, status, self._seconds() - started, request_id)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                pending = self._on_answer(scope, status)
                if pending is not None:
                    await pending
                present = {name for name, _ in message["headers"]}
                message["headers"].extend(header for header in _SECURITY_HEADERS if header[0] not in present)
                message["headers"].append((b"x-request-id", request_id.encode()))
                if (
                    "headcount.stream" in scope
                ):  # the duration of a stream's request is the time until it starts
                    record()
            await send(message)

        try:
            await (app or self._app)(scope, receive, send_with_headers)
        finally:
            if "headcount.stream" not in scope:
                record()

    def _record(
        self, method: str, path: str, route: str, status: int, duration_s: float, request_id: str
    ) -> None:
        self._metrics.count_request(route, status, duration_s)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and not self._logs_requests:
            return
        fields: dict[str, Any] = {
            "method": method,
            "path": route if any(part in path for part in _SECRET_PATHS) else path,
            "status": int(status),
            "ms": round(duration_s * 1_000, 1),
            "request_id": request_id,
        }
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request", **fields)
        else:
            log.debug("request", **fields)


@lru_cache(_COMMON_ANSWERS)
def _headers_and_body(body: bytes) -> bytes:
    """Return what follows the id of a request in an answer. The requests of one commit nearly always share it."""
    return b"\r\n%scontent-length: %d\r\n\r\n%s" % (_FAST_PATH_HEADERS, len(body), body)


def _remove_trailing_slash(scope: Scope) -> None:
    """Treat /meetings/ as /meetings. A slash in a name is written %2F, and stays."""
    if len(scope["raw_path"]) > 1:
        scope["path"] = scope["path"][:-1]
        scope["raw_path"] = scope["raw_path"][:-1]

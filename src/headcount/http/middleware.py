"""Middleware: the request id, the log entry, the metrics and the security headers of every request.

Responsible for these, and for handing complete requests to applications with a fast path. It must not know routes.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headcount.command_hints import CommandHints
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
_SECRET_PATHS: Final = ("/ingest/", "/shared/")
"""What follows these in a path grants access, and is not logged."""

log = structlog.get_logger("headcount.http")


class FastPathApp(Protocol):
    """An application that also handles a POST whose body is complete, without a task."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    def handle_complete(
        self,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[bytes | StoreTimeout | None], None],
    ) -> None: ...


class Middleware:
    """Wraps the application. POST requests to the paths of `fast_paths` do without it.

    `seconds` is a monotonic clock. Request ids begin with `name`. `command_hints` are for answers to clients without a key.
    """

    def __init__(
        self,
        app: ASGIApp,
        fast_paths: Mapping[str, FastPathApp],
        metrics: Metrics,
        seconds: Callable[[], float],
        name: str,
        command_hints: CommandHints,
    ) -> None:
        self._app = app
        self._fast_paths = fast_paths
        self._fast_targets = {path.encode(): (path, app) for path, app in fast_paths.items()}
        self._metrics = metrics
        self._seconds = seconds
        self._name = name
        self._command_hints = command_hints
        self._numbers = count(1)
        self._logs_requests = log.is_enabled_for(logging.DEBUG)

    def has_fast_path(self, target: bytes) -> bool:
        """Return whether `handle_complete` accepts a POST to this path."""
        return target in self._fast_targets

    def handle_complete(
        self,
        target: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[bytes], None],
        fallback: Callable[[StoreTimeout | None], None],
    ) -> None:
        """Handle a request that is complete. Call `answer` or `fallback`, now or later.

        `answer` gets the headers after the status line of a 200, and the body. `fallback` sends the request through the
        application, because nothing was done; with an error, the application only answers that error.
        """
        path, app = self._fast_targets[target]
        request_id = f"{self._name}-{next(self._numbers)}"
        started = self._seconds()

        def on_answer(body: bytes | StoreTimeout | None) -> None:
            if not isinstance(body, bytes):
                fallback(body)
                return
            self._record("POST", path, path, HTTPStatus.OK, self._seconds() - started, request_id)
            length = len(body)
            answer(
                b"%sx-request-id: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (_FAST_PATH_HEADERS, request_id.encode(), length, body)
            )

        try:
            app.handle_complete(headers, body, on_answer)
        except Exception:  # noqa: BLE001 - the application answers every error
            fallback(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"{self._name}-{next(self._numbers)}"
        scope["state"]["request_id"] = request_id
        scope["headcount.command_hints"] = self._command_hints
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


def _remove_trailing_slash(scope: Scope) -> None:
    """Treat /meetings/ as /meetings. A slash in a name is written %2F, and stays."""
    if len(scope["raw_path"]) > 1:
        scope["path"] = scope["path"][:-1]
        scope["raw_path"] = scope["raw_path"][:-1]

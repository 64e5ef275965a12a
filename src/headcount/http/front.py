"""Front: what is done for every request alike: its id, its time, the headers that keep browsers careful."""

from collections.abc import Callable
from itertools import count
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headcount.http.metrics import Metrics

_CAREFUL: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_NOT_KEPT: Final = (b"cache-control", b"no-store")

log = structlog.get_logger("headcount.http")


class Front:
    """Wraps the application. `seconds` is a clock that never goes back, `name` begins each request's id."""

    def __init__(self, app: ASGIApp, metrics: Metrics, seconds: Callable[[], float], name: str) -> None:
        self._app = app
        self._metrics = metrics
        self._seconds = seconds
        self._name = name
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"{self._name}-{next(self._numbers)}"
        scope["state"]["request_id"] = request_id
        _without_trailing_slash(scope)
        started = self._seconds()
        status = 500
        extra = [*_CAREFUL, (b"x-request-id", request_id.encode())]

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                headers.extend(extra)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NOT_KEPT)
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            self._tell(scope, status, self._seconds() - started, request_id)

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        self._metrics.answered(scope.get("headcount.route", "other"), status, seconds)
        told: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1_000, 1),
            "request_id": request_id,
        }
        if status >= 500:
            log.error("request", **told)
        else:
            log.debug("request", **told)


def _without_trailing_slash(scope: Scope) -> None:
    """Clients write /meetings/ as well as /meetings. A slash in a name is written %2F, and stays."""
    raw: bytes = scope.get("raw_path") or b""
    if raw.endswith(b"/") and len(raw) > 1:
        scope["path"] = scope["path"][:-1]
        scope["raw_path"] = raw[:-1]

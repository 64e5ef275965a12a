"""Front: what is done for every request alike: its id, its time, the headers that keep browsers careful."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headcount.http.metrics import Metrics

_CAREFUL: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
_OUR_FAULT: Final = 500

log = structlog.get_logger("headcount.http")


class Front:
    """Wraps the application; what is in `direct`, by method and path, does without it.

    `seconds` is a clock that never goes back, `name` begins each request's id.
    """

    def __init__(
        self,
        app: ASGIApp,
        direct: Mapping[tuple[str, str], ASGIApp],
        metrics: Metrics,
        seconds: Callable[[], float],
        name: str,
    ) -> None:
        self._app = app
        self._direct = direct
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
        if scope["raw_path"][-1:] == b"/":
            _without_trailing_slash(scope)
        app = self._direct.get((scope["method"], scope["path"]))
        if app is not None:
            scope["headcount.route"] = scope["path"]
        started = self._seconds()
        status = _OUR_FAULT

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].extend(_CAREFUL)
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await (app or self._app)(scope, receive, send_on)
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
        if status >= _OUR_FAULT:
            log.error("request", **told)
        else:
            log.debug("request", **told)


def _without_trailing_slash(scope: Scope) -> None:
    """Clients write /meetings/ as well as /meetings. A slash in a name is written %2F, and stays."""
    if len(scope["raw_path"]) > 1:
        scope["path"] = scope["path"][:-1]
        scope["raw_path"] = scope["raw_path"][:-1]

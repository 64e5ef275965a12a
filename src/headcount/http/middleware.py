"""Front: what is done for every request alike: its id, its time, the headers that keep browsers careful."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headcount.store.database import StoreTimeout
from headcount.telemetry.logging import acting
from headcount.telemetry.metrics import Metrics

_CAREFUL: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
_HEAD: Final = b"".join(
    b"%s: %s\r\n" % header for header in [(b"content-type", b"application/json"), *_CAREFUL]
)
_OUR_FAULT: Final = 500
_SECRETIVE: Final = ("/ingest/", "/shared/")
"""What follows these in a path lets somebody in, and is not logged."""

log = structlog.get_logger("headcount.http")


class Taker(Protocol):
    """An application that can also take a POST whose body is here already, without a task of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    def take(
        self,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[bytes | StoreTimeout | None], None],
    ) -> None: ...


class Front:
    """Wraps the application; what is POSTed to the paths of `direct` does without it.

    `seconds` is a clock that never goes back, `name` begins each request's id.
    """

    def __init__(
        self,
        app: ASGIApp,
        direct: Mapping[str, Taker],
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

    def takes(self, target: bytes) -> bool:
        """Whether `take` may be asked for what is POSTed to this path."""
        return target.decode("latin-1") in self._direct

    def take(
        self,
        target: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[bytes], None],
        otherwise: Callable[[StoreTimeout | None], None],
    ) -> None:
        """Take a request that has come whole. Calls, now or later, one of the two that it is given.

        `answer` gets the rest of a head that begins with 200, and the body. If there is anything
        else to say, nothing was taken, and `otherwise` sends the request through the application;
        with an error, for it to tell that error and do nothing.
        """
        path = target.decode("latin-1")
        request_id = f"{self._name}-{next(self._numbers)}"
        started = self._seconds()

        def told(body: bytes | StoreTimeout | None) -> None:
            if not isinstance(body, bytes):
                otherwise(body)
                return
            self._tell("POST", path, path, HTTPStatus.OK, self._seconds() - started, request_id)
            length = len(body)
            answer(
                b"%sx-request-id: %s\r\ncontent-length: %d\r\n\r\n%s"
                % (_HEAD, request_id.encode(), length, body)
            )

        try:
            self._direct[path].take(headers, body, told)
        except Exception:  # noqa: BLE001 - whatever it is, the application says it
            otherwise(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"{self._name}-{next(self._numbers)}"
        scope["state"]["request_id"] = request_id
        acting(client=scope["client"][0] if scope["client"] else "")
        if scope["raw_path"][-1:] == b"/":
            _without_trailing_slash(scope)
        app = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
        if app is not None:
            scope["headcount.route"] = scope["path"]
        started = self._seconds()
        status: int = _OUR_FAULT

        def tell() -> None:
            route = scope.get("headcount.route", "other")
            self._tell(scope["method"], scope["path"], route, status, self._seconds() - started, request_id)

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                message["headers"].extend(header for header in _CAREFUL if header[0] not in said)
                message["headers"].append((b"x-request-id", request_id.encode()))
                if "headcount.lasts" in scope:  # what counts is how long it took to begin
                    tell()
            await send(message)

        try:
            await (app or self._app)(scope, receive, send_on)
        finally:
            if "headcount.lasts" not in scope:
                tell()

    def _tell(self, method: str, path: str, route: str, status: int, seconds: float, request_id: str) -> None:
        self._metrics.count_request(route, status, seconds)
        told: dict[str, Any] = {
            "method": method,
            "path": route if any(part in path for part in _SECRETIVE) else path,
            "status": int(status),
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

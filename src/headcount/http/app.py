"""App: the route table on one screen. Who may do what stands beside each path."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from headcount.http import ingest_openapi, openapi, openapi_page, stream_openapi, webhooks_openapi
from headcount.http.auth import Gate
from headcount.http.context import Reading
from headcount.http.cursors import Cursors
from headcount.http.errors import HANDLERS
from headcount.http.middleware import Front
from headcount.http.routes import events, meetings, stream, webhooks
from headcount.http.routes.events import Ingest
from headcount.http.routes.inbound import FrontDoor
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of. `ready` says what is wrong, or None if nothing is; `pages` are for people.

    `look` asks the store for what the metrics tell of it; like `ready`, it answers within a second.
    """

    gate: Gate
    ingest: Ingest
    front_door: FrontDoor
    reading: Reading
    webhook_endpoints: EndpointManager
    broadcaster: Broadcaster
    cursors: Cursors
    metrics: Metrics
    ready: Callable[[], Awaitable[str | None]]
    look: Callable[[], Awaitable[None]]
    seconds: Callable[[], float]
    name: str
    prefix: str
    version: str
    pages: Sequence[Route]


def build(parts: Parts) -> Front:
    """The application."""
    gate, prefix = parts.gate, parts.prefix
    single = events.Events(parts.ingest)
    routes = [
        Route(f"{prefix}/events", single, methods=["POST"], name="events"),
        *(_placed(gate.guarded(route, "ingest"), prefix) for route in events.routes(parts.ingest)),
        *(_placed(route, prefix) for route in parts.front_door.routes()),
        *(_placed(gate.guarded(route, "read"), prefix) for route in meetings.routes(parts.reading)),
        *(
            _placed(gate.guarded(route, "admin"), prefix)
            for route in webhooks.routes(parts.webhook_endpoints)
        ),
        _placed(stream.route(parts.broadcaster, gate, parts.cursors), prefix),
        *_open_routes(parts),
        *parts.pages,
    ]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Front(app, {f"{prefix}/events": single}, parts.metrics, parts.seconds, parts.name)


def _placed(route: Route, prefix: str) -> Route:
    """The route beneath the prefix, and known by its path to the metrics."""
    endpoint = route.endpoint
    path = prefix + route.path

    async def known(request: Request) -> Response:
        request.scope["headcount.route"] = path
        answer: Response = await endpoint(request)
        return answer

    methods = [method for method in sorted(route.methods or {"GET"}) if method != "HEAD"]
    return Route(path, known, methods=methods, name=route.name)


def _open_routes(parts: Parts) -> list[Route]:
    """What anybody may ask who can reach us: whether we live, how we are, and how to use us."""
    paths = {**stream_openapi.paths(), **ingest_openapi.paths(), **webhooks_openapi.paths()}
    described = openapi.document(parts.prefix, parts.version, paths)
    document = msgspec.json.encode(described)
    page = openapi_page.page(parts.prefix, parts.version, described)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        wrong = await parts.ready()
        return PlainTextResponse("ok\n") if wrong is None else PlainTextResponse(f"{wrong}\n", 503)

    async def metrics(_: Request) -> Response:
        await parts.look()
        return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi_json(_: Request) -> Response:
        return Response(document, media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse(page)

    async def root(_: Request) -> Response:
        return RedirectResponse("dashboard")

    open_: dict[str, Any] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
        "/openapi.json": openapi_json,
        "/docs": docs,
        "/": root,
    }
    return [_placed(Route(path, handler), "") for path, handler in open_.items()]

"""The application: all routes, and the scope that each needs.

Responsible for the composition of the API, the dashboard's pages and the open routes. It must not know how any of them
answers.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from headcount.command_hints import CommandHints
from headcount.http import openapi, openapi_page
from headcount.http.auth import ANY_SCOPE, Authenticator
from headcount.http.context import QueryContext
from headcount.http.cursors import Cursors
from headcount.http.errors import HANDLERS
from headcount.http.forwarded import TrustedProxies
from headcount.http.middleware import Middleware, OnAnswer
from headcount.http.operations import Operation
from headcount.http.routes import (
    access_log,
    events,
    inbound,
    key,
    privacy,
    queries,
    retention,
    stream,
    webhooks,
)
from headcount.http.routes.access_log import AccessLogContext
from headcount.http.routes.events import Ingest
from headcount.http.routes.inbound import InboundHandler
from headcount.http.routes.privacy import PersonContext
from headcount.http.routes.retention import PrivacyContext
from headcount.http.serializer import encode
from headcount.outbound.broadcast import Broadcaster
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.telemetry.metrics import Metrics

OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    *queries.OPERATIONS,
    events.POST_EVENTS,
    *events.OPERATIONS,
    inbound.INGEST,
    *stream.OPERATIONS,
    *webhooks.OPERATIONS,
    *privacy.OPERATIONS,
    *retention.OPERATIONS,
    *access_log.OPERATIONS,
    *key.OPERATIONS,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the application.

    `ready` returns why the service is not ready, or None. `look` updates the metrics that the store knows. Both return
    within a second. `seconds` is a monotonic clock, `name` the prefix of request ids. `on_answer` is called when an answer starts.
    """

    authenticator: Authenticator
    ingest: Ingest
    inbound: InboundHandler
    query_context: QueryContext
    webhook_endpoints: EndpointManager
    person_context: PersonContext
    privacy: PrivacyContext
    broadcaster: Broadcaster
    cursors: Cursors
    metrics: Metrics
    ready: Callable[[], Awaitable[str | None]]
    look: Callable[[], Awaitable[None]]
    seconds: Callable[[], float]
    name: str
    command_hints: CommandHints
    prefix: str
    version: str
    pages: Sequence[Route]
    on_answer: OnAnswer
    access_log: AccessLogContext
    trusted_proxies: TrustedProxies


def build(parts: Parts) -> Middleware:
    """Return the application."""
    authenticator, prefix = parts.authenticator, parts.prefix
    post_events = events.EventsApp(parts.ingest)
    streaming = stream.Streaming(parts.broadcaster, authenticator, parts.cursors)
    api = [
        *_guarded(authenticator, "ingest", events.routes(parts.ingest)),
        *parts.inbound.routes(),
        *_guarded(authenticator, "read", queries.routes(parts.query_context)),
        *_guarded(authenticator, "admin", webhooks.routes(parts.webhook_endpoints)),
        *_guarded(authenticator, "admin", privacy.routes(parts.person_context)),
        *_guarded(authenticator, "admin", retention.routes(parts.privacy)),
        *stream.routes(streaming),
        *_guarded(authenticator, "admin", access_log.routes(parts.access_log)),
        *_guarded(authenticator, ANY_SCOPE, key.routes()),
    ]
    routes = [
        Route(f"{prefix}/events", post_events, methods=["POST"], name="events"),
        *(_mounted(route, prefix) for route in api),
        *_open_routes(parts),
        *parts.pages,
    ]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    return Middleware(
        app,
        {f"{prefix}/events": post_events},
        parts.metrics,
        parts.seconds,
        parts.name,
        parts.command_hints,
        parts.on_answer,
        parts.trusted_proxies,
    )


def _guarded(authenticator: Authenticator, scope: str, routes: Iterable[Route]) -> list[Route]:
    return [authenticator.require(scope, route) for route in routes]


def _mounted(route: Route, prefix: str) -> Route:
    """Return the route beneath the prefix; metrics and logs get its path."""
    endpoint = route.endpoint
    path = prefix + route.path

    async def handle(request: Request) -> Response:
        request.scope["headcount.route"] = path
        answer: Response = await endpoint(request)
        return answer

    methods = [method for method in sorted(route.methods or {"GET"}) if method != "HEAD"]
    return Route(path, handle, methods=methods, name=route.name)


def _open_routes(parts: Parts) -> list[Route]:
    """Return the routes that need no key: probes, metrics and the documentation."""
    document = openapi.document(parts.prefix, parts.version, OPERATIONS)
    document_json = encode(document)
    page = openapi_page.page(parts.prefix, parts.version, document)
    index = openapi_page.index(parts.prefix, parts.version, document)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        reason = await parts.ready()
        return PlainTextResponse("ok\n") if reason is None else PlainTextResponse(f"{reason}\n", 503)

    async def metrics(_: Request) -> Response:
        await parts.look()
        return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def version(_: Request) -> Response:
        return Response(encode({"version": parts.version}), media_type="application/json")

    async def openapi_json(_: Request) -> Response:
        return Response(document_json, media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse(page)

    async def llms_txt(_: Request) -> Response:
        return PlainTextResponse(index)

    async def root(_: Request) -> Response:
        return RedirectResponse("dashboard")

    handlers: dict[str, Any] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
        "/version": version,
        "/openapi.json": openapi_json,
        "/docs": docs,
        "/llms.txt": llms_txt,
        "/": root,
    }
    return [_mounted(Route(path, handler), "") for path, handler in handlers.items()]

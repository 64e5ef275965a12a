"""The operations that only read, for keys with the scope `read`.

Responsible for running them in threads, so that the event loop waits for no query. It must not know what they answer.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http.body import read_bytes, require_text
from headcount.http.context import Answer, QueryContext, QueryHandler, domain_of
from headcount.http.large_answers import QueryLimiter
from headcount.http.operations import Handler, Operation, routes_of
from headcount.http.routes import attendance, explain, health, meetings, presence, rooms, together, usage

OPERATIONS: Final[tuple[Operation[QueryHandler], ...]] = (
    *(
        replace(operation, headers={**operation.headers, **health.COMPLETENESS_HEADERS})
        for module in (meetings, explain, attendance, together, usage, presence, rooms)
        for operation in module.OPERATIONS
    ),
    *health.OPERATIONS,
)
_MAX_BODY_BYTES: Final = 2_097_152
_BODY_TIMEOUT_S: Final = 30


def routes(context: QueryContext) -> list[Route]:
    """Return the routes of all operations that read."""
    limiter = QueryLimiter(context.timeout_s)

    def bind(operation: Operation[QueryHandler]) -> Handler:
        is_about_time = health.COMPLETENESS_HEADERS.keys() <= operation.headers.keys()
        answer = _with_completeness(operation.handler) if is_about_time else operation.handler

        async def handle(request: Request) -> Response:
            if operation.bodies:
                request.state.body = await _read_body(request)
            domain = domain_of(request)
            return await limiter.answer(domain, partial(answer, context, domain, request))

        return handle

    return routes_of(OPERATIONS, bind)


def _with_completeness(handler: QueryHandler) -> QueryHandler:
    """Return the handler with the headers of completeness, which is read before the answer."""

    def answer(context: QueryContext, domain: str, request: Request) -> Answer:
        completeness = health.completeness_headers(context.completeness(domain))
        body, headers = handler(context, domain, request)
        return body, {**completeness, **headers}

    return answer


async def _read_body(request: Request) -> bytes:
    headers = dict(request.scope["headers"])
    require_text(headers)
    return await read_bytes(headers, request.receive, _MAX_BODY_BYTES, _BODY_TIMEOUT_S)

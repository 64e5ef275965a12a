"""Webhooks: the routes by which endpoints are set up, as Daily has them, and ours by which one sees how they fare.

A body is JSON whatever it says it is, since Daily's own examples send it as text. What is done with it, and
what is wrong with it, is not known here.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.body import read_bytes
from headcount.http.context import domain_of
from headcount.http.errors import ApiError, invalid, not_found, not_json
from headcount.http.params import Param
from headcount.http.schemas import written
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.store.database import time_limit
from headcount.store.webhooks import Attempt, DeliveryState, Endpoint, MessageDeliveries

_BODY_S: Final = 30
_STORE_S: Final = 30
"""So long may the store, and an endpoint that is asked for a sign of life, take together."""
_MOST_BYTES: Final = 262_144


def _fate(name: str, text: str) -> DeliveryState:
    if text not in list(DeliveryState):
        raise invalid(f'"{name}" must be one of [{", ".join(DeliveryState)}] [Received {name}="{text[:50]}"]')
    return DeliveryState(text)


STATE: Final = Param(
    "state",
    "Only messages that were `delivered`, that are `waiting` to be tried, or that are `parked`: given up.",
    {"type": "string", "enum": [str(fate) for fate in DeliveryState]},
    _fate,
    None,
)
AFTER: Final = Param(
    "starting_after",
    "The id of a message: the page begins with the one after it in the list.",
    params.STARTING_AFTER.schema,
    params.STARTING_AFTER.read,
    None,
)


Handle = Callable[[EndpointManager, Request], Awaitable[Any]]


def routes(manager: EndpointManager) -> list[Route]:
    """The routes about endpoints."""
    return [
        Route(path, _answered(manager, ways), methods=list(ways), name=path) for path, ways in _WAYS.items()
    ]


def _answered(
    manager: EndpointManager, ways: Mapping[str, Handle]
) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        handle = ways["GET" if request.method == "HEAD" else request.method]
        async with time_limit(_BODY_S + _STORE_S):
            answer = await handle(manager, request)
        return Response(msgspec.json.encode(answer), HTTPStatus.OK, media_type="application/json")

    return handler


async def create(manager: EndpointManager, request: Request) -> Any:
    """POST /webhooks: a new endpoint, if it answers the ping with 200."""
    return shown(await manager.create(domain_of(request), await _said(request)))


async def all_of_them(manager: EndpointManager, request: Request) -> Any:
    """GET /webhooks: a bare array."""
    return [shown(row) for row in await manager.all(domain_of(request))]


async def one(manager: EndpointManager, request: Request) -> Any:
    """GET /webhooks/{uuid}."""
    return shown(await _found(manager, request))


async def update(manager: EndpointManager, request: Request) -> Any:
    """POST or PATCH /webhooks/{uuid}: other fields; sets one going that failed."""
    said = await _said(request)
    row = await manager.update(domain_of(request), request.path_params["uuid"], said)
    if row is None:
        raise _unknown(request)
    return shown(row)


async def delete(manager: EndpointManager, request: Request) -> Any:
    """DELETE /webhooks/{uuid}."""
    if not await manager.delete(domain_of(request), request.path_params["uuid"]):
        raise _unknown(request)
    return {"deleted": True, "uuid": request.path_params["uuid"]}


async def messages(manager: EndpointManager, request: Request) -> Any:
    """GET /webhooks/{uuid}/messages: what it was told, and is to be told again, the newest first."""
    query = request.query_params
    limit, fate, after = params.LIMIT.of(query), STATE.of(query), AFTER.of(query)
    row = await _found(manager, request)
    page = await manager.list_messages(row, after, limit, fate)
    if page is None:
        raise invalid(
            f'"starting_after" must be the id of a message [Received starting_after="{(after or "")[:50]}"]'
        )
    return {"data": [_told(message) for message in page]}


async def replay(manager: EndpointManager, request: Request) -> Any:
    """POST /webhooks/{uuid}/replay: send messages again."""
    said = await _said(request)
    return {"replayed": await manager.replay(await _found(manager, request), said)}


async def test(manager: EndpointManager, request: Request) -> Any:
    """POST /webhooks/{uuid}/test: send the ping now, and say what came of it."""
    answered = await manager.ping(await _found(manager, request))
    return {
        "delivered": answered.succeeded,
        "status": answered.status,
        "latency_ms": answered.latency_ms,
        "answer": answered.body,
        "error": answered.error,
    }


_WAYS: Final[dict[str, dict[str, Handle]]] = {
    "/webhooks": {"GET": all_of_them, "POST": create},
    "/webhooks/{uuid}": {"GET": one, "POST": update, "PATCH": update, "DELETE": delete},
    "/webhooks/{uuid}/messages": {"GET": messages},
    "/webhooks/{uuid}/replay": {"POST": replay},
    "/webhooks/{uuid}/test": {"POST": test},
}
"""By path and method. Each path is one route, so that what it allows is told whole."""


def shown(row: Endpoint) -> dict[str, Any]:
    """An endpoint in Daily's words; `secrets` is ours."""
    return {
        "uuid": row.uuid,
        "url": row.url,
        "hmac": row.secrets[0],
        "basicAuth": row.basic_auth,
        "retryType": row.retry_type,
        "eventTypes": row.event_types,
        "state": row.state,
        "failedCount": row.failed_count,
        "lastMomentPushed": None if row.last_pushed is None else written(row.last_pushed),
        "domainId": row.domain,
        "createdAt": written(row.created),
        "updatedAt": written(row.updated),
        "secrets": row.secrets,
    }


def _told(message: MessageDeliveries) -> dict[str, Any]:
    return {
        "id": message.id,
        "type": message.type,
        "room": message.room,
        "created": written(message.created),
        "state": message.state,
        "next_attempt": None if message.next_at is None else written(message.next_at),
        "reason": message.reason,
        "attempts": [_attempt(attempt) for attempt in message.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "time": written(attempt.at),
        "delivered": bool(attempt.delivered),
        "status": attempt.status,
        "latency_ms": attempt.latency_ms,
        "answer": attempt.answer,
        "error": attempt.error,
    }


async def _said(request: Request) -> dict[str, Any]:
    """The object that the body is. Raises `ApiError`."""
    body = await read_bytes(dict(request.scope["headers"]), request.receive, _MOST_BYTES, _BODY_S)
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(f"the body is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise invalid('"value" must be of type object')
    return said


async def _found(manager: EndpointManager, request: Request) -> Endpoint:
    row = await manager.find(domain_of(request), request.path_params["uuid"])
    if row is None:
        raise _unknown(request)
    return row


def _unknown(request: Request) -> ApiError:
    return not_found(f"there is no webhook {request.path_params['uuid'][:50]}")

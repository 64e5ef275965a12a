"""Webhooks: the operations by which endpoints are managed, as Daily has them, and those about their messages.

Bodies are read as JSON whatever their content type, since Daily's own examples send it as text. Responsible for the
forms of requests and answers. It must not know how endpoints are validated, stored or sent to: the `EndpointManager`
does that.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.body import read_bytes
from headcount.http.context import domain_of
from headcount.http.errors import ApiError, invalid, not_found, not_json
from headcount.http.operations import Body, Handler, Operation, operation, routes_of
from headcount.http.params import LIMIT, Param, PathParam, one_of
from headcount.http.schemas import Count, DateTime, Schema, Timestamp, choice, doc
from headcount.http.serializer import encode, rfc3339
from headcount.outbound.webhooks.endpoints import EndpointManager
from headcount.store.access_log import Subject, SubjectType
from headcount.store.database import time_limit
from headcount.store.webhooks import (
    DEFAULT_EVENT_TYPES,
    EVENT_TYPES,
    Attempt,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    MessageDeliveries,
    RetryType,
)
from headcount.telemetry.access_recorder import note_subject

_BODY_TIMEOUT_S: Final = 30
_STORE_TIMEOUT_S: Final = 30
"""Time for the store and for the ping of an endpoint together."""
_MAX_BODY_BYTES: Final = 262_144
_BASE64: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"

WEBHOOK: Final = PathParam("uuid", "The id of a webhook.")
STATE: Final = Param(
    "state",
    one_of(*DeliveryState),
    "Only messages in this state: `delivered`, `pending`, or `failed`.",
    None,
)
STARTING_AFTER: Final = Param(
    "starting_after",
    params.PLACE,
    "The id of a message: the page starts with the next one in the list.",
    None,
)

EventTypes = Annotated[
    list[Annotated[str, choice(EVENT_TYPES, "A type of events.")]],
    doc(f"Event types to send. Default, also of an empty list: `{'`, `'.join(DEFAULT_EVENT_TYPES)}`."),
]
RetryTypeName = Annotated[str, choice(RetryType, "The policy after a failed attempt.")]
Secret = Annotated[str, doc("A secret, base64.", pattern=_BASE64, maxLength=1_024)]


Extensions = Annotated[
    bool | UnsetType,
    doc(
        "Whether payloads of Daily's event types have Headcount's fields, too."
        " Default: `false`. An answer contains it only if it is `true`. Headcount extension."
    ),
]


class WebhookChange(Schema):
    """Fields of a webhook to change. All are optional."""

    url: Annotated[str | UnsetType, doc("https, or http to this machine.", minLength=1, maxLength=2_048)] = (
        UNSET
    )
    eventTypes: EventTypes | UnsetType = UNSET  # noqa: N815 - Daily's names
    retryType: RetryTypeName | UnsetType = UNSET  # noqa: N815
    basicAuth: Annotated[  # noqa: N815
        str | UnsetType | None,
        doc("Sent as `Authorization: Basic`: user:password, or base64 of it.", minLength=1),
    ] = UNSET
    hmac: Annotated[
        Secret | UnsetType,
        doc("The secret for signatures, base64. Default: generated. A new one replaces all secrets."),
    ] = UNSET
    extensions: Extensions = UNSET


class NewWebhook(WebhookChange, kw_only=True):
    """A webhook to create."""

    url: Annotated[str, doc("https, or http to this machine.", minLength=1, maxLength=2_048)]


class Webhook(Schema, kw_only=True):
    """A webhook endpoint, with Daily's fields. Fields without a value are absent."""

    uuid: str
    url: str
    hmac: Annotated[str, doc("The secret for signatures, base64.")]
    basicAuth: Annotated[str | UnsetType, doc("Sent as `Authorization: Basic`.")] = UNSET  # noqa: N815
    retryType: RetryTypeName  # noqa: N815
    eventTypes: EventTypes  # noqa: N815
    state: Annotated[
        str, choice(EndpointStatus, "Whether messages are sent, or wait until the webhook is changed.")
    ]
    failedCount: Annotated[Count, doc("Number of consecutive failures.")]  # noqa: N815
    lastMomentPushed: Annotated[DateTime | UnsetType, doc("Time of the last attempt.")] = UNSET  # noqa: N815
    domainId: str  # noqa: N815
    createdAt: DateTime  # noqa: N815
    updatedAt: DateTime  # noqa: N815
    extensions: Extensions = UNSET


class WebhookSecrets(Schema):
    """All valid secrets of a webhook, the newest first."""

    secrets: Annotated[
        list[Secret],
        doc(
            "Messages are signed with each of them. The first is the `hmac` of the webhook.",
            minItems=1,
            maxItems=4,
        ),
    ]


class DeletedWebhook(Schema):
    """The id of a webhook that was deleted."""

    deleted: bool
    uuid: str


class WebhookTest(Schema):
    """The result of a ping."""

    delivered: Annotated[bool, doc("Whether the endpoint answered 200.")]
    status: Annotated[int | None, doc("The HTTP status; `null` without a response.")]
    latency_ms: Count
    response: Annotated[str, doc("The first kilobyte of the response body.")]
    error: Annotated[str | None, doc("Why there was no response.")]


class WebhookAttempt(Schema):
    """An attempt to deliver a message."""

    at: DateTime
    delivered: Annotated[bool, doc("Whether the endpoint answered 200.")]
    status: Annotated[int | None, doc("The HTTP status; `null` without a response.")]
    latency_ms: Count
    response: Annotated[str, doc("The first kilobyte of the response body.")]
    error: Annotated[str | None, doc("Why there was no response.")]


class MessageDelivery(Schema):
    """The delivery of a message to a webhook, with all attempts."""

    id: str
    type: str
    room: str
    created_at: DateTime
    state: Annotated[str, choice(DeliveryState, "Whether the message was delivered, waits, or failed.")]
    next_attempt_at: DateTime | None
    reason: str | None
    attempts: list[WebhookAttempt]


class Deliveries(Schema):
    """A page of deliveries, newest first."""

    data: list[MessageDelivery]


class Resend(Schema, rename={"from_": "from"}):
    """Which messages to send again. Conditions are combined; at least one is required."""

    id: Annotated[str | UnsetType, doc("The id of a message.", minLength=1)] = UNSET
    ids: Annotated[list[str] | UnsetType, doc("Ids of messages.", maxItems=1_000)] = UNSET
    room: Annotated[str | UnsetType, doc("The name of a room.", minLength=1)] = UNSET
    failed: Annotated[bool | UnsetType, doc("Only messages that failed.")] = UNSET
    to: Annotated[Timestamp | UnsetType, doc("End of the time in `event_ts`.")] = UNSET
    from_: Annotated[Timestamp | UnsetType, doc("Start of the time in `event_ts`.")] = UNSET


class Resent(Schema):
    """The number of messages that are sent again."""

    resent: Count


WebhookHandler = Callable[[EndpointManager, Request], Awaitable[Any]]
"""An operation on the endpoints of the key's domain; it returns the answer."""


@operation("GET", "/webhooks", "listWebhooks", "List webhooks", list[Webhook], daily=True, tag="Webhooks")
async def list_webhooks(manager: EndpointManager, request: Request) -> list[Webhook]:
    """Returns all webhooks of the key's domain, oldest first."""
    return [_webhook(endpoint) for endpoint in await manager.all(domain_of(request))]


@operation(
    "POST", "/webhooks", "createWebhook", "Create a webhook", Webhook, daily=True, tag="Webhooks", errors=(408, 413),
    body=Body(NewWebhook, example={"url": "https://hooks.example.com/headcount", "retryType": "exponential"}),
)  # fmt: skip
async def create_webhook(manager: EndpointManager, request: Request) -> Webhook:
    """Creates a webhook.

    Its URL must answer the ping, a POST of `{"test":"test"}`, with 200. It gets the events from then on.
    """
    endpoint = await manager.create(domain_of(request), await _json_object(request))
    note_subject(request.scope, Subject(SubjectType.WEBHOOK, endpoint.uuid))
    return _webhook(endpoint)


@operation(
    "GET", "/webhooks/{uuid}", "getWebhook", "Get a webhook", Webhook,
    daily=True, tag="Webhooks", params=(WEBHOOK,), errors=(404,),
)  # fmt: skip
async def get_webhook(manager: EndpointManager, request: Request) -> Webhook:
    """Returns a webhook with its settings and its state."""
    return _webhook(await _endpoint(manager, request))


async def _update(manager: EndpointManager, request: Request) -> Webhook:
    changes = await _json_object(request)
    endpoint = await manager.update(domain_of(request), request.path_params["uuid"], changes)
    if endpoint is None:
        raise _not_found(request)
    return _webhook(endpoint)


@operation(
    "POST", "/webhooks/{uuid}", "updateWebhook", "Update a webhook", Webhook,
    daily=True, tag="Webhooks", params=(WEBHOOK,), body=WebhookChange, errors=(404, 408, 413),
)  # fmt: skip
async def update_webhook(manager: EndpointManager, request: Request) -> Webhook:
    """Updates a webhook.

    Its URL must answer the ping with 200. A webhook that had failed becomes active and gets its pending messages.
    """
    return await _update(manager, request)


@operation(
    "PATCH", "/webhooks/{uuid}", "patchWebhook", "Update a webhook (PATCH)", Webhook,
    tag="Webhooks", params=(WEBHOOK,), body=WebhookChange, errors=(404, 408, 413),
)  # fmt: skip
async def patch_webhook(manager: EndpointManager, request: Request) -> Webhook:
    """Updates a webhook, as POST does."""
    return await _update(manager, request)


@operation(
    "DELETE", "/webhooks/{uuid}", "deleteWebhook", "Delete a webhook", DeletedWebhook,
    daily=True, tag="Webhooks", params=(WEBHOOK,), errors=(404,),
)  # fmt: skip
async def delete_webhook(manager: EndpointManager, request: Request) -> DeletedWebhook:
    """Deletes a webhook and its pending messages."""
    uuid = request.path_params["uuid"]
    if not await manager.delete(domain_of(request), uuid):
        raise _not_found(request)
    return DeletedWebhook(deleted=True, uuid=uuid)


@operation(
    "GET", "/webhooks/{uuid}/secrets", "listWebhookSecrets", "List the secrets of a webhook", WebhookSecrets,
    tag="Webhooks", params=(WEBHOOK,), errors=(404,),
)  # fmt: skip
async def list_secrets(manager: EndpointManager, request: Request) -> WebhookSecrets:
    """Returns all valid secrets of a webhook. Messages are signed with each of them."""
    return WebhookSecrets(list((await _endpoint(manager, request)).secrets))


@operation(
    "PUT", "/webhooks/{uuid}/secrets", "updateWebhookSecrets", "Update the secrets of a webhook", WebhookSecrets,
    tag="Webhooks", params=(WEBHOOK,), body=WebhookSecrets, errors=(404, 408, 413),
)  # fmt: skip
async def update_secrets(manager: EndpointManager, request: Request) -> WebhookSecrets:
    """Replaces all secrets of a webhook, without a ping.

    To rotate a secret, set the new one and the old one, update the receiver, and then set the new one alone.
    """
    secrets = await _json_object(request)
    return WebhookSecrets(list(await manager.set_secrets(await _endpoint(manager, request), secrets)))


@operation(
    "GET", "/webhooks/{uuid}/deliveries", "listDeliveries", "List the deliveries of a webhook", Deliveries,
    tag="Webhooks", params=(WEBHOOK, LIMIT, STARTING_AFTER, STATE), errors=(404,),
)  # fmt: skip
async def list_deliveries(manager: EndpointManager, request: Request) -> Deliveries:
    """Returns a page of messages, newest first, with every attempt."""
    query = request.query_params
    limit, state, after = LIMIT.get(query), STATE.get(query), STARTING_AFTER.get(query)
    endpoint = await _endpoint(manager, request)
    page = await manager.list_messages(
        endpoint, after, limit, None if state is None else DeliveryState(state)
    )
    if page is None:
        raise invalid(
            f'"starting_after" must be the id of a message [Received starting_after="{(after or "")[:50]}"]'
        )
    return Deliveries([_message(message) for message in page])


@operation(
    "POST", "/webhooks/{uuid}/resend", "resendDeliveries", "Resend messages", Resent,
    tag="Webhooks", params=(WEBHOOK,), body=Resend, errors=(404, 408, 413),
)  # fmt: skip
async def resend_messages(manager: EndpointManager, request: Request) -> Resent:
    """Sends messages again: by id, by room, by the time in `event_ts`, or those that failed.

    At most 10,000, oldest first.
    """
    conditions = await _json_object(request)
    return Resent(await manager.resend(await _endpoint(manager, request), conditions))


@operation(
    "POST", "/webhooks/{uuid}/test", "testWebhook", "Test a webhook", WebhookTest,
    tag="Webhooks", params=(WEBHOOK,), errors=(404,),
)  # fmt: skip
async def ping_webhook(manager: EndpointManager, request: Request) -> WebhookTest:
    """Sends the ping and return its result."""
    result = await manager.ping(await _endpoint(manager, request))
    return WebhookTest(result.succeeded, result.status, result.latency_ms, result.body, result.error)


OPERATIONS: Final[tuple[Operation[WebhookHandler], ...]] = (
    list_webhooks,
    create_webhook,
    get_webhook,
    update_webhook,
    patch_webhook,
    delete_webhook,
    list_secrets,
    update_secrets,
    list_deliveries,
    resend_messages,
    ping_webhook,
)


def routes(manager: EndpointManager) -> list[Route]:
    """Return the routes of all operations on webhooks."""

    def bind(operation: Operation[WebhookHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            async with time_limit(_BODY_TIMEOUT_S + _STORE_TIMEOUT_S):
                answer = await operation.handler(manager, request)
            return Response(encode(answer), HTTPStatus.OK, media_type="application/json")

        return handle

    return routes_of(OPERATIONS, bind)


def _webhook(endpoint: Endpoint) -> Webhook:
    return Webhook(
        uuid=endpoint.uuid,
        url=endpoint.url,
        hmac=endpoint.secrets[0],
        basicAuth=UNSET if endpoint.basic_auth is None else endpoint.basic_auth,
        retryType=endpoint.retry_type,
        eventTypes=list(endpoint.event_types),
        state=endpoint.state,
        failedCount=endpoint.failed_count,
        lastMomentPushed=UNSET if endpoint.last_pushed is None else rfc3339(endpoint.last_pushed),
        domainId=endpoint.domain,
        createdAt=rfc3339(endpoint.created),
        updatedAt=rfc3339(endpoint.updated),
        extensions=endpoint.extensions or UNSET,
    )


def _message(message: MessageDeliveries) -> MessageDelivery:
    return MessageDelivery(
        id=message.id,
        type=message.type,
        room=message.room,
        created_at=rfc3339(message.created),
        state=message.state,
        next_attempt_at=None if message.next_at is None else rfc3339(message.next_at),
        reason=message.reason,
        attempts=[_attempt(attempt) for attempt in message.attempts],
    )


def _attempt(attempt: Attempt) -> WebhookAttempt:
    return WebhookAttempt(
        rfc3339(attempt.at),
        bool(attempt.delivered),
        attempt.status,
        attempt.latency_ms,
        attempt.response,
        attempt.error,
    )


async def _json_object(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object. Raise `ApiError` 400."""
    body = await read_bytes(dict(request.scope["headers"]), request.receive, _MAX_BODY_BYTES, _BODY_TIMEOUT_S)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(f"The body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise invalid('"value" must be of type object')
    return value


async def _endpoint(manager: EndpointManager, request: Request) -> Endpoint:
    endpoint = await manager.find(domain_of(request), request.path_params["uuid"])
    if endpoint is None:
        raise _not_found(request)
    return endpoint


def _not_found(request: Request) -> ApiError:
    return not_found(
        f"No webhook has the id {request.path_params['uuid'][:50]}: list them with GET /webhooks"
    )

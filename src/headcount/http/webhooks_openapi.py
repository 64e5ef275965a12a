"""Webhooks in OpenAPI: the routes about endpoints, for the document of all routes."""

from typing import Any, Final

from headcount.http import params
from headcount.http.openapi import operation
from headcount.http.params import Param
from headcount.http.routes.webhooks import AFTER, STATE
from headcount.store.webhooks import EVENT_TYPES, DeliveryState, RetryType, State

Schema = dict[str, Any]

_BASE64: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"
_SECRET: Final = {"type": "string", "pattern": _BASE64, "maxLength": 1_024}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_TIME: Final = {"anyOf": [{"type": "number"}, _MOMENT]}
_UUID: Final = {"name": "uuid", "in": "path", "required": True, "description": "The webhook.", "schema": {"type": "string", "minLength": 1}}  # fmt: skip


def _object(required: list[str] | None = None, **properties: Schema) -> Schema:
    """An object with no other fields; all of them are required, if not said otherwise."""
    names = list(properties) if required is None else required
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": names}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_FIELDS: Final[dict[str, Schema]] = {
    "url": {"type": "string", "minLength": 1, "maxLength": 2_048, "description": "https, or http to this machine."},
    "eventTypes": {"type": "array", "items": {"type": "string", "enum": list(EVENT_TYPES)}, "description": "Which messages; all that there are, if none is named."},
    "retryType": {"type": "string", "enum": [str(one) for one in RetryType], "description": "What follows a failure."},
    "basicAuth": _or_null({"type": "string", "minLength": 1, "description": "Sent as `Authorization: Basic`; base64 of user:password, or that itself."}),
    "hmac": {**_SECRET, "description": "The secret that signs, base64; made by chance, if there is none."},
    "secrets": {"type": "array", "items": _SECRET, "minItems": 1, "maxItems": 4, "description": "All secrets that hold, the first being `hmac`. Not in Daily's API."},
}  # fmt: skip
_WEBHOOK: Final = _object(
    uuid={"type": "string"},
    url={"type": "string"},
    hmac={"type": "string"},
    basicAuth=_or_null({"type": "string"}),
    retryType={"type": "string", "enum": [str(one) for one in RetryType]},
    eventTypes={"type": "array", "items": {"type": "string", "enum": list(EVENT_TYPES)}},
    state={"type": "string", "enum": [str(one) for one in State]},
    failedCount={"type": "integer", "minimum": 0},
    lastMomentPushed=_or_null(_MOMENT),
    domainId={"type": "string"},
    createdAt=_MOMENT,
    updatedAt=_MOMENT,
    secrets={"type": "array", "items": {"type": "string"}},
)
_ANSWER: Final[dict[str, Any]] = {
    "delivered": {"type": "boolean", "description": "Whether it was answered 200."},
    "status": {"type": ["integer", "null"]},
    "latency_ms": {"type": "integer", "minimum": 0},
    "answer": {"type": "string", "description": "The first kilobyte of the answer."},
    "error": {"type": ["string", "null"]},
}
_MESSAGE: Final = _object(
    id={"type": "string"},
    type={"type": "string"},
    room={"type": "string"},
    created=_MOMENT,
    state={"type": "string", "enum": [str(fate) for fate in DeliveryState]},
    next_attempt=_or_null(_MOMENT),
    reason={"type": ["string", "null"]},
    attempts={"type": "array", "items": _object(time=_MOMENT, **_ANSWER)},
)
_REPLAY: Final[Schema] = {
    **_object(
        [],
        id={"type": "string", "minLength": 1},
        ids={"type": "array", "items": {"type": "string"}, "maxItems": 1_000},
        room={"type": "string", "minLength": 1},
        failed={"type": "boolean", "description": "Only those that were given up."},
        to=_TIME,
        **{"from": _TIME},
    ),
    "minProperties": 1,
}
_EXAMPLE: Final = {"url": "https://hooks.example.com/headcount", "retryType": "exponential"}


def paths() -> dict[str, Any]:
    """The paths, without the prefix."""
    return {
        "/webhooks": {
            "get": _operation("webhooks", "The webhooks", "All of the key's domain, the oldest first.", {"type": "array", "items": _WEBHOOK}),
            "post": _operation(
                "createWebhook", "Set a webhook up",
                'Its address must answer the ping, a POST of `{"test":"test"}`, with 200. It is told what happens from then on.',
                _WEBHOOK, body=_object(["url"], **_FIELDS),
            ),
        },
        "/webhooks/{uuid}": {
            "get": _operation("webhook", "One webhook", "How it is set up, and how it fares.", _WEBHOOK, _UUID),
            "post": _operation("changeWebhook", "Change a webhook", _CHANGES, _WEBHOOK, _UUID, body=_object([], **_FIELDS)),
            "patch": _operation("patchWebhook", "Change a webhook", f"{_CHANGES} The same as POST. Not in Daily's API.", _WEBHOOK, _UUID, body=_object([], **_FIELDS)),
            "delete": _operation(
                "deleteWebhook", "Take a webhook away", "It is sent nothing more; what waits for it is forgotten.",
                _object(deleted={"const": True}, uuid={"type": "string"}), _UUID,
            ),
        },
        "/webhooks/{uuid}/messages": {
            "get": _operation(
                "webhookMessages", "What a webhook was told",
                "Messages, the newest first, with every attempt. Not in Daily's API.",
                _object(data={"type": "array", "items": _MESSAGE}), _UUID, *_ASKED,
            )
        },
        "/webhooks/{uuid}/replay": {
            "post": _operation(
                "replayWebhook", "Send messages again",
                "By id, by room, by the time in `event_ts`, or those that were given up; all that is said must hold. At most 10,000, the oldest first. Not in Daily's API.",
                _object(replayed={"type": "integer", "minimum": 0}), _UUID, body=_REPLAY,
            )
        },
        "/webhooks/{uuid}/test": {
            "post": _operation(
                "testWebhook", "Try a webhook", "Sends the ping now and says what came of it. Not in Daily's API.",
                _object(**_ANSWER), _UUID,
            )
        },
    }  # fmt: skip


_CHANGES: Final = "Its address must answer the ping with 200. One that had failed is set going, and gets what waited for it."


def _query(param: Param[Any, Any]) -> Schema:
    return {"name": param.name, "in": "query", "description": param.says, "schema": param.schema}


_ASKED: Final = (_query(params.LIMIT), _query(AFTER), _query(STATE))


def _operation(
    name: str, summary: str, told: str, answer: Schema, *parameters: Schema, body: Schema | None = None
) -> dict[str, Any]:
    more: dict[str, Any] = {"parameters": list(parameters)} if parameters else {}
    if body is not None:
        example = {"example": _EXAMPLE} if body.get("required") == ["url"] else {}
        more["requestBody"] = {"required": True, "content": {"application/json": {"schema": body, **example}}}
    found = operation(
        name, summary, told, answer, also=("404",) if parameters else (), tags=["webhooks"], **more
    )
    if body is not None:
        for status, reason in (("408", "The body came too slowly."), ("413", "The body is too large.")):
            found["responses"][status] = {
                "description": reason,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
    return found

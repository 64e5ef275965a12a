"""Stream in OpenAPI: what may be asked of it and what it sends, for the document of all routes."""

from typing import Any, Final

from headcount.http import params
from headcount.http.openapi import query

_EXAMPLE: Final = (
    "retry: 1000\nid: gDhq3dHYqXBVGZJSuEn0Hw\n\nid: pM2tYpJrJKUaoLuFQVZy0A\nevent: meeting.started\n"
    'data: {"version":"1.0.0","type":"meeting.started","id":"met-sta-0f9f-1767225600","payload":'
    '{"start_ts":1767225600.412,"meeting_id":"0f9f","room":"blue-room"},"event_ts":1767225600.9}\n\n'
)
_LAST: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "As `last_event_id`.",
    "schema": params.LAST_EVENT_ID.schema,
}


def paths() -> dict[str, Any]:
    """The path, as the document has it."""
    responses: dict[str, Any] = {
        "200": {
            "description": "Events, for as long as you listen.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    }
    for code in ("400", "401", "403", "429", "500", "503"):
        responses[code] = {"$ref": f"#/components/responses/{code}"}
    operation = {
        "operationId": "stream",
        "summary": "What happens, as it happens",
        "description": (
            "Server-Sent Events: those that webhooks are sent, with the same bodies. `id` is the place in the stream,"
            " `event` the type, `data` the body. A comment comes every 15 seconds. The event `dropped` says why a stream"
            " ends, `gap` that events were missed. Not in Daily's API."
        ),
        "security": [{"key": []}, {"token": []}],
        "parameters": [
            *(query(one) for one in params.STREAM if one is not params.STREAM_TOKEN),
            _LAST,
        ],
        "tags": ["reading"],
        "responses": responses,
    }
    return {"/stream": {"get": operation}}

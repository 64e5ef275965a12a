"""Ingest in OpenAPI: what the routes that take events accept and answer, for the document of all routes."""

from typing import Any, Final

_BYTES: Final = "Every name has at most 512 characters, and at most 1,024 bytes in UTF-8."
_NAME: Final = {"type": "string", "maxLength": 512}
_TIME: Final = {
    "description": "Seconds since 1970, whole or fractional, or RFC 3339 with its zone. Default: now.",
    "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}, {"type": "null"}],
}
_NULLABLE: Final = {"type": ["string", "null"], "maxLength": 512}

EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": _BYTES,
    "additionalProperties": False,
    "required": ["room", "kind"],
    "properties": {
        "room": {**_NAME, "minLength": 1, "description": "The room's name."},
        "kind": {"type": "string", "enum": ["join", "leave", "end"], "description": "end: the room was closed."},
        "participant_id": {**_NULLABLE, "description": "The connection. Required, but for an end."},
        "at": _TIME,
        "id": {**_NULLABLE, "description": "The source's id of the event: the same id counts once."},
        "user_id": {**_NULLABLE, "description": "The person, if known."},
        "user_name": {**_NULLABLE, "description": "The person's name, if known."},
        "source_session": {**_NULLABLE, "description": "The source's own id of the session; an end closes only its own."},
        "joined_at": {**_TIME, "description": "On a leave: when the participant joined, so that a lost join costs nothing."},
    },
}  # fmt: skip

SNAPSHOT: Final[dict[str, Any]] = {
    "type": "object",
    "description": _BYTES,
    "additionalProperties": False,
    "required": ["participants"],
    "properties": {
        "at": _TIME,
        "participants": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["participant_id"],
                "properties": {
                    "participant_id": {**_NAME, "minLength": 1},
                    "user_id": _NULLABLE,
                    "user_name": _NULLABLE,
                },
            },
        },
    },
}

_APPENDED: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["accepted", "duplicates", "position"],
    "properties": {
        "accepted": {"type": "integer", "description": "How many were new."},
        "duplicates": {"type": "integer", "description": "How many were known already."},
        "position": {
            "type": "string",
            "description": "Where the log ends now. Opaque, and of your domain alone.",
        },
    },
}
_WAIT: Final = {
    "name": "wait",
    "in": "query",
    "schema": {"type": "string", "enum": ["true", "false", "True", "False", "1", "0"]},
    "description": "Answer only when the engine has come to these events.",
}
_EXAMPLE: Final = {
    "room": "standup",
    "kind": "join",
    "participant_id": "c-1",
    "user_name": "Ann",
    "at": 1772442000,
}


_REFUSALS: Final = {
    "408": "The body came too slowly.",
    "413": "Too much at once.",
    "415": "The body is no text, or is packed.",
}


def paths() -> dict[str, Any]:
    """The paths, without the prefix, with the statuses that are theirs alone."""
    return {
        "/events": {
            "post": _operation(
                "takeEvents",
                "Take events: one, an array, or one a line. All of a request are taken, or none.",
                {
                    "application/json": {
                        "schema": {"anyOf": [EVENT, {"type": "array", "items": EVENT, "maxItems": 10_000}]},
                        "example": _EXAMPLE,
                    },
                    "application/x-ndjson": {"schema": {"type": "string"}},
                },
                [_WAIT],
            )
        },
        "/rooms/{room}/snapshot": {
            "post": _operation(
                "takeSnapshot",
                "Say who is in a room: joins and leaves that are missing are inferred (rule 3a).",
                {"application/json": {"schema": SNAPSHOT}},
                [
                    {"name": "room", "in": "path", "required": True, "schema": {**_NAME, "minLength": 1}},
                    _WAIT,
                ],
            )
        },
        "/ingest/{kind}/{token}": {"post": _delivery()},
    }


def _delivery() -> dict[str, Any]:
    """What video servers send to: their bodies are their own affair."""
    statuses = ("400", "401", "404", "500", "503")
    return {
        "operationId": "takeDelivery",
        "summary": "Take a delivery of a video server, as it sends it by itself.",
        "description": "The address of a source, as `headcount source add` prints it. No key: each vendor signs in its own way.",
        "tags": ["Events"],
        "security": [],
        "parameters": [
            {"name": "kind", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, "description": "The vendor, like `livekit`."},
            {"name": "token", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, "description": "Which of the sources it is."},
        ],
        "requestBody": {"required": True, "content": {"*/*": {"schema": {}}}},
        "responses": {
            "200": {"description": "On the disk.", "content": {"application/json": {"schema": {"type": "object"}}}},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses},
            **{status: _refused(told) for status, told in _REFUSALS.items() if status != "415"},
        },
    }  # fmt: skip


def _operation(
    name: str, summary: str, content: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    statuses = ("400", "401", "403", "429", "500", "503")
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["Events"],
        "parameters": parameters,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "On the disk.",
                "content": {"application/json": {"schema": _APPENDED}},
            },
            **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses},
            **{status: _refused(told) for status, told in _REFUSALS.items()},
        },
    }


def _refused(told: str) -> dict[str, Any]:
    return {
        "description": told,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }

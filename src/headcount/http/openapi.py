"""The OpenAPI document of all operations.

Responsible for the document's form: components come from the types of bodies, parameters from `params.py`, all else
from the operations. It must not know any route.

The document is of version 3.0, which all common generators of clients support; those for 3.1 read it, too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from headcount.http.operations import JSON, Body, Operation
from headcount.http.params import AnyParam, HeaderParam, Param, PathParam, Schema
from headcount.http.schemas import ERRORS, Error

TITLE: Final = "Headcount"
ABOUT: Final = (
    "Meeting sessions, participants, and presence of your video rooms. Each operation states whether it is compatible with"
    " Daily's REST API or a Headcount extension. Times are unix seconds, rounded down, or RFC 3339."
)
_STATUSES: Final = (400, 401, 403, 404, 408, 413, 415, 429, 500, 503)
_COMMON_ERRORS: Final = (400, 401, 403, 429, 500, 503)
_SECURITY_SCHEMES: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key with the scope of the operation.",
    },
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "An API key, for browsers' `EventSource`, which cannot send the header `Authorization`.",
    },
}
_CONVERTOR: Final = re.compile(r"{(\w+):\w+}")
_NULL: Final = {"type": "null"}
_REF_TEMPLATE: Final = "#/components/schemas/{name}"


def document(prefix: str, version: str, operations: Iterable[Operation[Any]]) -> dict[str, Any]:
    """Return the document of the operations beneath `prefix`."""
    operations = list(operations)
    schemas, components = _schemas(
        [body for operation in operations for body in (*operation.answers, *operation.bodies)]
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _CONVERTOR.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.0.3",
        "info": {"title": TITLE, "version": version, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": prefix or "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _error(status) for status in _STATUSES},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def ref(name: str) -> Schema:
    """Return the reference to a component."""
    return {"$ref": _REF_TEMPLATE.format(name=name)}


def _schemas(bodies: Iterable[Body]) -> tuple[dict[int, Schema], dict[str, Schema]]:
    """Return the schema of each body, by its identity, and the components that they refer to."""
    of_json = [body for body in bodies if body.media_type == JSON]
    types = [*(body.type for body in of_json), Error]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF_TEMPLATE)
    return (
        {id(body): _canonical(schema) for body, schema in zip(of_json, schemas, strict=False)},
        {name: _canonical(schema) for name, schema in sorted(components.items())},
    )


def _operation(operation: Operation[Any], schemas: Mapping[int, Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": f"{operation.description} {operation.availability}.",
        "tags": [operation.tag],
    }
    if list(operation.security) != ["key"]:
        described["security"] = [{scheme: []} for scheme in operation.security]
    if operation.params:
        described["parameters"] = [_parameter(param) for param in operation.params]
    if operation.bodies:
        described["requestBody"] = {"required": True, "content": _content(operation.bodies, schemas)}
    return {**described, "responses": _responses(operation, schemas)}


def _responses(operation: Operation[Any], schemas: Mapping[int, Schema]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "OK", "content": _content(operation.answers, schemas)}
    if operation.headers:
        success["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in operation.headers.items()
        }
    statuses = sorted({*_COMMON_ERRORS, *operation.errors} - (set() if operation.security else {403}))
    return {
        "200": success,
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses},
    }


def _content(bodies: Sequence[Body], schemas: Mapping[int, Schema]) -> dict[str, Any]:
    """Return the media types. Several bodies of one media type are alternatives."""
    content: dict[str, Any] = {}
    for body in bodies:
        schema = schemas[id(body)] if body.media_type == JSON else body.type
        if body.media_type in content:
            before = content[body.media_type]["schema"]
            schema = {"anyOf": [*before.get("anyOf", [before]), schema]}
        example = {} if body.example is None else {"example": body.example}
        content[body.media_type] = {"schema": schema, **example}
    return content


def _parameter(param: AnyParam) -> Schema:
    described: Schema = {"name": param.name, "in": "query", "description": param.description}
    match param:
        case PathParam():
            return {**described, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        case HeaderParam():
            return {**described, "in": "header", "schema": param.parser.schema}
        case Param(default=None):
            return {**described, "schema": param.parser.schema}
        case _:
            return {**described, "schema": {**param.parser.schema, "default": _default(param.default)}}


def _default(value: Any) -> Any:
    return value if isinstance(value, bool | int | str) else float(value)


def _error(status: int) -> Schema:
    """Return the answer with a status: its types and what they mean."""
    text = " ".join(f"`{type_}`: {meaning}" for (own, type_), meaning in ERRORS.items() if own == status)
    return {"description": text, "content": {JSON: {"schema": ref("Error")}}}


def _canonical(schema: Any) -> Any:
    """Return a schema of msgspec, which is JSON Schema 2020-12, in the form of OpenAPI 3.0."""
    if isinstance(schema, list):
        return [_canonical(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {
        name: _canonical(value)
        for name, value in schema.items()
        if name != "title" or isinstance(value, dict)
    }
    if "enum" in schema and "type" not in schema:
        schema = {"type": "string", **schema}
    if "anyOf" in schema:
        schema = _union(schema)
    if "$ref" in schema and len(schema) > 1:  # other keys beside a reference have no effect
        reference = {"$ref": schema.pop("$ref")}
        schema = {"allOf": [reference], **schema}
    return schema


def _union(schema: Schema) -> Schema:
    """Return a union without the type null, and with int | float as one type."""
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    members = [member for member in schema["anyOf"] if member != _NULL]
    if {"type": "number"} in members:
        members = [member for member in members if member != {"type": "integer"}]
    merged = {**members[0], **rest} if len(members) == 1 else {"anyOf": members, **rest}
    return _nullable(merged) if _NULL in schema["anyOf"] else merged


def _nullable(schema: Schema) -> Schema:
    if "enum" in schema:  # version 3.0 wants null among the values, too
        schema = {**schema, "enum": [*schema["enum"], None]}
    if schema.get("default", ...) is None:
        schema = {name: value for name, value in schema.items() if name != "default"}
    return {**schema, "nullable": True}

"""The client and the OpenAPI document have the same operations, parameters, bodies and answers, so that they cannot drift."""

import inspect
import re
from typing import Any, get_args, get_origin

import msgspec
import pytest

from headcount.client import Client, models, reports
from headcount.client.calls import Call, Paging
from headcount.client.operations import (
    MeetingFilters,
    Operations,
    UsageFilters,
    UserMeetingFilters,
)
from headcount.client.webhook_operations import WebhookFields
from support.client_variants import operations
from support.openapi import document

DOCUMENT = document("")
COMPONENTS = DOCUMENT["components"]["schemas"]
NOT_COVERED = (
    "ingestWebhook",  # video servers send it
    "patchWebhook",  # the same as updateWebhook
    "exportPerson", "createErasure", "listErasures", "getErasure", "listRetentionRules", "updateRetentionRule",
    "deleteRetentionRule", "getRetentionPreview", "listLegalHolds", "createLegalHold", "deleteLegalHold",
    "getDataMinimal", "updateDataMinimal", "listAccessLog",  # for officers: `request` reaches them
)  # fmt: skip
OWN = ("request", "get_version")
VARIANTS = {
    "get_room_presence": ("get_room_presence_at", "get_room_presence_between"),
    "get_usage": ("get_usage_by_room", "get_usage_by_attribute"),
    "get_concurrency": ("get_concurrency_by_attribute",),
}
"""Methods for one operation whose answer depends on a parameter."""
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if operation["operationId"] not in (*NOT_COVERED, "streamEvents")
}


def snake(name):
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


def methods_of(operation_id):
    name = snake(operation_id)
    name = {"ingest_events": "ingest_event"}.get(name, name)
    return (name, *VARIANTS.get(name, ()))


SAMPLES = {
    "meeting_id": "m", "user_id": "u", "room": "r", "uuid": "w", "limit": 7, "from_": 5, "to": 9, "at": 6, "key": "customer",
    "event": models.Event(room="r", kind="join"), "participants": [], "expected": ["u"], "secrets": ["s"],
    "url": "http://x", "attributes": {"role": "host"}, "sides": {"a": {"role": "x"}, "b": {"user_id": "u"}},
}  # fmt: skip
CHOICES = {"group_by": ("hour", "day"), "order": ("asc",), "state": ("failed",)}
TYPED = {
    "list_meetings": MeetingFilters, "list_user_meetings": UserMeetingFilters, "get_usage": UsageFilters,
    "get_usage_by_room": UsageFilters, "get_usage_by_attribute": UsageFilters, "get_concurrency": UsageFilters,
    "get_concurrency_by_attribute": UsageFilters, "create_webhook": WebhookFields, "update_webhook": WebhookFields,
}  # fmt: skip


def call_of(method):
    """The call of a method with all of its arguments."""
    build = getattr(Operations, method).__wrapped__
    names = [name for name, one in inspect.signature(build).parameters.items() if one.kind != one.VAR_KEYWORD]
    names = [*names[1:], *(TYPED[method].__annotations__ if method in TYPED else ())]
    sampled = {name: sample(name) for name in names}
    found = build(None, **sampled)
    return found.first if isinstance(found, Paging) else found


def sample(name):
    if name in SAMPLES:
        return SAMPLES[name]
    return CHOICES[name][0] if name in CHOICES else True


def test_every_operation_has_a_method_and_every_method_an_operation():
    covered = {name for operation_id in OPERATIONS for name in methods_of(operation_id)}
    own = {
        name for name, _ in operations() if not name.startswith("iterate_")
    }  # fmt: skip
    assert own - {*OWN, "ingest_events"} == covered
    assert callable(Client.stream_events)


@pytest.mark.parametrize("operation_id", list(OPERATIONS))
def test_a_method_sends_the_method_path_and_parameters_of_its_operation(operation_id):
    verb, path, operation = OPERATIONS[operation_id]
    declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    sent = set()
    for name in methods_of(operation_id):
        call = call_of(name)
        assert isinstance(call, Call)
        assert call.method == verb
        assert re.fullmatch(re.sub(r"\{\w+\}", "[a-z]", path), call.path)
        sent |= {parameter for parameter, _ in call.query}
        # A parameter that the client leaves to attributes, cursors or names of sides.
    known = {parameter for parameter in declared if not parameter.startswith("attribute.")}
    if operation_id == "getTimeTogether":
        assert sent == {"a.role", "b.user_id", "others"}
        return
    assert {one for one in sent if not one.startswith("attribute.")} == known
    assert any(one.startswith("attribute.") for one in sent) == any(
        one.startswith("attribute.") for one in declared
    )


@pytest.mark.parametrize("operation_id", list(OPERATIONS))
def test_a_method_sends_every_field_of_the_body(operation_id):
    _, _, operation = OPERATIONS[operation_id]
    if "requestBody" not in operation:
        assert call_of(methods_of(operation_id)[0]).body is None
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = next(one for one in (schema, *schema.get("anyOf", ())) if "$ref" in one)
    component = COMPONENTS[schema["$ref"].rpartition("/")[2]]
    if operation_id == "ingestEvents":
        assert problems_of(models.Event, component, is_request=True) == []
        return
    sent = msgspec.json.decode(call_of(methods_of(operation_id)[0]).body)
    assert set(sent) == set(component["properties"])


def test_a_participant_of_a_snapshot_has_every_field():
    component = COMPONENTS["PresentParticipantBody"]
    assert problems_of(models.SnapshotParticipant, component, is_request=True) == []
    assert problems_of(models.ExpectedUser, COMPONENTS["ExpectedUser"], is_request=True) == []


@pytest.mark.parametrize("operation_id", list(OPERATIONS))
def test_the_answer_of_a_method_has_every_field_of_that_of_its_operation(operation_id):
    *_, operation = OPERATIONS[operation_id]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answers = schema.get("anyOf", [schema])
    types = [
        dict[str, list[models.PresentParticipant]] if call.type is models.Presence else call.type
        for call in map(call_of, methods_of(operation_id))
    ]
    compared = set()
    for type_ in types:
        found = [problems_of(type_, answer) for answer in answers]
        assert [] in found, (type_, found)
        compared.add(found.index([]))
    assert compared == set(range(len(answers))), "every alternative has a type"


def problems_of(type_, schema, *, is_request=False):
    """How a type of the client differs from a schema of the document."""
    schema = resolved(schema)
    nullable = schema.get("nullable", False)
    options = [one for one in get_args(type_) if one is not type(None)] if is_union(type_) else [type_]
    takes_none = is_union(type_) and type(None) in get_args(type_)
    if nullable and not takes_none:
        return [f"{type_}: null is possible"]
    if "anyOf" in schema or len(options) > 1:
        return [] if is_request or len(options) > 1 else [f"{type_}: alternatives"]
    (one,) = options
    match schema.get("type"):
        case "array":
            return (
                problems_of(get_args(one)[0], schema["items"])
                if get_origin(one) is list
                else [f"{one}: array"]
            )
        case "object" if "properties" in schema:
            return object_problems(one, schema, is_request=is_request)
        case "object":
            values = schema.get("additionalProperties")
            return (
                []
                if isinstance(values, bool) or values is None or is_request
                else problems_of(get_args(one)[1], values)
            )
        case "string" if schema.get("format") == "date-time":
            return [] if one.__name__ == "datetime" else [f"{one}: date-time"]
        case "string" if get_origin(one) is not None:
            return [] if set(get_args(one)) == set(schema["enum"]) else [f"{one}: {schema['enum']}"]
        case kind:
            expected = {"string": str, "integer": int, "number": float, "boolean": bool}[kind]
            return [] if one is expected else [f"{one}: {kind}"]


def object_problems(type_, schema, *, is_request):
    if not (isinstance(type_, type) and issubclass(type_, models.Model)):
        return [f"{type_}: object"]
    own = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    declared = schema["properties"]
    found = [f"{type_.__name__}: {name}" for name in own.keys() ^ declared.keys()]
    required = {name for name, field in own.items() if field.required}
    optional = required - set(schema.get("required", ()))
    found += [f"{type_.__name__}.{name}: it can be absent" for name in optional]
    if is_request:
        found += [f"{type_.__name__}.{name}: required" for name in set(schema.get("required", ())) - required]
    for name in own.keys() & declared.keys():
        kind = own[name].type
        found += [
            f"{type_.__name__}.{name}: {one}"
            for one in problems_of(without_unset(kind, declared[name]), declared[name], is_request=is_request)
        ]
    return found


def without_unset(type_, schema):
    """A field that the API leaves out is None: its type without None, unless null is possible, too."""
    if is_union(type_) and not resolved(schema).get("nullable"):
        left = [one for one in get_args(type_) if one is not type(None)]
        return left[0] if len(left) == 1 else type_
    return type_


def is_union(type_):
    return type(None) in get_args(type_) or str(get_origin(type_)) in (
        "typing.Union",
        "<class 'types.UnionType'>",
    )


def resolved(schema):
    reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf", ())), None)
    if reference is None:
        return schema
    return {
        **COMPONENTS[reference.rpartition("/")[2]],
        **{k: v for k, v in schema.items() if k == "nullable"},
    }


def test_a_difference_is_found():
    schema = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "new": {"type": "integer"}},
        "required": ["id"],
    }
    assert problems_of(reports.Resent, schema) != []
    assert object_problems(models.Version, {**COMPONENTS["Resent"]}, is_request=False)
    assert problems_of(int | None, {"type": "string", "nullable": True}) == [f"{int}: string"]
    assert problems_of(str, {"type": "string", "nullable": True})
    assert problems_of(Any, {"type": "integer"})


def test_the_stream_sends_every_parameter():
    parameters = DOCUMENT["paths"]["/stream"]["get"]["parameters"]
    assert {one["name"] for one in parameters} == {"room", "types", "last_event_id", "Last-Event-ID"}
    signature = inspect.signature(Client.stream_events)
    assert {"rooms", "types", "last_event_id"} < set(signature.parameters)

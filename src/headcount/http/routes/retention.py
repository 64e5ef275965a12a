"""Retention: the operations on retention rules, legal holds and the data-minimal mode of a domain.

Responsible for the forms of requests and answers. It must not know how something expires.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.body import read_bytes
from headcount.http.context import domain_of
from headcount.http.errors import invalid, not_found, not_json
from headcount.http.operations import Body, Handler, Operation, operation, routes_of
from headcount.http.params import Param, PathParam
from headcount.http.schemas import Count, DateTime, Schema, choice, doc
from headcount.http.serializer import encode, rfc3339
from headcount.kernel.events import Ms
from headcount.sources.event_format import UNDECODABLE
from headcount.store.access_log import Subject, SubjectType
from headcount.store.data_minimal import DataMinimal
from headcount.store.database import in_thread
from headcount.store.retention import MAX_DAYS, HoldKind, LegalHold, Retention, RetentionRule, new_rule
from headcount.telemetry.access_recorder import note_subject
from headcount.telemetry.logging import security_event

_BODY_TIMEOUT_S: Final = 30
_STORE_TIMEOUT_S: Final = 30
_MAX_BODY_BYTES: Final = 65_536
_MAX_DIGITS: Final = 16

T = TypeVar("T")
PATTERN: Final = Param("pattern", params.TEXT, "The pattern of a rule, like `lecture-*`.", None)
RELEASED: Final = Param("released", params.BOOLEAN, "Whether to list released holds, too.", False)
HOLD: Final = PathParam("number", "The number of a hold.")

_DAYS: Final = {"minimum": 1, "maximum": MAX_DAYS}
NamesDays = Annotated[
    int | None, doc("Days after which names and IDs are removed; `null` is never.", **_DAYS)
]
EventsDays = Annotated[int | None, doc("Days after which events are deleted; `null` is never.", **_DAYS)]
MeetingsDays = Annotated[int | None, doc("Days after which meetings are deleted; `null` is never.", **_DAYS)]
Pattern = Annotated[str, doc("Names of rooms, in which `*` is any text.", minLength=1, maxLength=256)]


class RetentionRuleBody(Schema):
    """How long names, events and meetings of rooms are stored. At least one of the three is required."""

    pattern: Pattern
    names_days: Annotated[
        int | UnsetType | None,
        doc("Days after which names and IDs are removed. Default: `events_days`.", **_DAYS),
    ] = UNSET
    events_days: Annotated[
        int | UnsetType | None, doc("Days after which events are deleted. Default: `meetings_days`.", **_DAYS)
    ] = UNSET
    meetings_days: Annotated[
        int | UnsetType | None, doc("Days after which meetings are deleted. Default: never.", **_DAYS)
    ] = UNSET


class ShownRetentionRule(Schema):
    """A retention rule. Of several that match a room, the one with the most characters besides `*` applies alone."""

    pattern: Pattern
    names_days: NamesDays
    events_days: EventsDays
    meetings_days: MeetingsDays
    updated_at: DateTime


class RetentionRules(Schema):
    """The retention rules of a domain."""

    data: list[ShownRetentionRule]


class RetentionPreview(Schema):
    """How much of the rooms of a rule has reached the end of its time."""

    pattern: Pattern
    rooms: Annotated[Count, doc("Number of rooms to which the rule applies.")]
    stays_with_names: Annotated[Count, doc("Number of stays whose names have reached the end of their time.")]
    events: Count
    meetings: Count


class RetentionPreviews(Schema):
    """What has reached the end of its time under each rule. Legal holds are not considered."""

    data: list[RetentionPreview]


class DeletedRetentionRule(Schema):
    """The pattern of a rule that was deleted."""

    deleted: bool
    pattern: str


class NewLegalHold(Schema):
    """A legal hold to create."""

    kind: Annotated[str, choice(HoldKind, "What is protected.")]
    subject: Annotated[
        str,
        doc("The ID of a meeting, the name of a room, or the ID of a user.", minLength=1, maxLength=1_024),
    ]
    reason: Annotated[str, doc("Why, like the number of a case.", minLength=1, maxLength=1_000)]


class ShownLegalHold(Schema):
    """A legal hold: no retention rule and no erasure deletes what it protects until it is released."""

    number: Count
    kind: Annotated[str, choice(HoldKind, "What is protected.")]
    subject: str
    reason: str
    created_at: DateTime
    created_by: str
    released_at: DateTime | None
    released_by: str | None


class LegalHolds(Schema):
    """The legal holds of a domain, the oldest first."""

    data: list[ShownLegalHold]


class DataMinimalBody(Schema):
    """Whether a domain is in the data-minimal mode."""

    minimal: Annotated[bool, doc("Whether nothing that identifies a person is stored.")]


@dataclass(frozen=True, slots=True)
class PrivacyContext:
    """What the operations need. `now` is the clock."""

    retention: Retention
    minimal: DataMinimal
    now: Callable[[], Ms]


PrivacyHandler = Callable[[PrivacyContext, Request], Awaitable[Any]]
"""An operation on the key's domain; it returns the answer."""


@operation(
    "GET", "/privacy/retention", "listRetentionRules", "List retention rules", RetentionRules, tag="Privacy"
)
async def list_rules(context: PrivacyContext, request: Request) -> RetentionRules:
    """Returns the retention rules of the key's domain."""
    return RetentionRules([_rule(rule) for rule in await _run(context.retention.rules, domain_of(request))])


@operation(
    "PUT", "/privacy/retention", "updateRetentionRule", "Set a retention rule", ShownRetentionRule, tag="Privacy",
    errors=(408, 413),
    body=Body(RetentionRuleBody, example={"pattern": "lecture-*", "names_days": 30, "meetings_days": 365}),
)  # fmt: skip
async def set_rule(context: PrivacyContext, request: Request) -> ShownRetentionRule:
    """Sets how long names, events and meetings of the rooms that match a pattern are stored.

    It replaces the rule of the pattern.
    """
    body = await _decoded(request, RetentionRuleBody)
    days = [
        None if value is UNSET else value for value in (body.names_days, body.events_days, body.meetings_days)
    ]
    rule = new_rule(domain_of(request), body.pattern, days[0], days[1], days[2], context.now())
    await _run(context.retention.set_rule, rule)
    shown = _rule(rule)
    security_event(
        "retention_rule_set", pattern=rule.pattern, names_days=rule.names_days, events_days=rule.events_days,
        meetings_days=rule.meetings_days,
    )  # fmt: skip
    return shown


@operation(
    "DELETE", "/privacy/retention", "deleteRetentionRule", "Delete a retention rule", DeletedRetentionRule,
    tag="Privacy", params=(PATTERN,), errors=(404,),
)  # fmt: skip
async def delete_rule(context: PrivacyContext, request: Request) -> DeletedRetentionRule:
    """Deletes the retention rule of a pattern. What has expired stays deleted."""
    pattern = PATTERN.get(request.query_params)
    if pattern is None:
        raise invalid('"pattern" is required: GET /privacy/retention lists the patterns')
    if not await _run(context.retention.delete_rule, domain_of(request), pattern):
        raise not_found(
            f"No retention rule has the pattern '{pattern[:50]}': list them with GET /privacy/retention"
        )
    security_event("retention_rule_deleted", pattern=pattern)
    return DeletedRetentionRule(deleted=True, pattern=pattern)


@operation(
    "GET",
    "/privacy/retention/preview",
    "getRetentionPreview",
    "Preview retention",
    RetentionPreviews,
    tag="Privacy",
)
async def preview(context: PrivacyContext, request: Request) -> RetentionPreviews:
    """Returns how much has reached the end of its time under each rule. Nothing is changed."""
    found = await _run(context.retention.preview, domain_of(request), context.now())
    return RetentionPreviews(
        [RetentionPreview(one.rule.pattern, one.rooms, one.names, one.events, one.meetings) for one in found]
    )


@operation(
    "GET",
    "/privacy/holds",
    "listLegalHolds",
    "List legal holds",
    LegalHolds,
    tag="Privacy",
    params=(RELEASED,),
)
async def list_holds(context: PrivacyContext, request: Request) -> LegalHolds:
    """Returns the legal holds of the key's domain, the oldest first."""
    released = RELEASED.get(request.query_params)
    holds = await _run(context.retention.holds, domain_of(request))
    return LegalHolds([_hold(hold) for hold in holds if released or hold.released is None])


@operation(
    "POST", "/privacy/holds", "createLegalHold", "Create a legal hold", ShownLegalHold, tag="Privacy",
    errors=(408, 413),
    body=Body(NewLegalHold, example={"kind": "room", "subject": "board", "reason": "case 2026-17"}),
)  # fmt: skip
async def create_hold(context: PrivacyContext, request: Request) -> ShownLegalHold:
    """Creates a legal hold on a meeting, a room or a user."""
    body = await _decoded(request, NewLegalHold)
    kinds = [kind.value for kind in HoldKind]
    if body.kind not in kinds:
        raise invalid(f'"kind" must be one of [{", ".join(kinds)}] [Received "{body.kind[:50]}"]')
    hold = await _run(
        context.retention.create_hold, domain_of(request), HoldKind(body.kind), body.subject, body.reason, context.now(),
        _actor(request),
    )  # fmt: skip
    note_subject(request.scope, Subject(SubjectType(hold.kind), hold.subject))
    security_event("legal_hold_created", hold=hold.number, about=body.kind)
    return _hold(hold)


@operation(
    "DELETE", "/privacy/holds/{number}", "deleteLegalHold", "Release a legal hold", ShownLegalHold,
    tag="Privacy", params=(HOLD,), errors=(404,),
)  # fmt: skip
async def release_hold(context: PrivacyContext, request: Request) -> ShownLegalHold:
    """Releases a legal hold. Its record remains. What has reached the end of its time is then deleted."""
    text = request.path_params["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS else 0
    released = await _run(
        context.retention.release_hold, domain_of(request), number, context.now(), _actor(request)
    )
    if released is None:
        raise not_found(
            f"No legal hold in force has the number {text[:50]}: list them with GET /privacy/holds"
        )
    note_subject(request.scope, Subject(SubjectType(released.kind), released.subject))
    security_event("legal_hold_released", hold=number)
    return _hold(released)


@operation(
    "GET", "/privacy/minimal", "getDataMinimal", "Get the data-minimal mode", DataMinimalBody, tag="Privacy"
)
async def get_minimal(context: PrivacyContext, request: Request) -> DataMinimalBody:
    """Returns whether the key's domain is in the data-minimal mode."""
    return DataMinimalBody(await _run(context.minimal.has, domain_of(request)))


@operation(
    "PUT", "/privacy/minimal", "updateDataMinimal", "Set the data-minimal mode", DataMinimalBody, tag="Privacy",
    errors=(408, 413), body=Body(DataMinimalBody, example={"minimal": True}),
)  # fmt: skip
async def set_minimal(context: PrivacyContext, request: Request) -> DataMinimalBody:
    """Turns the data-minimal mode of the key's domain on or off.

    In it, participants are counted, and names and user IDs are never stored. What is stored already is not changed.
    """
    body, domain = await _decoded(request, DataMinimalBody), domain_of(request)

    def switch() -> bool:
        return context.minimal.switch(domain, minimal=body.minimal, now=context.now())

    if await _run(switch):
        security_event("data_minimal_changed", minimal=body.minimal)
    return body


OPERATIONS: Final[tuple[Operation[PrivacyHandler], ...]] = (
    list_rules,
    set_rule,
    delete_rule,
    preview,
    list_holds,
    create_hold,
    release_hold,
    get_minimal,
    set_minimal,
)


def routes(context: PrivacyContext) -> list[Route]:
    """Return the routes of all operations."""

    def bind(operation: Operation[PrivacyHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            answer = await operation.handler(context, request)
            return Response(encode(answer), HTTPStatus.OK, media_type="application/json")

        return handle

    return routes_of(OPERATIONS, bind)


async def _run(work: Callable[..., T], *arguments: Any) -> T:
    return await in_thread(_STORE_TIMEOUT_S, work, *arguments)


async def _decoded(request: Request, form: type[T]) -> T:
    """Return the body in its form. Raise `ApiError` 400."""
    body = await read_bytes(dict(request.scope["headers"]), request.receive, _MAX_BODY_BYTES, _BODY_TIMEOUT_S)
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise invalid(f"The body is not valid: {error}") from error
    except UNDECODABLE as error:
        raise not_json(f"The body is not JSON: {error}") from error


def _actor(request: Request) -> str:
    """Return who does something: the API key."""
    return f"key {request.state.key.id}"


def _rule(rule: RetentionRule) -> ShownRetentionRule:
    return ShownRetentionRule(
        rule.pattern, rule.names_days, rule.events_days, rule.meetings_days, rfc3339(rule.updated)
    )


def _hold(hold: LegalHold) -> ShownLegalHold:
    return ShownLegalHold(
        hold.number, str(hold.kind), hold.subject, hold.reason, rfc3339(hold.created), hold.created_by,
        None if hold.released is None else rfc3339(hold.released), hold.released_by,
    )  # fmt: skip

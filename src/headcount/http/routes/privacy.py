"""Privacy: the export of everything that is stored about a person.

Responsible for the forms of requests and answers. It must not know how people are found, nor what is stored about them:
`maintenance.person_export` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.errors import BadInput
from headcount.http.body import decode, read_bytes, require_text
from headcount.http.context import Answer, domain_of
from headcount.http.errors import invalid, not_found
from headcount.http.large_answers import QueryLimiter, spool
from headcount.http.operations import Body, Handler, Operation, operation, routes_of
from headcount.http.schemas import DateTime, Schema, doc
from headcount.kernel.attributes import text_of
from headcount.kernel.events import Ms
from headcount.maintenance.person_export import (
    ExportedCorrection,
    ExportedDeadLetter,
    ExportedDelivery,
    ExportedEntry,
    ExportedExclusion,
    ExportedMeeting,
    ExportedMessage,
    ExportedParticipant,
    ExportedShare,
    ExportedStay,
    PersonExport,
    as_json,
)
from headcount.store.data_subjects import Selector, parse_selector
from headcount.store.open import Store
from headcount.telemetry.logging import security_event

_MAX_BODY_BYTES: Final = 65_536
_BODY_TIMEOUT_S: Final = 30
_TIMEOUT_FACTOR: Final = 10
"""An export reads the whole log of the domain once, and may take longer than other requests, by this factor."""

AttributeOfPerson = Annotated[
    dict[str, str | int | float | bool] | UnsetType,
    doc(
        "One attribute of the person and its value.",
        minProperties=1,
        maxProperties=1,
        example={"email": "anna@example.com"},
    ),
]


class PersonSelector(Schema):
    """A person: exactly one of the fields is required."""

    user_id: Annotated[str | UnsetType, doc("The id of the user.", minLength=1)] = UNSET
    participant_id: Annotated[str | UnsetType, doc("The id of a participant, in all rooms.", minLength=1)] = (
        UNSET
    )
    attribute: AttributeOfPerson = UNSET


class ExportedPerson(Schema):
    """Everything that is stored about a person. Data of other people is excluded."""

    domain: str
    selector: Annotated[PersonSelector, doc("What selected the person.")]
    exported_at: DateTime
    participants: list[ExportedParticipant]
    log_entries: list[ExportedEntry]
    stays: list[ExportedStay]
    meetings: list[ExportedMeeting]
    corrections: list[ExportedCorrection]
    excluded_participants: list[ExportedExclusion]
    messages: list[ExportedMessage]
    deliveries: list[ExportedDelivery]
    dead_letters: list[ExportedDeadLetter]
    shared_links: list[ExportedShare]


@dataclass(frozen=True, slots=True)
class PersonContext:
    """The dependencies of these operations. `now` is the clock (ms), `timeout_s` the timeout of a request."""

    store: Store
    now: Callable[[], Ms]
    timeout_s: float = 30


_SELECTOR: Final = msgspec.json.Decoder(PersonSelector)

PersonHandler = Callable[[PersonContext, str, bytes], Answer]
"""A handler that runs in a thread, with the domain of the key and the body."""


@operation(
    "POST", "/privacy/export", "exportPerson", "Export a person", ExportedPerson,
    tag="Privacy", errors=(404, 408, 413, 415),
    body=Body(PersonSelector, example={"user_id": "anna"}),
)  # fmt: skip
def export_person(context: PersonContext, domain: str, body: bytes) -> Answer:
    """Returns everything that is stored about a person: entries of the log, stays, meetings, corrections, messages, deliveries, and shared links.

    The answer has an array for each table. The CLI and the dashboard export the same as CSV, too.
    """
    selector = selector_of(decode(body, _SELECTOR))
    export = PersonExport(context.store, domain, selector, context.now())
    if export.is_empty:
        raise not_found(f"Nothing is stored about {selector.description}: check the spelling")
    answer = spool(as_json(export))
    security_event("person_exported")
    return answer, {}


OPERATIONS: Final[tuple[Operation[PersonHandler], ...]] = (export_person,)


def routes(context: PersonContext) -> list[Route]:
    """Return the routes of all operations on the data of people."""
    limiter = QueryLimiter(context.timeout_s * _TIMEOUT_FACTOR, max_concurrent=1)

    def bind(operation: Operation[PersonHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            domain, body = domain_of(request), await _read_body(request)
            return await limiter.answer(domain, lambda: operation.handler(context, domain, body))

        return handle

    return routes_of(OPERATIONS, bind)


def selector_of(person: PersonSelector) -> Selector:
    """Return the selector in a body. Raise `ApiError` 400."""
    attributes = {} if person.attribute is UNSET else person.attribute
    given = {
        "user_id": None if person.user_id is UNSET else person.user_id,
        "participant_id": None if person.participant_id is UNSET else person.participant_id,
        "attribute": next((f"{key}={text_of(value)}" for key, value in attributes.items()), None),
    }
    if sum(value is not None for value in given.values()) != 1 or len(attributes) > 1:
        raise invalid('Expected one of "user_id", "participant_id" and "attribute", which has one key')
    try:
        return parse_selector(**given)
    except BadInput as error:
        raise invalid(str(error)) from error


async def _read_body(request: Request) -> bytes:
    headers = dict(request.scope["headers"])
    require_text(headers)
    return await read_bytes(headers, request.receive, _MAX_BODY_BYTES, _BODY_TIMEOUT_S)

"""Privacy: the export of everything that is stored about a person, and erasures.

Responsible for the forms of requests and answers. It must not know how people are found, nor what is stored about them
(`maintenance.person_export`), nor how it is erased: the engine does that.
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
from headcount.http import params
from headcount.http.body import decode, read_bytes, require_text
from headcount.http.context import Answer, domain_of
from headcount.http.errors import invalid, not_found
from headcount.http.large_answers import QueryLimiter, spool
from headcount.http.operations import Body, Handler, Operation, operation, routes_of
from headcount.http.params import Param, PathParam
from headcount.http.schemas import Count, DateTime, Schema, choice, doc
from headcount.http.serializer import encode, rfc3339
from headcount.kernel.attributes import text_of
from headcount.kernel.events import Ms
from headcount.maintenance.erasure_preview import ErasurePreview, preview_erasure, request_erasure
from headcount.maintenance.person_export import PersonExport, as_json
from headcount.maintenance.person_tables import (
    ExportedAccess,
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
)
from headcount.store.access_log import Action
from headcount.store.data_subjects import Selector, SelectorKind, parse_selector
from headcount.store.erasures import Erasure, Mode, State
from headcount.store.open import Store
from headcount.telemetry.access_recorder import note_action, note_subject
from headcount.telemetry.logging import security_event

_MAX_BODY_BYTES: Final = 65_536
_BODY_TIMEOUT_S: Final = 30
_TIMEOUT_FACTOR: Final = 10
"""An export reads the whole log of the domain once, and may take longer than other requests, by this factor."""

_PREVIEW: Final = "preview"
_MAX_DIGITS: Final = 18

ERASURE: Final = PathParam("number", "The number of an erasure.")

USER_ID: Final = Param("user_id", params.TEXT, "Only erasures of the user with this id.", None)
PARTICIPANT_ID: Final = Param(
    "participant_id", params.TEXT, "Only erasures of the participant with this id.", None
)
ATTRIBUTE: Final = Param(
    "attribute", params.TEXT, "Only erasures by this attribute, such as `email=anna@example.com`.", None
)

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
    accesses: list[ExportedAccess]


class ErasureRequest(PersonSelector):
    """A request to erase or to pseudonymize a person: exactly one of the fields that select the person is required."""

    mode: Annotated[
        str | UnsetType,
        choice(
            Mode,
            "`erase` removes names, user ids and attributes; `pseudonymize` removes them, too, and puts one pseudonym in the"
            " place of the user id in all rooms. Default: `erase`.",
        ),
    ] = UNSET
    dry_run: Annotated[
        bool | UnsetType, doc("Whether to count only what would be changed. Default: `false`.")
    ] = UNSET


class ShownErasure(Schema):
    """An erasure, or the preview of one."""

    number: Annotated[int | None, doc("The number of the erasure; `null` in a preview.")]
    state: Annotated[
        str,
        choice(
            [_PREVIEW, *State],
            "Whether it is a preview, is still to be carried out, is being carried out, or is done.",
        ),
    ]
    mode: Annotated[str, choice(Mode, "What takes the place of the user id.")]
    selected_by: Annotated[str, choice(SelectorKind, "By what the person was selected.")]
    attribute: Annotated[str | None, doc("The key of the attribute that selected the person.")]
    value: Annotated[str | None, doc("What selected the person; `null` once it is done.")]
    until: Annotated[DateTime, doc("Events up to this time are erased, also if they arrive later.")]
    requested_at: DateTime
    requested_by: Annotated[str, doc("Who requested it.")]
    finished_at: Annotated[DateTime | None, doc("When it was done.")]
    counts: Annotated[
        dict[str, Count], doc("Number of changed rows, by their kind. In a preview, those that would change.")
    ]
    legal_holds: Annotated[
        list[int], doc("In a preview, numbers of the legal holds that prevent the erasure.")
    ]


class Erasures(Schema):
    """The erasures of a domain."""

    data: list[ShownErasure]


@dataclass(frozen=True, slots=True)
class PersonContext:
    """The dependencies of these operations. `now` is the clock (ms), `timeout_s` the timeout of a request."""

    store: Store
    now: Callable[[], Ms]
    timeout_s: float = 30


_SELECTOR: Final = msgspec.json.Decoder(PersonSelector)
_ERASURE: Final = msgspec.json.Decoder(ErasureRequest)

PersonHandler = Callable[[PersonContext, Request, bytes], Answer]
"""A handler that runs in a thread, with the body of the request."""


@operation(
    "POST", "/privacy/export", "exportPerson", "Export a person", ExportedPerson,
    tag="Privacy", errors=(404, 408, 413, 415),
    body=Body(PersonSelector, example={"user_id": "anna"}),
)  # fmt: skip
def export_person(context: PersonContext, request: Request, body: bytes) -> Answer:
    """Returns everything that is stored about a person: entries of the log, stays, meetings, corrections, messages, deliveries, and shared links.

    The answer has an array for each table. The CLI and the dashboard export the same as CSV, too.
    """
    selector = selector_of(decode(body, _SELECTOR))
    note_subject(request.scope, selector.subject)
    export = PersonExport(context.store, domain_of(request), selector, context.now())
    if export.is_empty:
        raise not_found(f"Nothing is stored about {selector.description}: check the spelling")
    answer = spool(as_json(export))
    security_event("person_exported")
    return answer, {}


@operation(
    "POST", "/privacy/erasures", "createErasure", "Erase a person", ShownErasure,
    tag="Privacy", errors=(408, 413, 415),
    body=Body(ErasureRequest, example={"user_id": "anna", "mode": "erase", "dry_run": True}),
)  # fmt: skip
def create_erasure(context: PersonContext, request: Request, body: bytes) -> Answer:
    """Requests the erasure of a person, which the engine carries out in steps, and returns it.

    Meetings, counts, times and ids of meetings stay as they are. With `dry_run`, nothing is requested, and the answer counts
    what would be changed. The same request again returns the first one until that is done.
    """
    wanted = decode(body, _ERASURE)
    selector, domain, now = selector_of(wanted), domain_of(request), context.now()
    mode = Mode.ERASE if wanted.mode is UNSET else _mode(wanted.mode)
    note_subject(request.scope, selector.subject)
    note_action(request.scope, _action(mode, is_preview=wanted.dry_run is True))
    by = f"key {request.state.key.id}"
    try:
        if wanted.dry_run is True:
            preview = preview_erasure(context.store, domain, selector, now)
            return encode(_preview(selector, mode, preview, now, by)), {}
        erasure = request_erasure(context.store, domain, selector, mode, now, by)
    except BadInput as error:
        raise invalid(str(error)) from error
    security_event("erasure_requested", number=erasure.number, mode=mode.value)
    return encode(_erasure(erasure)), {}


@operation(
    "GET", "/privacy/erasures", "listErasures", "List erasures", Erasures,
    tag="Privacy", params=(USER_ID, PARTICIPANT_ID, ATTRIBUTE),
)  # fmt: skip
def list_erasures(context: PersonContext, request: Request, _: bytes) -> Answer:
    """Returns the erasures of the key's domain, the newest first.

    What selected a person is not stored once the erasure is done. To prove that somebody was erased, select them: their hash
    is compared with those of the erasures.
    """
    query, domain = request.query_params, domain_of(request)
    given = {
        "user_id": USER_ID.get(query), "participant_id": PARTICIPANT_ID.get(query), "attribute": ATTRIBUTE.get(query)
    }  # fmt: skip
    if not any(given.values()):
        erasures = context.store.erasures.all(domain)
    else:
        try:
            selector = parse_selector(**given)
        except BadInput as error:
            raise invalid(str(error)) from error
        note_subject(request.scope, selector.subject)
        erasures = context.store.erasures.about(domain, selector)
    return encode(Erasures([_erasure(one) for one in reversed(erasures)])), {}


@operation(
    "GET", "/privacy/erasures/{number}", "getErasure", "Get an erasure", ShownErasure,
    tag="Privacy", params=(ERASURE,), errors=(404,),
)  # fmt: skip
def get_erasure(context: PersonContext, request: Request, _: bytes) -> Answer:
    """Returns an erasure, with its state and what it has changed so far."""
    text = request.path_params["number"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0
    erasure = context.store.erasures.find(domain_of(request), number)
    if erasure is None:
        raise not_found(f"No erasure has the number {text[:50]}: list them with GET /privacy/erasures")
    return encode(_erasure(erasure)), {}


OPERATIONS: Final[tuple[Operation[PersonHandler], ...]] = (
    export_person,
    create_erasure,
    list_erasures,
    get_erasure,
)


def routes(context: PersonContext) -> list[Route]:
    """Return the routes of all operations on the data of people."""
    limiter = QueryLimiter(context.timeout_s * _TIMEOUT_FACTOR, max_concurrent=1)

    def bind(operation: Operation[PersonHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            body = await _read_body(request) if operation.bodies else b""
            return await limiter.answer(domain_of(request), lambda: operation.handler(context, request, body))

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


def _action(mode: Mode, *, is_preview: bool) -> Action:
    if is_preview:
        return Action.PRIVACY_READ
    return Action.PRIVACY_ERASE if mode is Mode.ERASE else Action.PRIVACY_PSEUDONYMIZE


def _mode(text: str) -> Mode:
    if text not in set(Mode):
        raise invalid(f'"mode" must be one of {", ".join(Mode)} [Received mode="{text[:50]}"]')
    return Mode(text)


def _preview(
    selector: Selector, mode: Mode, preview: ErasurePreview, now: Ms, requested_by: str
) -> ShownErasure:
    at = rfc3339(now)
    return ShownErasure(
        None, _PREVIEW, mode.value, selector.kind.value, selector.key or None, selector.value, at, at, requested_by, None,
        preview.counts, [hold.number for hold in preview.holds],
    )  # fmt: skip


def _erasure(one: Erasure) -> ShownErasure:
    return ShownErasure(
        one.number, one.state.value, one.mode.value, one.kind.value, one.attribute or None, one.selector,
        rfc3339(one.until), rfc3339(one.requested), one.requested_by,
        None if one.finished is None else rfc3339(one.finished), one.counts, [],
    )  # fmt: skip


async def _read_body(request: Request) -> bytes:
    headers = dict(request.scope["headers"])
    require_text(headers)
    return await read_bytes(headers, request.receive, _MAX_BODY_BYTES, _BODY_TIMEOUT_S)

"""Access log: the operation that lists who did what, for keys with the scope `admin`.

Responsible for filters, cursors and the form of an entry. It must not know which request is which action.
"""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.context import domain_of
from headcount.http.cursors import Cursors
from headcount.http.errors import invalid
from headcount.http.operations import Handler, Operation, operation, routes_of
from headcount.http.params import LIMIT, Param, one_of
from headcount.http.schemas import Count, DateTime, Schema, choice, doc
from headcount.http.serializer import encode, rfc3339
from headcount.store.access_log import (
    AccessEntry,
    AccessFilter,
    AccessLog,
    Action,
    ActorType,
    SubjectType,
    stored_text,
)
from headcount.store.database import in_thread

FROM: Final = Param(
    "from", params.TIMESTAMP, "Only entries at this time or later: unix seconds or RFC 3339.", None
)
TO: Final = Param("to", params.TIMESTAMP, "Only entries before this time: unix seconds or RFC 3339.", None)
ACTOR: Final = Param("actor", params.TEXT, "Only what the actor with this id did.", None)
ACTION: Final = Param("action", one_of(*Action), "Only this action.", None)
SUBJECT: Final = Param(
    "subject",
    params.TEXT,
    "Only entries about the subject with this id, such as the id of a meeting or a user.",
    None,
)
SUBJECT_TYPE: Final = Param("subject_type", one_of(*SubjectType), "Only subjects of this type.", None)
STARTING_AFTER: Final = Param(
    "starting_after", params.CURSOR, "The id of an entry: the page starts with the next one in the list.", None
)  # fmt: skip


class AccessActor(Schema):
    """Who did it."""

    type: Annotated[str, choice(ActorType, "The kind of the actor.")]
    id: Annotated[
        str,
        doc("The id of an API key, the short id of a session or of a shared link, or the name of a user of the server's machine."),
    ]  # fmt: skip
    name: Annotated[str, doc("The name of the API key or the session, or of the creator of the shared link.")]


class AccessSubject(Schema):
    """What it was done to."""

    type: Annotated[str, choice(SubjectType, "The kind of the subject.")]
    id: Annotated[
        str, doc("The id or the name of the subject; the pseudonym of a user or participant who was erased.")
    ]


class AccessLogEntry(Schema):
    """An entry of the access log."""

    id: Annotated[str, doc("The id of the entry.")]
    at: Annotated[DateTime, doc("Time of the access, or of the first of several.")]
    actor: AccessActor
    action: Annotated[str, choice(Action, "What was done.")]
    subject: Annotated[
        AccessSubject | None, doc("What it was done to; `null` if it is not a single subject.")
    ]
    address: Annotated[str, doc("The IP address of the client, as the server sees it; empty for commands.")]
    detail: Annotated[str, doc("The method and the route of the request, or the command.")]
    requests: Annotated[Count, doc("Number of requests that were alike within a second.")]


class AccessLogEntries(Schema):
    """A page of the access log, newest first."""

    data: list[AccessLogEntry]


@dataclass(frozen=True, slots=True)
class AccessLogContext:
    """The dependencies of the operation. `timeout_s` is that of the store."""

    access_log: AccessLog
    cursors: Cursors
    timeout_s: float


@operation(
    "GET", "/access-log", "listAccessLog", "List the access log", AccessLogEntries,
    tag="Privacy", params=(FROM, TO, ACTOR, ACTION, SUBJECT, SUBJECT_TYPE, LIMIT, STARTING_AFTER),
)  # fmt: skip
async def list_access_log(context: AccessLogContext, request: Request) -> AccessLogEntries:
    """Returns a page of the entries that match the filters, newest first.

    It needs the scope `admin`. An entry appears within a second after a read, and at once after any other action.
    """
    query, domain = request.query_params, domain_of(request)
    action, kind = ACTION.get(query), SUBJECT_TYPE.get(query)
    wanted = AccessFilter(
        FROM.get(query),
        TO.get(query),
        _text(ACTOR.get(query)),
        None if action is None else Action(action),
        None if kind is None else SubjectType(kind),
        _text(SUBJECT.get(query)),
    )
    cursor = STARTING_AFTER.get(query)
    after = None if cursor is None else context.cursors.decode(domain, cursor)
    page = None
    if cursor is None or after:
        work = partial(context.access_log.page, domain, wanted, LIMIT.get(query), after=after)
        page = await in_thread(context.timeout_s, work)
    if page is None:
        raise invalid(
            f'"starting_after" must be the id of an entry that is not deleted [Received starting_after="{cursor}"]'
        )
    return AccessLogEntries([_shown(context.cursors, domain, entry) for entry in page])


OPERATIONS: Final[tuple[Operation[Any], ...]] = (list_access_log,)


def routes(context: AccessLogContext) -> list[Route]:
    """Return the route."""

    def bind(operation: Operation[Any]) -> Handler:
        async def handle(request: Request) -> Response:
            answer = await operation.handler(context, request)
            return Response(encode(answer), HTTPStatus.OK, media_type="application/json")

        return handle

    return routes_of(OPERATIONS, bind)


def _text(text: str | None) -> str | None:
    return None if text is None else stored_text(text)


def _shown(cursors: Cursors, domain: str, entry: AccessEntry) -> AccessLogEntry:
    access = entry.access
    return AccessLogEntry(
        cursors.encode(domain, entry.number or 0),
        rfc3339(entry.at),
        AccessActor(*access.actor),
        access.action,
        None if access.subject is None else AccessSubject(*access.subject),
        access.address,
        access.detail,
        entry.requests,
    )

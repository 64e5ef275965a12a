"""Events: the operations that append events and room snapshots to the log.

Single events arrive by the thousand, so POST /events is an ASGI application without the framework: its routing,
requests and responses cost three times as much as parsing and appending an event. Responsible for authentication,
limits and acknowledgement in the right order. It must not know how bodies are parsed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Annotated, Final, NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headcount.engine.read_your_writes import RoomQuarantinedError
from headcount.http import params
from headcount.http.auth import Authenticator, digest_of_header
from headcount.http.body import read_body, require_length, require_text
from headcount.http.context import domain_of
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, error_response
from headcount.http.middleware import CompleteRequest
from headcount.http.operations import Body, Handler, Operation, operation, routes_of
from headcount.http.params import Param
from headcount.http.routes.presence import ROOM
from headcount.http.schemas import Count, Schema, doc
from headcount.http.serializer import encode
from headcount.ingest.event_json import EventReader, SnapshotBody
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.sources.event_format import EventBody
from headcount.store.credentials import Key
from headcount.store.database import StoreTimeout
from headcount.store.provenance import provenance_of_key, sender_of_key
from headcount.store.records import AppendResult, LogEntry

_WAIT_TIMEOUT_S: Final = 30
_COMMON_ANSWERS: Final = 64
_JSON_TYPE: Final = (b"content-type", b"application/json")

WAIT: Final = Param("wait", params.BOOLEAN, "Answer only when the events have been processed.", False)


class IngestResult(Schema):
    """The result of ingesting events."""

    accepted: Annotated[Count, doc("Number of new events.")]
    duplicates: Annotated[Count, doc("Number of events that were known already.")]
    position: Annotated[str, doc("The end of the log, as an opaque cursor of your domain.")]


@dataclass(frozen=True, slots=True)
class Ingest:
    """The dependencies of operations that ingest events.

    `append` and `hand_over` write to the log, and answer when the entries are on disk. `wait_until_processed` waits until the engine
    has processed these entries, of which an append had this result. `times` is the clock: the service time, and the one that
    senders' times are compared with. `count_events` counts what was appended. `record_request` records until when the requests of a sender are in
    the log.
    """

    authenticator: Authenticator
    append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
    hand_over: Callable[[Sequence[LogEntry], Callable[[AppendResult | Exception], None]], None]
    wait_until_processed: Callable[[AppendResult, Sequence[LogEntry]], Awaitable[None]]
    times: Callable[[], tuple[Ms, Ms]]
    limits: Limits
    count_events: Callable[[AppendResult], None]
    cursors: Cursors
    record_request: Callable[[str, Ms], None]


class IngestHead(NamedTuple):
    """What a complete request needs of its headers."""

    key_digest: bytes
    is_ndjson: bool


class EventsApp:
    """Ingests events: one, an array, or one per line (NDJSON, with the content type `application/x-ndjson`).

    Either all events of a request are accepted, or none.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        # The requests of one commit have the same position, and nearly always the same answer.
        self._result = lru_cache(_COMMON_ANSWERS)(partial(_result, ingest.cursors))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._handle(scope, receive)
        except Exception as error:  # noqa: BLE001 - every error gets its answer, internal ones, too
            await (await error_response(Request(scope), error))(scope, receive, send)
            return
        headers = [_JSON_TYPE, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _handle(self, scope: Scope, receive: Receive) -> bytes:
        if "headcount.error" in scope:
            raise scope["headcount.error"]
        ingest = self._ingest
        headers = dict(scope["headers"])
        key = await ingest.authenticator.admit(headers.get(b"authorization"), "ingest")
        body = await read_body(headers, receive, ingest.limits.body_bytes, ingest.limits.request_timeout_s)
        entries = self._parse(key, body, *ingest.times(), is_ndjson=_is_ndjson(headers))
        return await _append(ingest, key, entries, len(entries), scope["query_string"])

    def prepare(self, headers: Mapping[bytes, bytes]) -> IngestHead | None:
        """Return what `handle_complete` needs of the headers; None if the request is answered with an error."""
        try:
            require_text(headers)
        except ApiError:
            return None
        digest = digest_of_header(headers.get(b"authorization"))
        return None if digest is None else IngestHead(digest, _is_ndjson(headers))

    def handle_complete(self, request: CompleteRequest, head: IngestHead) -> None:
        """Handle a request whose body is complete, without a task. Answer it once its events are on disk.

        Leave it if nothing was appended, or with a `StoreTimeout` if that is unknown. Raise what is wrong with the
        request, before anything is appended.
        """
        ingest, body = self._ingest, request.body
        received, wall_time = ingest.times()
        key = ingest.authenticator.admit_cached(head.key_digest, "ingest", received)
        if key is None:
            request.leave()
            return
        require_length(body, ingest.limits.body_bytes)
        entries = self._parse(key, body, received, wall_time, is_ndjson=head.is_ndjson)
        ingest.authenticator.rate_limiter.count(key.id, "ingest", len(entries))
        try:
            ingest.hand_over(entries, partial(self._finish, request, key, received, len(entries)))
        except ApiError:
            ingest.authenticator.rate_limiter.uncount_events(key.id, len(entries))
            raise

    def _finish(
        self, request: CompleteRequest, key: Key, received: Ms, number: int, done: AppendResult | Exception
    ) -> None:
        """Answer a request, of which the append of `number` entries had this result."""
        ingest = self._ingest
        if isinstance(done, Exception):
            ingest.authenticator.rate_limiter.uncount_events(key.id, number)
            request.leave(done if isinstance(done, StoreTimeout) else None)
            return
        ingest.count_events(done)
        ingest.record_request(sender_of_key(key.id), received)
        request.answer(self._result(done, key.domain))

    def _parse(
        self, key: Key, body: bytes, received: Ms, wall_time: Ms, *, is_ndjson: bool
    ) -> list[LogEntry]:
        provenance = provenance_of_key(key.id, body)
        reader = EventReader(key.domain, wall_time, received, self._ingest.limits, provenance)
        return reader.lines(body) if is_ndjson else reader.events(body)


POST_EVENTS: Final = operation(
    "POST", "/events", "ingestEvents", "Ingest events", IngestResult,
    tag="Events", params=(WAIT,), errors=(408, 413, 415),
    body=Body(
        EventBody | list[EventBody],
        example={
            "room": "standup",
            "kind": "join",
            "participant_id": "c-1",
            "user_name": "Ann",
            "at": 1772442000,
        },
    ),
)(EventsApp)  # fmt: skip

IngestHandler = Callable[[Ingest, Request], Awaitable[bytes]]


@operation(
    "POST", "/rooms/{room:name}/snapshot", "ingestSnapshot", "Send a room snapshot", IngestResult,
    tag="Events", params=(ROOM, WAIT), body=SnapshotBody, errors=(408, 413, 415),
)  # fmt: skip
async def ingest_snapshot(ingest: Ingest, request: Request) -> bytes:
    """Sends the list of participants who are in a room. Missing joins and leaves are inferred (rule 3a)."""
    headers, limits = dict(request.scope["headers"]), ingest.limits
    body = await read_body(headers, request.receive, limits.body_bytes, limits.request_timeout_s)
    key: Key = request.state.key
    provenance = provenance_of_key(key.id, body)
    received, wall_time = ingest.times()
    reader = EventReader(domain_of(request), wall_time, received, ingest.limits, provenance)
    entry, number = reader.snapshot(request.path_params["room"], body)
    return await _append(ingest, key, [entry], number, request.scope["query_string"])


OPERATIONS: Final[tuple[Operation[IngestHandler], ...]] = (ingest_snapshot,)


def routes(ingest: Ingest) -> list[Route]:
    """Return the routes of the operations that use the framework: all but POST /events."""

    def bind(operation: Operation[IngestHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            return Response(await operation.handler(ingest, request), media_type="application/json")

        return handle

    return routes_of(OPERATIONS, bind)


async def _append(ingest: Ingest, key: Key, entries: Sequence[LogEntry], number: int, query: bytes) -> bytes:
    """Append entries, which count as `number` events, and return the answer once they are on disk."""
    wait = _wait_requested(query) if query else False
    ingest.authenticator.rate_limiter.count(key.id, "ingest", number)
    received, _ = ingest.times()
    done = await ingest.append(entries)
    ingest.count_events(done)
    ingest.record_request(sender_of_key(key.id), received)
    if wait:
        await _wait(ingest, done, entries)
    return _result(ingest.cursors, done, key.domain)


def _is_ndjson(headers: Mapping[bytes, bytes]) -> bool:
    return b"ndjson" in headers.get(b"content-type", b"")


def _result(cursors: Cursors, done: AppendResult, domain: str) -> bytes:
    return encode(IngestResult(done.accepted, done.duplicates, cursors.encode(domain, done.position)))


def _wait_requested(query: bytes) -> bool:
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True).get(WAIT.name)
    return False if values is None else WAIT.parser.parse(WAIT.name, values[-1])


async def _wait(ingest: Ingest, done: AppendResult, entries: Sequence[LogEntry]) -> None:
    try:
        await asyncio.wait_for(ingest.wait_until_processed(done, entries), _WAIT_TIMEOUT_S)
    except RoomQuarantinedError as error:
        info = f"The events are stored, but not visible: {error}"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "room-quarantined-error", info) from None
    except TimeoutError:
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "server-error",
            "The events are stored, but were not processed within 30 seconds: they will be visible later",
        ) from None

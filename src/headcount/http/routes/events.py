"""Ingest: the routes that take events and lists of those present.

Single events come by the thousand, so what takes them speaks ASGI itself: the framework's routing,
its requests and responses cost three times what reading and appending an event does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headcount.engine.read_your_writes import RoomQuarantinedError
from headcount.http.auth import Gate
from headcount.http.body import read_body, require_length, require_text
from headcount.http.context import domain_of
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, answer_to, invalid
from headcount.ingest.event_json import EventReader
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.store.credentials import Key
from headcount.store.database import StoreTimeout
from headcount.store.records import AppendResult, LogEntry

_WAIT_S: Final = 30
_BOOLEANS: Final = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
_JSON_TYPE: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Ingest:
    """What the routes that take events need.

    `passed` waits until the engine has passed a position, and shows what these entries say. `now` is our own
    time, `outside` the one by which it is judged what senders say.
    """

    gate: Gate
    append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]]
    hand_over: Callable[[Sequence[LogEntry], Callable[[AppendResult | Exception], None]], None]
    passed: Callable[[int, Sequence[LogEntry]], Awaitable[None]]
    now: Callable[[], Ms]
    outside: Callable[[], Ms]
    limits: Limits
    took: Callable[[AppendResult], None]
    cursors: Cursors


class Events:
    """POST /events, from the first byte to the last."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._taken(scope, receive)
        except Exception as error:  # noqa: BLE001 - told in the API's words, ours among them
            await (await answer_to(Request(scope), error))(scope, receive, send)
            return
        headers = [_JSON_TYPE, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _taken(self, scope: Scope, receive: Receive) -> bytes:
        if "headcount.error" in scope:
            raise scope["headcount.error"]
        ingest = self._ingest
        headers = dict(scope["headers"])
        key = await ingest.gate.admit(headers.get(b"authorization"), "ingest")
        body = await read_body(headers, receive, ingest.limits.body_bytes, ingest.limits.request_s)
        entries = self._read(key, headers, body)
        return await _appended(ingest, key, entries, len(entries), scope["query_string"])

    def take(
        self,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[bytes | StoreTimeout | None], None],
    ) -> None:
        """Take a body that is here already, and `answer` once it is on the disk; None if it was not taken.

        `StoreTimeout` says that this is not known, so that it must not be tried again by us.

        Raises what is wrong with it, before anything is taken.
        """
        ingest = self._ingest
        key = ingest.gate.admit_known(headers.get(b"authorization"), "ingest")
        if key is None:
            answer(None)
            return
        require_text(headers)
        require_length(body, ingest.limits.body_bytes)
        entries = self._read(key, headers, body)
        ingest.gate.count(key, "ingest", len(entries))

        def appended(done: AppendResult | Exception) -> None:
            if isinstance(done, Exception):
                answer(done if isinstance(done, StoreTimeout) else None)
            else:
                ingest.took(done)
                answer(_told(done, key, ingest.cursors))

        ingest.hand_over(entries, appended)

    def _read(self, key: Key, headers: Mapping[bytes, bytes], body: bytes) -> list[LogEntry]:
        reader = EventReader(key.domain, self._ingest.outside(), self._ingest.now(), self._ingest.limits)
        ndjson = b"ndjson" in headers.get(b"content-type", b"")
        return reader.lines(body) if ndjson else reader.events(body)


def routes(ingest: Ingest) -> list[Route]:
    """The routes that take something."""

    async def snapshot(request: Request) -> Response:
        headers, limits = dict(request.scope["headers"]), ingest.limits
        body = await read_body(headers, request.receive, limits.body_bytes, limits.request_s)
        reader = EventReader(domain_of(request), ingest.outside(), ingest.now(), ingest.limits)
        entry, number = reader.snapshot(request.path_params["room"], body)
        query = request.scope["query_string"]
        answer = await _appended(ingest, request.state.key, [entry], number, query)
        return Response(answer, media_type="application/json")

    return [Route("/rooms/{room:name}/snapshot", snapshot, methods=["POST"], name="snapshot")]


async def _appended(
    ingest: Ingest, key: Key, entries: Sequence[LogEntry], number: int, query: bytes
) -> bytes:
    """Append what was read, which counts as so many events, and answer once it is on the disk."""
    waits = _is_to_wait(query) if query else False
    ingest.gate.count(key, "ingest", number)
    done = await ingest.append(entries)
    ingest.took(done)
    if waits:
        await _wait(ingest, done.position, entries)
    return _told(done, key, ingest.cursors)


def _told(done: AppendResult, key: Key, cursors: Cursors) -> bytes:
    cursor = cursors.encode(key.domain, done.position)
    return b'{"accepted":%d,"duplicates":%d,"position":"%b"}' % (
        done.accepted,
        done.duplicates,
        cursor.encode(),
    )


def _is_to_wait(query: bytes) -> bool:
    """Whether `wait` asks for it, in one of the spellings of a boolean."""
    said = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("wait", ["false"])[-1]
    if said not in _BOOLEANS:
        raise invalid(f'"wait" must be a boolean: true or false [Received wait="{said[:50]}"]')
    return _BOOLEANS[said]


async def _wait(ingest: Ingest, position: int, entries: Sequence[LogEntry]) -> None:
    try:
        await asyncio.wait_for(ingest.passed(position, entries), _WAIT_S)
    except RoomQuarantinedError as error:
        told = f"the events are stored, but they do not show: {error}"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "room-quarantined-error", told) from None
    except TimeoutError:
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "server-error",
            "the events are stored, but the engine has not come to them yet",
        ) from None

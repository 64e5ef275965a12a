"""Stream route: the published messages as Server-Sent Events.

Responsible for resuming after an event id: the backlog is read from the store page by page, then the stream joins the
broadcaster, without a gap or a duplicate. It must not know what the messages mean.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http import params
from headcount.http.auth import Authenticator
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, invalid
from headcount.http.operations import Body, operation, routes_of
from headcount.http.params import HeaderParam, Param
from headcount.kernel.rules import NEVER
from headcount.outbound import sse
from headcount.outbound.broadcast import KEY_REVOKED, PAGE, SHUTDOWN, SLOW_CONSUMER, Broadcaster, Listener
from headcount.outbound.payloads import encode
from headcount.store.access_log import Actor, ActorType
from headcount.store.database import in_thread
from headcount.store.outbox import Message, MessageType
from headcount.telemetry.access_recorder import note_actor

# A page of another origin may read the stream: the key decides, and never a cookie.
_HEADERS: Final = {**sse.HEADERS, "access-control-allow-origin": "*"}
_MAX_STREAMS: Final = 5_000
"""Streams of one process."""
_CHUNK_BYTES: Final = 65_536
_BACKLOG_PAGE_TIMEOUT_S: Final = 15.0
"""Time for a client to read a page of the backlog."""
_STORE_TIMEOUT_S: Final = 30.0
_END_REASONS: Final = {
    SLOW_CONSUMER: "The client reads more slowly than events arrive: reconnect with the last id",
    KEY_REVOKED: "The API key was revoked",
    SHUTDOWN: "The service is stopping: reconnect with the last id",
}


ROOM: Final = Param("room", params.TEXTS, "Only messages of this room. Can be repeated.", None)
TYPES: Final = Param(
    "types", params.some_of(*MessageType), "Only messages of these types, separated by commas.", None
)
LAST_EVENT_ID: Final = Param(
    "last_event_id",
    params.CURSOR,
    "The id of the last event that was received: the stream continues after it. The header `Last-Event-ID`, which"
    " browsers send when they reconnect, has priority. Without both the stream starts now.",
    None,
)
_LAST_EVENT_ID_HEADER: Final = HeaderParam("Last-Event-ID", params.CURSOR, "The same as `last_event_id`.")
_EXAMPLE: Final = (
    "retry: 1000\nid: gDhq3dHYqXBVGZJSuEn0Hw\n\nid: pM2tYpJrJKUaoLuFQVZy0A\nevent: meeting.started\n"
    'data: {"version":"1.0.0","type":"meeting.started","id":"met-sta-0f9f-1767225600","payload":'
    '{"start_ts":1767225600.412,"meeting_id":"0f9f","room":"blue-room"},"event_ts":1767225600.9}\n\n'
)


def event_of(cursors: Cursors, message: Message) -> bytes:
    """Return a message as an event. The stream is Headcount's own, so its payloads have all fields."""
    cursor = cursors.encode(message.domain, message.position)
    return sse.encode_event(encode(message, extensions=True), event=message.type, cursor=cursor)


@dataclass(frozen=True, slots=True)
class Streaming:
    """The dependencies of streams. `numbers` counts them."""

    broadcaster: Broadcaster
    authenticator: Authenticator
    cursors: Cursors
    numbers: Iterator[int] = field(default_factory=count)


@operation(
    "GET", "/stream", "streamEvents", "Stream events", Body({"type": "string"}, "text/event-stream", _EXAMPLE),
    tag="Events", params=(ROOM, TYPES, LAST_EVENT_ID, _LAST_EVENT_ID_HEADER), security=("key", "token"),
)  # fmt: skip
async def stream(streaming: Streaming, request: Request) -> Response:
    """Returns Server-Sent Events: the messages that webhooks get, with the bodies that have Headcount's extensions.

    `id` is the position in the stream, `event` the type, `data` the body. A comment is sent every 15 seconds. The event
    `disconnect` has the reason why a stream ends, `gap` means that events were missed.
    """
    broadcaster = streaming.broadcaster
    token = _token(request)
    key = await streaming.authenticator.authorize(token, "read")
    note_actor(request.scope, key.domain, Actor(ActorType.KEY, key.id, key.name))
    listener = _listener(request, key.domain, token, streaming.cursors)
    if request.method == "HEAD":
        return Response(headers=_HEADERS)
    since = await in_thread(_STORE_TIMEOUT_S, broadcaster.complete_since, key.domain)
    end = await in_thread(_STORE_TIMEOUT_S, broadcaster.messages.end)
    first = await in_thread(_STORE_TIMEOUT_S, broadcaster.messages.first)
    has_gap = listener.position > end or 0 < listener.position < max(first - 1, since)
    if not 0 <= listener.position <= end:
        listener.position = end
    _require_capacity(broadcaster, key.domain)  # nothing is awaited between this and the stream
    # Clients must not all reconnect at the same moment after a restart.
    retry_ms = 1_000 + next(streaming.numbers) * 617 % 2_000
    return MessageStream(broadcaster, listener, streaming.cursors, retry_ms, has_gap=has_gap)


OPERATIONS: Final = (stream,)


def routes(streaming: Streaming) -> list[Route]:
    """Return the route. It checks the key itself, since browsers can send it in the URL only."""
    return routes_of(OPERATIONS, lambda operation: partial(operation.handler, streaming))


def _require_capacity(broadcaster: Broadcaster, domain: str) -> None:
    """Raise `ApiError`: 503 if the process has its maximum of streams, 429 if the domain has."""
    if len(broadcaster) >= _MAX_STREAMS:
        info = f"There are {_MAX_STREAMS:,} open streams, the maximum: try again later"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "server-error", info, {"retry-after": "5"})
    if broadcaster.is_full_for(domain):
        info = (
            f"Your domain has {broadcaster.max_per_domain:,} open streams, the maximum"
            " (the setting max_streams_per_domain): close one, or try again later"
        )
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "rate-limit-error", info, {"retry-after": "5"})


class MessageStream(sse.EventStream):
    """The messages of a domain after a position, then those that follow."""

    def __init__(
        self, broadcaster: Broadcaster, listener: Listener, cursors: Cursors, retry_ms: int, *, has_gap: bool
    ) -> None:
        super().__init__(broadcaster, listener, _HEADERS)
        self._cursors = cursors
        self._retry_ms = retry_ms
        self._has_gap = has_gap

    async def write_events(self, write: sse.Write) -> None:
        await write(self._preamble())
        await self._write_backlog(write)
        await self._write_live(write)
        reason = self.listener.end_reason
        if reason in _END_REASONS:
            await write(_notice("disconnect", reason, _END_REASONS[reason]))

    def _preamble(self) -> bytes:
        """Return an id without an event, so that a client that reconnects before the first event misses nothing."""
        preamble = f"retry: {self._retry_ms}\nid: {self._cursor(self.listener.position)}\n\n".encode()
        if self._has_gap:
            preamble += _notice("gap", "gap", "The event with the last id is no longer stored")
        return preamble

    async def _write_backlog(self, write: sse.Write) -> None:
        """Write what the store has, join the broadcaster, then write what was published in between."""
        listener = self.listener
        try:
            position = await self._write_stored(write, listener.position, None)
            # The broadcaster hands over only what is newer than this, or than its own position.
            listener.position = position
            await self._write_stored(write, position, self.broadcaster.go_live(listener))
        except TimeoutError:
            listener.end(SLOW_CONSUMER)

    async def _write_stored(self, write: sse.Write, position: int, until: int | None) -> int:
        """Write the stored messages after a position, and up to `until`; return the last position."""
        listener = self.listener
        types = sorted(listener.types)
        while listener.end_reason is None and (until is None or position < until):
            page = await asyncio.to_thread(
                self.broadcaster.messages.after, position, domain=listener.domain, types=types, limit=PAGE
            )
            due = [message for message in page if until is None or message.position <= until]
            events = [self.broadcaster.encoded(message) for message in due if listener.matches(message)]
            async with asyncio.timeout(_BACKLOG_PAGE_TIMEOUT_S):
                await self._write_chunks(write, events)
            position = due[-1].position if due else position
            if len(due) < PAGE:
                break
        return position

    async def _write_live(self, write: sse.Write) -> None:
        listener = self.listener
        while listener.end_reason is None:
            events = await listener.wait()
            # Read before the next await: later the position can be ahead of what was written.
            position = listener.position
            await self._write_chunks(write, events)
            if listener.heartbeat_due:
                listener.heartbeat_due = False
                await write(sse.keep_alive(self._cursor(position)))

    def _cursor(self, position: int) -> str:
        return self._cursors.encode(self.listener.domain, position)

    async def _write_chunks(self, write: sse.Write, events: list[bytes]) -> None:
        size, chunk = 0, []
        for event in events:
            chunk.append(event)
            size += len(event)
            if size > _CHUNK_BYTES:
                await write(b"".join(chunk))
                size, chunk = 0, []
        if chunk:
            await write(b"".join(chunk))
        self.broadcaster.sent += len(events)


def _notice(event: str, reason: str, info: str) -> bytes:
    """Return an event about the stream itself."""
    return sse.encode_event(msgspec.json.encode({"reason": reason, "info": info}).decode(), event=event)


def _token(request: Request) -> bytes | None:
    """Return the credentials: the header `Authorization`, or the parameter `token` in its form."""
    header = dict(request.scope["headers"]).get(b"authorization")
    token = request.query_params.get("token", "")
    if header is not None or not token:
        return header
    if "\0" in token:
        raise invalid('"token" must not contain U+0000')
    return b"Bearer " + token.encode("utf-8", "replace")


def _listener(request: Request, domain: str, token: bytes | None, cursors: Cursors) -> Listener:
    """Return the listener that the query asks for. Its position is -1 without a cursor, and beyond all for a foreign one."""
    query = request.query_params
    rooms = ROOM.get_all(query)
    types = [type_ for types in TYPES.get_all(query) for type_ in types]
    header = request.headers.get("last-event-id")
    cursor = LAST_EVENT_ID.get(query if header is None else {"last_event_id": header})
    position = -1 if cursor is None else cursors.decode(domain, cursor)
    return Listener(domain, token or b"", rooms, types, NEVER if position is None else position)

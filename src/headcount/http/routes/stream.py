"""Stream: what webhooks are told, as Server-Sent Events, for as long as somebody listens.

Who comes back with the id of the last event reads on from there: what lies behind in pages from the store,
then what all others are told, without a gap and without a double.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headcount.http import params
from headcount.http.auth import Gate
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, invalid
from headcount.kernel.rules import NEVER
from headcount.outbound.broadcast import PAGE, SLOW, Broadcaster, Listener
from headcount.outbound.payloads import text_of
from headcount.store.database import in_thread
from headcount.store.outbox import Message

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    # A page of another origin may listen: who is let in is decided by the key, and never by a cookie.
    "access-control-allow-origin": "*",
    # Reverse proxies would keep events back until there are many.
    "x-accel-buffering": "no",
    "connection": "close",
}
_MOST: Final = 5_000
"""So many may listen to one process."""
_CHUNK: Final = 65_536
_GRACE_S: Final = 2.0
"""So long may it take to say goodbye; then the connection is cut."""
_PATIENCE_S: Final = 15.0
"""So long may somebody take to read a page of what lies behind."""
_STORE_S: Final = 30.0
"""So long is the store waited for before the first word."""
_WORDS: Final = {
    "slow": "you read more slowly than events come: connect again, and go on from the last id",
    "revoked": "the API key was revoked",
    "stopping": "the service stops: connect again, and go on from the last id",
}
_BEAT: Final = b": still here\nid: %b\n\n"


def event_of(cursors: Cursors, message: Message) -> bytes:
    """A message as an event."""
    cursor = cursors.encode(message.domain, message.position)
    return f"id: {cursor}\nevent: {message.type}\ndata: {text_of(message)}\n\n".encode()


def route(broadcaster: Broadcaster, gate: Gate, cursors: Cursors) -> Route:
    """GET /stream. It looks at the key itself, since browsers can show one in the address only."""
    numbers = count()

    async def stream(request: Request) -> Response:
        token = _token(request)
        key = await gate.allowed(token, "read")
        wanted = _wanted(request, key.domain, token, cursors)
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        end = await in_thread(_STORE_S, broadcaster.messages.end)
        first = await in_thread(_STORE_S, broadcaster.messages.first)
        missed = wanted.position > end or 0 < wanted.position < first - 1
        if not 0 <= wanted.position <= end:
            wanted.position = end
        _require_room(broadcaster, key.domain)  # nothing is waited for between this and the stream
        # They do not all come back at the same moment when a process was started again.
        retry = 1_000 + next(numbers) * 617 % 2_000
        return Stream(broadcaster, wanted, retry, cursors, missed=missed)

    return Route("/stream", stream, name="stream")


def _require_room(broadcaster: Broadcaster, domain: str) -> None:
    """Raise `ApiError`: 429 if the domain has its share of streams, 503 if the process has all that it may have."""
    if len(broadcaster) >= _MOST:
        told = f"{_MOST:,} listen already: try again later"
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "server-error", told, {"retry-after": "5"})
    if broadcaster.is_full_for(domain):
        told = (
            f"your domain has {broadcaster.most_of_domain:,} open streams, the most it may have here"
            " (the setting max_streams_per_domain): close one, or try again later"
        )
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "rate-limit-error", told, {"retry-after": "5"})


class Stream(Response):
    """An answer that lasts."""

    def __init__(
        self, broadcaster: Broadcaster, listener: Listener, retry: int, cursors: Cursors, *, missed: bool
    ) -> None:
        super().__init__(headers=_HEADERS)
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        self._broadcaster = broadcaster
        self._listener = listener
        self._retry = retry
        self._cursors = cursors
        self._missed = missed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headcount.lasts"] = True
        listener = self._listener
        cut: Callable[[], None] = scope.get("headcount.abort", _nothing)
        listener.on_end = lambda: _cut_later(cut)
        self._broadcaster.come(listener)
        watching = asyncio.create_task(_gone(receive, listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._begin(send)
            await self._catch_up(send)
            await self._go_on(send)
            await self._end(send)
        finally:
            watching.cancel()
            self._broadcaster.leave(listener)

    async def _begin(self, send: Send) -> None:
        """An id without an event: who comes back before there was one has missed nothing."""
        told = f"retry: {self._retry}\nid: {self._cursor(self._listener.position)}\n\n"
        if self._missed:
            told += "event: gap\ndata: " + _json("what you name as the last is not in the outbox") + "\n\n"
        await send(_body(told.encode()))

    async def _catch_up(self, send: Send) -> None:
        """Read what lies behind, then join the others, then read what came in between."""
        listener = self._listener
        try:
            reached = await self._read(send, listener.position, None)
            # What is handed over from now on is newer than what was read, or than where all the others are.
            listener.position = reached
            await self._read(send, reached, self._broadcaster.join(listener))
        except TimeoutError:
            listener.end(SLOW)

    async def _read(self, send: Send, position: int, until: int | None) -> int:
        """Send what the store has after a position, up to another if need be; how far that was."""
        listener = self._listener
        types = sorted(listener.types)
        while listener.ended is None and (until is None or position < until):
            page = await asyncio.to_thread(
                self._broadcaster.messages.after, position, domain=listener.domain, types=types, most=PAGE
            )
            due = [one for one in page if until is None or one.position <= until]
            async with asyncio.timeout(_PATIENCE_S):
                await self._send(send, [self._broadcaster.told(one) for one in due if listener.wants(one)])
            position = due[-1].position if due else position
            if len(due) < PAGE:
                break
        return position

    async def _go_on(self, send: Send) -> None:
        listener = self._listener
        while listener.ended is None:
            taken = await listener.wait()
            # Before anything is waited for, this is how far the listener was told.
            position = listener.position
            await self._send(send, taken)
            if listener.beat:
                listener.beat = False
                await send(_body(_BEAT % self._cursor(position).encode()))

    def _cursor(self, position: int) -> str:
        return self._cursors.encode(self._listener.domain, position)

    async def _send(self, send: Send, told: list[bytes]) -> None:
        size, chunk = 0, []
        for one in told:
            chunk.append(one)
            size += len(one)
            if size > _CHUNK:
                await send(_body(b"".join(chunk)))
                size, chunk = 0, []
        if chunk:
            await send(_body(b"".join(chunk)))
        self._broadcaster.sent += len(told)

    async def _end(self, send: Send) -> None:
        reason = self._listener.ended
        told = (
            b""
            if reason not in _WORDS
            else f"event: dropped\ndata: {_json(_WORDS[reason], reason)}\n\n".encode()
        )
        await send({"type": "http.response.body", "body": told, "more_body": False})


def _body(told: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": told, "more_body": True}


def _json(info: str, reason: str | None = None) -> str:
    return msgspec.json.encode({"reason": reason or "gap", "info": info}).decode()


def _nothing() -> None:
    """Where there is no connection to cut."""


def _cut_later(cut: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(_GRACE_S, cut)


async def _gone(receive: Receive, listener: Listener) -> None:
    """Ends the stream when nobody is there any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.on_end = None
    listener.end("gone")


def _token(request: Request) -> bytes | None:
    """What is shown: the header, or the token in the address."""
    shown = dict(request.scope["headers"]).get(b"authorization")
    token = request.query_params.get("token", "")
    if shown is not None or not token:
        return shown
    if "\0" in token:
        raise invalid('"token" must not contain U+0000')
    return b"Bearer " + token.encode("utf-8", "replace")


def _wanted(request: Request, domain: str, token: bytes | None, cursors: Cursors) -> Listener:
    """Who asks, and for what. The position is -1 if it is not said, and beyond all if it is none of ours."""
    query = request.query_params
    rooms = params.STREAM_ROOM.all_of(query)
    types = [one for some in params.STREAM_TYPES.all_of(query) for one in some]
    named = request.headers.get("last-event-id")
    last = params.LAST_EVENT_ID.of(query if named is None else {"last_event_id": named})
    position = -1 if last is None else cursors.decode(domain, last)
    return Listener(domain, token or b"", rooms, types, NEVER if position is None else position)

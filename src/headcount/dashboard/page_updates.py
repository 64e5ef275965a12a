"""Live: tells a page that something changed, so that it asks anew. What changed it learns by asking."""

import asyncio
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headcount.dashboard.auth import token_of
from headcount.dashboard.renderer import View
from headcount.outbound.broadcast import Broadcaster, Listener

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",
    "connection": "close",
}
_AT_ONCE_S: Final = 0.25
"""What happens within this is told together."""
_MOST: Final = 1_000


async def stream(view: View) -> Response:
    """GET /dashboard/live: an event for every moment in which something was told of the domain."""
    broadcaster = view.house.broadcaster
    room = view.query.get("room")
    end = await asyncio.to_thread(broadcaster.messages.end)
    if len(broadcaster) >= _MOST:
        return Response("too many listen already", 503, {"retry-after": "30"})
    if broadcaster.is_full_for(view.domain):
        return Response("your domain has as many open streams as it may have", 429, {"retry-after": "30"})
    listener = Listener(view.domain, token_of(view.request), [room] if room else [], [], end)
    return _Live(broadcaster, listener)


class _Live(Response):
    """An answer that lasts as long as the page is open."""

    def __init__(self, broadcaster: Broadcaster, listener: Listener) -> None:
        super().__init__(headers=_HEADERS)
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        self._broadcaster = broadcaster
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headcount.lasts"] = True
        listener = self._listener
        self._broadcaster.come(listener)
        self._broadcaster.join(listener)
        watching = asyncio.create_task(_gone(receive, listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send(_body(b"retry: 2000\nevent: changed\ndata: 0\n\n"))
            while listener.ended is None:
                told = await listener.wait()
                await send(_body(_changed(len(told)) if told else b": still here\n\n"))
                await asyncio.sleep(_AT_ONCE_S)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._broadcaster.leave(listener)


def _changed(number: int) -> bytes:
    return b"event: changed\ndata: %s\n\n" % msgspec.json.encode(number)


def _body(told: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": told, "more_body": True}


async def _gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end("gone")

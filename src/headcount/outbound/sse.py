"""Server-Sent Events: their encoding, and a response that lasts as long as its listener.

Responsible for the headers, the connection's lifetime and the place among the broadcaster's listeners. It must not
know what a stream sends, nor who is allowed to read it.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headcount.outbound.broadcast import Broadcaster, Listener

HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    # Reverse proxies would hold events back until there are many.
    "x-accel-buffering": "no",
    "connection": "close",
}
_CLOSE_GRACE_S: Final = 2.0
"""Time to send the last event before the connection is aborted."""
_DISCONNECTED: Final = "disconnected"

Write = Callable[[bytes], Awaitable[None]]


def encode_event(data: str, *, event: str | None = None, cursor: str | None = None) -> bytes:
    """Return one event with its type and, as its id, the cursor to resume after. `data` is one line."""
    first = "" if cursor is None else f"id: {cursor}\n"
    kind = "" if event is None else f"event: {event}\n"
    return f"{first}{kind}data: {data}\n\n".encode()


def keep_alive(cursor: str | None = None) -> bytes:
    """Return a comment, which clients ignore; `cursor` moves the position that they resume after."""
    return b": still here\n\n" if cursor is None else f": still here\nid: {cursor}\n\n".encode()


class EventStream(Response):
    """A response that lasts until its listener ends. Subclasses write the events."""

    def __init__(
        self, broadcaster: Broadcaster, listener: Listener, headers: Mapping[str, str] = HEADERS
    ) -> None:
        super().__init__(headers=headers)
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        self.broadcaster = broadcaster
        self.listener = listener

    @abstractmethod
    async def write_events(self, write: Write) -> None:
        """Write events until `listener.end_reason` is set."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headcount.stream"] = True
        listener = self.listener
        abort: Callable[[], None] = scope.get("headcount.abort", _no_connection)
        listener.on_end = lambda: _abort_later(abort)
        self.broadcaster.add(listener)
        watcher = asyncio.create_task(_watch_disconnect(receive, listener))

        async def write(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self.write_events(write)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watcher.cancel()
            self.broadcaster.remove(listener)


def _no_connection() -> None:
    """Abort nothing: in tests there is no connection."""


def _abort_later(abort: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(_CLOSE_GRACE_S, abort)


async def _watch_disconnect(receive: Receive, listener: Listener) -> None:
    """End the listener when the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.on_end = None
    listener.end(_DISCONNECTED)

"""Page updates: a stream of Server-Sent Events that prompts an open page to reload what it shows.

Responsible for when a page reloads. It must not know what the page shows: the page requests that itself.
"""

import asyncio
from typing import Final

import msgspec
from starlette.responses import Response

from headcount.dashboard.auth import session_token
from headcount.dashboard.renderer import View
from headcount.outbound import sse
from headcount.outbound.broadcast import Listener

_COALESCE_S: Final = 0.25
"""Changes within this time cause one event."""
_MAX_STREAMS: Final = 1_000


async def stream(view: View) -> Response:
    """GET /dashboard/updates: an event whenever something of the domain changed."""
    broadcaster = view.context.broadcaster
    room = view.query.get("room")
    await asyncio.to_thread(broadcaster.complete_since, view.domain)
    end = await asyncio.to_thread(broadcaster.messages.end)
    if len(broadcaster) >= _MAX_STREAMS:
        return Response("too many open streams", 503, {"retry-after": "30"})
    if broadcaster.is_full_for(view.domain):
        return Response("your domain has too many open streams", 429, {"retry-after": "30"})
    listener = Listener(view.domain, session_token(view.request), [room] if room else [], [], end)
    return _PageUpdates(broadcaster, listener)


class _PageUpdates(sse.EventStream):
    """The stream of one open page."""

    async def write_events(self, write: sse.Write) -> None:
        listener = self.listener
        self.broadcaster.go_live(listener)
        await write(b"retry: 2000\n" + _changed(0))
        while listener.end_reason is None:
            messages = await listener.wait()
            await write(_changed(len(messages)) if messages else sse.keep_alive())
            await asyncio.sleep(_COALESCE_S)


def _changed(count: int) -> bytes:
    return sse.encode_event(msgspec.json.encode(count).decode(), event="changed")

"""Deliveries: the route that video servers send to, each with the address of its source.

A delivery is verified, then read, then appended, then acknowledged. What cannot be shown to come from
the vendor is 401 and forgotten. What is genuine and cannot be read is kept with its reason, so that
it can be tried again after an update; and since trying again without one never helps, the vendor is
told 200 where the body is whole, so that no retry loop spins for ever. What is no JSON or form at all is 400.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.errors import BadInput
from headcount.http.body import read_bytes
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, invalid, not_found
from headcount.ingest.normalize import Taken, Terms, read_delivery, room_by_room, take
from headcount.ingest.source_config import Configured, configured
from headcount.ingest.source_stats import SourceStats
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.sources.api import HandshakeResponse, InboundRequest, ParsedEvent, VerificationFailed
from headcount.store.database import StoreRejected, in_thread
from headcount.store.records import AppendResult, LogEntry
from headcount.store.sources import DeadLetter, Sources
from headcount.ttl_cache import TtlCache

_KNOWN_FOR_MS: Final[Ms] = 1_000
_NOTABLE_MS: Final[Ms] = 2_000
_MOST_KNOWN: Final = 10_000
_LONGEST_TOKEN: Final = 256
_SECRETIVE: Final = ("authorization", "cookie", "x-api-key", "proxy-authorization")

log = structlog.get_logger("headcount.http")


class FrontDoor:
    """Takes deliveries. `append` gives its answer once all is on the disk.

    `now` is our own time, `outside` the one by which senders sign and say when something happened. `count` is
    given a source's token and how many events it sends, and raises `ApiError` if there are too many.
    """

    def __init__(
        self,
        sources: Sources,
        append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]],
        now: Callable[[], Ms],
        outside: Callable[[], Ms],
        took: Callable[[AppendResult], None],
        limits: Limits,
        count: Callable[[str, int], None],
        stats: SourceStats,
        *,
        public_url: str = "",
        add_rooms: Callable[[str, Sequence[str]], None],
        cursors: Cursors,
    ) -> None:
        self._sources = sources
        self._keep_rooms = add_rooms
        self._cursors = cursors
        self._append = append
        self._now = now
        self._outside = outside
        self._took = took
        self._public_url = public_url.rstrip("/")
        self._limits = limits
        self._count = count
        self._known: TtlCache[str, Configured | None] = TtlCache(_KNOWN_FOR_MS)
        self._spoken_of: set[tuple[str, str]] = set()
        self._stats = stats

    def routes(self) -> list[Route]:
        """The routes, without the prefix. Some vendors add a path of their own to the address that they are told."""
        paths = ("/ingest/{kind}/{token}", "/ingest/{kind}/{token}/{rest:path}")
        return [Route(path, self.deliver, methods=["POST"], name="deliver") for path in paths]

    async def deliver(self, request: Request) -> Response:
        """One delivery, from the first byte to the acknowledgement."""
        configured = await self._configured(request.path_params["kind"], request.path_params["token"])
        row, source = configured.row, configured.source
        headers = dict(request.scope["headers"])
        body = await read_bytes(headers, request.receive, self._limits.body_bytes, self._limits.request_s)
        now = self._outside()
        delivery = InboundRequest(dict(request.headers), body, self._url_of(request), now)
        try:
            source.verify(delivery, row.secrets)
        except VerificationFailed as error:
            self._stats.add(row, "refused", now, told=str(error))
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "authentication-error",
                str(error),
                about={"domain": row.domain, "source": row.name, "kind": row.kind},
            ) from error
        self._stats.add(row, "deliveries", now)
        reply = source.handshake(delivery, row.secrets)
        if reply is not None:
            return _answer(reply)
        try:
            told = read_delivery(source, delivery, self._limits)
            self._count(row.token, len(told))
            heard = await self._room_by_room(told, configured.terms)
            taken = take(heard, configured.terms, now, self._now(), self._limits)
        except BadInput as error:
            return await self._unreadable(configured, delivery, error)
        try:
            return await self._taken(configured, heard, taken)
        except StoreRejected as error:
            return await self._unreadable(configured, delivery, BadInput(error.reason))

    async def _room_by_room(self, heard: list[ParsedEvent], terms: Terms) -> list[ParsedEvent]:
        if not any(one.server_wide for one in heard):
            return heard
        return await in_thread(self._limits.request_s, room_by_room, heard, terms, self._sources.rooms_in_use)

    async def _taken(self, configured: Configured, heard: Sequence[ParsedEvent], taken: Taken) -> Response:
        row, now = configured.row, self._outside()
        if taken.bystanders:
            await in_thread(self._limits.request_s, self._sources.add_excluded_participants, taken.bystanders)
            self._stats.add(row, "left_out", now, len(taken.bystanders))
        if not heard:
            self._stats.add(row, "ignored", now)
        if not taken.entries:
            return _json({"accepted": 0, "duplicates": 0, "left_out": len(taken.bystanders)})
        done = await self._append(taken.entries)
        self._took(done)
        if configured.asking is not None:
            await self._spoke_of(row.token, {entry.room for entry in taken.entries})
        self._stats.add(row, "events", now, done.accepted)
        self._stats.add(row, "duplicates", now, done.duplicates)
        ahead = max(entry.at for entry in taken.entries) - now
        self._stats.record_events(row.token, done.accepted, max(0, -ahead), now)
        if ahead > _NOTABLE_MS:
            self._stats.add(row, "ahead", now, told=f"its clock is {ahead / 1_000:.0f} s ahead of ours")
        return _json(
            {
                "accepted": done.accepted,
                "duplicates": done.duplicates,
                "left_out": len(taken.bystanders),
                "position": self._cursors.encode(row.domain, done.position),
            }
        )

    async def _spoke_of(self, token: str, rooms: set[str]) -> None:
        """Rooms of a source that polls, for its lists to be about."""
        new = {(token, room) for room in rooms} - self._spoken_of
        if new:
            await in_thread(self._limits.request_s, self._keep_rooms, token, [room for _, room in new])
            if len(self._spoken_of) > _MOST_KNOWN:
                self._spoken_of.clear()
            self._spoken_of |= new

    async def _unreadable(
        self, configured: Configured, delivery: InboundRequest, error: BadInput
    ) -> Response:
        row = configured.row
        if not _is_whole(delivery):
            self._stats.add(row, "malformed", delivery.received_at, told=str(error))
            raise invalid(f"{error}") from error
        letter = DeadLetter(
            0, row.token, delivery.received_at, delivery.url, _without_secrets(delivery.headers), delivery.body, str(error)
        )  # fmt: skip
        await in_thread(self._limits.request_s, self._sources.add_dead_letter, letter)
        self._stats.add(row, "unreadable", delivery.received_at, told=str(error))
        log.warning("a delivery cannot be read", source=row.name, kind=row.kind, reason=str(error))
        return _json({"accepted": 0, "duplicates": 0, "kept": True, "info": str(error)})

    async def _configured(self, kind: str, token: str) -> Configured:
        if len(token) > _LONGEST_TOKEN or "\0" in token:
            raise _no_source(kind)
        now = self._now()
        known = self._known.get(token, now)
        if known is None:
            row = await in_thread(self._limits.request_s, self._sources.find, token)
            known = None if row is None else configured(row), now
            self._known.put(token, *known)
        found = known[0]
        if found is None or found.row.kind != kind:
            raise _no_source(kind)
        return found

    def _url_of(self, request: Request) -> str:
        """The address as the vendor was told it: some sign it."""
        path: str = request.scope["raw_path"].decode("latin-1")
        query: str = request.scope["query_string"].decode("latin-1")
        whole = path + (f"?{query}" if query else "")
        if self._public_url:
            return self._public_url + whole
        headers = request.headers
        scheme = headers.get("x-forwarded-proto", request.scope["scheme"])
        return f"{scheme}://{headers.get('x-forwarded-host', headers.get('host', ''))}{whole}"


def _no_source(kind: str) -> ApiError:
    return not_found(
        f"there is no source of kind '{kind[:40]}' here: 'headcount source list' shows its address"
    )


def _is_whole(delivery: InboundRequest) -> bool:
    """Whether the body is at least JSON, or a form."""
    if "form-urlencoded" in delivery.headers.get("content-type", ""):
        return True
    try:
        msgspec.json.decode(delivery.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name not in _SECRETIVE and "signature" not in name and "token" not in name
    }


def _answer(reply: HandshakeResponse) -> Response:
    return Response(reply.body, media_type=reply.content_type)


def _json(told: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")

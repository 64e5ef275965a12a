"""Inbound requests: the operation that video servers send webhooks to, each to the URL of its source.

Requests are verified, parsed, appended to the log, then acknowledged. A request that cannot be verified is answered 401
and not stored. A verified request that cannot be parsed is stored as a dead letter, and can be retried after an update.
It is answered 200 if its body is well-formed, because a retry by the vendor does not help; else 400. If only a part of a
request cannot be parsed, the rest is appended, and the request is a dead letter as well.

Responsible for this sequence and its answers. It must not know any vendor: sources verify and parse.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
import structlog
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.errors import BadInput
from headcount.http.body import read_bytes
from headcount.http.cursors import Cursors
from headcount.http.errors import ApiError, invalid, not_found, sentence_case
from headcount.http.operations import Body, operation
from headcount.http.params import PathParam
from headcount.http.schemas import Count, Schema, choice, doc
from headcount.http.serializer import encode
from headcount.ingest.normalize import Normalized, needs_lookup, normalize, parse_request, resolve
from headcount.ingest.source_config import ConfiguredSource, configure
from headcount.ingest.source_stats import SourceStats, excluded_metric
from headcount.kernel.events import Ms
from headcount.limits import Limits
from headcount.sources.api import HandshakeResponse, InboundRequest, ParsedEvent, VerificationFailed
from headcount.store.database import StoreRejected, in_thread
from headcount.store.provenance import digest_of
from headcount.store.records import AppendResult, LogEntry
from headcount.store.sources import DeadLetter, Sources
from headcount.ttl_cache import TtlCache

_SOURCE_TTL_MS: Final[Ms] = 1_000
_CLOCK_TOLERANCE_MS: Final[Ms] = 2_000
_MAX_POLLED_ROOMS: Final = 10_000
_MAX_TOKEN_LENGTH: Final = 256
_SECRET_HEADERS: Final = ("authorization", "cookie", "x-api-key", "proxy-authorization")

log = structlog.get_logger("headcount.http")


_STATUSES: Final = ("accepted", "ignored", "dead_letter")


class InboundResult(Schema, omit_defaults=True):
    """The result of an inbound request."""

    status: Annotated[
        str,
        choice(
            _STATUSES,
            "`ignored`: the payload contains no event to count. `dead_letter`: the payload could not be parsed and is stored.",
        ),
    ]
    accepted: Annotated[Count, doc("Number of new events.")]
    duplicates: Annotated[Count, doc("Number of events that were known already.")]
    excluded: Annotated[Count | UnsetType, doc("Number of events of excluded participants.")] = UNSET
    position: Annotated[str | UnsetType, doc("The end of the log, as an opaque cursor.")] = UNSET
    info: Annotated[str | UnsetType, doc("Why the request, or a part of it, could not be parsed.")] = UNSET


class InboundHandler:
    """Handles inbound requests of all sources.

    `append` returns when the entries are on disk. `now` is the clock, and `wall_time` the one that senders' times and
    signatures are compared with. `limit_rate` gets a source's token and its number of events, and raises `ApiError` if
    there are too many.
    """

    def __init__(
        self,
        sources: Sources,
        append: Callable[[Sequence[LogEntry]], Awaitable[AppendResult]],
        now: Callable[[], Ms],
        wall_time: Callable[[], Ms],
        count_events: Callable[[AppendResult], None],
        limits: Limits,
        limit_rate: Callable[[str, int], None],
        stats: SourceStats,
        *,
        public_url: str = "",
        add_rooms: Callable[[str, Sequence[str]], None],
        cursors: Cursors,
    ) -> None:
        self._sources = sources
        self._store_polled_rooms = add_rooms
        self._cursors = cursors
        self._append = append
        self._now = now
        self._wall_time = wall_time
        self._count_events = count_events
        self._public_url = public_url.rstrip("/")
        self._limits = limits
        self._limit_rate = limit_rate
        self._configured: TtlCache[str, ConfiguredSource | None] = TtlCache(_SOURCE_TTL_MS)
        self._polled_rooms: set[tuple[str, str]] = set()
        self._stats = stats

    def routes(self) -> list[Route]:
        """Return the routes, without the prefix. Some vendors append a path of their own to the URL."""
        paths = (INGEST.path, f"{INGEST.path}/{{rest:path}}")
        return [Route(path, self.handle, methods=["POST"], name="inbound") for path in paths]

    async def handle(self, request: Request) -> Response:
        """Ingests a webhook of a video server.

        The URL is the address of a source, as `headcount source create` prints it. It needs no key: requests are
        authenticated in the vendor's way. The body has the vendor's form. A vendor's validation of the URL is answered
        in its form, too.
        """
        source_config = await self._find_source(request.path_params["kind"], request.path_params["token"])
        row, source = source_config.row, source_config.source
        headers = dict(request.scope["headers"])
        body = await read_bytes(
            headers, request.receive, self._limits.body_bytes, self._limits.request_timeout_s
        )
        now = self._wall_time()
        inbound = InboundRequest(dict(request.headers), body, self._url_of(request), now)
        try:
            source.verify(inbound, row.secrets)
        except VerificationFailed as error:
            self._stats.add(row, "rejected", now, message=self._sources.reason(row.domain, str(error)))
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "authentication-error",
                str(error),
                log_context={"domain": row.domain, "source": row.name, "kind": row.kind},
            ) from error
        self._stats.add(row, "requests", now)
        handshake = source.handshake(inbound, row.secrets)
        if handshake is not None:
            self._stats.record_request(row.token, now)
            return _handshake_response(handshake)
        problems: list[BadInput] = []
        try:
            parsed = parse_request(source, inbound, self._limits, problems.append)
            self._limit_rate(row.token, len(parsed))
            events = await self._resolve(parsed, source_config)
            normalized = normalize(
                events, source_config.policy, now, self._now(), self._limits, problems.append, digest_of(body)
            )
            if problems and normalized == Normalized([], []):
                raise problems[0]
        except BadInput as error:
            return await self._refuse(source_config, inbound, error)
        try:
            result = await self._store_events(source_config, events, normalized)
        except StoreRejected as error:
            return await self._refuse(source_config, inbound, BadInput(error.reason))
        self._stats.record_request(row.token, now)
        if problems:
            first = BadInput(problems[0].reason, place=problems[0].place, more=len(problems) - 1)
            await self._store_dead_letter(source_config, inbound, first)
            result.info = sentence_case(str(first))
        return _json(result)

    async def _resolve(self, events: list[ParsedEvent], source_config: ConfiguredSource) -> list[ParsedEvent]:
        """Return the events with what the store has about their rooms and participants."""
        is_partial = source_config.source.is_partial
        if not any(needs_lookup(event, is_partial=is_partial) for event in events):
            return events
        look_up = partial(resolve, events, source_config.policy, self._sources, is_partial=is_partial)
        return await in_thread(self._limits.request_timeout_s, look_up)

    async def _store_events(
        self, source_config: ConfiguredSource, events: Sequence[ParsedEvent], normalized: Normalized
    ) -> InboundResult:
        row, now = source_config.row, self._wall_time()
        excluded = len(normalized.excluded)
        if excluded:
            await in_thread(
                self._limits.request_timeout_s, self._sources.add_excluded_participants, normalized.excluded
            )
            self._stats.add(row, "excluded", now, excluded)
            for role, number in Counter(one.role for one in normalized.excluded).items():
                self._stats.add(row, excluded_metric(role), now, number)
        if not events:
            self._stats.add(row, "ignored", now)
        else:
            self._stats.count(row, "accepted")
        if not normalized.entries:
            return InboundResult("ignored", 0, 0, excluded)
        done = await self._append(normalized.entries)
        self._count_events(done)
        if source_config.polling is not None:
            await self._add_polled_rooms(row.token, {entry.room for entry in normalized.entries})
        self._stats.add(row, "events", now, done.accepted)
        self._stats.add(row, "duplicates", now, done.duplicates)
        ahead_ms = max(entry.at for entry in normalized.entries) - now
        self._stats.record_events(row.token, done.accepted, max(0, -ahead_ms), now)
        if ahead_ms > _CLOCK_TOLERANCE_MS:
            self._stats.add(
                row,
                "clock_ahead",
                now,
                message=f"its clock is {ahead_ms / 1_000:.0f} s ahead of the server's clock",
            )
        position = self._cursors.encode(row.domain, done.position)
        return InboundResult("accepted", done.accepted, done.duplicates, excluded, position)

    async def _add_polled_rooms(self, token: str, rooms: set[str]) -> None:
        """Store rooms of a source that polls: its polls are about these."""
        new = {(token, room) for room in rooms} - self._polled_rooms
        if new:
            await in_thread(
                self._limits.request_timeout_s, self._store_polled_rooms, token, [room for _, room in new]
            )
            if len(self._polled_rooms) > _MAX_POLLED_ROOMS:
                self._polled_rooms.clear()
            self._polled_rooms |= new

    async def _refuse(
        self, source_config: ConfiguredSource, inbound: InboundRequest, error: BadInput
    ) -> Response:
        if not _is_well_formed(inbound):
            reason = self._sources.reason(source_config.row.domain, str(error))
            self._stats.add(source_config.row, "malformed", inbound.received_at, message=reason)
            raise invalid(f"{error}") from error
        await self._store_dead_letter(source_config, inbound, error)
        return _json(InboundResult("dead_letter", 0, 0, info=sentence_case(str(error))))

    async def _store_dead_letter(
        self, source_config: ConfiguredSource, inbound: InboundRequest, error: BadInput
    ) -> None:
        """Store a request that cannot be parsed, or that holds a part that cannot."""
        row = source_config.row
        dead_letter = DeadLetter(
            0, row.token, inbound.received_at, inbound.url, _without_secrets(inbound.headers), inbound.body, str(error)
        )  # fmt: skip
        await in_thread(self._limits.request_timeout_s, self._sources.add_dead_letter, dead_letter)
        self._stats.record_request(row.token, inbound.received_at)
        reason = self._sources.reason(row.domain, str(error))
        self._stats.add(row, "dead_letters", inbound.received_at, message=reason)
        log.warning("inbound request could not be parsed", source=row.name, kind=row.kind, reason=reason)

    async def _find_source(self, kind: str, token: str) -> ConfiguredSource:
        if len(token) > _MAX_TOKEN_LENGTH or "\0" in token:
            raise _no_source(kind)
        now = self._now()
        cached = self._configured.get(token, now)
        if cached is None:
            row = await in_thread(self._limits.request_timeout_s, self._sources.find, token)
            cached = None if row is None else configure(row), now
            self._configured.put(token, *cached)
        found = cached[0]
        if found is None or found.row.kind != kind:
            raise _no_source(kind)
        return found

    def _url_of(self, request: Request) -> str:
        """Return the URL as the vendor knows it: some vendors sign it."""
        path: str = request.scope["raw_path"].decode("latin-1")
        query: str = request.scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "")
        if self._public_url:
            return self._public_url + target
        scope = request.scope
        prefix = scope.get("headcount.prefix", "")
        return f"{scope['scheme']}://{request.headers.get('host', '')}{prefix}{target}"


INGEST: Final = operation(
    "POST", "/ingest/{kind}/{token}", "ingestWebhook", "Ingest a webhook of a video server", InboundResult,
    tag="Events", errors=(404, 408, 413), security=(),
    params=(PathParam("kind", "The vendor, like `livekit`."), PathParam("token", "The token of the source.")),
    body=Body(Any),
)(InboundHandler.handle)  # fmt: skip


def _no_source(kind: str) -> ApiError:
    return not_found(
        f"No source of kind '{kind[:40]}' has this URL: 'headcount source list --addresses' shows the URLs"
    )


def _is_well_formed(inbound: InboundRequest) -> bool:
    """Return whether the body is JSON or a form."""
    if "form-urlencoded" in inbound.headers.get("content-type", ""):
        return True
    try:
        msgspec.json.decode(inbound.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name not in _SECRET_HEADERS and "signature" not in name and "token" not in name
    }


def _handshake_response(handshake: HandshakeResponse) -> Response:
    return Response(handshake.body, media_type=handshake.content_type)


def _json(result: InboundResult) -> Response:
    return Response(encode(result), media_type="application/json")

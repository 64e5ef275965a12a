"""Access: whose key it is, what it may do, and how often. Nobody is let in who cannot show a key."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http.errors import ApiError
from headcount.kernel.events import Ms
from headcount.store.credentials import Key, Keys
from headcount.store.database import StoreError, in_thread
from headcount.telemetry.logging import acting
from headcount.ttl_cache import TtlCache

_KNOWN_FOR_MS: Final[Ms] = 1_000
"""So long is a key believed without asking the store again: a revoked one ends within this."""
_LONGEST: Final = 256
"""No key of ours is as long, whatever else the header says."""
_WINDOW_MS: Final[Ms] = 5_000

Handler = Callable[[Request], Awaitable[Response]]


class Windows:
    """Counts in the window that runs and the one before it, to know about how many fell into the last 5 s."""

    __slots__ = ("_before", "_now", "_started")

    def __init__(self, now: Ms) -> None:
        self._started = now
        self._now = 0
        self._before = 0

    def take(self, number: int, limit: int, now: Ms) -> Ms:
        """Count so many, and say for how long (ms) the caller must wait: 0 if it may go on."""
        gone = now - self._started
        if gone < 0:  # the clock was set right
            self._started, gone = now, 0
        if gone >= _WINDOW_MS:
            self._before = self._now if gone < 2 * _WINDOW_MS else 0
            self._now = 0
            self._started = now - gone % _WINDOW_MS
            gone %= _WINDOW_MS
        recent = self._now + self._before * (_WINDOW_MS - gone) // _WINDOW_MS
        if recent and recent + number > limit:
            return max(1, _WINDOW_MS - gone)
        self._now += number
        return 0


class Gate:
    """Knows the keys. `reads` and `events` bound what one key may do in 5 seconds; 0 is no bound.

    The store is asked in a thread, and waited for up to `patience_s`. What was shown is remembered as a digest: anybody
    may show anything, of any length.
    """

    def __init__(
        self, keys: Keys, now: Callable[[], Ms], reads: int, events: int, patience_s: float = 30
    ) -> None:
        self._keys = keys
        self._now = now
        self._limits = {"read": reads, "ingest": events}
        self._patience_s = patience_s
        self._known: TtlCache[bytes, Key | None] = TtlCache(_KNOWN_FOR_MS)
        self._windows: dict[tuple[str, str], Windows] = {}
        self.used: dict[str, Ms] = {}

    def known(self, header: bytes | None) -> Key | None:
        """Whose valid key the header shows, if the store was asked a moment ago; else None, and `key_of` tells."""
        if header is None or len(header) > _LONGEST:
            return None
        key = self._known.get(sha256(header).digest(), self._now())
        return key[0] if key is not None and key[0] is not None and key[0].revoked is None else None

    async def key_of(self, header: bytes | None) -> Key:
        """Whose key the header shows. Raises `ApiError`: 400 without one, 401 if it is not valid."""
        text, now = _shown(header), self._now()
        if header is None or len(header) > _LONGEST:
            raise _refused(None)
        digest = sha256(header).digest()
        known = self._known.get(digest, now)
        if known is None:
            known = (await in_thread(self._patience_s, self._keys.find, text), now)
            self._known.put(digest, *known)
        key = _valid(known[0])
        self.used[key.id] = now
        acting(key_id=key.id, domain=key.domain)
        return key

    async def allowed(self, header: bytes | None, scope: str) -> Key:
        """Whose key it is, if it may do what needs `scope`. Raises `ApiError`: 403 if not."""
        return _that_may(await self.key_of(header), scope)

    def holds(self, header: bytes) -> bool:
        """Whether a key that was let in has not been revoked since. In doubt it holds. It reads the store."""
        try:
            _valid(self._keys.find(_shown(header)))
        except ApiError:
            return False
        except StoreError:
            return True
        return True

    async def admit(self, header: bytes | None, scope: str) -> Key:
        """Let in what needs `scope`. Raises `ApiError`: 403 without it, 429 if there was too much."""
        key = await self.allowed(header, scope)
        if scope == "read":
            self.count(key, scope, 1)
        return key

    def admit_known(self, header: bytes | None, scope: str) -> Key | None:
        """The same where the store need not be asked; None where it must be, or where the key is refused."""
        key = self.known(header)
        if key is None:
            return None
        self.used[key.id] = self._now()
        return _that_may(key, scope)

    def count(self, key: Key, scope: str, number: int) -> None:
        """Count what a key does. Raises `ApiError` 429 if it is too much."""
        self._count(key.id, scope, number, "with this key")

    def count_source(self, token: str, number: int) -> None:
        """Count the events of a source, as those of a key are counted. Raise `ApiError` 429 if there are too many."""
        self._count(token, "ingest", number, "from this source")

    def _count(self, who: str, scope: str, number: int, whose: str) -> None:
        limit = self._limits.get(scope, 0)
        if not limit:
            return
        now = self._now()
        windows = self._windows.get((who, scope))
        if windows is None:
            windows = self._windows[who, scope] = Windows(now)
        wait = windows.take(number, limit, now)
        if wait:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate-limit-error",
                f"more than {limit:,} in 5 seconds {whose}: try again in {wait / 1_000:.1f} s",
                {"retry-after": str(-(-wait // 1_000))},
            )

    def guarded(self, route: Route, scope: str) -> Route:
        """The route, for those only whose key has the scope."""
        endpoint: Handler = route.endpoint

        async def admitted(request: Request) -> Response:
            key = await self.admit(dict(request.scope["headers"]).get(b"authorization"), scope)
            request.state.domain = key.domain
            request.state.key = key
            return await endpoint(request)

        methods = sorted(route.methods or {"GET"})
        return Route(route.path, admitted, methods=methods, name=route.name)


def _valid(key: Key | None) -> Key:
    if key is None or key.revoked is not None:
        raise _refused(key)
    return key


def _refused(key: Key | None) -> ApiError:
    told = "is not known" if key is None else "was revoked"
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "authentication-error",
        f"the API key {told}: 'headcount key create' makes one",
        log_context={} if key is None else {"key_id": key.id, "domain": key.domain},
    )


def _that_may(key: Key, scope: str) -> Key:
    if not key.may(scope):
        raise ApiError(HTTPStatus.FORBIDDEN, "forbidden-error", f"this API key lacks the scope '{scope}'")
    return key


def _shown(header: bytes | None) -> str:
    scheme, _, text = (header or b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "authorization-header-error",
            "send your API key in the header 'Authorization: Bearer KEY'",
        )
    return text.strip()

"""Authentication by API keys, and the scopes that operations require.

Responsible for the key behind the header `Authorization`. It must not know what an operation does with its domain.
"""

from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http.errors import ApiError
from headcount.http.operations import Handler
from headcount.http.rate_limit import RateLimiter
from headcount.kernel.events import Ms
from headcount.store.access_log import Actor, ActorType
from headcount.store.credentials import Key, Keys
from headcount.store.database import StoreError, in_thread
from headcount.telemetry.access_recorder import note_actor
from headcount.telemetry.logging import set_actor
from headcount.ttl_cache import TtlCache

ANY_SCOPE: Final = "any"
"""What operations require that each valid key may use."""
_KEY_TTL_MS: Final[Ms] = 1_000
"""A revoked key ends within this time."""
_MAX_HEADER_BYTES: Final = 256
"""Longer than the header of any key."""


class Authenticator:
    """Authenticates requests.

    The store is read in a thread, with `timeout_s`. Keys are cached by the digest of the header, since a client can send
    any header, of any length. `last_used` has the times of keys until the service stores them.
    """

    def __init__(
        self, keys: Keys, now: Callable[[], Ms], rate_limiter: RateLimiter, timeout_s: float = 30
    ) -> None:
        self._keys = keys
        self._now = now
        self._timeout_s = timeout_s
        self._cache: TtlCache[bytes, Key | None] = TtlCache(_KEY_TTL_MS)
        self.rate_limiter = rate_limiter
        self.last_used: dict[str, Ms] = {}

    async def authorize(self, header: bytes | None, scope: str) -> Key:
        """Return the key of a header. Raise `ApiError`: 400 without one, 401 if it is not valid, 403 if it lacks the scope."""
        text, now = _bearer_token(header, scope), self._now()
        digest = digest_of_header(header)
        if digest is None:
            raise _invalid_key(None, scope)
        cached = self._cache.get(digest, now)
        if cached is None:
            cached = (await in_thread(self._timeout_s, self._keys.find, text), now)
            self._cache.put(digest, *cached)
        key = _valid(cached[0], scope)
        self.last_used[key.id] = now
        set_actor(key_id=key.id, domain=key.domain)
        return _with_scope(key, scope)

    async def admit(self, header: bytes | None, scope: str) -> Key:
        """Return the key of a header and count a read. Raise `ApiError` as `authorize`, and 429 for too many reads."""
        key = await self.authorize(header, scope)
        if scope in ("read", ANY_SCOPE):
            self.rate_limiter.count(key.id, "read", 1)
        return key

    def admit_cached(self, digest: bytes, scope: str, now: Ms) -> Key | None:
        """Return the key of a header with this digest if it is valid and cached, else None.

        Raise `ApiError` 403 if it lacks the scope.
        """
        cached = self._cache.get(digest, now)
        if cached is None:
            return None
        key = cached[0]
        if key is None or key.revoked is not None:
            return None
        self.last_used[key.id] = now
        return _with_scope(key, scope)

    def is_valid(self, header: bytes) -> bool:
        """Return whether a key that was valid still is, or the store does not answer. It reads the store."""
        try:
            _valid(self._keys.find(_bearer_token(header, "read")), "read")
        except ApiError:
            return False
        except StoreError:
            return True
        return True

    def require(self, scope: str, route: Route) -> Route:
        """Return the route for keys with the scope only."""
        endpoint: Handler = route.endpoint

        async def handle(request: Request) -> Response:
            key = await self.admit(dict(request.scope["headers"]).get(b"authorization"), scope)
            request.state.domain = key.domain
            request.state.key = key
            note_actor(request.scope, key.domain, Actor(ActorType.KEY, key.id, key.name))
            return await endpoint(request)

        methods = sorted(route.methods or {"GET"})
        return Route(route.path, handle, methods=methods, name=route.name)


def digest_of_header(header: bytes | None) -> bytes | None:
    """Return the digest of a header `Authorization`; None if there is none, or if it is longer than that of any key."""
    return None if header is None or len(header) > _MAX_HEADER_BYTES else sha256(header).digest()


def _valid(key: Key | None, scope: str) -> Key:
    if key is None or key.revoked is not None:
        raise _invalid_key(key, scope)
    return key


def _invalid_key(key: Key | None, scope: str) -> ApiError:
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "authentication-error",
        "The API key is not valid" if key is None else "The API key was revoked",
        log_context={} if key is None else {"key_id": key.id, "domain": key.domain},
        key_scope=scope,
    )


def _with_scope(key: Key, scope: str) -> Key:
    if scope != ANY_SCOPE and not key.may(scope):
        info = f"The API key lacks the scope '{scope}'"
        raise ApiError(HTTPStatus.FORBIDDEN, "forbidden-error", info, key_scope=scope)
    return key


def _bearer_token(header: bytes | None, scope: str) -> str:
    scheme, _, text = (header or b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "authorization-header-error",
            "The request has no API key: send it in the header 'Authorization: Bearer KEY'",
            key_scope=scope,
        )
    return text.strip()

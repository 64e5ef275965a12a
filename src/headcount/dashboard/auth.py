"""Door: who looks at the dashboard, and what they may do.

A browser shows a cookie that is made of chance and says nothing. It is got for a key, or for a link that
`headcount serve` prints and that is good once. Whatever changes something is a POST, from a page of ours
(a word in the form proves it), by an admin.
"""

import asyncio
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from headcount.dashboard.context import House
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.store.credentials import SIGN_IN_LASTS, AccessToken, Key, Role
from headcount.store.database import StoreError
from headcount.telemetry.logging import acting, security_event

COOKIE: Final = "headcount"
_SHOWN: Final = b"Cookie "
_MOST_BYTES: Final = 1_000_000
_MOST_FIELDS: Final = 200
_DIGITS: Final = 15
_LONGEST_SECRET: Final = 256
"""No cookie of ours is as long."""


class Visitor(NamedTuple):
    """Somebody who signed in: whose domain they see, and as what. `csrf` stands in every form of theirs.

    `key_id` is the key that their session was created from, if any; `session` is the session's digest.
    """

    domain: str
    role: Role
    name: str
    csrf: str
    key_id: str | None = None
    session: str | None = None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


class NotSignedIn(Exception):
    """Nobody is let in without having signed in."""


class NotAllowed(Exception):
    """The visitor may not do that. The message says why, in a sentence."""


class BadForm(Exception):
    """A form cannot be read: it is too large, too slow, or broke off. The message says which, in a sentence."""

    def __init__(self, status: int, told: str) -> None:
        self.status = status
        super().__init__(told)


class Door:
    """Knows who has signed in. What browsers showed is remembered as a digest, since anybody may show anything."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.used: dict[str, Ms] = {}
        """When sessions were last used, by digest, until the service stores it."""

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises `NotSignedIn`."""
        secret = request.cookies.get(COOKIE, "")
        held = await self._held(secret) if 0 < len(secret) <= _LONGEST_SECRET else None
        if held is None:
            raise NotSignedIn
        acting(domain=held.domain, key_id=held.key_id, via="dashboard")
        return Visitor(held.domain, held.role, held.name, csrf_of(secret), held.key_id, held.digest)

    async def form(self, request: Request, visitor: Visitor) -> dict[str, str]:
        """The fields of a form that an admin sent from one of our pages. Raises `NotAllowed`, or `BadForm`."""
        fields = await fields_of(request, _MOST_BYTES, self._house.settings["request_s"])
        if not is_of_this_site(request):
            raise NotAllowed("this form was sent by another site")
        if not compare_digest(fields.get("csrf", "").encode(), visitor.csrf.encode()):
            raise NotAllowed(
                "this form is of an earlier sign-in: go back, reload the page, and send it again"
            )
        return fields

    async def sign_in_with_key(self, text: str) -> tuple[str, AccessToken] | None:
        """The secret for a cookie, for whoever shows a key that may read; None if it may not, or does not hold."""
        house = self._house
        key = await asyncio.to_thread(house.store.keys.find, text)
        if key is None or key.revoked is not None or not key.may("read"):
            return None
        secret, now = house.chance(), house.now()
        await asyncio.to_thread(
            house.store.access_tokens.sign_in, key.domain, _role(key), key.name, key.id, now, secret
        )
        held = await asyncio.to_thread(house.store.access_tokens.find, secret, now)
        return None if held is None else (secret, held)

    async def sign_in_with_link(self, link: str) -> tuple[str, AccessToken] | None:
        """The same for whoever was given a link; it is used up."""
        house = self._house
        secret = house.chance()
        held = await asyncio.to_thread(house.store.access_tokens.exchange, link, house.now(), secret)
        return None if held is None else (secret, held)

    async def holds(self, link: str) -> bool:
        """Whether a link may still be used."""
        return (
            await asyncio.to_thread(self._house.store.access_tokens.link, link, self._house.now()) is not None
        )

    def still_holds(self, token: bytes) -> bool:
        """Whether a sign-in that was shown as `token_of` has it still lets somebody look. In doubt it does."""
        secret = token.removeprefix(_SHOWN).decode("utf-8", "replace")
        try:
            return self._house.store.access_tokens.find(secret, self._house.now()) is not None
        except StoreError:
            return True

    async def sign_out(self, request: Request) -> None:
        secret = request.cookies.get(COOKIE, "")
        await asyncio.to_thread(self._house.store.access_tokens.drop, secret)
        security_event("sign_out")

    async def _held(self, secret: str) -> AccessToken | None:
        """The store is asked each time, so that what one process revokes is over in all of them at once."""
        now = self._house.now()
        held = await asyncio.to_thread(self._house.store.access_tokens.find, secret, now)
        if held is not None:
            self.used[held.digest] = now
        return held


def token_of(request: Request) -> bytes:
    """What somebody who listens has shown to be let in."""
    return _SHOWN + request.cookies.get(COOKIE, "").encode("utf-8", "replace")


def is_sign_in(token: bytes) -> bool:
    """Whether that is a sign-in, and not a key."""
    return token.startswith(_SHOWN)


def is_of_this_site(request: Request) -> bool:
    """Whether a form was sent by a page of ours, as far as the browser tells."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


async def fields_of(request: Request, most: int, seconds: float) -> dict[str, str]:
    """What a form of ours says, up to `most` bytes, within so many seconds. Raises `BadForm`, and `BadInput` for U+0000."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > _DIGITS or int(length) > most):
        raise _too_large(most)
    body = b""
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise BadForm(
            HTTPStatus.REQUEST_TIMEOUT, f"the form took longer than {seconds:g} s: send it again"
        ) from None
    except ClientDisconnect:
        raise BadForm(HTTPStatus.BAD_REQUEST, "the form broke off") from None
    try:
        fields = dict(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        )
    except ValueError:
        raise BadForm(HTTPStatus.BAD_REQUEST, f"a form has at most {_MOST_FIELDS} fields") from None
    refuse_nul(*fields.values())
    return fields


def refuse_nul(*texts: str) -> None:
    """Raise `BadInput` for what no name holds, and PostgreSQL does not take."""
    if any("\0" in text for text in texts):
        raise BadInput("what you sent must not contain U+0000")


def _too_large(most: int) -> BadForm:
    return BadForm(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a form is smaller than {most:,} bytes")


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


def let_in(place: str, secret: str, path: str, *, secure: bool) -> Response:
    """Off to a page, with the cookie."""
    answer = RedirectResponse(place, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=SIGN_IN_LASTS // 1_000,
        path=path,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


def csrf_of(secret: str) -> str:
    """What a form must hold: nobody knows it who does not know the cookie."""
    return sha256(b"csrf\0" + secret.encode("utf-8", "replace")).hexdigest()[:32]


def _role(key: Key) -> Role:
    return Role.ADMIN if key.may("admin") else Role.VIEWER

"""Authentication and sessions of the dashboard.

Responsible for session cookies, one-time sign-in links, roles, and the forms that change something: a POST from a page of
the same site, with the session's CSRF token. Must not know any page.
"""

import asyncio
from collections.abc import Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from headcount.dashboard.context import PageContext
from headcount.dashboard.texts import TEXTS
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.store.access_log import Actor, ActorType
from headcount.store.credentials import SESSION_LIFETIME_MS, AccessToken, Key, Role
from headcount.store.database import StoreError
from headcount.telemetry.access_recorder import note_actor
from headcount.telemetry.logging import security_event, set_actor

COOKIE: Final = "headcount"
_SESSION_PREFIX: Final = b"Cookie "
_MAX_FORM_BYTES: Final = 1_000_000
MAX_UPLOAD_BYTES: Final = 4_000_000
"""The maximum size of a form with a file: a roster of 10,000 people has less than 1 MB."""
_MAX_FIELDS: Final = 200
_MAX_LENGTH_DIGITS: Final = 15
_MAX_SECRET_LENGTH: Final = 256
"""No session's secret is as long."""


class Visitor(NamedTuple):
    """A browser that has signed in: its domain, role and name. `csrf` is a field of every form that it sends.

    `key_id` is the key that the session was created from, if any. `session` is the session's digest.
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


class Upload(NamedTuple):
    """The fields and the files of a form, by name."""

    fields: dict[str, str]
    files: dict[str, bytes]


class NotSignedIn(Exception):
    """The request has no valid session."""


class NotAllowed(Exception):
    """The session lacks the role or the token for a request. The message is a sentence with the reason."""


class BadForm(Exception):
    """A form is too large, too slow, or incomplete. The message is a sentence with the reason."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Sessions:
    """The sessions of all browsers. The store is read for each request: a session revoked by any process ends at once."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self.last_used: dict[str, Ms] = {}
        """Times of last use by digest of the session, until the service saves them."""

    async def visitor(self, request: Request) -> Visitor:
        """Return the session of a request, and store it in the state of the request. Raise `NotSignedIn`."""
        secret = request.cookies.get(COOKIE, "")
        session = await self._find(secret) if 0 < len(secret) <= _MAX_SECRET_LENGTH else None
        if session is None:
            raise NotSignedIn
        set_actor(domain=session.domain, key_id=session.key_id, via="dashboard")
        visitor = Visitor(
            session.domain, session.role, session.name, csrf_token(secret), session.key_id, session.digest
        )
        request.state.visitor = visitor
        note_session(request, session)
        return visitor

    async def read_form(self, request: Request, visitor: Visitor) -> dict[str, str]:
        """Return the fields of a form that was sent from a page of this session. Raise `NotAllowed` or `BadForm`."""
        fields = await read_form_fields(request, _MAX_FORM_BYTES, self._context.settings["request_timeout_s"])
        self._require_own_form(request, visitor, fields)
        return fields

    async def read_upload(self, request: Request, visitor: Visitor) -> Upload:
        """Return the fields and files of such a form. Raise `NotAllowed` or `BadForm`."""
        upload = await read_upload(request, self._context.settings["request_timeout_s"])
        self._require_own_form(request, visitor, upload.fields)
        return upload

    def _require_own_form(self, request: Request, visitor: Visitor, fields: Mapping[str, str]) -> None:
        """Raise `NotAllowed` unless a page of this session sent the form."""
        if not is_same_site(request):
            raise NotAllowed(TEXTS("error.other_site"))
        if not compare_digest(fields.get("csrf", "").encode(), visitor.csrf.encode()):
            raise NotAllowed(TEXTS("error.old_form"))

    async def sign_in_with_key(self, text: str) -> tuple[str, AccessToken] | None:
        """Return a new session and its secret; None if the key is not valid or has no read scope."""
        context = self._context
        key = await asyncio.to_thread(context.store.keys.find, text)
        if key is None or key.revoked is not None or not key.may("read"):
            return None
        secret, now = context.new_secret(), context.now()
        await asyncio.to_thread(
            context.store.access_tokens.create_session,
            key.domain,
            _role_of(key),
            key.name,
            key.id,
            now,
            secret,
        )
        session = await asyncio.to_thread(context.store.access_tokens.find_session, secret, now)
        return None if session is None else (secret, session)

    async def sign_in_with_link(self, link: str) -> tuple[str, AccessToken] | None:
        """Return a new session and its secret for a one-time link, which is used up; None if it is not valid."""
        context = self._context
        secret = context.new_secret()
        session = await asyncio.to_thread(
            context.store.access_tokens.exchange_link, link, context.now(), secret
        )
        return None if session is None else (secret, session)

    async def is_valid_link(self, link: str) -> bool:
        """Return whether a one-time link can still be used."""
        passes, now = self._context.store.access_tokens, self._context.now()
        return await asyncio.to_thread(passes.find_link, link, now) is not None

    def is_valid_token(self, token: bytes) -> bool:
        """Return whether the session of a `session_token` is valid; True if the store does not answer."""
        secret = token.removeprefix(_SESSION_PREFIX).decode("utf-8", "replace")
        try:
            return self._context.store.access_tokens.find_session(secret, self._context.now()) is not None
        except StoreError:
            return True

    async def sign_out(self, request: Request) -> None:
        secret = request.cookies.get(COOKIE, "")
        await asyncio.to_thread(self._context.store.access_tokens.end_session, secret)
        security_event("sign_out")

    async def _find(self, secret: str) -> AccessToken | None:
        now = self._context.now()
        session = await asyncio.to_thread(self._context.store.access_tokens.find_session, secret, now)
        if session is not None:
            self.last_used[session.digest] = now
        return session


def note_session(request: Request, session: AccessToken) -> None:
    """Set the session that a request belongs to, for the access log."""
    actor = Actor(ActorType.SESSION, session.short_id, session.name)
    note_actor(request.scope, session.domain, actor)


def session_token(request: Request) -> bytes:
    """Return what identifies the session of an open stream. It differs from every API key."""
    return _SESSION_PREFIX + request.cookies.get(COOKIE, "").encode("utf-8", "replace")


def is_session_token(token: bytes) -> bool:
    """Return whether a stream's token is that of a session, and not an API key."""
    return token.startswith(_SESSION_PREFIX)


def is_same_site(request: Request) -> bool:
    """Return whether a form was sent by a page of this site, as far as the browser reports it."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


async def read_form_fields(request: Request, max_bytes: int, timeout_s: float) -> dict[str, str]:
    """Return the fields of a form. Raise `BadForm`, and `BadInput` for U+0000."""
    fields = _parsed_fields(await _read_body(request, max_bytes, timeout_s))
    reject_nul(*fields.values())
    return fields


async def read_upload(request: Request, timeout_s: float) -> Upload:
    """Return the fields and files of a form, which may be multipart. Raise `BadForm`, and `BadInput` for U+0000."""
    body = await _read_body(request, MAX_UPLOAD_BYTES, timeout_s)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        upload = await asyncio.to_thread(_parsed_parts, content_type, body)
    else:
        upload = Upload(_parsed_fields(body), {})
    reject_nul(*upload.fields.values())
    return upload


def _parsed_fields(body: bytes) -> dict[str, str]:
    try:
        return dict(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        )
    except ValueError:
        raise BadForm(HTTPStatus.BAD_REQUEST, f"The form has more than {_MAX_FIELDS} fields.") from None


def _parsed_parts(content_type: str, body: bytes) -> Upload:
    """The parts of a multipart form (RFC 7578). A part with a file name is a file."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    upload = Upload({}, {})
    parts = message.get_payload() if message.is_multipart() else []
    if len(parts) > _MAX_FIELDS:
        raise BadForm(HTTPStatus.BAD_REQUEST, f"The form has more than {_MAX_FIELDS} fields.")
    for part in parts:
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_param("filename", header="content-disposition") is None:
            upload.fields[name] = content.decode("utf-8", "replace")
        else:
            upload.files[name] = content
    return upload


async def _read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > _MAX_LENGTH_DIGITS or int(length) > max_bytes):
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        raise BadForm(
            HTTPStatus.REQUEST_TIMEOUT, f"The form did not arrive within {timeout_s:g} s. Send it again."
        ) from None
    except ClientDisconnect:
        raise BadForm(
            HTTPStatus.BAD_REQUEST, "The connection closed before the form was complete. Send it again."
        ) from None
    return bytes(body)


def reject_nul(*texts: str) -> None:
    """Raise `BadInput` for U+0000: no name contains it, and PostgreSQL rejects it."""
    if any("\0" in text for text in texts):
        raise BadInput("The request contains the character U+0000. Remove it.")


def redirect_with_cookie(location: str, secret: str, path: str, *, secure: bool) -> Response:
    """Return a redirect that sets the session's cookie."""
    response = RedirectResponse(location, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=SESSION_LIFETIME_MS // 1_000,
        path=path,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return response


def csrf_token(secret: str) -> str:
    """Return the CSRF token of a session: only those who know its cookie can know it."""
    return sha256(b"csrf\0" + secret.encode("utf-8", "replace")).hexdigest()[:32]


def _too_large(max_bytes: int) -> BadForm:
    return BadForm(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The form is larger than {max_bytes:,} bytes.")


def _role_of(key: Key) -> Role:
    return Role.ADMIN if key.may("admin") else Role.VIEWER

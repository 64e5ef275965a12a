"""Sign-in and sign-out pages.

Responsible for exchanging an API key or a one-time link for a session. Must not know how sessions are stored.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headcount.dashboard.auth import (
    COOKIE,
    NotAllowed,
    Sessions,
    is_same_site,
    note_session,
    read_form_fields,
    redirect_with_cookie,
)
from headcount.dashboard.context import PageContext
from headcount.dashboard.renderer import BASE, TEXTS, TIMEZONE_COOKIE, View, local_path, render
from headcount.telemetry.logging import log_refusal, security_event
from headcount.timezones import is_zone

_MAX_FORM_BYTES: Final = 16_384
"""Anyone can send this form, so it is smaller than those that need a session."""
PATHS: Final = ("/sign-in", "/sign-out")

Handler = Callable[[Request], Awaitable[Response]]


def handlers(context: PageContext, sessions: Sessions) -> Mapping[str, Handler]:
    """Return the handlers of both pages by path."""

    async def sign_in(request: Request) -> Response:
        view = View(context, request, None)
        if request.method == "POST":
            return await _sign_in(view, sessions)
        link = request.query_params.get("link", "")
        target = local_path(request.query_params.get("next", ""))
        if link and not await sessions.is_valid_link(link):
            error = TEXTS("sign_in.link_used")
            return render(view, "sign_in.html", HTTPStatus.GONE, error=error, link="", next=target)
        return render(view, "sign_in.html", error="", link=link, next=target)

    async def sign_out(request: Request) -> Response:
        view = View(context, request, None)
        response = RedirectResponse(view.url("/sign-in"), HTTPStatus.SEE_OTHER)
        if request.method == "POST":
            visitor = await sessions.visitor(request)
            await sessions.read_form(request, visitor)
            await sessions.sign_out(request)
            response.delete_cookie(COOKIE, path=view.url())
        return response

    return {"/sign-in": sign_in, "/sign-out": sign_out}


async def _sign_in(view: View, sessions: Sessions) -> Response:
    request = view.request
    if not is_same_site(request):
        raise NotAllowed(TEXTS("error.other_site"))
    fields = await read_form_fields(request, _MAX_FORM_BYTES, view.context.settings["request_timeout_s"])
    link, key = fields.get("link", ""), fields.get("key", "").strip()
    target = local_path(fields.get("next", ""))
    method = "link" if link else "key"
    signed_in = await (sessions.sign_in_with_link(link) if link else sessions.sign_in_with_key(key))
    if signed_in is None:
        log_refusal("sign_in_failed", via="dashboard", method=method)
        error = TEXTS("sign_in.link_used" if link else "sign_in.key_refused")
        return render(view, "sign_in.html", HTTPStatus.FORBIDDEN, error=error, link="", next=target)
    secret, session = signed_in
    note_session(request, session)
    security_event(
        "sign_in",
        via="dashboard",
        method=method,
        domain=session.domain,
        role=str(session.role),
        key_id=session.key_id,
    )
    secure = view.origin.startswith("https://")
    response = redirect_with_cookie(f"{view.root_path}{BASE}{target}", secret, view.url(), secure=secure)
    timezone = fields.get("timezone", "")
    if is_zone(timezone) and TIMEZONE_COOKIE not in request.cookies:
        view.set_preference(response, TIMEZONE_COOKIE, timezone)
    return response

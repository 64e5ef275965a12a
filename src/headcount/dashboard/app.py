"""Routes of the dashboard on one screen, with the access that each path needs.

Responsible for sessions, roles and error pages around all handlers. Must not know what a page shows.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from headcount.dashboard import assets, page_updates, sign_in
from headcount.dashboard.auth import BadForm, NotAllowed, NotSignedIn, Sessions, Upload, reject_nul
from headcount.dashboard.context import PageContext
from headcount.dashboard.pages import (
    access_log,
    attendance,
    downloads,
    endpoint,
    health,
    keys,
    live,
    meeting,
    meeting_print,
    meetings,
    person,
    privacy,
    room,
    search,
    settings,
    shared,
    shares,
    usage,
)
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.renderer import BASE, TEXTS, View, render_error
from headcount.errors import BadInput
from headcount.store.database import StoreError, time_limit

Page = Callable[[View], Awaitable[Response]]
FormHandler = Callable[[View, dict[str, str]], Awaitable[Response]]
UploadHandler = Callable[[View, Upload], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]

_METHODS: Final = ("GET", "POST")
_LARGE: Final = (".xlsx", ".zip", "/privacy")
_LARGE_TIMEOUT_FACTOR: Final = 10
"""A workbook of 100,000 rows, or what reads all data of a person, may take longer than a page, by this factor."""
log = structlog.get_logger("headcount.dashboard")


def routes(context: PageContext, sessions: Sessions) -> list[Route]:
    """Return all routes, below `/dashboard`."""
    pages: dict[str, Page] = {
        "": live.page,
        "/live.json": live.as_json,
        "/live/rooms": live.rooms,
        "/live/first-event": live.first_event,
        "/live/ingest-key": live.page,
        "/updates": page_updates.stream,
        "/meetings": meetings.page,
        "/meetings.json": meetings.as_json,
        "/meetings.csv": downloads.meetings_csv,
        "/meetings.xlsx": downloads.meetings_xlsx,
        "/meetings/{id}.json": meeting.as_json,
        "/meetings/{id}.csv": downloads.meeting_csv,
        "/meetings/{id}.xlsx": downloads.meeting_xlsx,
        "/meetings/{id}.ics": downloads.meeting_ics,
        "/meetings/{id}/at": meeting.at,
        "/meetings/{id}/rows": meeting.more,
        "/meetings/{id}/timeline": meeting.timeline,
        "/meetings/{id}/print": meeting_print.page,
        "/meetings/{id}/attendance": attendance.page,
        "/meetings/{id}": meeting.page,
        "/room": room.page,
        "/room.json": room.as_json,
        "/room.ics": downloads.room_ics,
        "/person": person.page,
        "/person.json": person.as_json,
        "/person.csv": downloads.person_csv,
        "/person.xlsx": downloads.person_xlsx,
        "/person.ics": downloads.person_ics,
        "/search": search.page,
        "/search/people": search.people,
        "/search/suggestions": search.suggestions,
        "/usage": usage.page,
        "/usage/rooms": usage.rooms,
        "/usage.json": usage.as_json,
        "/usage.csv": downloads.usage_csv,
        "/usage.xlsx": downloads.usage_xlsx,
        "/health": health.page,
        "/health.json": health.as_json,
        "/health/engine": health.engine,
        "/health/dead-letters": health.page,
        "/shares": settings.page,
        "/settings": settings.page,
        "/settings.json": settings.as_json,
        "/settings/keys": settings.page,
        "/settings/links": settings.page,
        "/settings/theme": settings.page,
        "/settings/webhooks": settings.page,
        "/settings/webhooks/{uuid}": endpoint.page,
        "/settings/webhooks/{uuid}/test": endpoint.page,
    }
    admin_pages: dict[str, Page] = {
        "/privacy": privacy.page,
        "/privacy.zip": privacy.export,
        "/privacy/erasures": privacy.erasures,
        "/access-log": access_log.page,
        "/access-log.csv": access_log.as_csv,
    }
    admin_forms: dict[str, FormHandler] = {
        "/health/dead-letters": health.retry,
        "/live/ingest-key": live.create_ingest_key,
        "/privacy/erasures": privacy.erase,
        "/shares": shares.create,
        "/shares/revoke": shares.revoke,
        "/settings/keys": keys.create,
        "/settings/keys/revoke": keys.revoke,
        "/settings/links": keys.create_sign_in_link,
        "/settings/sign-ins/revoke": keys.revoke_session,
        "/settings/webhooks": endpoint.create,
        "/settings/webhooks/{uuid}": endpoint.update,
        "/settings/webhooks/{uuid}/test": endpoint.test,
        "/settings/webhooks/{uuid}/enable": endpoint.reenable,
        "/settings/webhooks/{uuid}/resend": endpoint.resend,
        "/settings/webhooks/{uuid}/secrets": endpoint.add_secret,
        "/settings/webhooks/{uuid}/secrets/remove": endpoint.remove_secret,
        "/settings/webhooks/{uuid}/delete": endpoint.delete,
    }
    visitor_forms: dict[str, FormHandler] = {
        "/settings/time-zone": settings.choose_timezone,
        "/settings/theme": settings.choose_theme,
    }
    uploads: dict[str, UploadHandler] = {
        "/meetings/{id}/attendance": attendance.compare,
    }
    public = {**sign_in.handlers(context, sessions), **shared.handlers(context)}
    return [
        _route("/assets/{name}", assets.asset),
        *(_route(path, _with_errors(context, handler)) for path, handler in public.items()),
        *(
            _route(path, _with_errors(context, _for_visitors(context, sessions, page)))
            for path, page in pages.items()
        ),
        *(
            _route(path, _with_errors(context, _for_admins(context, sessions, page)))
            for path, page in admin_pages.items()
        ),
        *(
            _route(path, _with_errors(context, _form_for_admins(context, sessions, handler)), "POST")
            for path, handler in admin_forms.items()
        ),
        *(
            _route(path, _with_errors(context, _upload_for_visitors(context, sessions, handler)), "POST")
            for path, handler in uploads.items()
        ),
        *(
            _route(path, _with_errors(context, _form_for_visitors(context, sessions, handler)), "POST")
            for path, handler in visitor_forms.items()
        ),
        _route(
            "/{rest:path}", _with_errors(context, _for_visitors(context, sessions, _not_found)), *_METHODS
        ),
    ]


def _for_visitors(context: PageContext, sessions: Sessions, page: Page) -> Handler:
    """Require a session."""

    async def handler(request: Request) -> Response:
        return await page(View(context, request, await sessions.visitor(request)))

    return handler


def _for_admins(context: PageContext, sessions: Sessions, page: Page) -> Handler:
    """Require an admin's session."""

    async def handler(request: Request) -> Response:
        visitor = await sessions.visitor(request)
        if not visitor.is_admin:
            raise NotAllowed(TEXTS("error.admins_only"))
        return await page(View(context, request, visitor))

    return handler


def _form_for_admins(context: PageContext, sessions: Sessions, form: FormHandler) -> Handler:
    """Require an admin's session and a form from a page of it."""

    async def handler(request: Request) -> Response:
        visitor = await sessions.visitor(request)
        if not visitor.is_admin:
            raise NotAllowed(TEXTS("error.admins_only"))
        return await form(View(context, request, visitor), await sessions.read_form(request, visitor))

    return handler


def _form_for_visitors(context: PageContext, sessions: Sessions, form: FormHandler) -> Handler:
    """Require a session and a form from a page of it."""

    async def handler(request: Request) -> Response:
        visitor = await sessions.visitor(request)
        return await form(View(context, request, visitor), await sessions.read_form(request, visitor))

    return handler


def _upload_for_visitors(context: PageContext, sessions: Sessions, handle: UploadHandler) -> Handler:
    """Require a session and a form, which may have files, from a page of it."""

    async def handler(request: Request) -> Response:
        visitor = await sessions.visitor(request)
        return await handle(View(context, request, visitor), await sessions.read_upload(request, visitor))

    return handler


def _with_errors(context: PageContext, handler: Handler) -> Handler:
    """Turn errors into pages. The store, and a form before it, are waited for up to the timeout of a request each."""

    async def wrapped(request: Request) -> Response:
        def view() -> View:
            return View(context, request, getattr(request.state, "visitor", None))

        if request.scope["path"].endswith(_LARGE):
            factor = _LARGE_TIMEOUT_FACTOR
        else:
            factor = 2 if request.method == "POST" else 1
        try:
            reject_nul(request.scope["path"], *request.query_params, *request.query_params.values())
            async with time_limit(context.settings["request_timeout_s"] * factor):
                return await handler(request)
        except NotSignedIn:
            return _redirect_to_sign_in(view())
        except NotAllowed as error:
            return render_error(view(), 403, str(error))
        except BadForm as error:
            # Anyone can send such forms, and many at once: rendering a page for each would cost too much.
            return PlainTextResponse(f"{error}\n", error.status, {"connection": "close"})
        except NotFound as error:
            return render_error(view(), 404, str(error))
        except BadInput as error:
            return render_error(view(), 400, str(error))
        except StoreError as error:
            log.warning("database request of a page failed", reason=str(error))
            return render_error(view(), 503, TEXTS("error.store"))
        except Exception:
            number = request.scope["state"].get("request_id", "")
            log.exception("page failed", route=request.scope["headcount.route"], request_id=number)
            return render_error(view(), 500, TEXTS("error.internal", number=number))

    return wrapped


def _redirect_to_sign_in(view: View) -> Response:
    """Redirect to the sign-in page, which leads back to this page unless it is only a part of one."""
    if "hx-request" in view.request.headers:
        return Response(status_code=401, headers={"hx-redirect": view.url("/sign-in")})
    query = view.request.scope["query_string"].decode("latin-1")
    target = view.path + (f"?{query}" if query else "")
    return RedirectResponse(view.url("/sign-in", next=target or None), 303)


def _route(path: str, handler: Handler, *methods: str) -> Route:
    """Return a route that metrics report under its path."""
    route = BASE + path

    async def endpoint(request: Request) -> Response:
        request.scope["headcount.route"] = route
        return await handler(request)

    has_form = path in sign_in.PATHS or path in shared.FORM_PATHS
    allowed = list(methods) or (list(_METHODS) if has_form else ["GET"])
    return Route(route, endpoint, methods=allowed, name=f"dashboard{re.sub(r'[^a-z]+', '-', path)}")


async def _not_found(_: View) -> Response:
    raise NotFound(TEXTS("error.page_not_found"))

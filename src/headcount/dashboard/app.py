"""App: the pages on one screen. Who may see what stands beside each path."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from headcount.dashboard import assets, page_updates, sign_in
from headcount.dashboard.auth import BadForm, Door, NotAllowed, NotSignedIn, refuse_nul
from headcount.dashboard.context import House
from headcount.dashboard.pages import (
    downloads,
    endpoint,
    health,
    keys,
    live,
    meeting,
    meetings,
    person,
    room,
    search,
    settings,
    shared,
    shares,
    usage,
)
from headcount.dashboard.pages.query import NotThere
from headcount.dashboard.renderer import BASE, TEXTS, View, trouble
from headcount.errors import BadInput
from headcount.store.database import StoreError, time_limit

Page = Callable[[View], Awaitable[Response]]
Change = Callable[[View, dict[str, str]], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]

_METHODS: Final = ("GET", "POST")
_FOR_FILES: Final = 10
"""So many times as long as a page may a workbook of a hundred thousand rows take."""
log = structlog.get_logger("headcount.dashboard")


def routes(house: House, door: Door) -> list[Route]:
    """The pages, beneath `/dashboard`."""
    pages: dict[str, Page] = {
        "": live.page,
        "/now.json": live.as_json,
        "/now/rooms": live.rooms,
        "/now/first": live.first,
        "/live": page_updates.stream,
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
        "/meetings/{id}": meeting.page,
        "/room": room.page,
        "/room.json": room.as_json,
        "/room.ics": downloads.room_ics,
        "/person": person.page,
        "/person.json": person.as_json,
        "/person.csv": downloads.person_csv,
        "/person.xlsx": downloads.person_xlsx,
        "/person.ics": downloads.person_ics,
        "/find": search.page,
        "/find/people": search.people,
        "/usage": usage.page,
        "/usage/rooms": usage.rooms,
        "/usage.json": usage.as_json,
        "/usage.csv": downloads.usage_csv,
        "/usage.xlsx": downloads.usage_xlsx,
        "/health": health.page,
        "/health.json": health.as_json,
        "/health/engine": health.engine,
        "/health/letters": health.page,
        "/shares": settings.page,
        "/settings": settings.page,
        "/settings.json": settings.as_json,
        "/settings/keys": settings.page,
        "/settings/links": settings.page,
        "/settings/webhooks": settings.page,
        "/settings/webhooks/{uuid}": endpoint.page,
        "/settings/webhooks/{uuid}/test": endpoint.page,
    }
    changes: dict[str, Change] = {
        "/health/letters": health.retry,
        "/shares": shares.make,
        "/shares/revoke": shares.revoke,
        "/settings/keys": keys.make,
        "/settings/keys/revoke": keys.revoke,
        "/settings/links": keys.make_link,
        "/settings/sign-ins/revoke": keys.revoke_sign_in,
        "/settings/webhooks": endpoint.add,
        "/settings/webhooks/{uuid}": endpoint.change,
        "/settings/webhooks/{uuid}/test": endpoint.test,
        "/settings/webhooks/{uuid}/revive": endpoint.revive,
        "/settings/webhooks/{uuid}/replay": endpoint.replay,
        "/settings/webhooks/{uuid}/secrets": endpoint.add_secret,
        "/settings/webhooks/{uuid}/secrets/drop": endpoint.drop_secret,
        "/settings/webhooks/{uuid}/remove": endpoint.remove,
    }
    choices: dict[str, Change] = {
        "/settings/zone": settings.choose_zone,
    }
    return [
        _placed("/assets/{name}", assets.asset),
        *(_placed(path, _told(house, handler)) for path, handler in sign_in.handlers(house, door).items()),
        *(_placed(path, _told(house, handler)) for path, handler in shared.handlers(house).items()),
        *(_placed(path, _told(house, _seen(house, door, page))) for path, page in pages.items()),
        *(
            _placed(path, _told(house, _changed(house, door, change)), "POST")
            for path, change in changes.items()
        ),
        *(
            _placed(path, _told(house, _chosen(house, door, choice)), "POST")
            for path, choice in choices.items()
        ),
        _placed("/{rest:path}", _told(house, _seen(house, door, _nothing_here)), *_METHODS),
    ]


def _seen(house: House, door: Door, page: Page) -> Handler:
    """A page for those who have signed in."""

    async def handler(request: Request) -> Response:
        return await page(View(house, request, await door.visitor(request)))

    return handler


def _changed(house: House, door: Door, change: Change) -> Handler:
    """What an admin changes, by a form of ours."""

    async def handler(request: Request) -> Response:
        visitor = await door.visitor(request)
        if not visitor.is_admin:
            raise NotAllowed(TEXTS("trouble.viewer"))
        return await change(View(house, request, visitor), await door.form(request, visitor))

    return handler


def _chosen(house: House, door: Door, choice: Change) -> Handler:
    """What everybody may choose for their own browser, by a form of ours."""

    async def handler(request: Request) -> Response:
        visitor = await door.visitor(request)
        return await choice(View(house, request, visitor), await door.form(request, visitor))

    return handler


def _told(house: House, handler: Handler) -> Handler:
    """Whatever goes wrong is told on a page. The store, and a form before it, are waited for up to `request_s` each."""

    async def careful(request: Request) -> Response:
        view = View(house, request, None)
        longer = (
            _FOR_FILES if request.scope["path"].endswith(".xlsx") else 2 if request.method == "POST" else 1
        )
        patience_s = house.settings["request_s"] * longer
        try:
            refuse_nul(request.scope["path"], *request.query_params, *request.query_params.values())
            async with time_limit(patience_s):
                return await handler(request)
        except NotSignedIn:
            return _to_sign_in(view)
        except NotAllowed as error:
            return trouble(view, 403, str(error))
        except BadForm as error:
            # Anybody can send such a form, and many at once: there is no page to be made for each.
            return PlainTextResponse(f"{error}\n", error.status, {"connection": "close"})
        except NotThere as error:
            return trouble(view, 404, str(error))
        except BadInput as error:
            return trouble(view, 400, str(error))
        except StoreError as error:
            log.warning("the store did not answer a page", reason=str(error))
            return trouble(view, 503, TEXTS("trouble.store"))
        except Exception:
            number = request.scope["state"].get("request_id", "")
            log.exception("a page failed", route=request.scope["headcount.route"], request_id=number)
            return trouble(view, 500, TEXTS("trouble.ours", number=number))

    return careful


def _to_sign_in(view: View) -> Response:
    """Off to the door, and back here afterwards. Parts of pages are not worth coming back to."""
    if "hx-request" in view.request.headers:
        return Response(status_code=401, headers={"hx-redirect": view.url("/sign-in")})
    query = view.request.scope["query_string"].decode("latin-1")
    asked = view.path + (f"?{query}" if query else "")
    return RedirectResponse(view.url("/sign-in", next=asked or None), 303)


def _placed(path: str, handler: Handler, *methods: str) -> Route:
    """A route that the metrics know by its path."""
    whole = BASE + path

    async def known(request: Request) -> Response:
        request.scope["headcount.route"] = whole
        return await handler(request)

    wanted = list(methods) or (list(_METHODS) if path in sign_in.PATHS else ["GET"])
    return Route(whole, known, methods=wanted, name=f"dashboard{re.sub(r'[^a-z]+', '-', path)}")


async def _nothing_here(_: View) -> Response:
    raise NotThere(TEXTS("trouble.nothing"))

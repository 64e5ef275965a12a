"""Signing in and out."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headcount.dashboard import times
from headcount.dashboard.auth import COOKIE, Door, NotAllowed, fields_of, is_of_this_site, let_in
from headcount.dashboard.context import House
from headcount.dashboard.renderer import BASE, TEXTS, ZONE_COOKIE, View, page
from headcount.telemetry.logging import refused_somebody, security_event

_MOST_BYTES: Final = 16_384
"""A form that anybody may send is smaller than those of somebody who has signed in."""
PATHS: Final = ("/sign-in", "/sign-out")

Handler = Callable[[Request], Awaitable[Response]]


def handlers(house: House, door: Door) -> Mapping[str, Handler]:
    """What is behind the door's own paths."""

    async def sign_in(request: Request) -> Response:
        view = View(house, request, None)
        if request.method == "POST":
            return await _let_in(view, door)
        link = request.query_params.get("link", "")
        if link and not await door.holds(link):
            return page(
                view, "sign_in.html", HTTPStatus.GONE, wrong=TEXTS("sign_in.used"), link="", next=_next(view)
            )
        return page(view, "sign_in.html", wrong="", link=link, next=_next(view))

    async def sign_out(request: Request) -> Response:
        view = View(house, request, None)
        if request.method == "POST":
            visitor = await door.visitor(request)
            await door.form(request, visitor)
            await door.sign_out(request)
        answer = RedirectResponse(view.url("/sign-in"), HTTPStatus.SEE_OTHER)
        if request.method == "POST":
            answer.delete_cookie(COOKIE, path=view.url())
        return answer

    return {"/sign-in": sign_in, "/sign-out": sign_out}


async def _let_in(view: View, door: Door) -> Response:
    request = view.request
    if not is_of_this_site(request):
        raise NotAllowed(TEXTS("trouble.foreign"))
    fields = await fields_of(request, _MOST_BYTES, view.house.settings["request_s"])
    link, key = fields.get("link", ""), fields.get("key", "").strip()
    found = await (door.sign_in_with_link(link) if link else door.sign_in_with_key(key))
    method = "link" if link else "key"
    if found is None:
        refused_somebody("sign_in_failed", via="dashboard", method=method)
        wrong = TEXTS("sign_in.used" if link else "sign_in.refused")
        return page(
            view,
            "sign_in.html",
            HTTPStatus.FORBIDDEN,
            wrong=wrong,
            link="",
            next=_safe(fields.get("next", "")),
        )
    security_event(
        "sign_in",
        via="dashboard",
        method=method,
        domain=found[1].domain,
        role=str(found[1].role),
        key_id=found[1].key_id,
    )
    secure = view.origin.startswith("https://")
    place = f"{view.root}{BASE}{_safe(fields.get('next', ''))}"
    answer = let_in(place, found[0], view.url(), secure=secure)
    zone = fields.get("zone", "")
    if times.is_zone(zone) and ZONE_COOKIE not in request.cookies:
        view.keep_zone(answer, zone)
    return answer


def _next(view: View) -> str:
    return _safe(view.request.query_params.get("next", ""))


def _safe(place: str) -> str:
    """A page of ours, wherever the address wants to lead."""
    ours = place.startswith("/") and not place.startswith("//") and "\\" not in place and place.isprintable()
    return place if ours else ""

"""Showing: from values to a page. Templates, addresses, times and texts meet here."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from headcount.dashboard import assets, times
from headcount.dashboard.auth import Visitor
from headcount.dashboard.context import House
from headcount.dashboard.sanitize import local
from headcount.dashboard.texts import Texts
from headcount.kernel.events import Ms

BASE: Final = "/dashboard"
ZONE_COOKIE: Final = "headcount_zone"
_YEAR_S: Final = 365 * 86_400
_PREFIX: Final = re.compile(r"(/[\w.~-]+){0,8}", re.ASCII)
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {"content-security-policy": _CSP}


class View:
    """One request as templates see it: who looks, in which zone, and how addresses are made."""

    def __init__(self, house: House, request: Request, visitor: Visitor | None) -> None:
        self.house = house
        self.request = request
        self.visitor = visitor
        self.now: Ms = house.now()
        self.root = root_of(house, request)
        self.zone_name = _zone_name(house, request)
        self.zone = ZoneInfo(self.zone_name)

    @property
    def domain(self) -> str:
        assert self.visitor is not None
        return self.visitor.domain

    def url(self, path: str = "", /, **query: Any) -> str:
        """The address of a page: `path` without what all begin with; what is None is left out."""
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return f"{self.root}{BASE}{path}" + (f"?{asked}" if asked else "")

    def whole(self, path: str = "", **query: Any) -> str:
        """The same address as somebody elsewhere would type it."""
        return self.origin + self.url(path, **query).removeprefix(self.root)

    def same(self, /, **changed: Any) -> str:
        """The address of this page with some of what it asks for changed."""
        return self.url(self.path, **{**self.query, **changed})

    def file(self, path: str, /, **changed: Any) -> Callable[[str], str]:
        """From a kind of file to the address of this page as such a file."""
        asked = {**self.query, "zone": self.zone_name, **changed}
        return lambda kind: self.url(f"{path}.{kind}", **asked)

    @property
    def path(self) -> str:
        """The page's own path, without what all begin with."""
        path: str = self.request.scope["path"]
        return path.removeprefix(BASE)

    @property
    def query(self) -> Mapping[str, str]:
        return dict(self.request.query_params)

    @property
    def origin(self) -> str:
        """By which address this is reached, as far as we know."""
        return origin_of(self.house, self.request)

    @property
    def api(self) -> str:
        """The address of the API."""
        return self.origin + self.house.api

    def asset(self, name: str) -> str:
        return f"{self.root}{BASE}/assets/{name}?{assets.digest_of(name)}"

    def keep_zone(self, answer: Response, zone: str) -> None:
        """Let the browser remember in which zone it wants to see times."""
        secure = self.origin.startswith("https://")
        answer.set_cookie(ZONE_COOKIE, zone, max_age=_YEAR_S, path=self.url(), samesite="lax", secure=secure)

    def moment(self, at: Ms, form: str = "minutes") -> Markup:
        """A moment as the clocks of the zone show it, with the exact one on hover."""
        when = local(at, self.zone)
        exact = f"{when:%A %d %B %Y, %H:%M:%S} {times.offset_of(when)} ({self.zone_name})"
        shown = {
            "minutes": f"{when:%d %b} {times.clock(when)}",
            "day": f"{when:%a %d %b %Y}",
            "month": f"{when:%B %Y}",
            "clock": times.clock(when),
            "seconds": times.clock(when, seconds=True),
            "full": f"{when:%a %d %b %Y} {times.clock(when, seconds=True)}",
        }[form]
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            when.isoformat(timespec="milliseconds"), exact, shown
        )

    def day(self, at: Ms) -> str:
        """The day of a moment, as addresses ask for it."""
        return f"{local(at, self.zone):%Y-%m-%d}"

    def ago(self, at: Ms) -> Markup:
        """How long ago, with the moment on hover."""
        when = local(at, self.zone)
        exact = f"{when:%a %d %b %Y, %H:%M:%S} {times.offset_of(when)}"
        told = times.length(max(0, self.now - at) // 1_000)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            when.isoformat(timespec="milliseconds"), exact, TEXTS("ago", length=told)
        )

    def lasting(self, start: Ms, end: Ms | None) -> Markup:
        """How long something lasted, or lasts: then it ticks."""
        seconds = max(0, (self.now if end is None else end) - start) // 1_000
        if end is not None:
            return Markup("<span>{}</span>").format(times.length(seconds))
        return Markup('<span class="ticking" data-since="{}">{}</span>').format(start, times.ticking(seconds))


TEXTS: Final = Texts()


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("headcount.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["t"] = TEXTS
    made.filters["length"] = times.length
    made.filters["number"] = lambda number: f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    made.filters["path"] = lambda text: quote(str(text), safe="")
    return made


def page(view: View, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """A page, or a part of one."""
    values = {"view": view, "visitor": view.visitor, "now": view.now, "csrf": lambda: _csrf(view)} | values
    body = _environment().get_template(template).render(values)
    return HTMLResponse(body, status, _HEADERS)


def _csrf(view: View) -> Markup:
    """What every form that changes something holds."""
    word = "" if view.visitor is None else view.visitor.csrf
    return Markup('<input type="hidden" name="csrf" value="{}">').format(word)


def trouble(view: View, status: int, told: str) -> Response:
    """A page that says what is wrong, and what to do."""
    return page(view, "trouble.html", status, told=told, number=int(status))


def root_of(house: House, request: Request) -> str:
    """What a proxy puts before our paths: what it says itself, or what the public address has."""
    told = request.headers.get("x-forwarded-prefix")
    path = urlsplit(house.public_url).path if told is None else told
    path = path.rstrip("/")
    return path if _PREFIX.fullmatch(path) else ""


def origin_of(house: House, request: Request) -> str:
    if house.public_url:
        return house.public_url.rstrip("/")
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", request.scope["scheme"])
    host = headers.get("x-forwarded-host", headers.get("host", ""))
    return f"{scheme}://{host}{root_of(house, request)}"


def _zone_name(house: House, request: Request) -> str:
    """The zone that the address names, or that was chosen, or that is set."""
    for name in (request.query_params.get("zone"), request.cookies.get(ZONE_COOKIE)):
        if name and times.is_zone(name):
            return name
    return house.zone

"""Rendering of pages: from values to HTML.

Responsible for templates, addresses, and how times are shown in the time zone of a request. Must not read the store.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from shlex import quote as quote_shell
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from headcount.dashboard import assets, formats, texts
from headcount.dashboard.attributes import labels_of
from headcount.dashboard.auth import Visitor
from headcount.dashboard.context import PageContext
from headcount.dashboard.sanitize import local
from headcount.kernel.events import Ms
from headcount.timestamps import format_datetime
from headcount.timezones import is_zone, utc_offset

BASE: Final = "/dashboard"
TIMEZONE_COOKIE: Final = "headcount_timezone"
THEME_COOKIE: Final = "headcount_theme"
THEMES: Final = ("system", "light", "dark")
"""The first one follows the browser."""
_YEAR_S: Final = 365 * 86_400
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {"content-security-policy": _CSP}

TEXTS: Final = texts.TEXTS


class View:
    """One request as handlers and templates see it: session, time zone, and how addresses and times are written."""

    def __init__(self, context: PageContext, request: Request, visitor: Visitor | None) -> None:
        self.context = context
        self.request = request
        self.visitor = visitor
        self.now: Ms = context.now()
        self.root_path = root_path_of(context, request)
        self.timezone = _timezone_of(context, request)
        self.zone = ZoneInfo(self.timezone)
        theme = request.cookies.get(THEME_COOKIE)
        self.theme = theme if theme in THEMES else THEMES[0]

    @property
    def domain(self) -> str:
        assert self.visitor is not None
        return self.visitor.domain

    def url(self, path: str = "", /, **query: Any) -> str:
        """Return the address of a page. `path` is relative to the dashboard; Headcount omits parameters that are None."""
        parameters = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return f"{self.root_path}{BASE}{path}" + (f"?{parameters}" if parameters else "")

    def absolute_url(self, path: str = "", **query: Any) -> str:
        """Return the same address with scheme and host."""
        return self.origin + self.url(path, **query).removeprefix(self.root_path)

    def url_with(self, /, **changed: Any) -> str:
        """Return the address of this page with some of its parameters changed."""
        return self.url(self.path, **{**self.query, **changed})

    def export_url(self, path: str, /, **changed: Any) -> Callable[[str], str]:
        """Return a function from a file format to the address of this page in that format."""
        query = {**self.query, "timezone": self.timezone, **changed}
        return lambda file_format: self.url(f"{path}.{file_format}", **query)

    @property
    def path(self) -> str:
        """The path of this page, relative to the dashboard."""
        path: str = self.request.scope["path"]
        return path.removeprefix(BASE)

    @property
    def query(self) -> Mapping[str, str]:
        return dict(self.request.query_params)

    @property
    def origin(self) -> str:
        """Scheme, host and root path by which the browser reaches the service."""
        return origin_of(self.context, self.request)

    @property
    def api_url(self) -> str:
        return self.origin + self.context.api_prefix

    def asset(self, name: str) -> str:
        return f"{self.root_path}{BASE}/assets/{name}?{assets.digest_of(name)}"

    def command(self, text: str) -> str:
        """Return a `headcount` command for a hint. The database is shown to admins and to clients on this machine."""
        hints, client = self.context.command_hints, self.request.client
        if self.visitor is not None and self.visitor.is_admin:
            return hints.command(text)
        known = client and hints.command_for(text, client.host, self.request.headers)
        return known or f"headcount {text} --database DATABASE"

    def set_preference(self, response: Response, cookie: str, value: str) -> None:
        """Store a preference in the browser, such as its time zone or theme."""
        secure = self.origin.startswith("https://")
        response.set_cookie(cookie, value, max_age=_YEAR_S, path=self.url(), samesite="lax", secure=secure)

    def time(self, at: Ms, style: str = "minutes") -> Markup:
        """Return a time in the time zone of the request, with the exact one as a tooltip."""
        when = local(at, self.zone)
        year = "" if when.year == self._today.year else f" {when.year}"
        text = {
            "minutes": f"{when.day} {when:%b}{year} {formats.clock(when)}",
            "day": f"{when:%a} {when.day} {when:%b %Y}",
            "month": f"{when:%B %Y}",
            "clock": formats.clock(when),
            "seconds": formats.clock(when, seconds=True),
            "date_and_seconds": f"{when.day} {when:%b} {formats.clock(when, seconds=True)}",
            "full": f"{when:%a} {when.day} {when:%b %Y} {formats.clock(when, seconds=True)}",
        }[style]
        return self._time_element(when, text)

    def time_within(self, at: Ms, start: Ms, end: Ms | None) -> Markup:
        """Return a time of day in a span of time, with the date if the span has several days. None ends now."""
        last = self.now if end is None else end
        is_one_day = local(start, self.zone).date() == local(last, self.zone).date()
        return self.time(at, "seconds" if is_one_day else "date_and_seconds")

    def clock_within(self, start: Ms, end: Ms | None) -> Callable[[Ms], str]:
        """Return a function that writes times as `time_within` does, as plain text, for very many of them."""
        last = self.now if end is None else end
        is_one_day = local(start, self.zone).date() == local(last, self.zone).date()
        form = "{:%H:%M:%S}" if is_one_day else "{0.day} {0:%b %H:%M:%S}"
        return lambda at: form.format(local(at, self.zone))

    def span(self, start: Ms, end: Ms | None, *, seconds: bool = False, year: bool = False) -> Markup:
        """Return a span of time, with the second date if the days differ, and the exact times as a tooltip."""
        year = year or local(start, self.zone).year != self._today.year
        text = formats.span(start, end, self.zone, seconds=seconds, year=year)
        exact = formats.span(start, end, self.zone, seconds=True, year=True)
        return Markup('<span title="{} ({})">{}</span>').format(exact, self.timezone, text)

    def date(self, at: Ms) -> str:
        """Return the date of a time, as addresses write it."""
        return f"{local(at, self.zone):%Y-%m-%d}"

    def ago(self, at: Ms) -> Markup:
        """Return how long ago a time was, with the time as a tooltip."""
        return self._time_element(local(at, self.zone), TEXTS("ago", age=formats.age(self.now - at)))

    def duration(self, start: Ms, end: Ms | None) -> Markup:
        """Return a duration; if `end` is None, the duration until now, which a script keeps up to date."""
        if end is not None:
            return Markup("<span>{}</span>").format(formats.duration(end - start))
        # Whole seconds, as the script shows them.
        elapsed = (self.now - start) // 1_000 * 1_000
        return Markup('<span data-since="{}">{}</span>').format(start, formats.duration(elapsed))

    @property
    def _today(self) -> datetime:
        return local(self.now, self.zone)

    def _time_element(self, when: datetime, text: str) -> Markup:
        """A text about a time, with the exact time as a tooltip."""
        exact = f"{when:%A} {when.day} {when:%B %Y, %H:%M:%S} {utc_offset(when)} ({self.timezone})"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(format_datetime(when), exact, text)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("headcount.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["t"] = TEXTS
    environment.filters["duration"] = formats.duration
    environment.filters["number"] = formats.number
    environment.filters["percent"] = formats.percent
    environment.filters["labels"] = labels_of
    environment.filters["name"] = formats.name_of
    environment.filters["shell"] = quote_shell
    environment.filters["path"] = lambda text: quote(str(text), safe="")
    return environment


def render(view: View, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """Return a page, or a part of one, as a response."""
    values = {
        "view": view,
        "visitor": view.visitor,
        "now": view.now,
        "csrf": lambda: _csrf_field(view),
        "themes": THEMES,
    } | values
    body = _environment().get_template(template).render(values)
    return HTMLResponse(body, status, _HEADERS)


def render_error(view: View, status: int, message: str) -> Response:
    """Return a page that explains an error, with the navigation if the request has a session."""
    return render(view, "error.html", status, message=message, title=TEXTS(f"error.{int(status)}"))


def _csrf_field(view: View) -> Markup:
    """The hidden field of every form that changes something."""
    token = "" if view.visitor is None else view.visitor.csrf
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def local_path(path: str) -> str:
    """Return the path, relative to the dashboard, if it leads to the dashboard; else that of its first page."""
    is_path = path.startswith("/") and not path.startswith("//")
    return path if is_path and "\\" not in path and path.isprintable() else ""


def root_path_of(context: PageContext, request: Request) -> str:
    """Return the path that a proxy puts before `/dashboard`: as a trusted proxy reports it, or from the public URL."""
    reported: str | None = request.scope.get("headcount.prefix")
    return urlsplit(context.public_url).path.rstrip("/") if reported is None else reported


def origin_of(context: PageContext, request: Request) -> str:
    """Return scheme, host and root path by which a request reached the service."""
    if context.public_url:
        return context.public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}{root_path_of(context, request)}"


def _timezone_of(context: PageContext, request: Request) -> str:
    """The time zone of the address, of the cookie, or the default one."""
    for name in (request.query_params.get("timezone"), request.cookies.get(TIMEZONE_COOKIE)):
        if name and is_zone(name):
            return name
    return context.timezone

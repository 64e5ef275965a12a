"""Every page is accessible, valid HTML, and fits a phone, and its texts come from one place."""

import re
from importlib.resources import files
from pathlib import Path

import html5lib
import pytest

from headcount.dashboard.texts import Texts
from support.browser import BASE, HOSTILE_ATTRIBUTES, BrowserSession, create_meeting, send_events, sign_in

AXE = Path("tests/node/node_modules/axe-core/axe.min.js")
ROOM = "every page"
PAGES = [
    "",
    "/meetings",
    "/meetings?room=nowhere",
    "/meetings/MEETING",
    "/meetings/MEETING?tab=events&at=00:00",
    "/meetings/MEETING?tab=explanation",
    "/meetings/MEETING?tab=corrections",
    "/meetings/MEETING?tab=deliveries",
    "/meetings/MEETING/attendance",
    "/meetings/MEETING/print",
    f"/room?name={ROOM}",
    "/room?name=still going on",
    f"/person?id=u-ana-{ROOM}",
    "/search?q=e",
    "/search?q=nothing of that kind&people=1",
    "/usage?from=2025-01-01&rooms=1",
    "/usage",
    "/usage?room=nowhere",
    "/health",
    "/privacy",
    f"/privacy?by=user_id&value=u-ana-{ROOM}",
    "/privacy?by=participant_id&value=nobody",
    "/settings",
    "/access-log",
    "/access-log?subject=of-nobody",
    "/nowhere",
    "/sign-in",
]
VIEWPORTS = {
    "wide and light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "narrow and dark": {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def meeting(service):
    send_events(
        service,
        ("still going on", "join", "x", 90, {"user_name": "Xaver", "attributes": HOSTILE_ATTRIBUTES}),
        ("still going on", "join", "y", 80),
        (ROOM, "join", f"h-{ROOM}", 595, {"user_name": "Hostile", "attributes": HOSTILE_ATTRIBUTES}),
        (ROOM, "leave", f"h-{ROOM}", 400),
    )
    return create_meeting(service, ROOM, attributes=HOSTILE_ATTRIBUTES)


@pytest.fixture(scope="module", params=VIEWPORTS)
def session(service, browser, request):
    dashboard = BrowserSession(service, browser, bypass_csp=True, **VIEWPORTS[request.param])
    yield dashboard
    dashboard.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits_its_viewport(session, meeting, path):
    page = session.at(path.replace("MEETING", meeting))
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_valid_html(service, meeting, path):
    text = sign_in(service).get(BASE + path.replace("MEETING", meeting)).text
    html5lib.HTMLParser(strict=True).parse(text)
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert " style=" not in text
    assert "onclick" not in text


def test_every_text_that_is_used_exists_and_every_text_is_used():
    folder = Path(str(files("headcount.dashboard")))
    source = "\n".join(path.read_text() for path in [*folder.rglob("*.html"), *folder.rglob("*.py")])
    known = {re.sub(r"\.(one|other)$", "", name) for name in Texts().by_key}
    named = set(re.findall(r"""(?:\bt|TEXTS)\(\s*["']([a-z_.]+)["']""", source))
    prefixes = tuple(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)*[._])(?:["'] ~|\{)""", source))
    assert {name for name in named - known if not name.endswith((".", "_"))} == set()
    unused = {name for name in known - named if not name.startswith(prefixes) and f'"{name}"' not in source}
    assert unused == set()

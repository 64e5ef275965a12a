"""The screenshots of the docs, taken from a server with demo data. `make screenshots` writes them into docs/images.

Without it, all go to build/screenshots. A page that cannot be shown fails, and so does a picture that the docs use and that is not
taken here.
"""

import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from support import ROOT
from support.browser import BASE, BrowserSession
from support.running_service import Running

IMAGES = ROOT / "docs/images"
SHOTS = ROOT / "build/screenshots"
USED = {
    name
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    for name in re.findall(r"!\[[^\]]*\]\([^)]*?images/([\w-]+)\.png", page.read_text())
}
"""Pictures of the docs. The others are for looking at."""
SEED = 1
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PAGES = {
    "live": ("", {}),
    "live-narrow": ("", {"viewport": NARROW}),
    "meetings": ("/meetings", {}),
    "usage": ("/usage", {}),
    "health": ("/health", {}),
    "settings": ("/settings", {}),
    "meeting": ("/meetings/{meeting}", {}),
    "meeting-dark": ("/meetings/{meeting}", {"color_scheme": "dark"}),
    "attendance": ("/meetings/{meeting}/attendance", {}),
    "explanation": ("/meetings/{meeting}?tab=explanation", {}),
}
"""Picture without extension: page, options of the browser."""


class Demo(Running):
    """A server with a week of demo data."""

    def _arguments(self, more):
        _, *rest = super()._arguments(more)
        return ["demo", *rest, "--seed", str(SEED), "--days", "7"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    server = Demo(tmp_path_factory.mktemp("demo"), timezone="Europe/Berlin").start()
    server.key = server.make_key("demo", "admin")
    server.client().post("/events?wait=true", json={"room": "wait", "kind": "end"})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def meeting(demo):
    """The id of a finished meeting of the last days that fits into a picture, in a script that every machine has a font for."""
    since = int((datetime.now(UTC) - timedelta(days=6)).timestamp())
    found = demo.client().get("/meetings", params={"timeframe_start": since, "limit": 100}).json()["data"]
    fitting = [
        one for one in found if not one["ongoing"] and 4 <= one["max_participants"] <= 8 and is_plain(one)
    ]
    return max(fitting, key=lambda one: (one["duration"], one["id"]))["id"]


def is_plain(meeting):
    people = meeting["participants"]
    names = "".join(one["user_name"] or "" for one in people)
    return len(people) <= meeting["max_participants"] + 3 and all(ord(letter) < 0x500 for letter in names)


@pytest.mark.parametrize("name", PAGES)
def test_a_screenshot_is_taken(name, demo, meeting, browser):
    path, options = PAGES[name]
    session = BrowserSession(
        demo, browser, **{"viewport": WIDE, "timezone_id": "Europe/Berlin", "locale": "en-US"} | options
    )
    try:
        page = session.page
        answer = page.goto(f"{demo.url}{BASE}{path.format(meeting=meeting)}")
        assert answer.status == 200
        target = IMAGES if name in USED and os.environ.get("UPDATE_SCREENSHOTS") else SHOTS / "docs"
        target.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target / f"{name}.png", animations="disabled")
    finally:
        session.close()


def test_the_docs_use_only_pictures_that_are_taken_here():
    assert USED
    assert USED - set(PAGES) == set()
    assert {path.stem for path in IMAGES.glob("*.png")} == USED

"""The dashboard of a real service, in a real browser."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from support.browser import BrowserSession
from support.running_service import Running

SHOTS = Path("build/screenshots")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service in which a meeting starts after three seconds and not after thirty."""
    running = Running(
        tmp_path_factory.mktemp("dashboard"),
        min_stay_s=1,
        start_alone_s=3,
        timezone="Europe/Berlin",
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser():
    """One for each module: while it is open, an event loop runs in this thread, and other tests have their own."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "the tests of the dashboard need Chromium: tests/install_servers.sh installs it"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


@pytest.fixture
def dashboard(service, browser, request):
    """A browser signed in as an admin. Its console must have no errors."""
    session = BrowserSession(service, browser)
    yield session
    SHOTS.mkdir(parents=True, exist_ok=True)
    session.page.screenshot(path=SHOTS / f"{request.node.name[:80]}.png")
    session.close()
    assert session.console_errors == []


@pytest.fixture
def room(request):
    """A room for this test only."""
    return request.node.name.removeprefix("test_")[:80]

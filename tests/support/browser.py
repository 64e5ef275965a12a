"""Access to the dashboard of a running service: with a browser, or by HTTP alone."""

import re
import time

import httpx2 as httpx

BASE = "/dashboard"
HOSTILE_ATTRIBUTES = {
    "role": "<img src=x onerror=alert(1)>",
    "kind": "\u202ereversed",
    "email": f"{'e' * 480}@example.org",
    "long": "x" * 512,
    "\u05e9\u05dc\u05d5\u05dd": "\u05e2\u05d5\u05dc\u05dd",
    "</span></table>": "</td></tr></table>",
    '"onfocus="alert(1)': "{{ 7 * 7 }}",
    "k" * 64: True,
    **{f"number {number}": number for number in range(20)},
}
"""Attributes that a page must show as text, and that must not make it wider."""
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class BrowserSession:
    """A signed-in page in a browser. `console_errors` are errors and warnings of its console."""

    def __init__(self, service, browser, key=None, **options):
        self.service = service
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        cookie = sign_in(service, key).cookies["headcount"]
        self.context.add_cookies([{"name": "headcount", "value": cookie, "url": service.url}])
        self.page = self.context.new_page()
        self.console_errors = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))

    def _on_console(self, message):
        if message.type in ("error", "warning"):
            self.console_errors.append(message.text)

    def at(self, path):
        """Open a page of the dashboard."""
        self.page.goto(f"{self.service.url}{BASE}{path}")
        return self.page

    def close(self):
        self.context.close()


def sign_in(service, key=None):
    """Return a signed-in client without a browser."""
    client = httpx.Client(base_url=service.url, timeout=30)
    answer = client.post(f"{BASE}/sign-in", data={"key": key or service.key})
    assert answer.status_code == 303, answer.text
    return client


def csrf_token_of(client, path=""):
    """Return the CSRF token of the client's session."""
    return CSRF.search(client.get(BASE + path).text)[1]


def send_events(service, *events):
    """Send events and wait until they are processed; each is (room, kind, participant, seconds ago) and more fields."""
    now = time.time()
    body = [
        {"room": room, "kind": kind, "participant_id": who, "at": now - ago, **(more[0] if more else {})}
        for room, kind, who, ago, *more in events
    ]
    answer = service.client().post("/events?wait=true", json=body)
    assert answer.status_code == 200, answer.text


def create_meeting(service, room, ago=600, lasted=300, **known):
    """Create a meeting of Ana and Bob in a room, and return its id. `ago` and `lasted` are seconds.

    `known` are further fields of Ana's join.
    """
    ana = {"user_id": f"u-ana-{room}", "user_name": "Ana Silva", **known}
    send_events(
        service,
        (room, "join", f"a-{room}", ago, ana),
        (room, "join", f"b-{room}", ago - 20, {"user_name": "Bob"}),
        (room, "leave", f"b-{room}", ago - lasted / 2),
        (room, "leave", f"a-{room}", ago - lasted),
    )
    (meeting,) = service.client().get("/meetings", params={"room": room}).json()["data"]
    return meeting["id"]

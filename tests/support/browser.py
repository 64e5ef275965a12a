"""Somebody who looks at the dashboard of a real service: with a browser, or by HTTP alone."""

import re
import time

import httpx2 as httpx

BASE = "/dashboard"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Looking:
    """A page in a browser. `complaints` are what its console says."""

    def __init__(self, service, browser, key=None, **options):
        self.service = service
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        cookie = signed_in(service, key).cookies["headcount"]
        self.context.add_cookies([{"name": "headcount", "value": cookie, "url": service.url}])
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def at(self, path):
        """Go to a page of the dashboard."""
        self.page.goto(f"{self.service.url}{BASE}{path}")
        return self.page

    def close(self):
        self.context.close()


def signed_in(service, key=None):
    """A client without a browser that has signed in."""
    client = httpx.Client(base_url=service.url, timeout=30)
    answer = client.post(f"{BASE}/sign-in", data={"key": key or service.key})
    assert answer.status_code == 303, answer.text
    return client


def csrf_in(client, path=""):
    """The word that forms of this visitor hold."""
    return CSRF.search(client.get(BASE + path).text)[1]


def told(service, *events):
    """Tell the service what happened; each is (room, kind, participant, seconds ago) and more fields."""
    now = time.time()
    said = [
        {"room": room, "kind": kind, "participant_id": who, "at": now - ago, **(more[0] if more else {})}
        for room, kind, who, ago, *more in events
    ]
    answer = service.client().post("/events?wait=true", json=said)
    assert answer.status_code == 200, answer.text


def a_meeting(service, room, ago=600, lasted=300):
    """Ana and Bob met in a room, so long ago and for so long; the id of their meeting."""
    ana = {"user_id": f"u-ana-{room}", "user_name": "Ana Silva"}
    told(
        service,
        (room, "join", f"a-{room}", ago, ana),
        (room, "join", f"b-{room}", ago - 20, {"user_name": "Bob"}),
        (room, "leave", f"b-{room}", ago - lasted / 2),
        (room, "leave", f"a-{room}", ago - lasted),
    )
    (meeting,) = service.client().get("/meetings", params={"room": room}).json()["data"]
    return meeting["id"]

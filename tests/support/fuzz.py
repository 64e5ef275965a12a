"""A running service for hostile requests: its ids, keys and paths."""

import re
import time

import httpx2 as httpx

from support.hostile import Known
from support.running_service import headcount

ADDRESS = re.compile(r"/v1/ingest/\S+")


CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def known_of(service):
    """Create a meeting, a webhook, sources, keys of all scopes and a session."""
    now = int(time.time())
    revoked = service.make_key("default", "read")
    headcount("key", "revoke", "--database", service.database, "--", revoked[3:11])
    sources = []
    for kind, secret in (
        ("generic", SECRET),
        ("jitsi", "a-token"),
        ("livekit", "devkey:a-secret-that-is-long-enough"),
    ):
        added = headcount(
            "source", "create", kind, "--database", service.database, "--secret", secret, "--name", kind
        )
        sources.append(ADDRESS.search(added.stdout)[0])
    hook = headcount(
        "webhook", "create", "http://127.0.0.1:9/x", "--no-ping", "--database", service.database
    ).stdout
    with service.client() as client:
        events = [
            {"room": "standup", "kind": "join", "participant_id": who, "user_id": who, "at": now - 900}
            for who in "abc"
        ]
        client.post("/events?wait=true", json=events).raise_for_status()
        while not (meetings := client.get("/meetings").json()["data"]):
            time.sleep(0.05)
    with httpx.Client(base_url=service.url, timeout=30) as browser:
        browser.post("/dashboard/sign-in", data={"key": service.key})
        csrf = CSRF.search(browser.get("/dashboard").text)[1]
        cookie = browser.cookies["headcount"]
    keys = (
        service.key,
        service.key,
        service.key,
        service.make_key("default", "ingest"),
        service.make_key("other", "read"),
    )
    uuid = re.search(r"[0-9a-f-]{36}", hook)[0]
    return Known(
        (*keys, revoked, "hc_wrong", ""), cookie, csrf, (meetings[0]["id"],), ("standup", "café/1"), (uuid,), tuple(sources)
    )  # fmt: skip


def api_of(service):
    return httpx.get(f"{service.url}/openapi.json", timeout=30).json()["paths"]

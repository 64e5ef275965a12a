"""A LiveKit source of a running service, and the payloads that it sends."""

import json
import re
import time

import httpx2 as httpx

from headcount.sources import livekit
from headcount.sources.api import InboundRequest
from support.running_service import headcount

KEY = "devkey:a-secret-that-is-long-enough-for-anybody"


ADDRESS = re.compile(r"/v1/ingest/\S+")


def added(service, kind, *flags):
    """Create a source and return the path of its address."""
    made = headcount("source", "create", kind, "--database", service.database, *flags)
    return ADDRESS.search(made.stdout)[0]


def sent(service, path, delivery, *, secret=KEY, sign=livekit.sign):
    signed = sign(delivery._replace(received_at=now()), secret)
    return httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)


def now():
    return time.time_ns() // 1_000_000


def webhook(event, room="standup", **more):
    payload = {
        "event": event,
        "id": f"EV_{event}_{room}_{json.dumps(more)}",
        "room": {"name": room, "sid": f"RM_{room}"},
        **more,
    }
    return InboundRequest({"content-type": "application/webhook+json"}, json.dumps(payload).encode())


def person(name, joined, **more):
    return {
        "sid": f"PA_{name}",
        "identity": name,
        "name": name.title(),
        "joinedAtMs": str(joined * 1_000),
        **more,
    }


def meetings(service, room):
    service.client().post("/events?wait=true", json={"room": f"wait-{room}", "kind": "end"})
    return service.client().get("/meetings", params={"room": room}).json()["data"]


def present(service, room):
    return {one["userId"] for one in service.client().get(f"/rooms/{room}/presence").json()["data"]}

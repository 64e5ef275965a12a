r"""Half a character ("\ud800" in JSON) cannot be stored: it is refused with a reason at every entrance."""

import json
import re
import time

import httpx2 as httpx
import pytest

from headcount.sources import generic, jitsi, livekit
from headcount.sources.api import InboundRequest
from support.running_service import headcount

HALVES = [r"\ud800", r"a\udfff", r"\ude00\ud83d", r"\ud800\u0041"]
FIELDS = ("room", "kind", "participant_id", "user_id", "user_name", "source_session", "id", "at")
LIVEKIT = "devkey:a-secret-that-is-long-enough-for-anybody"
GENERIC = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
ADDRESS = re.compile(r"/v1/ingest/\S+")


def event_with(field, half):
    """Return the bytes of a join whose `field` is half a character."""
    event = {"room": "r", "kind": "join", "participant_id": "a", field: "HERE"}
    return json.dumps(event).replace("HERE", half).encode()


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("field", FIELDS)
def test_half_a_character_in_an_event_is_refused(service, field, half):
    event = event_with(field, half)
    with service.client() as client:
        one = client.post("/events", content=event)
        array = client.post("/events", content=b"[" + event + b"]")
        lines = client.post("/events", content=event, headers={"content-type": "application/x-ndjson"})
    assert [answer.status_code for answer in (one, array, lines)] == [400, 400, 400]
    assert "The body is not JSON" in one.json()["info"]
    assert "Line 1: not JSON" in lines.json()["info"]


@pytest.mark.parametrize("half", HALVES)
def test_half_a_character_in_a_snapshot_is_refused(service, half):
    present = json.dumps({"participants": [{"participant_id": "HERE"}]}).replace("HERE", half)
    with service.client() as client:
        answer = client.post("/rooms/r/snapshot", content=present.encode())
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["info"]


def test_both_halves_together_are_a_character(service):
    with service.client() as client:
        answer = client.post("/events", content=event_with("user_name", r"\ud83d\ude00"))
    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    ("source", "secret", "body"),
    [
        (generic.SOURCE, GENERIC, {"room": "HERE", "kind": "join", "participant_id": "a"}),
        (livekit.SOURCE, LIVEKIT, {"event": "room_finished", "room": {"name": "HERE", "sid": "RM_1"}}),
        (jitsi.SOURCE, "a-token", {"event_name": "muc-room-destroyed", "room_name": "HERE"}),
    ],
    ids=["generic", "livekit", "jitsi"],
)
def test_half_a_character_in_an_inbound_payload_is_refused(service, source, secret, body, half):
    name = f"{source.kind}-{HALVES.index(half)}"
    flags = ("--database", service.database, "--secret", secret, "--name", name)
    path = ADDRESS.search(headcount("source", "create", source.kind, *flags).stdout)[0]
    payload = json.dumps(body).replace("HERE", half).encode()
    delivery = InboundRequest(
        {"content-type": "application/json"}, payload, received_at=time.time_ns() // 1_000_000
    )
    signed = source.sign(delivery, secret)
    answer = httpx.post(service.url + path, content=signed.body, headers=dict(signed.headers), timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid-request-error"

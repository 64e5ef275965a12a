"""A meeting from its events to webhooks and stream, through the real service."""

import json
import time

from headcount.client.signatures import parse_secret, verify
from support.webhook_receivers import receiving

TYPES = [
    "participant.joined", "participant.joined", "participant.left", "participant.left", "meeting.started", "meeting.ended",
]  # fmt: skip

KNOWN = {"role": "host", "ratio": 1e-7, "big": 2**60}


def visit(room, who, joined, left):
    start = int(time.time()) - 600
    return [
        {
            "room": room,
            "kind": kind,
            "participant_id": who,
            "user_name": who.upper(),
            "at": start + at,
            "attributes": KNOWN,
        }
        for kind, at in (("join", joined), ("leave", left))
    ]


def is_genuine(one, hmac):
    """By the receivers' side, which shares nothing with the one that signs."""
    headers = {name.lower(): value for name, value in one.headers.items()}
    return all(
        verdict.is_valid
        for verdict in verify(headers, one.body, parse_secret(hmac), int(time.time() * 1_000))
    )


def streamed(service, room):
    """Return the events of a room that the stream has sent so far."""
    found = []
    address = f"/stream?room={room}&last_event_id=0"
    with service.client() as client, client.stream("GET", address) as lines:
        for line in lines.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
            if len(found) == len(TYPES):
                return found
    return found


def test_webhooks_and_stream_send_the_same_events_of_a_meeting(service, client):
    fields = {
        "hmac": "c2VjcmV0IG9mIGEgdGVzdA==",
        "extensions": True,
        "eventTypes": [*set(TYPES), "meeting.updated"],
    }
    with receiving() as receiver:
        made = client.post("/webhooks", json=fields | {"url": receiver.url}).json()
        client.post("/events", json=[*visit("red", "a", 0, 90), *visit("red", "b", 30, 60)])
        came = receiver.wait_for(len(TYPES))
        assert sorted(one.payload["type"] for one in came) == sorted(TYPES)
        assert all(is_genuine(one, made["hmac"]) for one in came)
        people = [one.payload["payload"] for one in came if one.payload["type"].startswith("participant")]
        assert [one["attributes"] for one in people] == [KNOWN | {"big": str(2**60)}] * 4
        streamed_events = streamed(service, "red")
        assert {one["id"]: one for one in streamed_events} == {one.id: one.payload for one in came}
        started, ended = (one["payload"] for one in streamed_events[-2:])
        assert started["meeting_id"] == ended["meeting_id"]
        assert (ended["duration"], ended["max_participants"], ended["participants"]) == (90, 2, 2)
        client.post("/events", json=visit("red", "c", 20, 80))
        revised = receiver.wait(
            lambda requests: any(one.payload["type"] == "meeting.updated" for one in requests)
        )[-1]
        assert revised.payload["payload"]["after"]["max_participants"] == 3
        listed = client.get("/meetings", params={"room": "red"}).json()["data"]
        assert [one["id"] for one in listed] == [started["meeting_id"]]

"""An event through each entrance: its explanation names exactly the request that it was in, and completeness advances."""

import json
import sqlite3
from hashlib import sha256
from urllib.parse import quote

import httpx2 as httpx
import pytest

from support.livekit_source import KEY, added, meetings, now, person, sent, webhook
from support.poll_vendor import KEY as POLL_KEY
from support.poll_vendor import SECRET, LiveKit
from support.running_service import headcount
from support.waiting import wait_until

AGO_S = 600


@pytest.fixture(scope="module")
def began():
    return now() // 1_000 - AGO_S


def event(room, kind, at, who="ann", **more):
    return {"room": room, "kind": kind, "participant_id": who, "at": at, **more}


def entries(service, room):
    """The log entries of the events of the only meeting of a room, by kind of event."""
    (meeting,) = meetings(service, room)
    explained = service.client().get(f"/meetings/{meeting['id']}/explain")
    assert "/ingest/" not in explained.text
    return {one["kind"]: one["log_entry"] for one in explained.json()["events"]}


def post(service, body, path="/events", **headers):
    answer = service.client().post(f"{path}?wait=true", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return sha256(body).hexdigest()


def bodies(room, began):
    """The same two events, in each form of a body."""
    both = [event(room, "join", began, id=f"{room}-1"), event(room, "leave", began + 60, id=f"{room}-2")]
    lines = "".join(json.dumps(one) + "\n" for one in both)
    return {
        "array": ([json.dumps(both).encode()], {}),
        "lines": ([lines.encode()], {"content-type": "application/x-ndjson"}),
        "single": ([json.dumps(one).encode() for one in both], {}),
    }


@pytest.mark.parametrize("form", ["single", "array", "lines"])
def test_events_name_the_api_key_and_the_body(service, began, form):
    room = f"provenance-{form}"
    sent_bodies, headers = bodies(room, began)[form]
    digests = [post(service, body, **headers) for body in sent_bodies]
    found = entries(service, room)
    assert [found[kind]["sha256"] for kind in ("join", "leave")] == [digests[0], digests[-1]]
    assert {one["event_id"] for one in found.values()} == {f"{room}-1", f"{room}-2"}
    assert {one["source"]["type"] for one in found.values()} == {"api_key"}
    again = post(service, sent_bodies[0] + b" ", **headers)
    assert again not in {one["sha256"] for one in entries(service, room).values()}


def test_the_fast_path_records_the_same(service, began):
    """A connection that is kept alive, with a key that is known, and no parameter."""
    room = "provenance-fast"
    both = [event(room, kind, at) for kind, at in (("join", began), ("leave", began + 60))]
    sent_bodies = [json.dumps(one).encode() for one in both]
    with service.client() as client:
        for body in sent_bodies:
            assert client.post("/events", content=body).json()["accepted"] == 1
    wait_until(lambda: [one["ongoing"] for one in meetings(service, room)] == [False])
    found = entries(service, room)
    assert [found[kind]["sha256"] for kind in ("join", "leave")] == [
        sha256(body).hexdigest() for body in sent_bodies
    ]


def test_what_a_room_snapshot_implies_names_the_snapshot(service, began):
    room = "provenance-snapshot"
    first = json.dumps({"participants": [{"participant_id": "ann"}], "at": began}).encode()
    empty = json.dumps({"participants": [], "at": began + 60}).encode()
    digests = [post(service, body, f"/rooms/{room}/snapshot") for body in (first, empty)]
    found = entries(service, room)
    assert [found[kind]["sha256"] for kind in ("join", "leave")] == digests
    assert {one["source"]["type"] for one in found.values()} == {"api_key"}


def test_a_webhook_names_its_source_also_after_its_deletion(service, began):
    path = added(service, "livekit", "--name", "lk provenance", "--secret", KEY)
    requests = [
        webhook("participant_joined", "provenance-hook", createdAt=str(began), participant=person("ann", began)),
        webhook("participant_left", "provenance-hook", createdAt=str(began + 60), participant=person("ann", began)),
    ]  # fmt: skip
    for request in requests:
        assert sent(service, path, request).json()["accepted"] == 1
    wait_until(lambda: [one["ongoing"] for one in meetings(service, "provenance-hook")] == [False])
    source = {"type": "source", "kind": "livekit", "name": "lk provenance", "removed": False}
    found = entries(service, "provenance-hook")
    assert [found[kind]["sha256"] for kind in ("join", "leave")] == [
        sha256(request.body).hexdigest() for request in requests
    ]
    assert [one["source"] for one in found.values()] == [source] * 2
    headcount("source", "delete", "lk provenance", "--database", service.database)
    found = entries(service, "provenance-hook")
    assert [one["source"] for one in found.values()] == [source | {"removed": True}] * 2


def mapping(folder, room):
    """A file with the mapping of a request whose room is at a pointer."""
    file = folder / "mapping.json"
    kind = {"at": "/kind", "join": ["join"], "leave": ["leave"]}
    fields = {"room": room, "participant_id": "/participant_id", "at": {"at": "/at", "unit": "s"}}
    signature = {"scheme": "token", "header": "x-word"}
    file.write_text(json.dumps({"events": "/all", "kind": kind, **fields, "signature": signature}))
    return str(file)


def test_a_dead_letter_that_is_retried_names_its_stored_body(service, began, tmp_path):
    path = added(
        service, "generic", "--name", "app", "--secret", "word", "--mapping", mapping(tmp_path, "/wrong")
    )
    both = [event("provenance-dead", kind, at) for kind, at in (("join", began), ("leave", began + 60))]
    body = json.dumps({"all": both}).encode()
    headers = {"x-word": "word", "content-type": "application/json"}
    answer = httpx.post(service.url + path, content=body, headers=headers)
    assert answer.json()["status"] == "dead_letter", answer.text
    headcount("source", "update", "app", "--database", service.database, "--mapping", mapping(tmp_path, "/room"))  # fmt: skip
    headcount("source", "dead-letters", "retry", "--database", service.database)
    wait_until(lambda: [one["ongoing"] for one in meetings(service, "provenance-dead")] == [False])
    found = entries(service, "provenance-dead")
    assert {one["sha256"] for one in found.values()} == {sha256(body).hexdigest()}
    assert {one["source"]["name"] for one in found.values()} == {"app"}
    headcount("source", "delete", "app", "--database", service.database)


def test_a_poll_names_its_source_and_the_digest_of_its_responses(service):
    vendor = LiveKit()
    responses = []

    def answer(*request):
        response = vendor.lists(*request)
        responses.append(response[1])
        return response

    vendor.answer = answer
    vendor.join("provenance-poll", "ann")
    flags = ("--secret", f"{POLL_KEY}:{SECRET}", "--poll", vendor.url, "--poll-interval", "1s")
    added(service, "livekit", "--name", "lk polled", *flags)
    stored = "select sender is not null, digest from entries where room = 'provenance-poll'"
    wait_until(lambda: rows(service, stored))
    wait_until(lambda: completeness(service, "lk polled")["last_poll_at"] is not None)
    first = completeness(service, "lk polled")["complete_until"]
    wait_until(lambda: completeness(service, "lk polled")["complete_until"] > first)
    headcount("source", "delete", "lk polled", "--database", service.database)
    vendor.close()
    ((has_sender, digest),) = rows(service, stored)
    possible = [sha256(b"".join(responses[i:j])).digest() for i in range(3) for j in range(i + 1, i + 4)]
    assert has_sender
    assert bytes(digest) in possible


def rows(service, statement):
    connection = sqlite3.connect(service.database)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def completeness(service, name):
    """Return what is known about a source, as soon as the service has read that it exists."""

    def known():
        data = service.client().get("/health/completeness").json()["data"]
        return [one for one in data if one["source"]["name"] == name]

    return wait_until(known)[0]


def test_a_request_of_a_source_advances_what_a_silent_one_holds_back(service):
    path = added(service, "livekit", "--name", "lk ü", "--secret", KEY)
    before = completeness(service, "lk ü")
    assert before["source"]["kind"] == "livekit"
    assert before["last_request_at"] is None
    assert sent(service, path, webhook("track_published")).status_code == 200
    wait_until(lambda: completeness(service, "lk ü")["complete_until"] > before["complete_until"])
    assert completeness(service, "lk ü")["last_request_at"] is not None
    headers = service.client().get("/meetings").headers
    first = service.client().get("/health/completeness").json()
    assert headers["headcount-complete-until"] <= first["complete_until"]
    held_back_by = first["held_back_by"]
    parts = [held_back_by["type"], held_back_by["kind"], held_back_by["name"]]
    assert headers["headcount-held-back-by"] == "/".join(quote(part) for part in parts if part)
    headcount("source", "delete", "lk ü", "--database", service.database)


def test_an_empty_array_is_a_heartbeat_of_a_program(service):
    def latest():
        found = service.client().get("/health/completeness").json()["data"]
        return max(
            [one["last_request_at"] or "" for one in found if one["source"]["type"] == "api_key"], default=""
        )

    # The counters of requests are written in steps: the first request of a key may not be there yet.
    service.client().post("/events", content=b"[]")
    wait_until(latest)
    before = latest()
    assert service.client().post("/events", content=b"[]").json()["accepted"] == 0
    wait_until(lambda: latest() > before)

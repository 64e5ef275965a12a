"""A room that cannot be processed is reported everywhere, and the service continues with all others."""

import sqlite3
import time
from contextlib import closing

import httpx2 as httpx
import pytest

from support.browser import sign_in
from support.running_service import Running, headcount

BAD = "bad <b>room</b>"


@pytest.fixture
def service(tmp_path):
    """A service with an invalid event in its log: a join that names no participant."""
    running = Running(tmp_path).start()
    with running.client() as client:
        join(client, BAD, "ann")
    running.stop()
    with closing(sqlite3.connect(running.database)) as store, store:
        store.execute(
            "insert into entries (domain, room, kind, at_ms, received_ms, event_key, origin)"
            " select domain, room, 1, at_ms, received_ms, x'00', 0 from entries limit 1"
        )
    running.start()
    yield running
    running.stop()


def join(client, room, who, **params):
    event = {"room": room, "kind": "join", "participant_id": who, "at": int(time.time()) - 60}
    return client.post("/events", json=event, params=params)


def quarantined(client):
    until = time.monotonic() + 30
    while not (found := client.get("/health/rooms").raise_for_status().json())["data"]:
        assert time.monotonic() < until, "no room was quarantined"
    return found


def test_a_room_that_fails_is_reported_with_the_reason_and_others_continue(service):
    with service.client() as client:
        found = quarantined(client)
        assert found["total_count"] == 1
        (room,) = found["data"]
        assert room["room"] == BAD
        assert room["reason"] == "InvalidEvent: a 'join' must name its participant_id"
        assert room["attempts"] >= 1
        assert room["since"] < room["retry_at"]
        assert join(client, "good", "bob", wait="true").status_code == 200
        assert client.get("/meetings", params={"room": "good"}).json()["total_count"] == 1

        refused = join(client, BAD, "cid", wait="true")
        assert refused.status_code == 503
        assert refused.json()["error"] == "room-quarantined-error"
        assert "must name its participant_id" in refused.json()["info"]
        assert join(client, BAD, "dan").status_code == 200, "its events are stored all the same"

    assert "headcount_quarantined_rooms 1.0" in httpx.get(f"{service.url}/metrics", timeout=30).text
    assert httpx.get(f"{service.url}/readyz", timeout=30).status_code == 200
    doctor = headcount("doctor", "--database", service.database, check=False)
    assert doctor.returncode == 1
    assert "must name its participant_id" in doctor.stdout
    page = sign_in(service).get("/dashboard/health").text
    assert "bad &lt;b&gt;room&lt;/b&gt;" in page
    assert service.log.read_text().count("Traceback") == 1, "the log has it once, not at every attempt"


def test_another_domain_does_not_see_it(service):
    key = service.make_key("other", "read")
    with service.client() as client:
        quarantined(client)
    with service.client(key) as other:
        assert other.get("/health/rooms").json() == {"total_count": 0, "data": []}


def test_a_room_shows_everything_once_the_fault_is_removed(service):
    with service.client() as client:
        quarantined(client)
        join(client, BAD, "bob")
    service.stop()
    with closing(sqlite3.connect(service.database)) as store, store:
        store.execute("delete from entries where event_key = x'00'")
        store.execute("update deferred_rooms set retry_ms = 0")
    service.start()
    with service.client() as client:
        assert join(client, BAD, "cid", wait="true").status_code == 200
        assert client.get("/health/rooms").json()["data"] == []
        (meeting,) = client.get("/meetings", params={"room": BAD}).json()["data"]
        assert meeting["max_participants"] == 3
    service.stop()
    assert headcount("rebuild", "--check", "--database", service.database).returncode == 0

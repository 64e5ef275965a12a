"""A server without an engine appends to the topic, and answers from what the live query has written."""

import time

import httpx2 as httpx
import pytest

from headcount.ingest.topic_records import encode_record
from headcount.kernel.events import Event, Kind
from headcount.store.cell import CellRule
from support.live_query import LiveQuery
from support.running_service import PATIENCE_S, Running, headcount
from support.stored import entry_of


@pytest.fixture
def cluster(tmp_path, broker, postgres):
    database, topic = postgres.database(), broker.topic(4)
    query = LiveQuery(tmp_path, broker, database, topic)
    query.topic = topic
    query.sink.assign(CellRule.decode("default,acme-*"))
    query.start()
    server = Running(
        tmp_path, database, engine="off", log=f"kafka://{broker.servers}/{topic}", request_timeout_s=5
    )
    server.start()
    yield query, server
    server.stop()
    assert query.stop() == 0


def event(kind, who, room="standup", **more):
    return {"kind": kind, "room": room, "participant_id": who, **more}


def test_events_are_visible_when_the_request_that_waits_is_answered(cluster, broker):
    query, server = cluster
    query.until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
    with server.client() as client:
        first = event(
            "join", "eve", room="another"
        )  # the first batch starts Python, which may take longer than a request
        query.until(
            lambda: client.post("/events?wait=true", json=first, timeout=PATIENCE_S).status_code == 200
        )
        sent = client.post(
            "/events?wait=true", json=[event("join", "ann", user_name="Ann"), event("join", "bob")]
        )
        assert sent.status_code == 200, sent.text
        present = client.get("/rooms/standup/presence").json()["data"]
        assert [one["id"] for one in present] == ["ann", "bob"]
        again = [event("join", "cid", id="one"), event("join", "cid", id="one")]
        assert client.post("/events", json=again).json()["accepted"] == 2
        broker.process.kill()
        broker.process.wait()
        refused = client.post("/events", json=event("leave", "ann"))
        assert refused.status_code == 503
        assert "Kafka" in refused.json()["info"]
        broker.start()
        query.until(lambda: client.post("/events", json=event("leave", "ann")).status_code == 200)
        snapshot = client.post("/rooms/standup/snapshot", json={"participants": [{"participant_id": "cid"}]})
        assert snapshot.status_code == 200, snapshot.text
        query.until(
            lambda: [one["id"] for one in client.get("/rooms/standup/presence").json()["data"]] == ["cid"]
        )


def test_events_of_other_cells_are_refused_and_their_records_are_dead_letters(cluster, broker):
    query, server = cluster
    query.until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
    at = time.time_ns() // 1_000_000
    joins = [
        entry_of(Event(Kind.JOIN, "standup", at, "ann"), at, domain=domain) for domain in ("acme-1", "other")
    ]
    broker.produce(query.topic, [encode_record(entry) for entry in joins])
    query.until(lambda: query.sink.progress().bad_records == 1)
    query.until(lambda: query.store.meetings.room("acme-1", "standup") is not None)
    assert query.store.meetings.room("other", "standup") is None
    assigned = headcount("cluster", "domains", "acme-*", "--database", query.database)
    assert "This database has keys or sources of other domains: default" in assigned.stdout
    with server.client() as client:
        query.until(lambda: client.post("/events", json=event("join", "ann")).status_code == 503)
        refused = client.post("/events", json=event("join", "ann"))
        assert "'default' is not in this cell, which has the domains acme-*" in refused.json()["info"]
        headcount("cluster", "domains", "default,acme-*", "--database", query.database)
        query.until(lambda: client.post("/events", json=event("join", "ann")).status_code == 200)

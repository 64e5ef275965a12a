"""Usage of the running service, which maintains its tables automatically."""

import sqlite3
import time
from contextlib import closing

from support.waiting import wait_until


def rows_of(service, table):
    with closing(sqlite3.connect(service.database)) as store:
        return store.execute(f"select count(*) from {table}").fetchone()[0]


def wait_until_rolled_up(service):
    wait_until(lambda: rows_of(service, "room_quarters") and not rows_of(service, "pending_rollups"))


def test_usage_is_the_same_before_and_after_its_rollup_and_after_a_restart(service):
    hour_ago = int(time.time()) - 3_600
    visits = [
        {"room": "r", "kind": kind, "participant_id": f"p-{who}", "user_id": f"u-{who}", "at": hour_ago + at}
        for who in range(2)
        for kind, at in (("join", 0), ("leave", 600))
    ]
    asked = {"from": hour_ago - 86_400, "group_by": "total"}
    totals = {"meetings": 1, "participant_seconds": 1_200, "max_participants": 2}
    with service.client() as client:
        client.post("/events", json=visits, params={"wait": "true"}).raise_for_status()
        assert client.get("/usage", params=asked).json()["totals"] == totals
        wait_until_rolled_up(service)
        assert client.get("/usage", params=asked).json()["totals"] == totals
        (meeting,) = client.get("/users/u-0/meetings").json()["data"]
        roster = {"expected": ["u-0", "u-9"]}
        called = client.post(f"/meetings/{meeting['id']}/attendance", json=roster).json()
        assert (called["totals"]["present"], called["totals"]["absent"]) == (1, 1)
    service.kill()
    service.start()
    with service.client() as client:
        assert client.get("/usage", params=asked).json()["totals"] == totals


def test_usage_needs_the_read_scope(service):
    key = service.make_key("default", "ingest")
    with service.client(key) as client:
        for path in ("/usage?from=2026-01-01", "/concurrency?from=2026-01-01", "/users/u/meetings"):
            assert client.get(path).status_code == 403
        assert client.post("/meetings/m/attendance", json={"expected": []}).status_code == 403

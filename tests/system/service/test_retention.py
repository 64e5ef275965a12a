"""Retention in a running service: what has expired is deleted beside requests, and late events stay out."""

import json
import time

import pytest

from support.running_service import Running, headcount
from support.waiting import wait_until

DAY = 86_400


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path, events_per_5s=0)
    running.start()
    yield running
    running.stop()


def meeting(days_ago, room="lecture-1"):
    start = (int(time.time()) - days_ago * DAY) * 1_000
    return [
        {"room": room, "kind": kind, "participant_id": who, "at": start + at * 1_000}
        for who in ("zq-ada", "zq-bob")
        for kind, at in (("join", 0), ("leave", 600))
    ]


def usage(client):
    """The usage of the last weeks."""
    today = int(time.time()) // DAY * DAY
    answer = client.get("/usage", params={"from": today - 40 * DAY, "to": today - DAY}).json()
    return {name: value for name, value in answer.items() if name != "complete_until"}


def test_a_rule_deletes_meetings_and_keeps_usage_while_the_service_runs(service):
    database = ("--database", service.database)
    file = service.folder / "old.ndjson"
    file.write_text(
        "".join(json.dumps(one) + "\n" for one in [*meeting(30), *meeting(2), *meeting(30, "board")])
    )
    headcount("import", file, *database)
    with service.client() as client:
        wait_until(lambda: client.get("/meetings").json()["total_count"] == 3)
        used = usage(client)
        headcount("privacy", "hold", "create", "--room", "board", "--reason", "case 1", *database)
        preview = json.loads(headcount("privacy", "retention", "preview", "--json", *database).stdout)
        assert preview == []
        headcount("privacy", "retention", "set", "*", "--meetings", "5d", *database)
        wait_until(lambda: client.get("/meetings").json()["total_count"] == 2)
        assert sorted(one["room"] for one in client.get("/meetings").json()["data"]) == ["board", "lecture-1"]
        assert usage(client) == used
        late = {"room": "lecture-1", "kind": "join", "participant_id": "zq-eve", "at": time.time() - 30 * DAY}
        client.post("/events?wait=true", json=late)
        assert client.get("/meetings").json()["total_count"] == 2
        wait_until(lambda: "headcount_expired_events_total 1.0" in client.get(f"{service.url}/metrics").text)
    shown = headcount("privacy", "retention", "show", "lecture-1", *database).stdout
    assert "Meetings have expired until" in shown
    service.stop()
    assert "match the event log" in headcount("rebuild", "--check", *database).stdout
    headcount("rebuild", *database)
    assert "match the event log" in headcount("rebuild", "--check", *database).stdout
    assert "retention" in headcount("doctor", *database, check=False).stdout

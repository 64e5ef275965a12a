"""`rebuild --check` compares every table that follows from the log."""

import sqlite3
import time
from contextlib import closing

import pytest

from support.running_service import Running, headcount


@pytest.mark.parametrize(
    "change",
    [
        "update meeting_counts set meetings = meetings + 1",
        "update ended_meeting_counts set meetings = meetings + 1",
        "update meetings set max_participants = max_participants + 1",
        "delete from stays where participant_id = 'p-0'",
        "update room_quarters set participant_ms = participant_ms + 1",
        "delete from domain_quarters",
        "update domain_steps set steps = '[]'",
        "update room_totals set peak_participants = peak_participants + 1",
        "delete from meeting_attributes",
        "update meeting_attribute_counts set meetings = meetings + 1",
    ],
)
def test_a_rebuild_finds_a_change_in_any_table(tmp_path, change):
    service = Running(tmp_path).start()
    with service.client() as client:
        hour_ago = int(time.time()) - 3_600
        visits = [
            {"room": "r", "kind": kind, "participant_id": f"p-{who}", "at": hour_ago + at}
            | ({"attributes": {"role": "host"}} if kind == "join" else {})
            for who in range(2)
            for kind, at in (("join", 0), ("leave", 60))
        ]
        assert client.post("/events", json=visits, params={"wait": "true"}).json()["accepted"] == len(visits)
    service.stop()
    assert headcount("rebuild", "--check", "--database", service.database).returncode == 0
    with closing(sqlite3.connect(service.database)) as store, store:
        store.execute(change)
    found = headcount("rebuild", "--check", "--database", service.database, check=False)
    assert found.returncode == 1
    assert "the table has" in found.stdout + found.stderr

"""A domain in the data-minimal mode, in a running service: no file has a trace of who was there."""

import json

from support.running_service import headcount
from support.waiting import wait_until

WORDS = ("zq-conn", "zq-user", "Zq Name", "zq@mail", "zq-event", "zq-letter", "zq-query")


def files_of(service):
    return {file.name: file.read_bytes() for file in service.folder.glob("**/*") if file.is_file()}


def events(n):
    names = {"user_id": "zq-user", "user_name": "Zq Name", "attributes": {"email": "zq@mail", "role": "host"}}
    return [
        {
            "room": "ward",
            "kind": "join",
            "participant_id": f"zq-conn-{who}",
            "id": f"zq-event-{n}-{who}",
            **names,
        }
        for who in range(2)
    ]


def test_no_file_has_a_trace_of_who_was_there(service):
    headcount("privacy", "minimal", "on", "--domain", "clinic", "--database", service.database)
    key = service.make_key("clinic", "ingest", "read", "admin")
    made = headcount(
        "source", "create", "generic", "--domain", "clinic", "--database", service.database, "--json"
    )
    source = json.loads(made.stdout)
    with service.client(key) as client:
        for one in events(1):
            assert client.post("/events", json=one).json()["accepted"] == 1
        assert client.post("/events?wait=true", json=events(2)).json()["accepted"] == 2
        listed = [{"participant_id": "zq-conn-9", "user_id": "zq-user", "user_name": "Zq Name"}]
        answer = client.post("/rooms/ward/snapshot", json={"participants": listed})
        assert answer.status_code == 200, answer.text
        assert client.get("/privacy/minimal").json() == {"minimal": True}
        wait_until(lambda: client.get("/rooms/ward/presence").json()["data"])
    assert source["domain"] == "clinic"
    found = files_of(service)
    assert found
    for name, content in found.items():
        for word in WORDS:
            assert word.encode() not in content, (name, word)


def test_admins_manage_retention_of_their_domain_alone(service):
    admin, reader = service.make_key("acme", "admin"), service.make_key("acme", "read")
    other = service.make_key("other", "admin")
    body = {"pattern": "lecture-*", "names_days": 30, "meetings_days": 365}
    with service.client(admin) as client:
        assert client.put("/privacy/retention", json=body).json()["events_days"] == 365
        assert client.put("/privacy/retention", json={**body, "names_days": 400}).status_code == 400
        (rule,) = client.get("/privacy/retention").json()["data"]
        assert (rule["pattern"], rule["names_days"]) == ("lecture-*", 30)
        assert client.get("/privacy/retention/preview").json()["data"][0]["rooms"] == 0
        hold = client.post(
            "/privacy/holds", json={"kind": "room", "subject": "board", "reason": "case 1"}
        ).json()
        assert hold["created_by"].startswith("key ")
    with service.client(reader) as client:
        for path in ("retention", "holds", "minimal"):
            assert client.get(f"/privacy/{path}").status_code == 403
    with service.client(other) as client:
        assert client.get("/privacy/retention").json() == {"data": []}
        assert client.get("/privacy/holds").json() == {"data": []}
        assert client.delete(f"/privacy/holds/{hold['number']}").status_code == 404
        assert client.delete("/privacy/retention", params={"pattern": "lecture-*"}).status_code == 404
    with service.client(admin) as client:
        assert client.delete(f"/privacy/holds/{hold['number']}").json()["released_at"]
        assert client.get("/privacy/holds").json() == {"data": []}
        assert len(client.get("/privacy/holds?released=true").json()["data"]) == 1
        assert client.delete("/privacy/retention", params={"pattern": "lecture-*"}).json()["deleted"]


def test_a_rule_is_explained_for_a_room(service):
    for pattern, *times in (("*", "--names", "14d"), ("lecture-*", "--names", "30d", "--meetings", "365d")):
        headcount("privacy", "retention", "set", pattern, *times, "--database", service.database)
    shown = headcount("privacy", "retention", "show", "lecture-7", "--database", service.database).stdout
    assert "Rule 'lecture-*' applies to room 'lecture-7'" in shown
    assert "Rule '*' matches, too, but is less specific." in shown

"""Erasing a person in a running service: while events, an import and a webhook are under way, and after a restore."""

import json
import shutil

import psycopg
import pytest

from support.livekit_source import KEY, added, sent, webhook
from support.running_service import Running, headcount
from support.waiting import wait_until
from support.webhook_receivers import receiving

SECRETS = ("zq-conn", "zq-user", "Zq Pérson", "zq@mail.example", "Zq P")
ZQ = {
    "user_id": "zq-user",
    "user_name": "Zq Pérson",
    "attributes": {"email": "zq@mail.example", "role": "host"},
}
START = "2026-11-02T10:00:00Z"
PAST = [
    {"room": "past", "kind": "join", "participant_id": "zq-conn-1", "at": "2026-11-02T10:00:00Z", **ZQ},
    {
        "room": "past",
        "kind": "join",
        "participant_id": "bob-1",
        "at": "2026-11-02T10:05:00Z",
        "user_id": "bob",
    },
    {"room": "past", "kind": "leave", "participant_id": "zq-conn-1", "at": "2026-11-02T11:00:00Z"},
    {"room": "past", "kind": "leave", "participant_id": "bob-1", "at": "2026-11-02T11:05:00Z"},
]


@pytest.fixture(params=["sqlite", "postgres"])
def service(request, tmp_path):
    database = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    (tmp_path / "service").mkdir()
    list_file = str(tmp_path / "service" / "erased.list")
    running = Running(
        tmp_path / "service",
        database,
        webhook_allowed_networks="127.0.0.0/8",
        erasure_list=list_file,
        events_per_5s=0,
    ).start()
    yield running
    running.stop()


def traces(service, *words):
    """Where any of these texts is: files of the service, or tables of its PostgreSQL database."""
    found = []
    for file in service.folder.glob("**/*"):
        if file.is_file():
            content = file.read_bytes()
            found += [(file.name, word) for word in words if word.encode() in content]
    if "://" in str(service.database):
        with psycopg.connect(service.database) as connection:
            tables = connection.execute(
                "select tablename from pg_tables where schemaname = 'public'"
            ).fetchall()
            for (table,) in tables:
                rows = str(connection.execute(f'select * from "{table}"').fetchall())
                rows += str(bytes.fromhex("".join(part for part in hex_parts(connection, table))))
                found += [(table, word) for word in words if word in rows]
    return found


def hex_parts(connection, table):
    """The binary values of a table, in hexadecimal."""
    columns = connection.execute(
        "select column_name from information_schema.columns where table_name = %s and data_type = 'bytea'",
        [table],
    ).fetchall()
    for (column,) in columns:
        for (value,) in connection.execute(f'select encode("{column}", \'hex\') from "{table}"').fetchall():
            yield value or ""


def numbers(client):
    meetings = client.get("/meetings", params={"limit": 100}).json()["data"]
    usage = client.get(
        "/usage", params={"from": START, "to": "2026-11-03T00:00:00Z", "group_by": "room"}
    ).json()
    return [
        (one["id"], one["start_time"], one["room"], one["max_participants"], len(one["participants"]))
        for one in meetings
        if one["room"] == "past"
    ], usage["data"]


def echoed(handler):
    """Refuse a message, and quote it."""
    handler.send_response(500)
    handler.send_header("content-length", str(len(handler.body)))
    handler.end_headers()
    handler.wfile.write(handler.body)


def test_nothing_of_a_person_is_left_anywhere(service, tmp_path):
    file = tmp_path / "past.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in PAST))
    place = ("--database", service.database, "--erasure-list", service.settings["erasure_list"])
    with receiving(echoed) as receiver, service.client() as client:
        made = client.post(
            "/webhooks",
            json={"url": receiver.url, "eventTypes": ["participant.joined"], "retryType": "exponential"},
        ).json()
        assert client.post("/events?wait=true", json=PAST).json()["accepted"] == 4
        live = [
            {"room": "live", "kind": "join", "participant_id": who, **names}
            for who, names in (("zq-conn-2", ZQ), ("bob-2", {}))
        ]
        assert client.post("/events?wait=true", json=live).json()["accepted"] == 2
        wait_until(lambda: client.get("/meetings?room=past").json()["total_count"] == 1)
        client.get("/meetings/people", params={"user_id": "zq-user"})
        path = added(service, "livekit", "--name", "lk", "--secret", KEY)
        unreadable = webhook(
            "participant_joined", participant={"identity": ["zq-conn-3"], "name": "Zq Pérson"}
        )
        answer = wait_until(lambda: (it := sent(service, path, unreadable)).status_code != 404 and it)
        assert "dead_letter" in answer.text
        before = numbers(client)
        receiver.wait(lambda came: any(b"zq-user" in one.body for one in came))
        if "://" not in str(service.database):
            headcount("backup", "-o", str(tmp_path / "old.backup"), "--database", service.database)
        assert traces(service, *SECRETS)

        erasure = client.post("/privacy/erasures", json={"user_id": "zq-user"}).json()
        late = {
            "room": "past",
            "kind": "leave",
            "participant_id": "zq-conn-1",
            "at": "2026-11-02T11:00:30Z",
            **ZQ,
        }
        client.post("/events", json=[late])
        client.post("/events", json=[{"room": "live", "kind": "leave", "participant_id": "zq-conn-2", **ZQ}])
        done = wait_until(
            lambda: (
                (found := client.get(f"/privacy/erasures/{erasure['number']}").json())["state"] == "done"
                and found
            )
        )
        assert done["counts"].get("stays", 0) >= 1, done
        imported = headcount("import", str(file), *place)
        assert "Skipped 4 duplicates" in imported.stdout
        wait_until(lambda: client.get("/rooms/live/presence").json()["data"][0]["id"] == "bob-2")
        came = len(receiver.messages)
        client.post(f"/webhooks/{made['uuid']}/resend", json={"failed": True, "from": START})
        retried = receiver.wait(lambda found: len(found) > came)[came:]
        for one in retried:
            assert not any(word.encode() in one.body for word in SECRETS)
        assert numbers(client) == before
        metrics = client.get(f"{service.url}/metrics").text
        assert not any(word in metrics for word in SECRETS)
    service.stop()
    headcount("privacy", "vacuum", "--database", service.database)
    assert traces(service, *SECRETS) == []
    assert "match the event log" in headcount("rebuild", "--check", *place).stdout

    if (tmp_path / "old.backup").exists():
        service.database.rename(tmp_path / "moved.db")
        restored = headcount("restore", str(tmp_path / "old.backup"), *place)
        assert "Applied 1 erasures" in restored.stdout
        assert traces(service, *SECRETS) == []
        service.start()
        with service.client() as client:
            assert numbers(client) == before
        shutil.copy(tmp_path / "old.backup", tmp_path / "copy.backup")

"""kill -9 of the real process while events arrive: no acknowledged event is lost or doubled."""

import sqlite3
from contextlib import closing

import httpx2 as httpx

from support.crash_runs import Crashes
from support.running_service import Running, headcount
from support.waiting import wait_until


def test_no_acknowledged_event_is_lost_or_doubled_when_the_process_is_killed_or_its_store_restored(tmp_path):
    """`make crash-test` does the same more often."""
    service = Running(tmp_path, events_per_5s=0).start()
    crashes = Crashes(service)
    crashes.kill(10)
    crashes.restore()
    crashes.kill(5)
    crashes.restore()
    crashes.end()
    assert crashes.acknowledged > 20


def test_a_graceful_stop_commits_all_events(tmp_path):
    service = Running(tmp_path).start()
    with service.client() as client:
        client.post("/events", json={"room": "r", "kind": "join", "participant_id": "a"})
    service.stop()
    assert service.process.returncode == 0
    service.start()
    with service.client() as client:
        client.post(
            "/events", json={"room": "s", "kind": "join", "participant_id": "a"}, params={"wait": "1"}
        )
        present = wait_until(lambda: client.get("/rooms/r/presence").json()["data"])
        assert [participant["id"] for participant in present] == ["a"]
    service.stop()


def refused(*arguments):
    found = headcount(*arguments, check=False)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr


def test_a_second_process_on_the_file_is_refused_by_any_name_and_reading_commands_work(tmp_path):
    service = Running(tmp_path).start()
    (tmp_path / "symbolic.db").symlink_to(service.database)
    (tmp_path / "hard.db").hardlink_to(service.database)
    for name in ("headcount.db", "symbolic.db", "hard.db"):
        error = refused("serve", "--database", tmp_path / name, "--port", "0")
        assert "is served by another process" in error
    (tmp_path / "hard.db").unlink()
    assert headcount("key", "list", "--database", service.database).returncode == 0
    assert headcount("doctor", "--database", service.database).returncode == 0
    service.stop()


def test_a_service_whose_file_was_replaced_ends_its_epoch_and_accepts_no_more_events(tmp_path):
    service = Running(tmp_path).start()
    event = {"room": "r", "kind": "join", "participant_id": "a"}
    with service.client() as client:
        assert client.post("/events", json=event, params={"wait": "1"}).status_code == 200
    headcount("backup", "-o", tmp_path / "b.backup", "--database", service.database)
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in tmp_path.glob("headcount.db*"):
        file.rename(moved / file.name)
    headcount("restore", tmp_path / "b.backup", "--database", service.database)
    with service.client() as client:
        answer = client.post("/events", json={**event, "participant_id": "b"})
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    wait_until(
        lambda: "headcount_engine_leader 1.0" not in httpx.get(f"{service.url}/metrics", timeout=60).text
    )
    assert httpx.get(f"{service.url}/readyz", timeout=60).status_code == 503
    folder = tmp_path / "second"
    folder.mkdir()
    second = Running(folder, service.database).start()
    second.key = service.key
    with second.client() as client:
        assert client.post("/events", json=event).json() | {"position": ""} == {
            "accepted": 1,
            "duplicates": 0,
            "position": "",
        }
    second.stop()
    service.stop()


def test_a_store_is_restored_after_a_kill_by_the_documented_procedure_only(tmp_path):
    service = Running(tmp_path).start()
    with service.client() as client:
        for number in range(20):
            event = {"room": "r", "kind": "join", "participant_id": f"p{number}", "id": f"e{number}"}
            assert client.post("/events", json=event, params={"wait": "1"}).status_code == 200
            if number == 9:
                headcount("backup", "-o", tmp_path / "b.backup", "--database", service.database)
    service.kill()
    moved = tmp_path / "moved"
    moved.mkdir()
    service.database.rename(moved / "headcount.db")
    assert "headcount.db-wal" in refused("restore", tmp_path / "b.backup", "--database", service.database)
    assert "headcount.db-wal" in refused("serve", "--database", service.database, "--port", "0")
    examined = headcount("doctor", "--database", service.database, check=False)
    assert examined.returncode == 1
    assert "headcount.db-wal" in examined.stdout
    assert not service.database.exists()
    for file in tmp_path.glob("headcount.db-*"):
        file.rename(moved / file.name)
    restored = headcount("restore", tmp_path / "b.backup", "--database", service.database)
    assert "The tables match the event log." in restored.stdout
    service.start()
    assert ids_in(service.database) == [f"e{number}" for number in range(10)]
    service.stop()
    assert ids_in(moved / "headcount.db") == [f"e{number}" for number in range(20)]


def ids_in(database):
    with closing(sqlite3.connect(database)) as store:
        assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in store.execute("select event_id from entries order by position")]

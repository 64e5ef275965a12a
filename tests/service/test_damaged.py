"""What a power cut, a bad disk or wrong permissions leave behind: what is whole is there, what is not is said."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from random import Random

import pytest

from service.running import NotServingError, Running, headcount

EVENTS = 60
WAL_HEADER = 32


def acknowledged(service):
    """Events that were taken one after the other, in that order."""
    taken = []
    with service.client() as client:
        for number in range(EVENTS):
            event = {
                "room": f"r-{number % 3}",
                "kind": "join",
                "participant_id": f"p-{number}",
                "id": f"e-{number}",
            }
            assert client.post("/events", json=event).json()["accepted"] == 1
            taken.append(event["id"])
    return taken


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A store whose process was killed, and what it had acknowledged."""
    service = Running(tmp_path_factory.mktemp("killed")).start()
    taken = acknowledged(service)
    service.kill()
    return service, taken


def copied(service, folder):
    """The store as it lies there, with what stands in its write-ahead log."""
    for ending in ("", "-wal"):
        shutil.copy(f"{service.database}{ending}", folder / f"headcount.db{ending}")
    again = Running(folder)
    again.key = service.key
    return again, folder / "headcount.db-wal"


def logged(service):
    with closing(sqlite3.connect(service.database)) as store:
        return [name for (name,) in store.execute("select event_id from entries order by position")]


def goes_on(service):
    """It starts, takes events, and its tables are those of its log."""
    service.start()
    try:
        with service.client() as client:
            one = {"room": "later", "kind": "join", "participant_id": "x", "id": "later"}
            assert client.post("/events", json=one, params={"wait": "true"}).status_code == 200
    finally:
        service.stop()
    assert headcount("rebuild", "--check", "--database", service.database).stdout.startswith("The tables are")


@pytest.mark.parametrize("part", [0.3, 0.51, 0.77, 0.98])
def test_a_log_that_is_cut_off_anywhere_holds_what_came_before(killed, tmp_path, part):
    service, taken = killed
    again, wal = copied(service, tmp_path)
    size = wal.stat().st_size
    with wal.open("r+b") as file:
        file.truncate(WAL_HEADER + int((size - WAL_HEADER) * part))
    found = logged(again)
    assert found == taken[: len(found)]
    assert len(found) < len(taken)
    goes_on(again)
    assert logged(again) == [*found, "later"]


def test_a_log_whose_end_is_garbage_holds_what_came_before(killed, tmp_path):
    service, taken = killed
    again, wal = copied(service, tmp_path)
    whole = wal.read_bytes()
    begin = len(whole) * 3 // 4
    wal.write_bytes(whole[:begin] + Random(1).randbytes(len(whole) - begin))
    found = logged(again)
    assert 0 < len(found) < len(taken)
    assert found == taken[: len(found)]
    goes_on(again)


def test_a_log_that_is_whole_holds_all_that_was_acknowledged(killed, tmp_path):
    service, taken = killed
    again, _ = copied(service, tmp_path)
    goes_on(again)
    assert logged(again) == [*taken, "later"]


def test_a_file_with_broken_pages_is_refused_in_a_sentence(killed, tmp_path):
    service, _ = killed
    again, _ = copied(service, tmp_path)
    with closing(sqlite3.connect(again.database)) as store:
        store.execute("pragma wal_checkpoint(truncate)")
    whole = again.database.read_bytes()
    again.database.write_bytes(whole[:100] + Random(1).randbytes(len(whole) - 100))
    for command in ("serve", "doctor", "migrate"):
        refused = headcount(command, "--database", again.database, check=False)
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr
        assert "restore it from a backup" in refused.stderr + refused.stdout


BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Permissions bind root, too, if it cannot override them."""


def bound(*arguments):
    command = [*BOUND, sys.executable, "-m", "headcount", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def read_only(tmp_path):
    """A store that was left in order, in a folder in which nothing may be written."""
    service = Running(tmp_path).start()
    acknowledged(service)
    service.stop()
    files = [service.database, *tmp_path.glob("headcount.db*")]
    for file in files:
        file.chmod(0o444)
    tmp_path.chmod(0o555)
    yield service
    tmp_path.chmod(0o755)


def test_a_store_that_cannot_be_written_is_not_served(read_only):
    refused = bound("serve", "--database", read_only.database, "--port", "0")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "can be written" in refused.stderr


def test_a_store_that_cannot_be_written_can_be_read(read_only, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    exported = bound("export", out, "--database", read_only.database, "--format", "ndjson")
    assert exported.returncode == 0, exported.stderr
    assert (out / "events.ndjson").read_text().count("\n") == EVENTS
    assert bound("key", "list", "--database", read_only.database).returncode == 0


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    tmp_path.chmod(0o555)
    refused = bound("serve", "--database", tmp_path / "new.db", "--port", "0")
    tmp_path.chmod(0o755)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "can be written" in refused.stderr


def test_nothing_is_served_while_it_is_broken(killed, tmp_path):
    service, _ = killed
    again, wal = copied(service, tmp_path)
    wal.unlink()
    again.database.write_bytes(b"not a database at all" * 500)
    with pytest.raises(NotServingError, match="restore it from a backup"):
        again.start()


@pytest.mark.parametrize(
    "change",
    [
        "update meeting_tallies set meetings = meetings + 1",
        "update meetings set max_participants = max_participants + 1",
        "delete from stays where participant_id = 'p-0'",
    ],
)
def test_a_rebuild_finds_what_somebody_changed_in_the_tables(tmp_path, change):
    service = Running(tmp_path).start()
    with service.client() as client:
        hour_ago = int(time.time()) - 3_600
        visits = [
            {"room": "r", "kind": kind, "participant_id": f"p-{who}", "at": hour_ago + at}
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
    assert "the store has" in found.stdout + found.stderr

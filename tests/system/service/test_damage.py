"""A damaged database file: its write-ahead log cut off or changed, or one of its pages overwritten."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from random import Random
from typing import NamedTuple

import httpx2 as httpx
import pytest

from support.running_service import NotServingError, Running, headcount

REQUESTS = 24
A_REQUEST = 5
CUTS = 40
STARTS = 6
PAGE = 4_096
WAL_HEAD = 32
FRAME = 24 + PAGE


class Written(NamedTuple):
    """A store whose service was killed. `known` pairs each request with the length of the log when it was acknowledged."""

    folder: object
    key: str
    known: list

    @property
    def wal(self):
        return (self.folder / "headcount.db-wal").read_bytes()

    def with_wal(self, folder, content):
        """Return a copy of the database with this write-ahead log."""
        folder.mkdir()
        for name in ("headcount.db", "headcount.db-shm"):
            shutil.copy(self.folder / name, folder)
        (folder / "headcount.db-wal").write_bytes(content)
        return folder / "headcount.db"

    def requests_before(self, bytes_left):
        """Return the requests whose commits lie within the first bytes of the log."""
        return {request for request, length in self.known if length <= bytes_left}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    service = Running(tmp_path_factory.mktemp("written")).start()
    wal = service.folder / "headcount.db-wal"
    known = []
    with service.client() as client:
        for request in range(REQUESTS):
            events = [
                {
                    "room": f"r{n % 3}",
                    "kind": "join",
                    "participant_id": f"{request}-{n}",
                    "id": f"{request}-{n}",
                }
                for n in range(A_REQUEST)
            ]
            assert client.post("/events", json=events).status_code == 200
            # The engine may have committed more meanwhile. Then the test expects less than it could.
            known.append((request, wal.stat().st_size))
            if request % 4 == 0:
                client.post("/events", json=events, params={"wait": "1"})
    service.kill()
    assert wal.stat().st_size < 1_000 * FRAME, "it was never put into the main file"
    return Written(service.folder, service.key, known)


def requests_in(database):
    """Return the requests in the log. Each is complete, and they are in the order of their arrival."""
    with closing(sqlite3.connect(database)) as store:
        assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
        ids = [name for (name,) in store.execute("select event_id from entries order by position")]
    found = Counter(int(name.partition("-")[0]) for name in ids)
    assert set(found.values()) <= {A_REQUEST}
    assert list(found) == list(range(len(found)))
    return set(found)


def is_consistent(database):
    checked = headcount("rebuild", "--check", "--database", database)
    return checked.stdout.startswith("The tables match")


def cut(content, chance):
    """Return a log that ends anywhere: between frames, or within one."""
    return content[: chance.randrange(len(content))]


def cut_between_frames(content, chance):
    return content[: WAL_HEAD + FRAME * chance.randrange((len(content) - WAL_HEAD) // FRAME)]


def changed(content, chance):
    """Return a log in which one bit is flipped."""
    place = chance.randrange(len(content) // 2, len(content))
    return content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]


def untouched(before, after):
    """Return how many bytes at the beginning are equal."""
    return next(
        (n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(after)
    )


@pytest.mark.parametrize("damage", [cut, cut_between_frames, changed])
def test_a_damaged_write_ahead_log_loses_no_more_than_its_damaged_part(written, tmp_path, damage):
    chance = Random(damage.__name__)
    for number in range(CUTS):
        left = damage(written.wal, chance)
        database = written.with_wal(tmp_path / str(number), left)
        expected = written.requests_before(untouched(written.wal, left))
        assert expected <= requests_in_or_nothing(database)
        if number % 8 == 0 and expected:
            assert is_consistent(database)


def requests_in_or_nothing(database):
    """A store whose first commits are lost has no tables."""
    with closing(sqlite3.connect(database)) as store:
        begun = store.execute("select 1 from sqlite_master where name = 'entries'").fetchone()
    return requests_in(database) if begun else set()


def test_a_service_starts_on_a_damaged_log_and_accepts_events(written, tmp_path):
    chance = Random(1)
    for number in range(STARTS):
        left = cut(written.wal, chance) if number % 2 else changed(written.wal, chance)
        database = written.with_wal(tmp_path / str(number), left)
        before = requests_in_or_nothing(database)
        service = Running(database.parent)
        service.start()
        service.key = service.key or written.key
        with service.client() as client:
            events = [
                {
                    "room": "r0",
                    "kind": "join",
                    "participant_id": f"{len(before)}-{n}",
                    "id": f"{len(before)}-{n}",
                }
                for n in range(A_REQUEST)
            ]
            answer = client.post("/events", json=events, params={"wait": "1"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == A_REQUEST
        service.stop()
        assert requests_in(database) == before | {len(before)}
        assert is_consistent(database)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """A store that was shut down: all of it is in one file."""
    service = Running(tmp_path_factory.mktemp("whole")).start()
    with service.client() as client:
        for n in range(30):
            events = [{"room": f"r{n % 3}", "kind": "join", "participant_id": f"{n}-{m}"} for m in range(30)]
            assert client.post("/events", json=events, params={"wait": "1"}).status_code == 200
    service.stop()
    return service


def overwritten(intact, folder, page):
    content = bytearray(intact.database.read_bytes())
    content[page * PAGE : (page + 1) * PAGE] = Random(page).randbytes(PAGE)
    (folder / "headcount.db").write_bytes(content)
    return folder / "headcount.db"


def root_of(intact, table):
    """Return the number of the first page of a table or an index."""
    with closing(sqlite3.connect(intact.database)) as store:
        (page,) = store.execute("select rootpage from sqlite_master where name = ?", (table,)).fetchone()
    return page - 1


@pytest.mark.parametrize(
    "table", ["sqlite_schema", "entries", "stays", "meetings", "api_keys", "engine_state", "entries_by_room"]
)
def test_an_overwritten_page_is_reported_without_a_traceback(intact, tmp_path, table):
    database = overwritten(intact, tmp_path, 0 if table == "sqlite_schema" else root_of(intact, table))
    examined = headcount("doctor", "--database", database, check=False)
    assert examined.returncode == 1
    assert "restore" in examined.stdout
    service = Running(tmp_path)
    try:
        service.start()
    except NotServingError:
        assert service.process.returncode == 2
        assert "restore it from a backup" in service.log.read_text()
    else:
        service.key = intact.key
        with service.client() as client:
            event = {"room": "r0", "kind": "join", "participant_id": "new"}
            answers = [client.post("/events", json=event), client.get("/meetings"), client.get("/presence")]
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert httpx.get(f"{service.url}/healthz", timeout=5).status_code == 200
    finally:
        service.stop()
    for output in (service.log.read_text(), examined.stderr):
        assert "Traceback" not in output

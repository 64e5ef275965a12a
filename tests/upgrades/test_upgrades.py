"""Databases of earlier versions are opened by this one: nothing changes but the schema. `make.py` has made them."""

import gzip
import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from headcount.store.migrations import pending
from headcount.store.open import connect
from support.running_service import Running, headcount
from support.waiting import wait_until

pytestmark = pytest.mark.process

VERSIONS = sorted(path.parent.name for path in Path(__file__).parent.glob("*/expected.json"))
CHANGING = {
    "last_used_at",
    "last_request_at",
    "lastMomentPushed",
    "failedCount",
    "complete_until",
    "held_back_by",
    "total_count",
}
"""Fields that go on while a server runs."""
ENDLESS = "with recursive n (i) as (select 1 union all select i + 1 from n) select i from n"
SPILLED_BYTES = 1_000_000
MIGRATE = """
import sys
from headcount.store import migrations
from headcount.store.open import connect
known = [*migrations.migrations(), migrations.Migration(9_998, "endless", sys.argv[2])]
migrations.migrations = lambda: known
migrations.migrate(connect(sys.argv[1]))
"""


class OldStore:
    """The database of a version, unpacked, and what its server answered."""

    def __init__(self, version, kind, folder, url):
        source = Path(__file__).parent / version
        self.url = url
        self.folder = folder
        self.expected = json.loads((source / "expected.json").read_text())[kind]
        if kind == "sqlite":
            Path(url).write_bytes(gzip.decompress((source / "sqlite.db.gz").read_bytes()))
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(gzip.decompress((source / "postgres.sql.gz").read_bytes()))

    def missing(self):
        """The names of the migrations that the database lacks."""
        database = connect(self.url, read_only=True)
        try:
            return [f"{one.number:04} {one.name}" for one in pending(database)]
        finally:
            database.close()

    def run(self, *arguments, **options):
        return headcount(*arguments, "--database", self.url, **options)


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request):
    return request.param


@pytest.fixture
def url(kind, tmp_path, request):
    return (
        str(tmp_path / "headcount.db") if kind == "sqlite" else request.getfixturevalue("postgres").database()
    )


@pytest.fixture(params=VERSIONS)
def old(request, kind, tmp_path, url):
    return OldStore(request.param, kind, tmp_path, url)


def test_the_first_version_lacks_a_migration(url, kind, tmp_path):
    """Otherwise the tests below would migrate nothing."""
    assert OldStore("0.1.0-pre", kind, tmp_path, url).missing()


def test_a_database_is_migrated_and_answers_as_before(old):
    missing = old.missing()
    checked = old.run("migrate", "--check", check=False)
    assert checked.returncode == (1 if missing else 0)
    assert checked.stdout.splitlines() == (
        [f"pending: {one}" for one in missing] or ["No pending migrations."]
    )
    assert old.missing() == missing
    applied = old.run("migrate").stdout.splitlines()
    assert applied == ([f"applied: {one}" for one in missing] or ["No pending migrations."])
    assert old.run("migrate", "--check").stdout == "No pending migrations.\n"
    assert old.run("rebuild", "--check").stdout.startswith("The tables match")
    assert_same(old)
    assert old.run("rebuild", "--check").stdout.startswith("The tables match")


def test_a_server_migrates_a_database_at_its_start(old):
    assert_same(old)
    assert old.missing() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_of_an_earlier_version_is_restored(version, tmp_path):
    old = OldStore(version, "sqlite", tmp_path, str(tmp_path / "backup.db"))
    restored = str(tmp_path / "headcount.db")
    shown = headcount("restore", old.url, "--database", restored).stdout
    assert "The tables match the event log." in shown
    old.url = restored
    assert_same(old)


def assert_same(old):
    """Serve: all answers are as before, retries go on, and what was pending happens."""
    service = Running(old.folder, old.url, webhook_allowed_networks="127.0.0.0/8").start()
    service.key = old.expected["key"]
    try:
        with service.client() as client:
            for path, before in old.expected["answers"].items():
                assert_covers(
                    steady(client.get(path).raise_for_status().json(), path), steady(before, path), path
                )
            for words, before in old.expected["lists"].items():
                now = json.loads(old.run(*words.split(), "--json").stdout)
                assert_covers(steady(now, words), steady(before, words), words)
            deliveries = client.get(f"/webhooks/{old.expected['refused']}/deliveries").json()["data"]
            assert set(old.expected["undelivered"]) <= {one["id"] for one in deliveries}
            wait_until(lambda: client.get("/meetings", params={"room": "waiting"}).json()["data"])
            ended = client.post("/events", json={"room": "lobby", "kind": "end"}, params={"wait": "true"})
            assert ended.json()["accepted"] == 1
            (lobby,) = client.get("/meetings", params={"room": "lobby"}).json()["data"]
            assert not lobby["ongoing"]
    finally:
        service.stop()


def steady(value, path, *, ongoing=False):
    """Return the value without what goes on: counters, and durations of what has not ended."""
    if isinstance(value, list):
        return [steady(one, path, ongoing=ongoing) for one in value]
    if not isinstance(value, dict):
        return value
    ongoing = ongoing or value.get("ongoing", False) or path == "/presence"
    hidden = CHANGING | ({"duration", "attendance_ratio"} if ongoing else set())
    hidden |= {"state"} if "hmac" in value else set()
    return {name: steady(one, path, ongoing=ongoing) for name, one in value.items() if name not in hidden}


def assert_covers(now, before, where):
    """Every earlier field and element is there; new ones may be added."""
    if isinstance(before, dict):
        assert set(before) <= set(now), where
        for name, one in before.items():
            assert_covers(now[name], one, f"{where} {name}")
    elif isinstance(before, list):
        assert [one for one in before if not any(covers(other, one) for other in now)] == [], where
    else:
        assert now == before, where


def covers(now, before):
    try:
        assert_covers(now, before, "")
    except (AssertionError, TypeError):
        return False
    return True


def test_a_database_of_a_newer_version_is_refused_by_every_command(old):
    old.run("migrate")
    database = connect(old.url)
    with database.writing() as connection:
        connection.run("insert_migration", number=9_999, name="tomorrow", checksum="x")
    database.close()
    for command in (
        ("migrate", "--check"),
        ("migrate",),
        ("serve", "--port", "0"),
        ("key", "list"),
        ("rebuild", "--check"),
    ):
        refused = old.run(*command, check=False)
        assert refused.returncode == 2, command
        assert "the store was made by a newer release (migration 9999, tomorrow)" in refused.stderr, command
        assert "update Headcount" in refused.stderr, command


def test_a_migration_that_is_killed_leaves_the_database_as_it_was(old, kind):
    """The last migration never ends: it has changed the schema, and is killed."""
    old.run("migrate")
    before = tables(old.url)
    text = f"create table halfway (i integer);\ninsert into halfway {ENDLESS};\n"
    process = subprocess.Popen([sys.executable, "-c", MIGRATE, old.url, text], stderr=subprocess.DEVNULL)
    try:
        if kind == "sqlite":
            log = Path(f"{old.url}-wal")
            wait_until(
                lambda: process.poll() is not None or (log.exists() and log.stat().st_size > SPILLED_BYTES)
            )
        else:
            wait_until(lambda: backends_of_migration(old.url) or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    if kind == "postgres":
        with psycopg.connect(old.url, autocommit=True) as connection:
            for pid in backends_of_migration(old.url):
                connection.execute("select pg_terminate_backend(%s, 60000)", [pid])
    assert tables(old.url) == before
    assert old.missing() == []
    assert_same(old)


def backends_of_migration(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select pid from pg_stat_activity where datname = current_database() and query like '%into halfway%'"
            " and pid <> pg_backend_pid()"
        ).fetchall()
    return [pid for (pid,) in rows]


def tables(url):
    """The definitions of all tables, views and indexes."""
    if "://" in url:
        with psycopg.connect(url) as connection:
            return connection.execute(
                "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public' order by 1, 2"
            ).fetchall()
    with closing(sqlite3.connect(url)) as connection:
        return connection.execute("select name, sql from sqlite_master order by 1").fetchall()

"""Each block of docs/how-to/analyze-with-sql.md and of the recipes in docs/reference/sql-views.md, run against real data."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from headcount.maintenance.export import export_domain
from headcount.maintenance.incremental_export import export_changes
from headcount.store.open import open_store
from support.changing_lives import ChangingLife
from support.engines import NEW_YEAR
from support.stored import DOMAIN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/analyze-with-sql.md").read_text()
VIEWS = (ROOT / "docs/reference/sql-views.md").read_text()
DUCKDB = ROOT / "build/duckdb"


def blocks(page, language):
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


ATTACH_SQLITE, ATTACH_POSTGRES, LONGEST_SQLITE, LONGEST_POSTGRES, *METABASE, FOLD, BY_DAY = blocks(
    PAGE, "sql"
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A database with a life, and a data set of exports in between."""
    folder = tmp_path_factory.mktemp("analyzed")
    with closing(open_store(str(folder / "headcount.db"), durability="off")) as store:
        life = ChangingLife(store, 5, NEW_YEAR, hours=5, expires=False)
        for number, now in enumerate(life.rounds()):
            if number % 5 == 0:
                export_changes(store, DOMAIN, folder / "dataset", "last", now)
        export_changes(store, DOMAIN, folder / "dataset", "last", now)
        export_domain(store, DOMAIN, str(folder / "export"), "parquet", now)
    return folder


def counts(folder):
    with closing(sqlite3.connect(f"file:{folder}/headcount.db?mode=ro", uri=True)) as connection:
        return {
            name: connection.execute(f"select count(*) from {name}_v1").fetchone()[0]
            for name in ("meetings", "participants")
        }


@pytest.mark.process
@pytest.mark.parametrize("system", ["sqlite", "postgres"])
def test_duckdb_reads_the_attached_views(lived, system, request, tmp_path):
    """In a process of its own: the extensions in packages are for an earlier DuckDB than that of the tests."""
    if not DUCKDB.is_dir():
        if os.environ.get("CI"):
            pytest.fail("tests/install_duckdb.sh has not run")
        pytest.skip("tests/install_duckdb.sh has not run")
    extension = next(DUCKDB.glob(f"*{system}_scanner/**/*.duckdb_extension"))
    if system == "sqlite":
        attach = ATTACH_SQLITE.replace("'headcount.db'", f"'{lived}/headcount.db'")
        url = str(lived / "headcount.db")
    else:
        server = request.getfixturevalue("postgres")
        url = server.database()
        with closing(open_store(url)) as store:
            for _ in ChangingLife(store, 5, NEW_YEAR, hours=5, expires=False).rounds():
                pass
        attach = re.sub(r"'host=.*?'", f"'{url}'", ATTACH_POSTGRES)
    longest = {"sqlite": LONGEST_SQLITE, "postgres": LONGEST_POSTGRES}[system].replace(
        "1772409600", "1767225600"
    )
    inner = re.search(r"'headcount', '(.*)'\)\n", longest, re.DOTALL)[1].replace("''", "'")
    with closing(open_store(url)) as store, store.database.reading() as connection:
        found = connection.query(inner, {})
    expected = sorted((-duration, room, number) for room, _, duration, number in found)[:10]
    script = f"""
import duckdb
connection = duckdb.connect(config={{"allow_unsigned_extensions": "true"}})
connection.execute({attach!r}.replace("install {system};", "").replace("load {system};", "load '{extension}';"))
connection.execute("create table longest as " + {longest!r})
print([(-duration, room, number) for room, duration, number in connection.execute(
    "select room, duration, participants from longest order by started_at is null, duration desc, room").fetchall()])
for view in ("participants_v1", "usage_hourly_v1"):
    text = "select * from {system}_query('headcount', 'select * from " + view + " limit 5')"
    assert len(connection.execute("select domain, room, start_time from (" + text + ")").fetchall()) == 5
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(DUCKDB), "HOME": str(tmp_path), "TZ": "UTC"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(expected)
    assert len(expected) == 10


@pytest.mark.parametrize("system", ["sqlite", "postgres"])
def test_the_questions_and_the_model_run_on_both_databases(lived, system, request):
    url = str(lived / "headcount.db")
    if system == "postgres":
        url = request.getfixturevalue("postgres").database()
    with closing(open_store(url)) as store:
        if system == "postgres":
            for _ in ChangingLife(store, 5, NEW_YEAR, hours=5, expires=False).rounds():
                pass
        with store.database.reading() as connection:
            rooms, people, sizes, model = (
                connection.query(text.replace("{{from}}", "1767225600").replace("{{to}}", "1767312000"), {})
                for text in METABASE
            )
            meetings, participants = (
                connection.query(f"select count(*) from {name}", {})[0][0]
                for name in ("meetings_v1", "participants_v1")
            )
    assert sum(row[1] for row in rooms) == sum(row[1] for row in sizes) == meetings
    assert len(model) == participants
    assert {row[0] for row in people} <= set("ABCDE") | {
        row[0] for row in people if row[0].startswith("anon-")
    }
    assert all(row[2] > 0 for row in rooms)


def test_duckdb_reads_the_newest_revisions_and_the_full_export(lived, monkeypatch):
    monkeypatch.chdir(lived)
    with duckdb.connect() as connection:
        connection.execute(FOLD)
        for name, number in counts(lived).items():
            assert connection.sql(f"select count(*) from {name}").fetchall() == [(number,)]
            assert connection.sql(f"select count(*) from 'export/{name}.parquet'").fetchall() == [(number,)]
        assert sum(row[1] for row in connection.sql(BY_DAY).fetchall()) == counts(lived)["meetings"]


@pytest.mark.parametrize("number", [0, 1], ids=["polars", "pandas"])
def test_data_frames_have_the_newest_revisions(lived, monkeypatch, number, capsys):
    monkeypatch.chdir(lived)
    names = {}
    exec(blocks(PAGE, "py")[number], names)
    frames = {
        name: names[name].collect() if number == 0 else names[name] for name in ("meetings", "participants")
    }
    assert {name: len(frame) for name, frame in frames.items()} == counts(lived)
    assert "room" in capsys.readouterr().out


def test_roles_see_what_the_recipes_grant_and_nothing_else(postgres):
    """The recipes of the reference page: views only, single columns, and one domain of several."""
    import psycopg

    _, everything, columns, one_domain = blocks(VIEWS, "sql")
    url = postgres.database()
    open_store(url).close()
    tag = url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(url, autocommit=True) as owner:
        for recipe in (everything, columns, one_domain):
            owner.execute(recipe.replace("analyst", f"analyst_{tag}").encode())

        def allowed(role, text):
            owner.execute(f"set role {role}_{tag}".encode())
            try:
                owner.execute(text.encode())
            except psycopg.errors.InsufficientPrivilege:
                return False
            finally:
                owner.execute(b"reset role")
            return True

        assert allowed("analyst", "select * from meetings_v1")
        assert allowed("analyst", "select * from usage_hourly_v1")
        assert allowed("analyst", "select meeting_id, duration from participants_v1")
        assert not allowed("analyst", "select user_name from participants_v1")
        assert not allowed("analyst", "select * from stays")
        assert not allowed("analyst", "select * from sources")
        assert allowed("acme_analyst", "select * from acme.participants_v1")
        assert not allowed("acme_analyst", "select * from public.participants_v1")
